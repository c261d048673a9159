/* diff: see diff.h. */
#include "analyze/diff.h"

#include <stdlib.h>
#include <string.h>

const char *const tg_diff_unit_names[] = {"run", "iteration", NULL};

/* The functions of a side: those that take part, then the others. */
struct parts {
    const struct tg_store_function *items; /* borrowed */
    size_t taking;
    size_t count;
};

static int by_name(const void *wanted, const void *item) {
    return strcmp(wanted, ((const struct tg_store_function *)item)->name);
}

static bool is_called_enough(const struct tg_store_functions *functions, const char *name) {
    const struct tg_store_function *found =
        bsearch(name, functions->items, functions->count, sizeof *functions->items, by_name);
    return found && found->call_count >= tg_compare_limits_default.minimum_call_count;
}

static bool takes_part(const struct tg_diff *diff, const char *name) {
    return diff->unit == TG_DIFF_RUN || is_called_enough(&diff->a.functions, name)
           || is_called_enough(&diff->b.functions, name);
}

/* Copies a side's functions to `items`, sorted out. */
static struct parts sort_out(const struct tg_diff *diff, const struct tg_store_functions *functions,
                             struct tg_store_function *items) {
    struct parts parts = {.items = items};
    for (int taking = 1; taking >= 0; taking--) {
        for (size_t i = 0; i < functions->count; i++) {
            if (takes_part(diff, functions->items[i].name) == taking) {
                items[parts.count++] = functions->items[i];
            }
        }
        parts.taking = taking ? parts.count : parts.taking;
    }
    return parts;
}

static double length_of(const struct tg_diff *diff, const struct tg_diff_side *side) {
    return (double)(diff->unit == TG_DIFF_RUN ? side->run_count : side->iteration_count);
}

/* Compares what takes part, or the others. */
static enum tg_status compare(struct tg_compare *compare, const struct tg_diff *diff, const struct parts *a,
                              const struct parts *b, bool others, struct tg_error *err) {
    struct tg_compare_side before = {
        .functions = a->items + (others ? a->taking : 0),
        .count = others ? a->count - a->taking : a->taking,
        .length = length_of(diff, &diff->a),
    };
    struct tg_compare_side after = {
        .functions = b->items + (others ? b->taking : 0),
        .count = others ? b->count - b->taking : b->taking,
        .length = length_of(diff, &diff->b),
    };
    return tg_compare_sides(compare, &before, &after, err);
}

static enum tg_status compare_sides(struct tg_diff *diff, struct tg_error *err) {
    diff->parts = calloc(diff->a.functions.count + diff->b.functions.count + 1, sizeof *diff->parts);
    if (!diff->parts) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to compare the functions");
    }
    struct parts a = sort_out(diff, &diff->a.functions, diff->parts);
    struct parts b = sort_out(diff, &diff->b.functions, diff->parts + diff->a.functions.count);
    if (a.taking + b.taking == 0) {
        a.taking = a.count;
        b.taking = b.count;
    }
    enum tg_status status = compare(&diff->compare, diff, &a, &b, false, err);
    if (status == TG_OK) {
        status = compare(&diff->others, diff, &a, &b, true, err);
    }
    diff->worst = tg_compare_worst(&diff->compare, &tg_compare_limits_default);
    return status;
}

/* Whether another code of the function took over from it at an iteration or before. */
static bool is_over(const struct tg_store_codes *own, const struct tg_store_code *code, int64_t iteration) {
    const struct tg_store_code *end = own->items + own->count;
    const struct tg_store_code *next = code + 1;
    while (next < end && tg_store_code_before(own, next) != code) {
        next++;
    }
    return next < end && next->first_iteration <= iteration;
}

/* Whether a code was in force in a range of iterations that is not the one of an iteration before. Another Python
 * compiles the same source to another code: that is no change. */
static bool is_changed(const struct tg_store_codes *codes, int64_t function_id, int64_t before,
                       const struct tg_period *range) {
    const struct tg_store_codes own = tg_store_codes_of(codes, function_id);
    const struct tg_store_code *end = own.items + own.count;
    for (const struct tg_store_code *code = own.items; code < end && code->first_iteration <= range->last_iteration;
         code++) {
        const struct tg_store_code *was = code;
        while (was && was->first_iteration > before) {
            was = tg_store_code_before(&own, was);
        }
        if (was && was->code_hash != code->code_hash && !is_over(&own, code, range->first_iteration)) {
            return true;
        }
    }
    return false;
}

/* Which functions have another code on the side that is later than the other one ended with, whether it came with that
 * side or before it. */
static enum tg_status mark_changed(struct tg_diff *diff, const struct tg_scope *scope, struct tg_error *err) {
    bool is_in_order = diff->a.first_iteration <= diff->b.first_iteration;
    const struct tg_diff_side *earlier = is_in_order ? &diff->a : &diff->b;
    const struct tg_diff_side *later = is_in_order ? &diff->b : &diff->a;
    bool are_apart = earlier->last_iteration < later->first_iteration;
    int64_t before = are_apart ? earlier->last_iteration : later->first_iteration - 1;
    const struct tg_period range = {later->first_iteration, later->last_iteration};
    struct tg_compare *const parts[] = {&diff->compare, &diff->others};
    struct tg_store_codes codes;
    enum tg_status status = tg_store_codes(scope->store, scope->service->id, 0, &codes, err);
    if (status != TG_OK) {
        return status;
    }
    for (size_t part = 0; part < 2; part++) {
        for (size_t i = 0; i < parts[part]->row_count; i++) {
            struct tg_compare_row *row = &parts[part]->rows[i];
            row->code_changed = row->before.function && row->after.function
                                && is_changed(&codes, row->before.function->id, before, &range);
        }
    }
    tg_store_codes_release(&codes);
    return TG_OK;
}

enum tg_status tg_diff_read(struct tg_diff *diff, const struct tg_scope *scope, const struct tg_scope_words within[2],
                            const char *const words[2], enum tg_diff_unit wish, struct tg_error *err) {
    *diff = (struct tg_diff){.parts = NULL};
    enum tg_status status = tg_diff_side_read(&diff->a, scope, &within[0], words[0], err);
    if (status == TG_OK) {
        status = tg_diff_side_read(&diff->b, scope, &within[1], words[1], err);
    }
    diff->unit = wish != TG_DIFF_ANY                        ? wish
                 : diff->a.is_of_jobs && diff->b.is_of_jobs ? TG_DIFF_RUN
                                                            : TG_DIFF_ITERATION;
    if (status == TG_OK) {
        status = compare_sides(diff, err);
    }
    return status == TG_OK ? mark_changed(diff, scope, err) : status;
}

void tg_diff_release(struct tg_diff *diff) {
    if (diff) {
        tg_diff_side_release(&diff->a);
        tg_diff_side_release(&diff->b);
        tg_compare_release(&diff->compare);
        tg_compare_release(&diff->others);
        free(diff->parts);
        diff->parts = NULL;
    }
}

size_t tg_diff_row_count(const struct tg_diff *diff) {
    return diff->compare.row_count + diff->others.row_count;
}

const struct tg_compare_row *tg_diff_row(const struct tg_diff *diff, size_t index) {
    return index < diff->compare.row_count ? &diff->compare.rows[index]
                                           : &diff->others.rows[index - diff->compare.row_count];
}
