/* `tachograph collect`: stores what ended processes left. See commands.h. */
#include "base/json.h"
#include "base/json_member.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/gather.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/output.h"
#include "collect/spool.h"
#include "record/runtime.h"
#include "settings/settings.h"
#include "store/store.h"

#include <stddef.h>
#include <stdlib.h>

struct settings {
    const char *store;
    bool json;
};

static const struct tg_option options[] = {
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "URL",
     .help = "only what is meant for this store",
     .offset = offsetof(struct settings, store)},
    {.name = "json", .kind = TG_OPTION_FLAG, .help = "the result as JSON", .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[--store URL] [--json]", NULL};

static const struct tg_example examples[] = {
    {"tachograph collect", "after a kill -9: the rest of what was timed goes into the history"},
    {NULL, NULL},
};

static const char *plural(size_t count) {
    return count == 1 ? "" : "es";
}

static void print_text(const struct tg_gathered *gathered, struct tg_strbuf *out) {
    if (gathered->process_count + gathered->waiting_count == 0) {
        tg_strbuf_append(out, "nothing to collect: all that ended processes counted is in its store\n");
    }
    if (gathered->process_count) {
        tg_strbuf_printf(out, "stored what %zu ended process%s left: %zu interval%s\n", gathered->process_count,
                         plural(gathered->process_count), gathered->batch_count, gathered->batch_count == 1 ? "" : "s");
    }
}

static void print_json(const struct tg_gathered *gathered, struct tg_strbuf *out) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "processes");
    tg_json_uint(&json, gathered->process_count);
    tg_json_key(&json, "intervals");
    tg_json_uint(&json, gathered->batch_count);
    tg_json_key(&json, "waiting");
    tg_json_uint(&json, gathered->waiting_count);
    tg_json_key(&json, "waiting_for");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < gathered->waiting_store_count; i++) {
        const struct tg_waiting *waiting = &gathered->waiting[i];
        tg_json_begin_object(&json);
        tg_json_member_text(&json, "store", waiting->store_url);
        tg_json_member_uint(&json, "processes", waiting->process_count);
        tg_json_member_text(&json, "reason", waiting->err.message);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}

/* What waits where nobody can look would otherwise look like nothing. */
static void warn_of_spools(void) {
    char path[TG_SPOOL_PATH_SIZE];
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_spool_find_directory(path, sizeof path, &err);
    if (status != TG_OK && status != TG_ERROR_NOT_FOUND) {
        tg_message_warning("collect: what waits there is left alone: %s", err.message);
    }
}

/* For a store that cannot be meant nothing waits, which must not look as if all was well. */
static enum tg_status check_named(const char *store, struct tg_error *err) {
    struct tg_error why = TG_ERROR_INIT;
    enum tg_status status = tg_store_check_place(store, &why);
    return status == TG_ERROR_FORMAT || status == TG_ERROR_INVALID || status == TG_ERROR_UNSUPPORTED
               ? tg_error_set(err, status, "%s", why.message)
               : TG_OK;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.store = NULL};
    struct tg_error err = TG_ERROR_INIT;
    struct tg_gathered gathered = {.process_count = 0};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("collect: there is nothing to name: '%s'; see 'tachograph collect --help'", words[0]);
        return TG_EXIT_USAGE;
    }
    char *set = NULL;
    enum tg_status status = settings.store ? TG_OK : tg_settings_find_store(&set, &err);
    struct tg_gather_options gather = {.store = settings.store ? settings.store : set,
                                       .only_store = settings.store != NULL};
    if (status == TG_OK) {
        status = tg_gather(&gather, &gathered, &err);
    }
    if (status == TG_OK && settings.store && gathered.process_count + gathered.waiting_count == 0) {
        status = check_named(settings.store, &err);
    }
    free(set);
    if (status != TG_OK) {
        tg_gathered_release(&gathered);
        return tg_history_fail(command, &err);
    }
    if (tg_runtime_check_chosen(&err) != TG_OK) {
        tg_message_warning("collect: recordings there are left alone: %s", err.message);
    }
    warn_of_spools();
    struct tg_strbuf out = TG_STRBUF_INIT;
    (settings.json ? print_json : print_text)(&gathered, &out);
    bool written = tg_output_print(tg_strbuf_text(&out), out.length, &err) == TG_OK;
    if (!written) {
        tg_message_error("collect: %s", err.message);
    }
    tg_strbuf_release(&out);
    for (size_t i = 0; i < gathered.waiting_store_count; i++) {
        const struct tg_waiting *waiting = &gathered.waiting[i];
        tg_message_error("collect: %s; what %zu process%s left for %s waits on disk", waiting->err.message,
                         waiting->process_count, plural(waiting->process_count), waiting->store_url);
    }
    bool all_stored = gathered.waiting_count == 0;
    tg_gathered_release(&gathered);
    return written && all_stored ? TG_EXIT_OK : TG_EXIT_FAILED;
}

const struct tg_command tg_command_collect = {
    .name = "collect",
    .summary = "store what ended processes left",
    .usage = usage,
    .description =
        "A process that keeps a history stores it itself, also at its end. What was timed before a kill -9, or "
        "while the store could not be reached, is in its recording or waits on disk. It is stored once, by "
        "whoever comes first: the next process with the same store, or this command.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 all is stored, 1 something waits on, 2 wrong usage",
    .run = run,
};
