/* `tachograph rank`: which functions of a history matter most. See commands.h. */
#include "analyze/rank.h"

#include "answer/rank_json.h"
#include "base/humanize.h"
#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fact.h"
#include "cli/history_command.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/message.h"
#include "cli/table.h"

#include <inttypes.h>

#define ROWS           10 /* of the text, unless told otherwise */
#define FUNCTION_LEAST 24
#define LOCATION_LEAST 16

struct settings {
    struct tg_history_options history;
    int by; /* enum tg_rank_key */
    size_t limit;
};

static const struct tg_option options[] = {
    {.name = "sort",
     .kind = TG_OPTION_CHOICE,
     .value = "KEY",
     .help = "largest first by KEY; without it by average",
     .offset = offsetof(struct settings, by),
     .choices = tg_rank_key_names},
    {.name = "by",
     .kind = TG_OPTION_CHOICE,
     .value = "KEY",
     .help = "the same as --sort",
     .offset = offsetof(struct settings, by),
     .choices = tg_rank_key_names},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the first N functions; without it 10, and all as JSON",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    TG_HISTORY_RUN_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph rank --sort average -n 5", "the five functions whose calls take longest"},
    {"tachograph rank --sort total --since -1h", "where the time of the last hour went"},
    {"tachograph rank --sort p99 --version 1.4.2 --json", "the slowest calls of one version, as JSON"},
    {NULL, NULL},
};

/* What stands in a cell: appended to an empty buffer. */
typedef void cell_writer(const struct tg_ranked *ranked, struct tg_strbuf *out);

static void append_level(struct tg_strbuf *out, double ns) {
    tg_strbuf_append(out, tg_change_level(ns).text);
}

static void write_calls(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    tg_strbuf_append(out, tg_humanize_count(ranked->function->call_count).text);
}

static void write_total(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, (double)ranked->function->total_ns);
}

static void write_self(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, (double)ranked->function->self_ns);
}

static void write_average(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, tg_rank_iteration_average_ns(ranked->function));
}

static void write_per_call(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, tg_rank_call_average_ns(ranked->function));
}

/* Only where it is what was ranked by. */
static void write_p99(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, ranked->value);
}

static void write_maximum(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    append_level(out, (double)ranked->function->maximum_ns);
}

static void write_errors(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    tg_strbuf_append(out, tg_humanize_count(ranked->function->error_count).text);
}

static void write_function(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    tg_strbuf_append(out, ranked->function->name);
}

static void write_location(const struct tg_ranked *ranked, struct tg_strbuf *out) {
    tg_strbuf_append(out, ranked->function->file);
    if (ranked->function->file[0] && ranked->function->line) {
        tg_strbuf_printf(out, ":%" PRIu32, ranked->function->line);
    }
}

struct column {
    struct tg_table_column table;
    int key; /* the enum tg_rank_key it shows; -1: none */
    cell_writer *write;
};

/* From left to right; the one ranked by is never dropped. */
static const struct column all_columns[] = {
    {{.title = "average", .drop = 1}, TG_RANK_AVERAGE, write_average},
    {{.title = "per call", .drop = 4}, -1, write_per_call},
    {{.title = "calls", .late = 1}, TG_RANK_CALLS, write_calls},
    {{.title = "total", .drop = 2}, TG_RANK_TOTAL, write_total},
    {{.title = "self", .drop = 6}, TG_RANK_SELF, write_self},
    {{.title = "p99"}, TG_RANK_P99, write_p99},
    {{.title = "max", .drop = 5}, -1, write_maximum},
    {{.title = "errors", .drop = 3}, TG_RANK_ERRORS, write_errors},
    {{.title = "function", .left = true, .least = FUNCTION_LEAST}, -1, write_function},
    {{.title = "file", .left = true, .dim = true, .least = LOCATION_LEAST, .path = true, .drop = 7},
     -1,
     write_location},
};
#define ALL_COLUMNS (sizeof all_columns / sizeof all_columns[0])

static size_t choose_columns(int by, struct tg_table_column *columns, cell_writer **writers) {
    size_t count = 0;
    for (size_t i = 0; i < ALL_COLUMNS; i++) {
        bool is_key = all_columns[i].key == by;
        if (all_columns[i].key == TG_RANK_P99 && !is_key) {
            continue;
        }
        columns[count] = all_columns[i].table;
        columns[count].drop = is_key ? 0 : columns[count].drop;
        columns[count].late = is_key ? 0 : columns[count].late;
        writers[count++] = all_columns[i].write;
    }
    return count;
}

static void print_table(struct tg_history_question *question, const struct tg_ranking *ranking, int by) {
    struct tg_table_column columns[ALL_COLUMNS];
    cell_writer *writers[ALL_COLUMNS];
    size_t count = choose_columns(by, columns, writers);
    struct tg_table table;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_init(&table, columns, count);
    for (size_t row = 0; row < ranking->count; row++) {
        for (size_t i = 0; i < count; i++) {
            tg_strbuf_truncate(&cell, 0);
            writers[i](&ranking->items[row], &cell);
            tg_table_add_bytes(&table, tg_strbuf_text(&cell), cell.length);
        }
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    tg_strbuf_append(&question->out, hidden.length ? "\n" : "");
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_table_release(&table);
    tg_strbuf_release(&hidden);
    tg_strbuf_release(&cell);
}

static void print_text(struct tg_history_question *question, const struct tg_store_selection *selection,
                       const struct tg_ranking *ranking, size_t function_count, int by) {
    tg_history_print_head(question);
    tg_history_print_period(question, selection);
    tg_strbuf_append_char(&question->out, '\n');
    if (function_count == 0) {
        tg_history_print_nothing(question, selection);
        return;
    }
    print_table(question, ranking, by);
    if (function_count > ranking->count) {
        tg_strbuf_append_char(&question->out, '\n');
    }
    tg_history_print_cut(question, function_count - ranking->count, "function");
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    struct tg_store_selection selection;
    struct tg_store_functions functions = {.items = NULL};
    struct tg_ranking ranking = {.items = NULL};
    size_t limit = settings->limit || settings->history.json ? settings->limit : ROWS;
    enum tg_status status = tg_history_select(question, &selection, err);
    if (status == TG_OK) {
        status = tg_store_functions(question->history.scope.store, &selection, NULL, settings->by == TG_RANK_P99,
                                    &functions, err);
    }
    if (status == TG_OK) {
        status =
            tg_rank_functions(&ranking, functions.items, functions.count, (enum tg_rank_key)settings->by, limit, err);
    }
    if (status == TG_OK && settings->history.json) {
        tg_rank_json_append(&question->out, &question->history.scope, &selection, &ranking, functions.count,
                            tg_rank_key_names[settings->by], settings->by == TG_RANK_P99);
    } else if (status == TG_OK) {
        print_text(question, &selection, &ranking, functions.count, settings->by);
    }
    tg_ranking_release(&ranking);
    tg_store_functions_release(&functions);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.by = TG_RANK_AVERAGE};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("rank: there is nothing to name: '%s'; see 'tachograph rank --help'", words[0]);
        return TG_EXIT_USAGE;
    }
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_rank = {
    .name = "rank",
    .summary = "show which functions of a history matter most",
    .usage = usage,
    .description =
        "Ranks the functions of a service over its history, or over a part of it.\n"
        "Ranked by average: the mean of the iterations' averages, in which quiet and busy times weigh the same; per "
        "call: total "
        "by calls, in which busy times weigh more; total: the sum of all calls; self: without the timed functions "
        "called from there; p99: the time that 99 % of the calls did not exceed (within 6.25 %); errors: calls that "
        "ended with an exception. An iteration is one interval of the history.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 there is no history, or it cannot be read; 2 wrong usage",
    .run = run,
};
