/* compare: see compare.h. */
#include "analyze/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct tg_compare_limits tg_compare_limits_default = {.minimum_share = 0.01, .minimum_call_count = 10};

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : 0;
}

static struct tg_compare_figures figures_of(const struct tg_store_function *function, double length, double all_ns) {
    double total_ns = (double)function->total_ns / length;
    return (struct tg_compare_figures){
        .function = function,
        .call_count = (double)function->call_count / length,
        .total_ns = total_ns,
        .self_ns = (double)function->self_ns / length,
        .average_ns = ratio((double)function->total_ns, (double)function->call_count),
        .share = fmin(ratio(total_ns, all_ns), 1),
    };
}

static double length_of(const struct tg_compare_side *side) {
    return side->length > 0 ? side->length : 1;
}

static double self_time_of(const struct tg_compare_side *side) {
    double sum_ns = 0;
    for (size_t i = 0; i < side->count; i++) {
        sum_ns += (double)side->functions[i].self_ns;
    }
    return sum_ns / length_of(side);
}

/* One row for each function of one side, where it is before or after. */
static void list_side(struct tg_compare *compare, const struct tg_compare_side *side, bool is_after, double all_ns) {
    for (size_t i = 0; i < side->count; i++) {
        struct tg_compare_row *row = &compare->rows[compare->row_count++];
        row->name = side->functions[i].name;
        *(is_after ? &row->after : &row->before) = figures_of(&side->functions[i], length_of(side), all_ns);
    }
}

static int by_name(const void *one, const void *other) {
    const struct tg_compare_row *a = one;
    const struct tg_compare_row *b = other;
    int order = strcmp(a->name, b->name);
    return order ? order : !a->before.function - !b->before.function;
}

static int by_change(const void *one, const void *other) {
    const struct tg_compare_row *a = one;
    const struct tg_compare_row *b = other;
    double a_ns = fabs(a->change_ns);
    double b_ns = fabs(b->change_ns);
    int order = (b_ns > a_ns) - (b_ns < a_ns);
    return order ? order : strcmp(a->name, b->name);
}

/* Makes one row of a name's two, which follow each other. */
static void join(struct tg_compare *compare) {
    size_t kept = 0;
    for (size_t i = 0; i < compare->row_count; i++) {
        struct tg_compare_row *row = &compare->rows[i];
        struct tg_compare_row *last = kept ? &compare->rows[kept - 1] : NULL;
        if (last && !last->after.function && row->after.function && strcmp(last->name, row->name) == 0) {
            last->after = row->after;
        } else {
            compare->rows[kept++] = *row;
        }
    }
    compare->row_count = kept;
}

static void explain(struct tg_compare_row *row) {
    const struct tg_compare_figures *before = &row->before;
    const struct tg_compare_figures *after = &row->after;
    row->average_ratio = ratio(after->average_ns, before->average_ns);
    row->change_ns = after->self_ns - before->self_ns;
    if (before->call_count > 0 && after->call_count > 0) {
        double average_change_ns = after->self_ns / after->call_count - before->self_ns / before->call_count;
        row->change_by_average_ns = average_change_ns * (before->call_count + after->call_count) / 2;
    }
    row->change_by_calls_ns = row->change_ns - row->change_by_average_ns;
}

enum tg_status tg_compare_sides(struct tg_compare *compare, const struct tg_compare_side *before,
                                const struct tg_compare_side *after, struct tg_error *err) {
    *compare = (struct tg_compare){.before_ns = self_time_of(before), .after_ns = self_time_of(after)};
    if (before->count + after->count == 0) {
        return TG_OK;
    }
    compare->rows = calloc(before->count + after->count, sizeof *compare->rows);
    if (!compare->rows) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to compare the functions");
    }
    list_side(compare, before, false, compare->before_ns);
    list_side(compare, after, true, compare->after_ns);
    qsort(compare->rows, compare->row_count, sizeof *compare->rows, by_name);
    join(compare);
    for (size_t i = 0; i < compare->row_count; i++) {
        explain(&compare->rows[i]);
    }
    qsort(compare->rows, compare->row_count, sizeof *compare->rows, by_change);
    return TG_OK;
}

void tg_compare_release(struct tg_compare *compare) {
    if (compare) {
        free(compare->rows);
        *compare = (struct tg_compare){.rows = NULL};
    }
}

static bool is_within(const struct tg_compare_row *row, const struct tg_compare_limits *limits) {
    const struct tg_store_function *before = row->before.function;
    const struct tg_store_function *after = row->after.function;
    return before && after && before->call_count >= limits->minimum_call_count
           && after->call_count >= limits->minimum_call_count
           && fmax(row->before.share, row->after.share) >= limits->minimum_share;
}

const struct tg_compare_row *tg_compare_worst(const struct tg_compare *compare,
                                              const struct tg_compare_limits *limits) {
    const struct tg_compare_row *worst = NULL;
    for (size_t i = 0; i < compare->row_count; i++) {
        const struct tg_compare_row *row = &compare->rows[i];
        if (is_within(row, limits) && (!worst || row->average_ratio > worst->average_ratio)) {
            worst = row;
        }
    }
    return worst;
}
