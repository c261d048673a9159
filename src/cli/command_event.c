/* `tachograph event`: a marker in the history of a service, as of a deployment. See commands.h. */
#include "answer/history_json.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/printable.h"
#include "measure/clock.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    struct tg_history_options history;
    const char *text;
};

static const struct tg_option options[] = {
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "URL",
     .help = "into this history: a path, sqlite:///PATH or mysql://USER@HOST/DATABASE; without it the one that "
             "'tachograph rank' asks",
     .offset = offsetof(struct settings, history.store)},
    {.name = "service",
     .kind = TG_OPTION_TEXT,
     .value = "NAME",
     .help = "of this service; without it of the project's, else of the only one that the history has",
     .offset = offsetof(struct settings, history.service)},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "answer as JSON (docs/formats/history-json.md)",
     .offset = offsetof(struct settings, history.json)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... TEXT", NULL};

static const struct tg_example examples[] = {
    {"tachograph event 'deployed 1.4'", "a line in the charts from now on"},
    {"tachograph event --service shop 'cache off'", "of a service, where a history has several"},
    {NULL, NULL},
};

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_scope *scope = &question->history.scope;
    struct tg_store_event event = {.wall_ns = tg_clock_wall_ns(), .kind = TG_STORE_EVENT_MARKER};
    enum tg_status status =
        tg_store_add_marker(scope->store, scope->service, event.wall_ns, settings->text, &event.iteration, err);
    if (status != TG_OK) {
        return status;
    }
    event.detail = strdup(settings->text);
    if (!event.detail) {
        return tg_error_set(err, TG_ERROR_MEMORY, "the event is stored, but there is no memory to say so");
    }
    if (settings->history.json) {
        tg_history_json_append_event(&question->out, scope, &event);
    } else {
        tg_strbuf_printf(&question->out, "%s, iteration %lld: ", scope->service->name, (long long)event.iteration);
        tg_printable_append(&question->out, event.detail, strlen(event.detail));
        tg_strbuf_append_char(&question->out, '\n');
    }
    free(event.detail);
    return TG_OK;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.history = {.writes = true}};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (!words[0] || words[1]) {
        tg_message_error("event: give one text, as in: tachograph event 'deployed 1.4'");
        return TG_EXIT_USAGE;
    }
    settings.text = words[0];
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_event = {
    .name = "event",
    .summary = "add an event to a history, as a deployment",
    .usage = usage,
    .description = "Stores a text with the present time. The dashboard's charts have a line there, so that what "
                   "changed can be told from what changed it. New versions and starts of processes are events by "
                   "themselves.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 stored; 1 there is no history, or it cannot be written; 2 wrong usage",
    .run = run,
};
