/* trends: see trends.h. */
#include "analyze/trends.h"

#include "analyze/function_name.h"

#include <stdlib.h>

/* `codes`: of the row's function. */
static enum tg_status fit(struct tg_rank_trend *row, const struct tg_store_series *series, const struct tg_scope *scope,
                          const struct tg_store_selection *selection, const struct tg_store_codes *codes,
                          struct tg_error *err) {
    const struct tg_step_causes causes = {
        .versions = scope->versions.items,
        .version_count = selection->version ? 0 : scope->versions.count, /* one has no steps between versions */
        .codes = codes->items,
        .code_count = codes->count,
    };
    enum tg_status status = tg_trend_of_points(&row->trend, series->items, series->count, err);
    row->by_points = true;
    return status == TG_OK ? tg_step_of_points(&row->step, series->items, series->count, &row->trend, &causes, err)
                           : status;
}

static uint64_t count_calls(const struct tg_store_series *series) {
    uint64_t count = 0;
    for (size_t i = 0; i < series->count; i++) {
        count += series->items[i].call_count;
    }
    return count;
}

enum tg_status tg_trend_one_read(struct tg_trend_one *one, const struct tg_scope *scope,
                                 const struct tg_store_selection *selection, const char *name, size_t limit,
                                 const struct tg_rank_evidence *evidence, struct tg_error *err) {
    *one = (struct tg_trend_one){.row = {.function = &one->function}};
    enum tg_status status = tg_function_name_read(&one->function, scope, name, err);
    if (status == TG_OK) {
        status = tg_store_series(scope->store, selection, one->function.name, limit, &one->series, err);
    }
    if (status == TG_OK) {
        status = tg_store_codes(scope->store, selection->service_id, one->function.id, &one->codes, err);
    }
    if (status == TG_OK) {
        status = fit(&one->row, &one->series, scope, selection, &one->codes, err);
    }
    if (status == TG_OK) {
        one->function.call_count = count_calls(&one->series);
        tg_rank_trends(&one->row, 1, evidence);
    }
    return status;
}

void tg_trend_one_release(struct tg_trend_one *one) {
    if (one) {
        tg_store_series_release(&one->series);
        tg_store_codes_release(&one->codes);
        tg_function_name_release(&one->function);
    }
}

static struct tg_store_series *series_of(const struct tg_trends *trends, const struct tg_rank_trend *row) {
    return &trends->series[row->function - trends->functions.items];
}

const struct tg_store_series *tg_trends_series(const struct tg_trends *trends, const struct tg_rank_trend *row) {
    return series_of(trends, row);
}

static enum tg_status look_at_points(const struct tg_trends *trends, struct tg_rank_trend *row,
                                     const struct tg_scope *scope, const struct tg_store_selection *selection,
                                     struct tg_error *err) {
    struct tg_store_series *series = series_of(trends, row);
    const struct tg_store_codes codes = tg_store_codes_of(&trends->codes, row->function->id);
    enum tg_status status = tg_store_series(scope->store, selection, row->function->name, 0, series, err);
    return status == TG_OK ? fit(row, series, scope, selection, &codes, err) : status;
}

/* Whether the function's code changed between its iterations. */
static bool has_new_code(const struct tg_trends *trends, const struct tg_store_function *function) {
    const struct tg_store_codes codes = tg_store_codes_of(&trends->codes, function->id);
    for (size_t i = 1; i < codes.count; i++) {
        int64_t first_iteration = codes.items[i].first_iteration;
        if (first_iteration > function->sums.first_iteration && first_iteration <= function->sums.last_iteration
            && tg_store_code_before(&codes, &codes.items[i])) {
            return true;
        }
    }
    return false;
}

/* Looks at the points of functions with new code: an edit that is undone again leaves no line to be seen in sums. */
static enum tg_status look_at_edited(struct tg_trends *trends, const struct tg_scope *scope,
                                     const struct tg_store_selection *selection,
                                     const struct tg_rank_evidence *evidence, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < trends->functions.count && status == TG_OK; i++) {
        struct tg_rank_trend *row = &trends->rows[i];
        if (row->function->call_count >= evidence->minimum_call_count && has_new_code(trends, row->function)) {
            status = look_at_points(trends, row, scope, selection, err);
        }
    }
    tg_rank_trends(trends->rows, trends->functions.count, evidence);
    return status;
}

/* Looks at the points of what is evident by sums alone. Ranked anew others may be so, though hardly ever are. */
static enum tg_status look_closer(struct tg_trends *trends, const struct tg_scope *scope,
                                  const struct tg_store_selection *selection, const struct tg_rank_evidence *evidence,
                                  struct tg_error *err) {
    enum tg_status status = TG_OK;
    bool are_new = true;
    while (status == TG_OK && are_new) {
        are_new = false;
        for (size_t i = 0; i < trends->functions.count && status == TG_OK && trends->rows[i].evident; i++) {
            struct tg_rank_trend *row = &trends->rows[i];
            if (!row->by_points) {
                are_new = true;
                status = look_at_points(trends, row, scope, selection, err);
            }
        }
        if (are_new && status == TG_OK) {
            tg_rank_trends(trends->rows, trends->functions.count, evidence);
        }
    }
    return status;
}

static enum tg_status rank_by_sums(struct tg_trends *trends, const struct tg_rank_evidence *evidence,
                                   struct tg_error *err) {
    size_t count = trends->functions.count;
    trends->rows = calloc(count + 1, sizeof *trends->rows);
    trends->series = calloc(count + 1, sizeof *trends->series);
    if (!trends->rows || !trends->series) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the trends of %zu functions", count);
    }
    for (size_t i = 0; i < count; i++) {
        trends->rows[i].function = &trends->functions.items[i];
        tg_trend_of_sums(&trends->rows[i].trend, &trends->functions.items[i].sums);
    }
    tg_rank_trends(trends->rows, count, evidence);
    return TG_OK;
}

enum tg_status tg_trends_read(struct tg_trends *trends, const struct tg_scope *scope,
                              const struct tg_store_selection *selection, const struct tg_rank_evidence *evidence,
                              struct tg_error *err) {
    *trends = (struct tg_trends){.rows = NULL};
    enum tg_status status = tg_store_functions(scope->store, selection, NULL, false, &trends->functions, err);
    if (status == TG_OK) {
        status = tg_store_codes(scope->store, selection->service_id, 0, &trends->codes, err);
    }
    if (status == TG_OK) {
        status = rank_by_sums(trends, evidence, err);
    }
    if (status == TG_OK) {
        status = look_at_edited(trends, scope, selection, evidence, err);
    }
    return status == TG_OK ? look_closer(trends, scope, selection, evidence, err) : status;
}

void tg_trends_release(struct tg_trends *trends) {
    if (trends) {
        for (size_t i = 0; trends->series && i < trends->functions.count; i++) {
            tg_store_series_release(&trends->series[i]);
        }
        free(trends->series);
        free(trends->rows);
        tg_store_codes_release(&trends->codes);
        tg_store_functions_release(&trends->functions);
        *trends = (struct tg_trends){.rows = NULL};
    }
}
