/* `tachograph export`: what samplers saw, as a history has it, in a format of other tools. See commands.h. */
#include "analyze/sampled.h"

#include "base/humanize.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/history_period.h"
#include "cli/message.h"
#include "cli/output.h"
#include "export/export.h"

#include <inttypes.h>
#include <string.h>

struct settings {
    struct tg_history_options history;
    const char *format;
    const char *path;
    int measure; /* enum tg_export_measure */
    bool by_thread;
};

static enum tg_status check_format(const char *value, struct tg_error *err) {
    if (tg_export_find(value)) {
        return TG_OK;
    }
    struct tg_strbuf names = TG_STRBUF_INIT;
    for (size_t i = 0; tg_export_formats[i]; i++) {
        tg_strbuf_printf(&names, "%s%s", i ? ", " : "", tg_export_formats[i]->name);
    }
    enum tg_status status =
        tg_error_set(err, TG_ERROR_INVALID, "'%s' is no format: choose one of %s", value, tg_strbuf_text(&names));
    tg_strbuf_release(&names);
    return status;
}

static const struct tg_option options[] = {
    {.name = "format",
     .letter = 'f',
     .kind = TG_OPTION_TEXT,
     .value = "FORMAT",
     .help = "flamegraph (a page that opens anywhere), folded or speedscope; without it as the file's name ends, "
             "else folded",
     .offset = offsetof(struct settings, format),
     .check = check_format},
    {.name = "output",
     .letter = 'o',
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .help = "write into FILE; without it, or with -, to standard output",
     .offset = offsetof(struct settings, path)},
    {.name = "measure",
     .kind = TG_OPTION_CHOICE,
     .value = "MEASURE",
     .help = "what counts: time passed, time on a processor, or time with Python's lock; without it wall",
     .offset = offsetof(struct settings, measure),
     .choices = tg_export_measure_names},
    {.name = "threads",
     .letter = 't',
     .kind = TG_OPTION_FLAG,
     .help = "keep threads apart",
     .offset = offsetof(struct settings, by_thread)},
    TG_HISTORY_SELECTION_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph export -o week.html --since -7d", "the last week as a flame graph"},
    {"tachograph export --version 1.4.2 | sort | tail", "one version's stacks as text"},
    {NULL, NULL},
};

/* "shop, iterations 0 to 41, ..." */
static void append_title(struct tg_strbuf *out, const struct tg_scope *scope,
                         const struct tg_store_selection *selection) {
    struct tg_period period = tg_scope_bounds(scope, selection);
    tg_strbuf_printf(out, "%s, ", scope->service->name);
    tg_history_append_period(out, scope->service, &period);
    if (selection->version) {
        tg_strbuf_printf(out, ", version %s", selection->version);
    }
}

static enum tg_status refuse_empty(const struct tg_sampled *sampled, const char *service, struct tg_error *err) {
    if (sampled->damaged_count > 0) {
        return tg_error_set(err, TG_ERROR_FORMAT,
                            "none of the %" PRIu64 " call trees there can be read; see 'tachograph store verify'",
                            sampled->damaged_count);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "nothing of '%s' was sampled there: 'tachograph run --sample-hz 100' or "
                        "tachograph.start(sample_hz=100) in the program samples it",
                        service);
}

/* What the picture does not show. */
static void warn(const struct tg_sampled *sampled) {
    uint64_t torn = sampled->torn_count + sampled->missed_count;
    struct tg_weight lost = tg_profile_lost(&sampled->profile);
    if (sampled->damaged_count > 0) {
        tg_message_warning("%" PRIu64 " of %" PRIu64 " call trees cannot be read, and are left out",
                           sampled->damaged_count, sampled->interval_count);
    }
    if (lost.sample_count > 0) {
        tg_message_warning("%" PRIu64 " samples found no space, and are left out", lost.sample_count);
    }
    if (torn > 0) {
        double share = (double)torn / ((double)torn + (double)sampled->sample_count);
        tg_message_warning("%.2f %% of the samples are missing: they came too late or could not be proven whole",
                           share * 100);
    }
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_export_format *format;
    const struct tg_scope *scope = &question->history.scope;
    struct tg_store_selection selection;
    struct tg_sampled sampled = {.interval_count = 0};
    struct tg_strbuf title = TG_STRBUF_INIT;
    struct tg_strbuf text = TG_STRBUF_INIT;
    enum tg_status status = tg_export_choose(&format, settings->format, settings->path, err);
    if (status == TG_OK) {
        status = tg_history_select(question, &selection, err);
    }
    if (status == TG_OK) {
        status = tg_sampled_read(&sampled, scope->store, &selection, TG_SAMPLED_LIMIT_BYTES, err);
    }
    if (status == TG_OK && tg_profile_weight(&sampled.profile).sample_count == 0) {
        status = refuse_empty(&sampled, scope->service->name, err);
    }
    if (status == TG_OK) {
        append_title(&title, scope, &selection);
        struct tg_export_options how = {
            .measure = (enum tg_export_measure)settings->measure,
            .by_thread = settings->by_thread,
            .title = tg_strbuf_text(&title),
            .program = "tachograph " TG_VERSION,
        };
        format = format ? format : &tg_export_folded;
        status = format->write(&sampled.profile, &how, settings->path ? &text : &question->out, err);
    }
    if (status == TG_OK && settings->path) {
        status = tg_output_replace(settings->path, tg_strbuf_text(&text), text.length, err);
    }
    if (status == TG_OK) {
        warn(&sampled);
    }
    tg_sampled_release(&sampled);
    tg_strbuf_release(&text);
    tg_strbuf_release(&title);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.measure = TG_EXPORT_WALL};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("export: there is nothing to name: '%s'; a file is named by -o", words[0]);
        return TG_EXIT_USAGE;
    }
    if (settings.path && strcmp(settings.path, "-") == 0) {
        settings.path = NULL;
    }
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_export = {
    .name = "export",
    .summary = "write what was sampled as a flame graph, or for other tools",
    .usage = usage,
    .description = "Adds up the call trees of a service's history, or of a part of it.\n"
                   "As folded: a line for each stack, outermost function first, and its microseconds; speedscope: for "
                   "www.speedscope.app; flamegraph: a page of its own, to look at.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 nothing was sampled, or the history cannot be read; 2 wrong usage",
    .run = run,
};
