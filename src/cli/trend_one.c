/* trend_one: one function, iteration by iteration. See trend_view.h. */
#include "cli/own_name.h"
#include "cli/trend_view.h"

#include "answer/trend_json.h"
#include "base/humanize.h"
#include "cli/change.h"
#include "cli/fact.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/printable.h"
#include "cli/sparkline.h"
#include "cli/table.h"
#include "cli/trend_verdict.h"
#include "cli/wrap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_WIDTH    60 /* of the sparkline, where there is no terminal */
#define CHANCE_SMALL  0.001
#define CHANGES_SHOWN 10 /* of either kind: the last ones */

static double average_of(const struct tg_store_point *point) {
    return point->call_count ? (double)point->total_ns / (double)point->call_count : 0;
}

static void print_function(struct tg_history_question *question, const struct tg_store_function *function) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_strbuf_append(&line, function->name);
    if (function->file[0]) {
        tg_strbuf_printf(&line, " (%s", function->file);
        if (function->line) {
            tg_strbuf_printf(&line, ":%" PRIu32, function->line);
        }
        tg_strbuf_append_char(&line, ')');
    }
    tg_history_print_fact(question, "function", &line);
    tg_strbuf_release(&line);
}

static void print_sparkline(struct tg_history_question *question, const struct tg_store_series *series) {
    size_t room = question->terminal.width > 2 * TG_FACT_LABEL_WIDTH ? question->terminal.width - TG_FACT_LABEL_WIDTH
                                                                     : LINE_WIDTH;
    struct tg_strbuf line = TG_STRBUF_INIT;
    struct tg_sparkline_point *points = calloc(series->count, sizeof *points);
    if (!points) {
        question->out.failed = true;
        return;
    }
    for (size_t i = 0; i < series->count; i++) {
        points[i] = (struct tg_sparkline_point){series->items[i].iteration, average_of(&series->items[i])};
    }
    tg_sparkline_append(&line, points, series->count, room);
    tg_history_print_fact(question, "averages", &line);
    tg_strbuf_release(&line);
    free(points);
}

static void add_duration(struct tg_table *table, double ns) {
    tg_table_add(table, tg_change_level(ns).text);
}

static void print_points(struct tg_history_question *question, const struct tg_store_series *series, size_t first) {
    static const struct tg_table_column columns[] = {
        {.title = "iteration"},      {.title = "time", .drop = 2}, {.title = "calls", .late = 2},  {.title = "average"},
        {.title = "p99", .late = 1}, {.title = "max", .drop = 1},  {.title = "errors", .late = 3},
    };
    struct tg_table table;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = first; i < series->count; i++) {
        const struct tg_store_point *point = &series->items[i];
        tg_strbuf_truncate(&cell, 0);
        tg_strbuf_printf(&cell, "%" PRId64, point->iteration);
        tg_table_add(&table, tg_strbuf_text(&cell));
        tg_strbuf_truncate(&cell, 0);
        tg_history_append_time(&cell, question->history.scope.service, point->iteration);
        tg_table_add(&table, tg_strbuf_text(&cell));
        tg_table_add(&table, tg_humanize_count(point->call_count).text);
        add_duration(&table, average_of(point));
        add_duration(&table, (double)point->p99_ns);
        add_duration(&table, (double)point->maximum_ns);
        tg_table_add(&table, tg_humanize_count(point->error_count).text);
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    tg_strbuf_append(&question->out, hidden.length ? "\n" : "");
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_table_release(&table);
    tg_strbuf_release(&hidden);
    tg_strbuf_release(&cell);
}

static void print_slope(struct tg_history_question *question, const struct tg_trend *trend) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    double per_hour_ns = tg_trend_slope_per_hour_ns(trend, question->history.scope.service->base_interval_ns);
    tg_strbuf_printf(&line, "%s per iteration ", tg_change_duration(trend->slope_ns).text);
    tg_strbuf_printf(&line, "(standard error %s), ", tg_change_level(trend->slope_error_ns).text);
    tg_strbuf_printf(&line, "%s per hour", tg_change_duration(per_hour_ns).text);
    tg_fact_append_sentence(&question->out, &question->terminal, "slope", &line);
    tg_strbuf_truncate(&line, 0);
    if (trend->has_theil_sen) {
        tg_strbuf_printf(&line, "%s per iteration, by a line that outliers do not bend",
                         tg_change_duration(trend->theil_sen_slope_ns).text);
        tg_fact_append_sentence(&question->out, &question->terminal, "Theil-Sen", &line);
        tg_strbuf_truncate(&line, 0);
    }
    tg_strbuf_printf(&line, "%s at iteration 0", tg_change_level(trend->intercept_ns).text);
    tg_strbuf_printf(&line, " (standard error %s)", tg_change_level(trend->intercept_error_ns).text);
    tg_fact_append_sentence(&question->out, &question->terminal, "intercept", &line);
    tg_strbuf_release(&line);
}

static void print_chance(struct tg_history_question *question, double probability, const char *of_what) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    if (probability < CHANCE_SMALL) {
        tg_strbuf_append(&line, "less than 0.1 %");
    } else {
        tg_strbuf_printf(&line, "%s", tg_change_percent(probability).text + 1); /* without its sign */
    }
    tg_strbuf_printf(&line, " that noise alone %s", of_what);
    tg_fact_append_sentence(&question->out, &question->terminal, "chance", &line);
    tg_strbuf_release(&line);
}

/* What else changed with the version. */
static void print_comparison(struct tg_history_question *question, const struct tg_step *step) {
    tg_strbuf_append(&question->out, "what else it changed: ");
    tg_own_name_append(&question->out);
    tg_strbuf_append(&question->out, " diff");
    tg_history_append_version_word(&question->out, step->before->version);
    tg_history_append_version_word(&question->out, step->version->version);
    tg_history_append_words(&question->out, &question->history);
    tg_strbuf_append_char(&question->out, '\n');
}

static void print_verdict(struct tg_history_question *question, const struct tg_rank_trend *row,
                          const struct tg_rank_evidence *evidence) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    struct tg_strbuf shown = TG_STRBUF_INIT; /* versions are other people's words */
    tg_trend_append_verdict(&line, row, question->history.scope.service, evidence);
    tg_printable_append(&shown, tg_strbuf_text(&line), line.length);
    tg_wrap_append(&question->out, tg_strbuf_text(&shown), question->terminal.width, 0, 2);
    tg_strbuf_release(&shown);
    tg_strbuf_release(&line);
}

/* The code that came before with the same hash; NULL: none. Another Python's have others. */
static const struct tg_store_code *find_same(const struct tg_store_codes *codes, const struct tg_store_code *code) {
    for (const struct tg_store_code *other = codes->items; other < code; other++) {
        if (other->code_hash == code->code_hash) {
            return other;
        }
    }
    return NULL;
}

static void print_more(struct tg_history_question *question, const char *label, size_t count) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    if (count) {
        tg_strbuf_printf(&line, "and %zu more before", count);
        tg_history_print_fact(question, label, &line);
    }
    tg_strbuf_release(&line);
}

static void print_code(struct tg_history_question *question, const struct tg_store_codes *codes,
                       const struct tg_store_code *code) {
    const struct tg_store_code *same = find_same(codes, code);
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_strbuf_printf(&line, "%s from iteration %" PRId64 " on, ", same ? "back" : "new", code->first_iteration);
    tg_history_append_time(&line, question->history.scope.service, code->first_iteration);
    if (same) {
        tg_strbuf_printf(&line, ", to that of iteration %" PRId64, same->first_iteration);
    }
    tg_history_print_fact(question, "code", &line);
    tg_strbuf_release(&line);
}

/* When the function's source became another, in all iterations of the selection: the last of them. */
static void print_codes(struct tg_history_question *question, const struct tg_trend_one *one) {
    const struct tg_store_codes *codes = &one->codes;
    const struct tg_store_point *points = one->series.items;
    const struct tg_store_code *chosen[CHANGES_SHOWN];
    size_t count = 0;
    for (size_t i = codes->count; i-- > 1;) {
        const struct tg_store_code *code = &codes->items[i];
        bool is_first = code->first_iteration == codes->items[0].first_iteration; /* it began with it, or nearly */
        if (!is_first && tg_store_code_before(codes, code) && code->first_iteration >= points[0].iteration
            && code->first_iteration <= points[one->series.count - 1].iteration) {
            if (count < CHANGES_SHOWN) {
                chosen[count] = code;
            }
            count++;
        }
    }
    size_t shown = count < CHANGES_SHOWN ? count : CHANGES_SHOWN;
    print_more(question, "code", count - shown);
    while (shown > 0) {
        print_code(question, codes, chosen[--shown]);
    }
}

/* Whether a reload is of the function's module. That of a program's main file is stored by the file's name
 * (store/stored_name.h). */
static bool is_of_module(const struct tg_store_event *reload, const struct tg_store_function *function) {
    static const char main_module[] = "__main__:";
    static const char main_suffix[] = ".py::";
    size_t length = strcspn(function->name, ":");
    const char *end = function->name + length;
    bool is_main = length > 3 && strncmp(end - 3, main_suffix, sizeof main_suffix - 1) == 0;
    return (strncmp(reload->detail, function->name, length) == 0 && reload->detail[length] == ':')
           || (is_main && strncmp(reload->detail, main_module, sizeof main_module - 1) == 0);
}

/* Whether an event may have to do with this function: what concerns all, and reloads of its module. */
static bool is_of_function(const struct tg_store_event *event, const struct tg_store_function *function) {
    switch (event->kind) {
    case TG_STORE_EVENT_VERSION:
    case TG_STORE_EVENT_MARKER:
        return true;
    case TG_STORE_EVENT_RELOAD:
    case TG_STORE_EVENT_REFUSED_RELOAD:
        return is_of_module(event, function);
    default:
        return false;
    }
}

static void print_event(struct tg_history_question *question, const struct tg_store_event *event) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    const char *text = event->kind == TG_STORE_EVENT_VERSION ? event->version : event->detail;
    tg_strbuf_printf(&line, "iteration %" PRId64 ", ", event->iteration);
    tg_history_append_wall_time(&line, event->wall_ns);
    tg_strbuf_printf(&line, ", %s: %s", tg_store_event_kind_name(event->kind), text);
    tg_fact_append_sentence(&question->out, &question->terminal, "event", &line);
    tg_strbuf_release(&line);
}

/* The last of them. */
static void print_events(struct tg_history_question *question, const struct tg_trend_one_view *view) {
    const struct tg_store_event *chosen[CHANGES_SHOWN];
    size_t count = 0;
    for (size_t i = view->events.count; i-- > 0;) {
        if (is_of_function(&view->events.items[i], &view->one.function)) {
            if (count < CHANGES_SHOWN) {
                chosen[count] = &view->events.items[i];
            }
            count++;
        }
    }
    size_t shown = count < CHANGES_SHOWN ? count : CHANGES_SHOWN;
    print_more(question, "event", count - shown);
    while (shown > 0) {
        print_event(question, chosen[--shown]);
    }
}

static void print_text(struct tg_history_question *question, const struct tg_trend_one_view *view) {
    const struct tg_trend_one *one = &view->one;
    tg_history_print_head(question);
    print_function(question, &one->function);
    tg_history_print_period(question, &view->selection);
    tg_strbuf_append_char(&question->out, '\n');
    if (one->series.count == 0) {
        tg_history_print_nothing(question, &view->selection);
        return;
    }
    size_t first = view->limit && view->limit < one->series.count ? one->series.count - view->limit : 0;
    print_verdict(question, &one->row, view->evidence);
    if (one->row.is_step && one->row.step.before) {
        print_comparison(question, &one->row.step);
    }
    tg_strbuf_append_char(&question->out, '\n');
    print_points(question, &one->series, first);
    tg_strbuf_append_char(&question->out, '\n');
    print_sparkline(question, &one->series);
    print_codes(question, one);
    print_events(question, view);
    if (one->row.is_step) { /* a line says nothing of it */
        print_chance(question, one->row.step.probability,
                     one->row.step.kind == TG_STEP_CODE ? "makes codes differ so much"
                                                        : "makes versions differ so much");
    } else if (one->row.trend.iteration_count > 2) {
        print_slope(question, &one->row.trend);
        print_chance(question, one->row.probability, "gives such a slope");
    }
}

void tg_trend_one_print(struct tg_history_question *question, const struct tg_trend_one_view *view) {
    if (question->options->json) {
        tg_trend_json_append_one(&question->out, &question->history.scope, &view->selection, &view->one, view->limit);
    } else {
        print_text(question, view);
    }
}
