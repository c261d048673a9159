/* trend_all: all functions, those with an evident trend one by one. See trend_view.h. */
#include "cli/trend_view.h"

#include "base/humanize.h"
#include "cli/change.h"
#include "cli/fact.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/json_member.h"
#include "cli/sparkline.h"
#include "cli/table.h"
#include "cli/trend_verdict.h"

#include <math.h>
#include <stdlib.h>

#define LINE_WIDTH     16
#define FUNCTION_LEAST 24

/* Appends a line whose ends are those of the period, so that the lines of a table align. */
static void append_sparkline(struct tg_strbuf *out, const struct tg_store_series *series,
                             const struct tg_history_period *bounds) {
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

static size_t evident_count(const struct tg_trend_all *all) {
    size_t count = 0;
    while (count < all->functions.count && all->rows[count].evident) {
        count++;
    }
    return count;
}

static void add_row(struct tg_table *table, const struct tg_trend_all *all, const struct tg_rank_trend *row,
                    const struct tg_history_period *bounds, double slopes_per_unit) {
    const struct tg_trend *trend = &row->trend;
    struct tg_strbuf line = TG_STRBUF_INIT;
    append_sparkline(&line, &all->series[row->function - all->functions.items], bounds);
    tg_table_add(table, tg_change_percent(trend->relative_change).text);
    tg_table_add(table, tg_change_end(trend->start_ns).text);
    tg_table_add(table, tg_change_end(trend->end_ns).text);
    tg_table_add(table, tg_change_duration(trend->slope_ns * slopes_per_unit).text);
    tg_table_add(table, tg_humanize_count(row->function->call_count).text);
    tg_table_add_bytes(table, tg_strbuf_text(&line), line.length);
    tg_table_add(table, row->function->name);
    tg_strbuf_release(&line);
}

static void print_table(struct tg_history_question *question, const struct tg_trend_all *all, size_t shown) {
    struct tg_history_period bounds = tg_history_bounds(&question->history, &all->selection);
    double base_ns = (double)question->history.service->base_interval_ns;
    double span_ns = ((double)bounds.last_iteration - (double)bounds.first_iteration) * base_ns;
    const struct tg_trend_unit *unit = tg_trend_unit_of(span_ns);
    const struct tg_table_column columns[] = {
        {.title = "change"},
        {.title = "from"},
        {.title = "to"},
        {.title = unit->title, .drop = 2},
        {.title = "calls", .drop = 3},
        {.title = "averages", .left = true, .drop = 1},
        {.title = "function", .left = true, .least = FUNCTION_LEAST},
    };
    struct tg_table table;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < shown; i++) {
        add_row(&table, all, &all->rows[i], &bounds, unit->ns / base_ns);
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_strbuf_append_char(&question->out, '\n');
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_strbuf_release(&hidden);
    tg_table_release(&table);
}

static void append_functions(struct tg_strbuf *out, size_t count, const char *which) {
    tg_strbuf_printf(out, "%s %sfunction%s", tg_humanize_count(count).text, which, count == 1 ? "" : "s");
}

/* The functions of which nothing is shown. */
static void print_others(struct tg_history_question *question, const struct tg_trend_all *all, size_t evident) {
    size_t others = all->functions.count - evident;
    if (others) {
        append_functions(&question->out, others, evident ? "other " : "");
        tg_strbuf_append(&question->out, ": no trend that stands out from noise, or too few calls\n");
    }
}

static void print_text(struct tg_history_question *question, const struct tg_trend_all *all) {
    size_t evident = evident_count(all);
    size_t shown = all->limit && all->limit < evident ? all->limit : evident;
    tg_history_print_head(question);
    tg_history_print_period(question, &all->selection);
    tg_strbuf_append_char(&question->out, '\n');
    if (all->functions.count == 0) {
        tg_history_print_nothing(question, &all->selection);
        return;
    }
    if (shown) {
        print_table(question, all, shown);
    }
    tg_history_print_cut(question, evident - shown, "trend");
    print_others(question, all, evident);
    if (evident) {
        tg_strbuf_append(&question->out, "next: tachograph trend");
        tg_history_append_word(&question->out, all->rows[0].function->name);
        tg_history_append_words(&question->out, &question->history);
        tg_strbuf_append_char(&question->out, '\n');
    }
}

static void print_json(struct tg_history_question *question, const struct tg_trend_all *all) {
    struct tg_json json;
    size_t count = all->functions.count;
    size_t shown = all->limit && all->limit < count ? all->limit : count;
    tg_history_begin_json(question, &json, "tachograph-trend-all");
    tg_history_write_selection(&json, &question->history, &all->selection);
    tg_json_member_double(&json, "minimum_relative_change", all->evidence->minimum_relative_change);
    tg_json_member_uint(&json, "function_count", count);
    tg_json_member_uint(&json, "evident_count", evident_count(all));
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < shown; i++) {
        const struct tg_store_function *function = all->rows[i].function;
        tg_json_begin_object(&json);
        tg_json_key(&json, "name");
        tg_json_string(&json, function->name);
        tg_json_member_text(&json, "file", function->file);
        tg_json_member_if(&json, "line", function->line > 0, function->line);
        tg_json_member_uint(&json, "call_count", function->call_count);
        tg_trend_write_json(&json, &all->rows[i], question->history.service->base_interval_ns);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_history_end_json(question, &json);
}

void tg_trend_all_print(struct tg_history_question *question, const struct tg_trend_all *all) {
    (question->options->json ? print_json : print_text)(question, all);
}
