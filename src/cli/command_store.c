/* `tachograph store`: makes, shows, migrates and checks a history. See commands.h. */
#include "answer/answer.h"
#include "answer/store_overview.h"
#include "base/json_member.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/printable.h"
#include "cli/store_text.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_url.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    const char *store;
    bool json;
};

static const struct tg_option options[] = {
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "URL",
     .help = "the same as URL",
     .offset = offsetof(struct settings, store)},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "answer as JSON (docs/formats/history-json.md): status and verify",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"init URL", "status [URL] [--json]", "migrate [URL]", "verify [URL] [--json]",
                                    NULL};

static const struct tg_example examples[] = {
    {"tachograph store status", "what is kept, how much, and since when"},
    {"tachograph store init mysql://shop@db.example/history", "make the tables ahead, with an account that may"},
    {"tachograph store verify backup/shop.db", "whether a history is whole"},
    {NULL, NULL},
};

/* One action on its way. */
struct action {
    const struct settings *settings;
    const char *url;
    struct tg_strbuf place;       /* to show */
    struct tg_strbuf other_files; /* that could have been meant */
    struct tg_strbuf out;
    int exit_code;
};

static enum tg_status open_store(struct tg_store **store, const struct action *action, bool create,
                                 struct tg_error *err) {
    struct tg_store_options store_options = {.create = create, .read_only = !create};
    return tg_store_open(store, action->url, &store_options, err);
}

static enum tg_status read_status(struct tg_store_status *status, const struct action *action, bool create,
                                  struct tg_error *err) {
    struct tg_store *store = NULL;
    enum tg_status result = open_store(&store, action, create, err);
    if (result == TG_OK) {
        result = tg_store_status(store, status, err);
    }
    tg_store_close(store);
    return result;
}

/* "the history X has version 1 on SQLite 3.40.1" */
static void append_version(struct action *action, const struct tg_store_status *status, const char *what) {
    tg_strbuf_printf(&action->out, "%s: %s, version %" PRId64 " on %s\n", tg_strbuf_text(&action->place), what,
                     status->schema_version, status->engine);
}

static enum tg_status init(struct action *action, struct tg_error *err) {
    struct tg_store_status before = {.schema_version = 0};
    struct tg_store_status status;
    bool was_there = read_status(&before, action, false, NULL) == TG_OK;
    enum tg_status result = read_status(&status, action, true, err);
    if (result == TG_OK) {
        append_version(action, &status, was_there ? "is a history already" : "is a history now");
    }
    return result;
}

static enum tg_status migrate(struct action *action, struct tg_error *err) {
    struct tg_store_status status;
    struct tg_error why = TG_ERROR_INIT;
    enum tg_status result = read_status(&status, action, false, &why);
    if (result == TG_OK) {
        append_version(action, &status, "nothing to migrate");
        return TG_OK;
    }
    if (result != TG_ERROR_VERSION) {
        return tg_error_set(err, why.status, "%s", why.message);
    }
    result = read_status(&status, action, true, err);
    if (result == TG_OK) {
        append_version(action, &status, "migrated");
    }
    return result;
}

static void print_verified(struct action *action, const struct tg_strbuf *report) {
    if (report->length == 0) {
        tg_strbuf_printf(&action->out, "%s: all is well\n", tg_strbuf_text(&action->place));
        return;
    }
    const char *line = tg_strbuf_text(report);
    while (*line) {
        size_t length = strcspn(line, "\n");
        tg_printable_append(&action->out, line, length);
        tg_strbuf_append_char(&action->out, '\n');
        line += length + (line[length] == '\n');
    }
}

static void write_verified(struct action *action, const struct tg_strbuf *report) {
    struct tg_json json;
    tg_answer_begin(&json, &action->out, "tachograph-store-verify", tg_strbuf_text(&action->place));
    tg_json_member_bool(&json, "whole", report->length == 0);
    tg_json_key(&json, "problems");
    tg_json_begin_array(&json);
    for (const char *line = tg_strbuf_text(report); *line;) {
        size_t length = strcspn(line, "\n");
        tg_json_string_bytes(&json, line, length);
        line += length + (line[length] == '\n');
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

static enum tg_status verify(struct action *action, struct tg_error *err) {
    struct tg_store *store = NULL;
    struct tg_strbuf report = TG_STRBUF_INIT;
    enum tg_status status = open_store(&store, action, false, err);
    if (status == TG_OK) {
        status = tg_store_verify(store, &report, err);
    }
    tg_store_close(store);
    if (report.length || status == TG_OK) {
        (action->settings->json ? write_verified : print_verified)(action, &report);
        action->exit_code = report.length ? TG_EXIT_FAILED : TG_EXIT_OK;
        status = TG_OK;
    }
    tg_strbuf_release(&report);
    return status;
}

static enum tg_status show_status(struct action *action, struct tg_error *err) {
    struct tg_store *store = NULL;
    struct tg_store_overview overview;
    enum tg_status status = open_store(&store, action, false, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_overview_read(&overview, store, action->url, tg_strbuf_text(&action->place), err);
    tg_store_close(store);
    if (status == TG_OK) {
        if (action->settings->json) {
            tg_store_overview_append_json(&action->out, &overview);
        } else {
            struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
            tg_store_text_append(&action->out, &overview, &action->other_files, &terminal);
        }
    }
    tg_store_overview_release(&overview);
    return status;
}

static const struct {
    const char *name;
    bool needs_url; /* what is made is named, and not found */
    enum tg_status (*act)(struct action *action, struct tg_error *err);
} actions[] = {
    {"init", true, init}, {"status", false, show_status}, {"migrate", false, migrate}, {"verify", false, verify}};
#define ACTIONS (sizeof actions / sizeof actions[0])

static size_t find_action(const char *name) {
    size_t i = 0;
    while (i < ACTIONS && strcmp(actions[i].name, name) != 0) {
        i++;
    }
    return i;
}

static int refuse_action(const char *name) {
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, name);
    for (size_t i = 0; i < ACTIONS; i++) {
        tg_nearest_offer(&nearest, actions[i].name);
    }
    if (nearest.count > 0) {
        tg_message_error("store: unknown action '%s'; did you mean 'tachograph store %s'?", name, nearest.names[0]);
    } else {
        tg_message_error("store: unknown action '%s': choose one of init, status, migrate, verify", name);
    }
    return TG_EXIT_USAGE;
}

/* The store that is set; no file is taken for one that is to be made. */
static enum tg_status locate_set(struct tg_strbuf *url, struct tg_error *err) {
    char *set = NULL;
    enum tg_status status = tg_settings_find_store(&set, err);
    if (status == TG_OK && !set) {
        status = tg_error_set(err, TG_ERROR_INVALID, "name the history to make: tachograph store init URL");
    }
    tg_strbuf_append(url, set ? set : "");
    free(set);
    return status;
}

static enum tg_status perform(size_t index, struct action *action, const char *named, struct tg_error *err) {
    struct tg_strbuf url = TG_STRBUF_INIT;
    enum tg_status status = TG_OK;
    if (actions[index].needs_url && !named) {
        status = locate_set(&url, err);
    } else {
        status = tg_history_locate(named, NULL, &url, &action->other_files, err);
    }
    if (status == TG_OK) {
        status = tg_store_url_append_place(&action->place, tg_strbuf_text(&url), err);
    }
    if (status == TG_OK) {
        action->url = tg_strbuf_text(&url);
        status = actions[index].act(action, err);
    }
    if (status == TG_OK) {
        status = tg_history_write(&action->out, err);
    }
    tg_strbuf_release(&url);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.store = NULL};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (!words[0]) {
        tg_message_error("store: say what to do: init, status, migrate or verify; see 'tachograph store --help'");
        return TG_EXIT_USAGE;
    }
    size_t index = find_action(words[0]);
    if (index == ACTIONS) {
        return refuse_action(words[0]);
    }
    if (words[1] && (settings.store || words[2])) {
        tg_message_error("store: one history at a time: '%s' is one too many", words[2] ? words[2] : words[1]);
        return TG_EXIT_USAGE;
    }
    struct action action = {.settings = &settings, .exit_code = TG_EXIT_OK};
    enum tg_status status = perform(index, &action, words[1] ? words[1] : settings.store, &err);
    tg_strbuf_release(&action.place);
    tg_strbuf_release(&action.other_files);
    tg_strbuf_release(&action.out);
    return status == TG_OK ? action.exit_code : tg_history_fail(command, &err);
}

static const char *const operands[] = {"init", "status", "migrate", "verify", NULL};

const struct tg_command tg_command_store = {
    .name = "store",
    .summary = "make, show, migrate or check a history",
    .usage = usage,
    .description =
        "The action init makes file, database and tables where they are missing; programs that keep a history do that "
        "by themselves, when they may. status shows what is kept. migrate brings the tables of an older tachograph up "
        "to date. verify asks the database about its files, and checks that every figure belongs to an interval and "
        "a function, that no batch of a process is missing, and that the sums are those of their rows.\n"
        "URL is a path, sqlite:///PATH or mysql://USER@HOST/DATABASE; without it that of TACHOGRAPH_STORE or of the "
        "pyproject.toml, else the file under ~/.local/share/tachograph that was written to last. A password is taken "
        "from the URL, from "
        "TACHOGRAPH_STORE_PASSWORD or from an option file (?read_default_file=PATH), and never shown.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done, and what was verified is whole; 1 it failed, or something is wrong with the history; "
                  "2 wrong usage",
    .operands = operands,
    .run = run,
};
