/* `tachograph dump`: where each thread of a process is, once. See commands.h. */
#include "cli/commands.h"
#include "cli/dump.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/process_id.h"
#include "cli/process_state.h"

#include <stddef.h>
#include <unistd.h>

#define SYMBOLS_BYTES ((size_t)256 << 20U)

struct settings {
    const char *pid;
    bool locals;
    bool json;
};

static const struct tg_option options[] = {
    TG_PROCESS_ID_OPTION(struct settings, "of this process"),
    {.name = "locals",
     .letter = 'l',
     .kind = TG_OPTION_FLAG,
     .help = "with the variables of each function: their values where these never change, else their types; "
             "those of secrets are hidden",
     .offset = offsetof(struct settings, locals)},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "write JSON (docs/formats/dump-json.md)",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... -p PID", NULL};

static const struct tg_example examples[] = {
    {"tachograph dump -p 4711", "what every thread of a process is doing"},
    {"tachograph dump -p 4711 -l", "with the arguments and variables of each function"},
    {"tachograph dump -p 4711 --json", "the same, for another program"},
    {NULL, NULL},
};

static enum tg_status print(const struct tg_dump *dump, bool json, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    if (json) {
        tg_dump_append_json(dump, &text);
    } else {
        struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
        tg_dump_append_text(dump, &terminal, &text);
    }
    enum tg_status status = tg_strbuf_status(&text);
    if (status == TG_OK) {
        status = tg_output_print(tg_strbuf_text(&text), text.length, err);
    } else {
        tg_error_set(err, status, "not enough memory to print its stacks");
    }
    tg_strbuf_release(&text);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.pid = NULL};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    words = tg_process_id_take(&settings.pid, words);
    if (!settings.pid || words[0]) {
        tg_message_error("dump: say which process, as in 'tachograph dump -p 4711'");
        return TG_EXIT_USAGE;
    }
    struct tg_budget budget = {.limit_bytes = SYMBOLS_BYTES};
    struct tg_dump dump = {.pid = tg_process_id_of(settings.pid), .with_locals = settings.locals};
    tg_symbols_init(&dump.symbols, &budget);
    bool is_stopped = tg_process_is_stopped(dump.pid);
    enum tg_status status = tg_dump_look(&dump, &err);
    if (is_stopped) {
        tg_process_warn_stopped(dump.pid, "dump");
    }
    if (status == TG_OK) {
        tg_dump_redact(&dump);
        status = print(&dump, settings.json, &err);
    }
    tg_dump_release(&dump);
    if (status != TG_OK) {
        tg_message_error("dump: %s", err.message);
    }
    return status == TG_OK ? TG_EXIT_OK : TG_EXIT_FAILED;
}

const struct tg_command tg_command_dump = {
    .name = "dump",
    .summary = "where each thread of a process is, once",
    .usage = usage,
    .description =
        "Shows the stack of every Python thread of a process, the innermost function first, with what the thread does "
        "(runs, waits) and which of them has the interpreter's lock (GIL). The process is read from outside; a thread "
        "is stopped only where it runs too fast to be read, for microseconds.\n"
        "Where asyncio runs, each task is shown too: the one that runs beside its thread, the others with the place at "
        "which they are suspended. For tasks and variables the thread that has the lock, or had it last, is stopped "
        "for the time that they take to be read. No code of the program is run for it: values of objects that may "
        "change are not read, only their types. Of variables whose names are those of secrets (password, token ...; "
        "more with TACHOGRAPH_REDACT) there is [redacted]; a secret under another name is shown.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 the process cannot be read, or not one of its stacks; 2 wrong usage",
    .run = run,
};
