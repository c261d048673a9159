/* `tachograph exceptions`: what failed, how often, since when, and with which arguments. See commands.h. */
#include "answer/exceptions_json.h"
#include "base/humanize.h"
#include "base/pattern.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/message.h"
#include "cli/printable.h"
#include "cli/sparkline.h"
#include "cli/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS            10 /* of the text, unless told otherwise */
#define LINE_WIDTH      20
#define EXCEPTION_LEAST 20
#define FUNCTION_LEAST  20

struct settings {
    struct tg_history_options history;
    const char *function;
    size_t limit;
    int64_t shown_id; /* of `show`; 0: the list is asked for */
};

static const struct tg_option options[] = {
    {.name = "function",
     .kind = TG_OPTION_TEXT,
     .value = "PATTERN",
     .help = "only of functions that the pattern names: shop.cart::Cart.add, shop.*, shop.cart::Cart.*",
     .offset = offsetof(struct settings, function)},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the first N; without it 10, and all as JSON",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", "show ID [OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph exceptions", "what failed, the most frequent first"},
    {"tachograph exceptions --since -1h --function 'shop.*'", "in the last hour, in one package"},
    {"tachograph exceptions show 3", "the newest of one kind: message, arguments, traceback"},
    {NULL, NULL},
};

/* The groups that are shown. */
struct list {
    struct tg_store_exceptions all;
    struct tg_exception_row *rows;
    size_t row_count;
    size_t total; /* that the pattern names */
};

static void release(struct list *list) {
    for (size_t i = 0; i < list->row_count; i++) {
        tg_store_exception_points_release(&list->rows[i].points);
        tg_store_exception_sample_release(&list->rows[i].sample);
    }
    free(list->rows);
    tg_store_exceptions_release(&list->all);
}

static enum tg_status complete(struct tg_store *store, const struct tg_store_selection *selection,
                               struct tg_exception_row *row, struct tg_error *err) {
    enum tg_status status = tg_store_exception_points(store, selection, row->exception->id, &row->points, err);
    return status == TG_OK ? tg_store_exception_sample(store, selection, row->exception->id, &row->sample, err)
                           : status;
}

static bool is_meant(const struct settings *settings, const struct tg_store_exception *exception) {
    if (settings->shown_id) {
        return exception->id == settings->shown_id;
    }
    return !settings->function || tg_pattern_match(settings->function, exception->function);
}

static enum tg_status read_list(struct tg_store *store, const struct tg_store_selection *selection,
                                const struct settings *settings, struct list *list, struct tg_error *err) {
    size_t limit = settings->limit || settings->history.json ? settings->limit : ROWS;
    enum tg_status status = tg_store_exceptions(store, selection, &list->all, err);
    list->rows = status == TG_OK ? calloc(list->all.count + 1, sizeof *list->rows) : NULL;
    if (status == TG_OK && !list->rows) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the exceptions");
    }
    for (size_t i = 0; i < list->all.count && status == TG_OK; i++) {
        if (!is_meant(settings, &list->all.items[i])) {
            continue;
        }
        list->total++;
        if (limit == 0 || list->row_count < limit) {
            struct tg_exception_row *row = &list->rows[list->row_count++];
            row->exception = &list->all.items[i];
            status = complete(store, selection, row, err);
        }
    }
    return status;
}

static void append_sparkline(struct tg_strbuf *out, const struct tg_store_exception_points *points,
                             const struct tg_period *bounds) {
    struct tg_sparkline_point *line = calloc(points->count + 2, sizeof *line);
    if (!line) {
        out->failed = true;
        return;
    }
    line[0] = (struct tg_sparkline_point){bounds->first_iteration, NAN};
    for (size_t i = 0; i < points->count; i++) {
        line[i + 1] = (struct tg_sparkline_point){points->items[i].iteration, (double)points->items[i].count};
    }
    line[points->count + 1] = (struct tg_sparkline_point){bounds->last_iteration, NAN};
    tg_sparkline_append(out, line, points->count + 2, LINE_WIDTH);
    free(line);
}

/* "ValueError: no such item". */
static void append_exception(struct tg_strbuf *out, const struct tg_exception_row *row) {
    tg_strbuf_append(out, row->exception->type);
    if (row->sample.id && row->sample.message[0]) {
        tg_strbuf_printf(out, ": %s", row->sample.message);
    }
}

static void add_row(struct tg_table *table, const struct tg_exception_row *row, const struct tg_period *bounds) {
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_strbuf_printf(&cell, "%" PRId64, row->exception->id);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_table_add(table, tg_humanize_count(row->exception->count).text);
    tg_strbuf_truncate(&cell, 0);
    append_sparkline(&cell, &row->points, bounds);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_strbuf_truncate(&cell, 0);
    tg_history_append_wall_time(&cell, row->exception->last_wall_ns);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_strbuf_truncate(&cell, 0);
    append_exception(&cell, row);
    tg_table_add_bytes(table, tg_strbuf_text(&cell), cell.length);
    tg_table_add(table, row->exception->function);
    tg_strbuf_release(&cell);
}

static void print_table(struct tg_history_question *question, const struct tg_store_selection *selection,
                        const struct list *list) {
    static const struct tg_table_column columns[] = {
        {.title = "id"},
        {.title = "count"},
        {.title = "over time", .left = true, .drop = 2},
        {.title = "last", .left = true, .drop = 1},
        {.title = "exception", .left = true, .least = EXCEPTION_LEAST},
        {.title = "function", .left = true, .least = FUNCTION_LEAST},
    };
    struct tg_table table;
    struct tg_period bounds = tg_scope_bounds(&question->history.scope, selection);
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < list->row_count; i++) {
        add_row(&table, &list->rows[i], &bounds);
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_table_release(&table);
}

static void print_list(struct tg_history_question *question, const struct tg_store_selection *selection,
                       const struct list *list) {
    tg_history_print_head(question);
    tg_history_print_period(question, selection);
    tg_strbuf_append_char(&question->out, '\n');
    if (list->row_count == 0) {
        tg_strbuf_append(&question->out, list->all.count
                                             ? "no exception of such a function was recorded in that time\n"
                                             : "no exception was recorded in that time; @tachograph.exception_logger, "
                                               "instrument(..., exceptions=True) and run --exceptions record them\n");
        return;
    }
    print_table(question, selection, list);
    tg_strbuf_append(&question->out, "\n");
    tg_history_print_cut(question, list->total - list->row_count, "exception");
    if (list->all.lost_count) {
        tg_strbuf_printf(&question->out, "%s samples found no space and are only counted\n",
                         tg_humanize_count(list->all.lost_count).text);
    }
    tg_strbuf_append(&question->out, "the newest of one, with its arguments: tachograph exceptions show ID");
    tg_history_append_words(&question->out, &question->history);
    tg_strbuf_append_char(&question->out, '\n');
}

static void print_text_fact(struct tg_history_question *question, const char *label, const char *text) {
    struct tg_strbuf value = TG_STRBUF_INIT;
    tg_strbuf_append(&value, text);
    tg_history_print_fact(question, label, &value);
    tg_strbuf_release(&value);
}

static void print_time_fact(struct tg_history_question *question, const char *label, int64_t wall_ns) {
    struct tg_strbuf value = TG_STRBUF_INIT;
    tg_history_append_wall_time(&value, wall_ns);
    tg_history_print_fact(question, label, &value);
    tg_strbuf_release(&value);
}

/* A text that is to be read whole, line by line. */
static void print_lines(struct tg_history_question *question, const char *title, const char *text) {
    if (!text[0]) {
        return;
    }
    tg_strbuf_printf(&question->out, "\n%s\n", title);
    while (*text) {
        size_t length = strcspn(text, "\n");
        tg_strbuf_append(&question->out, "  ");
        tg_printable_append(&question->out, text, length);
        tg_strbuf_append_char(&question->out, '\n');
        text += length + (text[length] == '\n');
    }
}

static void print_one(struct tg_history_question *question, const struct tg_exception_row *row) {
    const struct tg_store_exception *exception = row->exception;
    const struct tg_store_exception_sample *sample = &row->sample;
    tg_history_print_head(question);
    print_text_fact(question, "function", exception->function);
    print_text_fact(question, "exception", exception->type);
    print_text_fact(question, "count", tg_humanize_count(exception->count).text);
    print_time_fact(question, "first", exception->first_wall_ns);
    print_time_fact(question, "last", exception->last_wall_ns);
    if (sample->id == 0) {
        tg_strbuf_append(&question->out, "\nno sample of it was kept in that time\n");
        return;
    }
    struct tg_strbuf where = TG_STRBUF_INIT;
    tg_strbuf_printf(&where, "iteration %" PRId64 ", process %" PRIu64 " on %s, thread %s (%" PRIu64 ")",
                     sample->iteration, sample->pid, sample->host, sample->thread, sample->native_id);
    print_time_fact(question, "sample", sample->wall_ns);
    tg_history_print_fact(question, "of", &where);
    tg_strbuf_release(&where);
    print_lines(question, "message", sample->message);
    print_lines(question, "args", sample->args);
    print_lines(question, "kwargs", sample->kwargs);
    print_lines(question, "parameters that the function binds anew: what is shown may not be what it was called with",
                sample->rebound);
    print_lines(question, "traceback", sample->traceback);
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_scope *scope = &question->history.scope;
    struct tg_store_selection selection;
    struct list list = {.rows = NULL};
    enum tg_status status = tg_history_select(question, &selection, err);
    if (status == TG_OK) {
        status = read_list(scope->store, &selection, settings, &list, err);
    }
    if (status == TG_OK && settings->shown_id && list.row_count == 0) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                              "no exception %" PRId64 " was recorded in that time; see 'tachograph exceptions'",
                              settings->shown_id);
    }
    if (status != TG_OK) {
        release(&list);
        return status;
    }
    if (settings->history.json && settings->shown_id) {
        tg_exceptions_json_append_one(&question->out, scope, &selection, &list.rows[0]);
    } else if (settings->history.json) {
        tg_exceptions_json_append(&question->out, scope, &selection, list.rows, list.row_count, list.total,
                                  list.all.lost_count);
    } else if (settings->shown_id) {
        print_one(question, &list.rows[0]);
    } else {
        print_list(question, &selection, &list);
    }
    release(&list);
    return TG_OK;
}

/* What comes behind the options: nothing, or "show ID". */
static bool read_words(struct settings *settings, char **words) {
    char *end = NULL;
    if (!words[0]) {
        return true;
    }
    if (strcmp(words[0], "show") != 0) {
        tg_message_error("exceptions: '%s' is nothing to do; 'exceptions show ID' shows one", words[0]);
        return false;
    }
    settings->shown_id = words[1] ? strtoll(words[1], &end, 10) : 0;
    if (!words[1] || *end || settings->shown_id <= 0 || words[2]) {
        tg_message_error("exceptions: give 'show' one id, a number of the list of 'tachograph exceptions'");
        return false;
    }
    return true;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.limit = 0};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (!read_words(&settings, words)) {
        return TG_EXIT_USAGE;
    }
    if (settings.function && tg_pattern_validate(settings.function, &err) != TG_OK) {
        tg_message_error("exceptions: %s", err.message);
        return TG_EXIT_USAGE;
    }
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_exceptions = {
    .name = "exceptions",
    .summary = "show what failed, how often, and with which arguments",
    .usage = usage,
    .description =
        "Lists the exceptions of a service over its history, or over a part of it: those of one type, out of one "
        "function by the same way, are one. count: how often it happened in that time; over time: how often in each "
        "iteration. The message is that of the newest. 'show ID' shows one of them whole: arguments, traceback, "
        "process "
        "and thread of the newest sample. Secrets are not recorded.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 there is no history, or no such exception; 2 wrong usage",
    .run = run,
};
