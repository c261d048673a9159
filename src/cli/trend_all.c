/* trend_all: all functions, those with an evident trend one by one. See trend_view.h. */
#include "cli/own_name.h"
#include "cli/trend_view.h"

#include "answer/trend_json.h"
#include "base/humanize.h"
#include "cli/change.h"
#include "cli/fact.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/sparkline.h"
#include "cli/table.h"
#include "cli/trend_verdict.h"
#include "cli/wrap.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LINE_WIDTH     16
#define FUNCTION_LEAST 24
#define POINTS_LEAST   3

/* Appends a line whose ends are those of the period, so that the lines of a table align. */
static void append_sparkline(struct tg_strbuf *out, const struct tg_store_series *series,
                             const struct tg_period *bounds) {
    struct tg_sparkline_point *points = calloc(series->count + 2, sizeof *points);
    if (!points) {
        out->failed = true;
        return;
    }
    points[0] = (struct tg_sparkline_point){bounds->first_iteration, NAN};
    for (size_t i = 0; i < series->count; i++) {
        const struct tg_store_point *point = &series->items[i];
        double average_ns = point->call_count ? (double)point->total_ns / (double)point->call_count : NAN;
        points[i + 1] = (struct tg_sparkline_point){point->iteration, average_ns};
    }
    points[series->count + 1] = (struct tg_sparkline_point){bounds->last_iteration, NAN};
    tg_sparkline_append(out, points, series->count + 2, LINE_WIDTH);
    free(points);
}

static size_t evident_count(const struct tg_trends *trends) {
    size_t count = 0;
    while (count < trends->functions.count && trends->rows[count].evident) {
        count++;
    }
    return count;
}

static size_t step_count(const struct tg_trends *trends) {
    size_t count = 0;
    while (count < trends->functions.count && trends->rows[count].is_step) {
        count++;
    }
    return count;
}

/* A table on its way. */
struct sheet {
    struct tg_history_question *question;
    const struct tg_trends *trends;
    struct tg_period bounds;
    struct tg_table table;
};

static void begin(struct sheet *sheet, const struct tg_table_column *columns, size_t column_count) {
    tg_table_init(&sheet->table, columns, column_count);
}

static void end(struct sheet *sheet) {
    struct tg_history_question *question = sheet->question;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_print(&sheet->table, &question->terminal, &question->out);
    tg_strbuf_append_char(&question->out, '\n');
    tg_table_append_hidden(&sheet->table, &question->terminal, &hidden);
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_strbuf_release(&hidden);
    tg_table_release(&sheet->table);
}

/* What both tables end with. */
static void add_function(struct sheet *sheet, const struct tg_rank_trend *row) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    append_sparkline(&line, tg_trends_series(sheet->trends, row), &sheet->bounds);
    tg_table_add(&sheet->table, tg_humanize_count(row->function->call_count).text);
    tg_table_add_bytes(&sheet->table, tg_strbuf_text(&line), line.length);
    tg_table_add(&sheet->table, row->function->name);
    tg_strbuf_release(&line);
}

static void append_cause(struct tg_strbuf *out, const struct tg_step *step) {
    if (step->kind == TG_STEP_CODE) {
        tg_strbuf_append(out, "new code");
    } else {
        tg_strbuf_printf(out, "version %s", step->version->version[0] ? step->version->version : "(not told)");
    }
}

static void print_steps(struct sheet *sheet, size_t count) {
    static const struct tg_table_column columns[] = {
        {.title = "change"},
        {.title = "from", .late = 2},
        {.title = "to", .late = 2},
        {.title = "since", .left = true, .late = 1},
        {.title = "iteration", .drop = 2},
        {.title = "time", .drop = 4},
        {.title = "calls", .drop = 3},
        {.title = "averages", .left = true, .drop = 1},
        {.title = "function", .left = true, .least = FUNCTION_LEAST},
    };
    struct tg_table *table = &sheet->table;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    begin(sheet, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        const struct tg_step *step = &sheet->trends->rows[i].step;
        tg_table_add(table, tg_change_percent(step->relative_change).text);
        tg_table_add(table, tg_change_level(step->before_ns).text);
        tg_table_add(table, tg_change_level(step->after_ns).text);
        tg_strbuf_truncate(&cell, 0);
        append_cause(&cell, step);
        tg_table_add_bytes(table, tg_strbuf_text(&cell), cell.length);
        tg_strbuf_truncate(&cell, 0);
        tg_strbuf_printf(&cell, "%" PRId64, step->iteration);
        tg_table_add(table, tg_strbuf_text(&cell));
        tg_strbuf_truncate(&cell, 0);
        tg_history_append_time(&cell, sheet->question->history.scope.service, step->iteration);
        tg_table_add(table, tg_strbuf_text(&cell));
        add_function(sheet, &sheet->trends->rows[i]);
    }
    tg_strbuf_release(&cell);
    end(sheet);
}

static void print_lines(struct sheet *sheet, const struct tg_rank_trend *rows, size_t count) {
    double base_ns = (double)sheet->question->history.scope.service->base_interval_ns;
    double span_ns = ((double)sheet->bounds.last_iteration - (double)sheet->bounds.first_iteration) * base_ns;
    const struct tg_trend_unit *unit = tg_trend_unit_of(span_ns);
    const struct tg_table_column columns[] = {
        {.title = "change"},
        {.title = "from", .late = 2},
        {.title = "to", .late = 2},
        {.title = unit->title, .drop = 2},
        {.title = "calls", .drop = 3},
        {.title = "averages", .left = true, .drop = 1},
        {.title = "function", .left = true, .least = FUNCTION_LEAST},
    };
    struct tg_table *table = &sheet->table;
    begin(sheet, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < count; i++) {
        const struct tg_trend *trend = &rows[i].trend;
        tg_table_add(table, tg_change_percent(trend->measured_change).text);
        tg_table_add(table, tg_change_level(trend->before_ns).text);
        tg_table_add(table, tg_change_level(trend->after_ns).text);
        tg_table_add(table, tg_change_duration(trend->slope_ns * unit->ns / base_ns).text);
        add_function(sheet, &rows[i]);
    }
    end(sheet);
}

static size_t least(size_t count, size_t limit) {
    return limit && limit < count ? limit : count;
}

static void print_meaning(struct tg_history_question *question, const char *sentence) {
    tg_wrap_append(&question->out, sentence, question->terminal.width, 0, 2);
}

/* Changes of two kinds are of two minds: what a version or an edit did, and what time does. */
static void print_changes(struct tg_history_question *question, const struct tg_trend_all_view *view) {
    const struct tg_trends *trends = &view->trends;
    struct sheet sheet = {
        .question = question, .trends = trends, .bounds = tg_scope_bounds(&question->history.scope, &view->selection)};
    size_t steps = step_count(trends);
    size_t lines = evident_count(trends) - steps;
    if (steps) {
        tg_strbuf_append(&question->out, lines ? "at once:\n\n" : "");
        print_steps(&sheet, least(steps, view->limit));
        tg_history_print_cut(question, steps - least(steps, view->limit), "step");
    }
    if (lines) {
        tg_strbuf_append(&question->out, steps ? "little by little:\n\n" : "");
        print_lines(&sheet, &trends->rows[steps], least(lines, view->limit));
        print_meaning(question, "from and to: averages of the first and of the last quarter of its iterations");
        tg_history_print_cut(question, lines - least(lines, view->limit), "trend");
    }
}

static void append_functions(struct tg_strbuf *out, size_t count, const char *which) {
    tg_strbuf_printf(out, "%s %sfunction%s", tg_humanize_count(count).text, which, count == 1 ? "" : "s");
}

/* In the iterations of the selection no line can be told from noise yet. */
static bool is_too_early(const struct tg_trends *trends) {
    for (size_t i = 0; i < trends->functions.count; i++) {
        if (trends->rows[i].trend.iteration_count >= POINTS_LEAST) {
            return false;
        }
    }
    return true;
}

static void print_early(struct tg_history_question *question) {
    const struct tg_store_versions *versions = &question->history.scope.versions;
    struct tg_strbuf *out = &question->out;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_strbuf_printf(&line, "too early to say: a trend takes calls in %d iterations", POINTS_LEAST);
    tg_wrap_append(out, tg_strbuf_text(&line), question->terminal.width, 0, 2);
    tg_strbuf_release(&line);
    if (versions->count > 1) {
        tg_strbuf_append(out, "versions can be compared: ");
        tg_own_name_append(out);
        tg_strbuf_append(out, " diff");
        tg_history_append_version_word(out, versions->items[versions->count - 2].version);
        tg_history_append_version_word(out, versions->items[versions->count - 1].version);
        tg_history_append_words(out, &question->history);
        tg_strbuf_append_char(out, '\n');
    } else {
        tg_strbuf_append(out, "runs can be compared: ");
        tg_own_name_append(out);
        tg_strbuf_append(out, " diff run:previous run:latest");
        tg_history_append_words(out, &question->history);
        tg_strbuf_append_char(out, '\n');
    }
}

/* The functions of which nothing is shown. */
static void print_others(struct tg_history_question *question, const struct tg_trends *trends, size_t evident) {
    size_t others = trends->functions.count - evident;
    if (others) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        append_functions(&line, others, evident ? "other " : "");
        tg_strbuf_append(&line, ": no change that stands out from noise, or too few calls");
        tg_wrap_append(&question->out, tg_strbuf_text(&line), question->terminal.width, 0, 2);
        tg_strbuf_release(&line);
    }
}

static void print_text(struct tg_history_question *question, const struct tg_trend_all_view *view) {
    const struct tg_trends *trends = &view->trends;
    size_t evident = evident_count(trends);
    tg_history_print_head(question);
    tg_history_print_period(question, &view->selection);
    tg_strbuf_append_char(&question->out, '\n');
    if (trends->functions.count == 0) {
        tg_history_print_nothing(question, &view->selection);
        return;
    }
    if (is_too_early(trends)) {
        print_early(question);
        return;
    }
    print_changes(question, view);
    print_others(question, trends, evident);
    if (evident) {
        tg_strbuf_append(&question->out, "next: ");
        tg_own_name_append(&question->out);
        tg_strbuf_append(&question->out, " trend");
        tg_history_append_word(&question->out, trends->rows[0].function->name);
        tg_history_append_words(&question->out, &question->history);
        tg_strbuf_append_char(&question->out, '\n');
    }
}

void tg_trend_all_print(struct tg_history_question *question, const struct tg_trend_all_view *view) {
    if (question->options->json) {
        tg_trend_json_append_all(&question->out, &question->history.scope, &view->selection, &view->trends,
                                 view->evidence, 0, view->limit);
    } else {
        print_text(question, view);
    }
}
