/*
 * history_command: what the commands that ask questions of a history have in common: which store and which service are
 * meant, and how an answer ends.
 *
 * The store is that of --store, else of the settings (settings/settings.h), else a file where histories lie by default:
 * the one of the service, or the one written to last. The service is that of --service, else that of the project in
 * which the question is asked, if it has a history, else the one written to last.
 * What was chosen for the user, and what it was chosen from, stands in the head of the answer (history_head.h).
 *
 * The JSON of all of them is specified in docs/formats/history-json.md.
 */
#ifndef TG_HISTORY_COMMAND_H
#define TG_HISTORY_COMMAND_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_HISTORY_REMEDY "a wider terminal or --json has room"

/* What the command line says about it. */
struct tg_history_options {
    const char *store;
    const char *service;
    const char *since;
    const char *until;
    const char *version;
    const char *run;
    bool json;
    bool writes; /* opened for writing; of several services none is guessed */
};

/* Which part of which history, for a command's table; SETTINGS has them as its member `history`. */
#define TG_HISTORY_SELECTION_OPTIONS(SETTINGS)                                                                         \
    {.name = "store",                                                                                                  \
     .kind = TG_OPTION_TEXT,                                                                                           \
     .value = "URL",                                                                                                   \
     .help = "ask this history: a path, sqlite:///PATH or mysql://USER@HOST/DATABASE; without it that of "             \
             "TACHOGRAPH_STORE or of the pyproject.toml, else the service's file under ~/.local/share/tachograph, "    \
             "or the one written to last",                                                                             \
     .offset = offsetof(SETTINGS, history.store)},                                                                     \
        {.name = "service",                                                                                            \
         .kind = TG_OPTION_TEXT,                                                                                       \
         .value = "NAME",                                                                                              \
         .help = "of this service; without it of the project's, if it has a history, else of the one written to last", \
         .offset = offsetof(SETTINGS, history.service)},                                                               \
        {.name = "since",                                                                                              \
         .kind = TG_OPTION_TEXT,                                                                                       \
         .value = "MOMENT",                                                                                            \
         .help = "from this moment on: -1h (s, m, h, d, w), 2026-11-21T10:00, iteration:120 or version:1.4.2",         \
         .offset = offsetof(SETTINGS, history.since)},                                                                 \
    {                                                                                                                  \
        .name = "until", .kind = TG_OPTION_TEXT, .value = "MOMENT", .help = "up to this moment",                       \
        .offset = offsetof(SETTINGS, history.until)                                                                    \
    }

/* The options that every question has which can be answered as JSON. */
#define TG_HISTORY_OPTIONS(SETTINGS)                                                                                   \
    TG_HISTORY_SELECTION_OPTIONS(SETTINGS), {                                                                          \
        .name = "json", .kind = TG_OPTION_FLAG, .help = "answer as JSON (docs/formats/history-json.md)",               \
        .offset = offsetof(SETTINGS, history.json)                                                                     \
    }

/* Only processes of one version, for commands that look at one selection. */
#define TG_HISTORY_VERSION_OPTION(SETTINGS)                                                                            \
    {                                                                                                                  \
        .name = "version", .kind = TG_OPTION_TEXT, .value = "VERSION", .help = "only processes of this version",       \
        .offset = offsetof(SETTINGS, history.version)                                                                  \
    }

/* Only one run, likewise. */
#define TG_HISTORY_RUN_OPTION(SETTINGS)                                                                                \
    {                                                                                                                  \
        .name = "run", .kind = TG_OPTION_TEXT, .value = "RUN",                                                         \
        .help = "only this run: its id, of which the first digits will do (tachograph runs), latest or previous",      \
        .offset = offsetof(SETTINGS, history.run)                                                                      \
    }

struct tg_history {
    struct tg_strbuf place;       /* a path or a URL, to show and to use again; without a password */
    struct tg_strbuf other_files; /* that were not chosen, as text; empty: none, or the store was named */
    struct tg_scope scope;
    bool store_was_named; /* on the command line, as the next */
    bool service_was_named;
};

/* A question on its way to an answer. */
struct tg_history_question {
    const struct tg_history_options *options;
    struct tg_history history;
    struct tg_terminal terminal;
    struct tg_strbuf out; /* the answer */
    int exit_code;        /* with which a command that could answer ends */
};

/* Answers: appends to the question's `out`. */
typedef enum tg_status tg_history_answerer(struct tg_history_question *question, const void *settings,
                                           struct tg_error *err);

/* What --since, --until, --version and --run select. */
struct tg_scope_words tg_history_words(const struct tg_history_options *options);
TG_NODISCARD enum tg_status tg_history_select(const struct tg_history_question *question,
                                              struct tg_store_selection *selection, struct tg_error *err);

/* Opens the history, has the question answered, and prints the answer or says why there is none. Returns the exit
 * code. */
int tg_history_command_run(const struct tg_command *command, const struct tg_history_options *options,
                           tg_history_answerer *answer, const void *settings);

/* The URL or path that is meant: of the options, of the settings, or of a default file, which also names the others
 * in `other_files` (may be NULL). TG_ERROR_NOT_FOUND: there is none yet. */
TG_NODISCARD enum tg_status tg_history_locate(const char *store, const char *service, struct tg_strbuf *url,
                                              struct tg_strbuf *other_files, struct tg_error *err);

/* Writes a text to standard output. A reader that has seen enough (`| head`) is no failure. */
TG_NODISCARD enum tg_status tg_history_write(const struct tg_strbuf *text, struct tg_error *err);
/* Says what failed; returns the exit code. */
int tg_history_fail(const struct tg_command *command, const struct tg_error *err);

#endif
