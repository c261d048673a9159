/* `tachograph exceptions`: what failed, how often, since when, and with which arguments. See commands.h. */
#include "analyze/chart.h"
#include "analyze/exception_list.h"
#include "analyze/function_name.h"
#include "answer/exceptions_json.h"
#include "base/humanize.h"
#include "base/pattern.h"
#include "cli/commands.h"
#include "cli/fact.h"
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
    int sort; /* enum tg_exception_sort */
    size_t limit;
    int64_t shown_id; /* of `show`; 0: the list is asked for */
};

static const struct tg_option options[] = {
    {.name = "function",
     .kind = TG_OPTION_TEXT,
     .value = "PATTERN",
     .help = "only of functions that the pattern names: shop.cart::Cart.add, shop.*, shop.cart::Cart.*; or of the one "
             "whose name ends so: Cart.add",
     .offset = offsetof(struct settings, function),
     .check = tg_pattern_validate},
    {.name = "sort",
     .kind = TG_OPTION_CHOICE,
     .value = "KEY",
     .help = "the most frequent first, or the one that happened last; without it by count",
     .offset = offsetof(struct settings, sort),
     .choices = tg_exception_sort_names},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the first N; without it 10, and all as JSON. Of 'show': the newest N samples; without it one",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    TG_HISTORY_RUN_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", "show ID [OPTION]...", NULL};
static const char *const operands[] = {"show", NULL};

static const struct tg_example examples[] = {
    {"tachograph exceptions", "what failed, the most frequent first"},
    {"tachograph exceptions --since -1h --function 'shop.*'", "in the last hour, in one package"},
    {"tachograph exceptions --sort last -n 3", "what happened last"},
    {"tachograph exceptions show 3", "the newest of one kind: message, arguments, traceback"},
    {NULL, NULL},
};

/* One column for each step of the period: a step in which nothing failed is a gap. */
static void append_sparkline(struct tg_strbuf *out, const struct tg_exception_row *row, int64_t step,
                             const struct tg_period *bounds) {
    const struct tg_store_exception_points *points = &row->points;
    struct tg_sparkline_point *line = calloc(points->count + 2, sizeof *line);
    if (!line) {
        out->failed = true;
        return;
    }
    line[0] = (struct tg_sparkline_point){tg_chart_start_of_step(bounds->first_iteration, step) / step, NAN};
    for (size_t i = 0; i < points->count; i++) {
        line[i + 1] = (struct tg_sparkline_point){points->items[i].iteration / step, (double)points->items[i].count};
    }
    line[points->count + 1] =
        (struct tg_sparkline_point){tg_chart_start_of_step(bounds->last_iteration, step) / step, NAN};
    tg_sparkline_append(out, line, points->count + 2, LINE_WIDTH);
    free(line);
}

/* "ValueError: no such item". */
static void append_exception(struct tg_strbuf *out, const struct tg_exception_row *row) {
    tg_strbuf_append(out, row->exception->type);
    if (row->samples.count > 0 && row->samples.items[0].message[0]) {
        tg_strbuf_printf(out, ": %s", row->samples.items[0].message);
    }
}

static void add_row(struct tg_table *table, const struct tg_exception_row *row, int64_t step,
                    const struct tg_period *bounds) {
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_strbuf_printf(&cell, "%" PRId64, row->exception->id);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_table_add(table, tg_humanize_count(row->exception->count).text);
    tg_strbuf_truncate(&cell, 0);
    append_sparkline(&cell, row, step, bounds);
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
                        const struct tg_exception_list *list) {
    static const struct tg_table_column columns[] = {
        {.title = "id"},
        {.title = "count"},
        {.title = "over time", .left = true, .drop = 2},
        {.title = "last ever", .left = true, .drop = 1},
        {.title = "exception", .left = true, .least = EXCEPTION_LEAST},
        {.title = "function", .left = true, .least = FUNCTION_LEAST, .late = 1},
    };
    struct tg_table table;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    struct tg_period bounds = tg_scope_bounds(&question->history.scope, selection);
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < list->row_count; i++) {
        add_row(&table, &list->rows[i], list->step, &bounds);
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_strbuf_append_char(&question->out, '\n');
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_table_release(&table);
    tg_strbuf_release(&hidden);
}

static void print_list(struct tg_history_question *question, const struct tg_store_selection *selection,
                       const struct tg_exception_list *list) {
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
    tg_history_print_cut(question, list->matching_count - list->row_count, "exception");
    if (list->all.lost_count) {
        tg_strbuf_printf(&question->out, "%s sample%s found no space: counted, not kept\n",
                         tg_humanize_count(list->all.lost_count).text, list->all.lost_count == 1 ? "" : "s");
    }
    tg_strbuf_append(&question->out, "one with its arguments: tachograph exceptions show ID");
    tg_history_append_words(&question->out, &question->history);
    tg_strbuf_append_char(&question->out, '\n');
}

static void print_text_fact(struct tg_history_question *question, const char *label, const char *text) {
    struct tg_strbuf value = TG_STRBUF_INIT;
    tg_strbuf_append(&value, text);
    tg_history_print_fact(question, label, &value);
    tg_strbuf_release(&value);
}

/* `says` may follow. */
static void print_time_fact(struct tg_history_question *question, const char *label, int64_t wall_ns,
                            const char *says) {
    struct tg_strbuf value = TG_STRBUF_INIT;
    tg_history_append_wall_time(&value, wall_ns);
    tg_strbuf_append(&value, says);
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

static void print_sample(struct tg_history_question *question, const struct tg_store_exception_sample *sample) {
    struct tg_strbuf where = TG_STRBUF_INIT;
    tg_strbuf_append_char(&question->out, '\n');
    print_time_fact(question, "sample", sample->wall_ns, "");
    tg_strbuf_printf(&where, "iteration %" PRId64 ", process %" PRIu64 " on %s, thread %s (%" PRIu64 ")",
                     sample->iteration, sample->pid, sample->host, sample->thread, sample->native_id);
    tg_history_print_fact(question, "of", &where);
    tg_strbuf_release(&where);
    print_text_fact(question, "version", sample->version);
    print_lines(question, "message", sample->message);
    print_lines(question, "args", sample->args);
    print_lines(question, "kwargs", sample->kwargs);
    print_lines(question, "bound anew, so it may not be what the call was given", sample->rebound);
    print_lines(question, "traceback", sample->traceback);
}

/* When it happened in the time that is asked about. */
static void print_happened(struct tg_history_question *question, const struct tg_store_exception *exception) {
    const struct tg_period period = {exception->first_iteration, exception->last_iteration};
    struct tg_strbuf value = TG_STRBUF_INIT;
    tg_history_append_period(&value, question->history.scope.service, &period);
    tg_history_print_fact(question, "happened", &value);
    tg_strbuf_release(&value);
}

static void print_one(struct tg_history_question *question, const struct tg_exception_row *row) {
    const struct tg_store_exception *exception = row->exception;
    const struct tg_store_exception_samples *samples = &row->samples;
    tg_history_print_head(question);
    print_text_fact(question, "function", exception->function);
    print_text_fact(question, "exception", exception->type);
    print_text_fact(question, "count", tg_humanize_count(exception->count).text);
    print_happened(question, exception);
    print_time_fact(question, "first", exception->first_wall_ns, ", ever");
    print_time_fact(question, "last", exception->last_wall_ns, ", ever");
    for (size_t i = 0; i < samples->count; i++) {
        print_sample(question, &samples->items[i]);
    }
    if (samples->kept_count > samples->count) {
        uint64_t more = samples->kept_count - samples->count;
        tg_strbuf_printf(&question->out, "\n%s older sample%s: -n N shows the newest N\n", tg_humanize_count(more).text,
                         more == 1 ? "" : "s");
    } else if (samples->count == 0) {
        tg_strbuf_append(&question->out, "\nno sample of it was kept in that time\n");
    }
}

static struct tg_exception_question question_of(const struct settings *settings) {
    bool is_text = !settings->history.json;
    size_t limit = settings->limit || !is_text ? settings->limit : ROWS;
    return (struct tg_exception_question){
        .id = settings->shown_id,
        .sort = (enum tg_exception_sort)settings->sort,
        .limit = settings->shown_id ? 0 : limit,
        .points = is_text ? LINE_WIDTH : 0,
        .sample_limit = settings->shown_id && settings->limit ? settings->limit : 1,
    };
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_scope *scope = &question->history.scope;
    struct tg_exception_question asked = question_of(settings);
    struct tg_exception_list list = {.rows = NULL};
    struct tg_strbuf pattern = TG_STRBUF_INIT;
    enum tg_status status = tg_history_select(question, &asked.selection, err);
    if (status == TG_OK && settings->function) {
        status = tg_function_name_append_pattern(&pattern, scope, settings->function, err);
        asked.pattern = tg_strbuf_text(&pattern);
    }
    if (status == TG_OK) {
        status = settings->shown_id ? tg_exception_list_read_one(&list, scope, &asked, err)
                                    : tg_exception_list_read(&list, scope, &asked, err);
    }
    if (status == TG_OK && settings->history.json && settings->shown_id) {
        tg_exceptions_json_append_one(&question->out, scope, &asked.selection, &list);
    } else if (status == TG_OK && settings->history.json) {
        tg_exceptions_json_append(&question->out, scope, &asked.selection, &list);
    } else if (status == TG_OK && settings->shown_id) {
        print_one(question, &list.rows[0]);
    } else if (status == TG_OK) {
        print_list(question, &asked.selection, &list);
    }
    tg_exception_list_release(&list);
    tg_strbuf_release(&pattern);
    return status;
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
    struct settings settings = {.sort = TG_EXCEPTION_SORT_COUNT};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    return read_words(&settings, words) ? tg_history_command_run(command, &settings.history, answer, &settings)
                                        : TG_EXIT_USAGE;
}

const struct tg_command tg_command_exceptions = {
    .name = "exceptions",
    .summary = "show what failed, how often, and with which arguments",
    .usage = usage,
    .operands = operands,
    .description =
        "Lists the exceptions of a service over its history, or over a part of it: those of one type that left one "
        "function, and came there by the same way, are one. count: how often it happened in that time; over time: how "
        "often in each part of it; last ever: also after it, and in other versions and runs. The message is the "
        "newest.\n"
        "'show ID' shows one of them whole: arguments, traceback, process and thread of its newest samples. Of each "
        "ten are kept of an hour, the first five and the last five of all versions and runs, so that one of these may "
        "have counts and no sample; counts are exact. What is a secret by its name or its form is not recorded.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 there is no history, or no such exception or function; 2 wrong usage",
    .run = run,
};
