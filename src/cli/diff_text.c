/* diff_text: the comparison for a person. See diff_view.h. */
#include "analyze/run_name.h"
#include "base/humanize.h"
#include "cli/change.h"
#include "cli/diff_view.h"
#include "cli/fact.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/printable.h"
#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FUNCTION_LEAST    24
#define PART_THAT_MATTERS 0.2  /* of the larger one */
#define WORTH_SAYING      1.05 /* times as slow */
#define CODE_CHANGED      "; its code has changed\n"

/* Calls of one iteration: "0.02", "3.5", "1,234". */
static struct tg_human human_calls(double calls) {
    struct tg_human human;
    if (calls < 10 && calls != floor(calls)) {
        unsigned hundredths = (unsigned)lround(calls * 100);
        if (hundredths == 0) {
            snprintf(human.text, sizeof human.text, "<0.01");
        } else {
            snprintf(human.text, sizeof human.text, "%u.%02u", hundredths / 100, hundredths % 100);
        }
        return human;
    }
    return tg_humanize_count((uint64_t)fmin(round(calls), 1e19));
}

static void add_level(struct tg_table *table, const struct tg_compare_figures *figures, double ns) {
    tg_table_add(table, figures->function ? tg_change_level(ns).text : "-");
}

static void add_calls(struct tg_table *table, const struct tg_compare_figures *figures) {
    tg_table_add(table, figures->function ? human_calls(figures->call_count).text : "-");
}

static void append_ratio(struct tg_strbuf *out, double ratio) {
    tg_strbuf_printf(out, ratio < 9.995 ? "%.2fx" : "%.0fx", ratio);
}

static void add_ratio(struct tg_table *table, const struct tg_compare_row *row) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    if (!row->before.function || !row->after.function) {
        tg_strbuf_append(&text, row->after.function ? "new" : "gone");
    } else if (row->average_ratio > 0) {
        append_ratio(&text, row->average_ratio);
    } else {
        tg_strbuf_append_char(&text, '-');
    }
    tg_table_add_bytes(table, tg_strbuf_text(&text), text.length);
    tg_strbuf_release(&text);
}

static void add_name(struct tg_table *table, const struct tg_compare_row *row) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, row->name);
    tg_strbuf_append(&text, row->code_changed ? " *" : "");
    tg_table_add_bytes(table, tg_strbuf_text(&text), text.length);
    tg_strbuf_release(&text);
}

static void add_row(struct tg_table *table, const struct tg_compare_row *row) {
    const struct tg_compare_figures *before = &row->before;
    const struct tg_compare_figures *after = &row->after;
    add_level(table, before, before->average_ns);
    add_level(table, after, after->average_ns);
    add_ratio(table, row);
    add_calls(table, before);
    add_calls(table, after);
    add_level(table, before, before->self_ns);
    add_level(table, after, after->self_ns);
    tg_table_add(table, tg_change_duration(row->change_ns).text);
    tg_table_add(table, tg_change_duration(row->change_by_calls_ns).text);
    tg_table_add(table, tg_change_duration(row->change_by_average_ns).text);
    add_name(table, row);
}

static void print_table(struct tg_history_question *question, const struct tg_diff *diff, size_t shown) {
    static const struct tg_table_column columns[] = {
        {.title = "average A", .late = 2},
        {.title = "average B", .late = 2},
        {.title = "ratio", .late = 1},
        {.title = "calls A", .drop = 1},
        {.title = "calls B", .drop = 1},
        {.title = "self A", .drop = 2},
        {.title = "self B", .drop = 2},
        {.title = "change"},
        {.title = "by calls", .drop = 3},
        {.title = "by average", .drop = 3},
        {.title = "function", .left = true, .least = FUNCTION_LEAST},
    };
    struct tg_table table;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    bool is_any_changed = false;
    for (size_t i = 0; i < shown; i++) {
        add_row(&table, tg_diff_row(diff, i));
        is_any_changed = is_any_changed || tg_diff_row(diff, i)->code_changed;
    }
    tg_table_print(&table, &question->terminal, &question->out);
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    bool is_note = is_any_changed || hidden.length || shown < tg_diff_row_count(diff);
    tg_strbuf_append(&question->out, is_note ? "\n" : "");
    tg_strbuf_append(&question->out, is_any_changed ? "* its code has changed\n" : "");
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_strbuf_release(&hidden);
    tg_table_release(&table);
}

/* "version 1: iterations 0 to 41, 2026-11-21 10:00:00 to 10:00:42" */
static void append_side(struct tg_strbuf *out, const struct tg_diff_side *side,
                        const struct tg_store_service *service) {
    if (side->selection.version) {
        tg_strbuf_printf(out, "version %s: ", side->selection.version[0] ? side->selection.version : "(not told)");
    } else if (side->is_run) {
        tg_strbuf_printf(out, "run %.*s: ", TG_RUN_NAME_DIGITS, side->selection.run);
    }
    const struct tg_period period = {side->first_iteration, side->last_iteration};
    tg_history_append_period(out, service, &period);
}

static void print_side(struct tg_history_question *question, const char *label, const struct tg_diff_side *side) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    append_side(&line, side, question->history.scope.service);
    tg_history_print_fact(question, label, &line);
    tg_strbuf_release(&line);
}

/* "3 runs of A (1 not ended by itself)" */
static void append_runs(struct tg_strbuf *out, const struct tg_diff_side *side, const char *label) {
    int64_t unended = side->run_count - side->ended_run_count;
    tg_strbuf_printf(out, "%s run%s of %s", tg_humanize_count((uint64_t)side->run_count).text,
                     side->run_count == 1 ? "" : "s", label);
    if (unended) {
        tg_strbuf_printf(out, " (%s not ended by itself)", tg_humanize_count((uint64_t)unended).text);
    }
}

/* What figures are of, and how the other is had, where that would say anything. */
static void print_figures(struct tg_history_question *question, const struct tg_diff_view *view) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    const struct tg_diff *diff = &view->diff;
    bool are_named = diff->a.is_run && diff->b.is_run;
    if (diff->unit == TG_DIFF_RUN && are_named) {
        tg_strbuf_append(&line, "calls, self time and change (B less A) are those of the whole runs");
    } else if (diff->unit == TG_DIFF_RUN) {
        tg_strbuf_append(&line, "calls, self time and change (B less A) are per run, means of ");
        append_runs(&line, &diff->a, "A");
        tg_strbuf_append(&line, " and ");
        append_runs(&line, &diff->b, "B");
    } else {
        tg_strbuf_printf(&line, "calls, self time and change (B less A) are per iteration, of which A has %s, ",
                         tg_humanize_count((uint64_t)diff->a.iteration_count).text);
        tg_strbuf_printf(&line, "B %s", tg_humanize_count((uint64_t)diff->b.iteration_count).text);
    }
    tg_history_print_fact(question, "figures", &line);
    tg_strbuf_truncate(&line, 0);
    if (view->was_chosen || are_named) {
        tg_strbuf_append(&line, "");
    } else if (diff->unit == TG_DIFF_RUN) {
        tg_strbuf_append(&line, "because these ended by themselves; for a service: --per iteration");
    } else if (diff->a.ended_run_count && diff->b.ended_run_count) {
        tg_strbuf_append(&line, "as fits a service; of a program that ends when its work is done: --per run");
    }
    tg_history_print_fact(question, "", &line);
    tg_strbuf_release(&line);
}

/* How long runs lasted, timed functions or not. */
static void append_lengths(struct tg_strbuf *out, const struct tg_diff *diff) {
    tg_strbuf_printf(out, "a run of B lasts %s, of A ", tg_change_level(diff->b.run_ns).text);
    tg_strbuf_append(out, tg_change_level(diff->a.run_ns).text);
    if (diff->a.run_ns > 0) {
        tg_strbuf_printf(out, " (%s)", tg_change_percent(diff->b.run_ns / diff->a.run_ns - 1).text);
    }
    tg_strbuf_append_char(out, '\n');
}

/* All of it. */
static void append_sum(struct tg_strbuf *out, const struct tg_diff *diff) {
    tg_strbuf_printf(out, "B spends %s per %s in timed functions, ", tg_change_level(diff->compare.after_ns).text,
                     tg_diff_unit_names[diff->unit]);
    tg_strbuf_printf(out, "A %s", tg_change_level(diff->compare.before_ns).text);
    if (diff->compare.before_ns > 0) {
        tg_strbuf_printf(out, " (%s)", tg_change_percent(diff->compare.after_ns / diff->compare.before_ns - 1).text);
    }
    tg_strbuf_append_char(out, '\n');
}

static void append_averages(struct tg_strbuf *out, const struct tg_compare_row *row) {
    tg_strbuf_printf(out, "a call takes %s, in A ", tg_change_level(row->after.average_ns).text);
    tg_strbuf_append(out, tg_change_level(row->before.average_ns).text);
}

static void append_calls(struct tg_strbuf *out, const struct tg_compare_row *row, enum tg_diff_unit unit) {
    tg_strbuf_printf(out, "it is called %s times per %s, in A ", human_calls(row->after.call_count).text,
                     tg_diff_unit_names[unit]);
    tg_strbuf_append(out, human_calls(row->before.call_count).text);
}

/* The larger part first, and the other one where it matters. */
static void append_reason(struct tg_strbuf *out, const struct tg_compare_row *row, enum tg_diff_unit unit) {
    double by_calls = fabs(row->change_by_calls_ns);
    double by_average = fabs(row->change_by_average_ns);
    if (!row->before.function || !row->after.function) {
        tg_strbuf_append(out, row->after.function ? "only B calls it" : "only A calls it");
        return;
    }
    if (by_average >= by_calls) {
        append_averages(out, row);
    } else {
        append_calls(out, row, unit);
    }
    if (fmin(by_calls, by_average) >= PART_THAT_MATTERS * fmax(by_calls, by_average)) {
        tg_strbuf_append(out, ", and ");
        if (by_average >= by_calls) {
            append_calls(out, row, unit);
        } else {
            append_averages(out, row);
        }
    }
}

static void append_name(struct tg_strbuf *out, const struct tg_compare_row *row) {
    tg_printable_append(out, row->name, strlen(row->name));
}

/* All of it, what contributes most, and whose calls got slower most, if that is another. */
static void append_verdict(struct tg_strbuf *out, const struct tg_diff *diff) {
    const struct tg_compare_row *largest = &diff->compare.rows[0];
    const struct tg_compare_row *worst = diff->worst;
    append_sum(out, diff);
    if (diff->unit == TG_DIFF_RUN) {
        append_lengths(out, diff);
    }
    if (largest->change_ns != 0) {
        tg_strbuf_append(out, "most of the change: ");
        append_name(out, largest);
        tg_strbuf_printf(out, ", %s\n  ", tg_change_duration(largest->change_ns).text);
        append_reason(out, largest, diff->unit);
        tg_strbuf_append(out, largest->code_changed ? CODE_CHANGED : "\n");
    }
    if (worst && worst != largest && worst->average_ratio > WORTH_SAYING) {
        tg_strbuf_append(out, "slowed down most: ");
        append_name(out, worst);
        tg_strbuf_append(out, ", ");
        append_ratio(out, worst->average_ratio);
        tg_strbuf_append(out, "\n  ");
        append_averages(out, worst);
        tg_strbuf_append(out, worst->code_changed ? CODE_CHANGED : "\n");
    }
}

static void print_limit(struct tg_history_question *question, const struct tg_diff_view *view) {
    struct tg_strbuf *out = &question->out;
    const struct tg_compare_row *worst = view->diff.worst;
    tg_strbuf_append_char(out, '\n');
    if (view->verdict.failed) {
        tg_strbuf_append(out, "FAILED: a call of ");
        append_name(out, worst);
        tg_strbuf_append(out, " takes ");
        append_ratio(out, worst->average_ratio);
        tg_strbuf_printf(out, " as long (%s),\n  more than the ", tg_change_percent(worst->average_ratio - 1).text);
        tg_strbuf_printf(out, "%s of --fail-over\n", tg_change_percent(view->verdict.limit_ratio).text + 1);
    } else {
        tg_strbuf_printf(out, "passed: no function that counts got slower by more than the %s of --fail-over\n",
                         tg_change_percent(view->verdict.limit_ratio).text + 1);
    }
}

void tg_diff_print_text(struct tg_history_question *question, const struct tg_diff_view *view) {
    const struct tg_diff *diff = &view->diff;
    size_t count = tg_diff_row_count(diff);
    size_t shown = view->limit && view->limit < count ? view->limit : count;
    tg_history_print_head(question);
    print_side(question, "A", &diff->a);
    print_side(question, "B", &diff->b);
    print_figures(question, view);
    tg_strbuf_append_char(&question->out, '\n');
    append_verdict(&question->out, diff);
    tg_strbuf_append_char(&question->out, '\n');
    print_table(question, diff, shown);
    tg_history_print_cut(question, count - shown, "function");
    if (view->has_limit) {
        print_limit(question, view);
    }
}
