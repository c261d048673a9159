/* api_functions: which functions matter, and how they change. See api.h. */
#include "analyze/diff.h"
#include "analyze/rank.h"
#include "analyze/trend.h"
#include "analyze/trends.h"
#include "answer/diff_json.h"
#include "answer/rank_json.h"
#include "answer/trend_json.h"
#include "serve/api.h"

#include <stdlib.h>
#include <string.h>

#define ROWS     100 /* unless asked otherwise */
#define ROWS_MAX 1000
#define FEW_ROWS 100
#define POINTS   5000

#define PAGE                                                                                                           \
    {.name = "offset", .kind = TG_API_NUMBER, .least = 0, .most = INT32_MAX}, {                                        \
        .name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = ROWS_MAX                                           \
    }

/* Those of tg_rank_key_names, and two more. */
static const char *const sorts[] = {"average", "total", "self", "calls", "p99", "errors", "name", "slope", NULL};
#define SORT_NAME  6
#define SORT_SLOPE 7
static const char *const orders[] = {"descending", "ascending", NULL};
static const char *const yes_no[] = {"no", "yes", NULL};

const struct tg_api_parameter tg_api_functions_parameters[] = {
    {.name = "sort", .kind = TG_API_CHOICE, .choices = sorts},
    {.name = "order", .kind = TG_API_CHOICE, .choices = orders},
    {.name = "filter", .kind = TG_API_TEXT},
    {.name = "percentiles", .kind = TG_API_CHOICE, .choices = yes_no},
    PAGE,
    {.name = NULL},
};

/* Keeps those whose name has the filter in it, whatever its case. */
static void filter_functions(struct tg_store_functions *functions, const char *filter) {
    size_t count = 0;
    if (!filter || !*filter) {
        return;
    }
    for (size_t i = 0; i < functions->count; i++) {
        if (strcasestr(functions->items[i].name, filter)) {
            struct tg_store_function kept = functions->items[i];
            functions->items[i] = functions->items[count];
            functions->items[count++] = kept;
        }
    }
    struct tg_store_functions dropped = {.items = functions->items + count, .count = functions->count - count};
    for (size_t i = 0; i < dropped.count; i++) {
        free(dropped.items[i].name);
        free(dropped.items[i].file);
        free(dropped.items[i].histogram);
    }
    functions->count = count;
}

static double slope_of(const struct tg_store_function *function) {
    struct tg_trend trend;
    tg_trend_of_sums(&trend, &function->sums);
    return trend.slope_ns;
}

/* Largest first, equal ones by name. */
static int by_slope(const void *left, const void *right) {
    const struct tg_ranked *a = left;
    const struct tg_ranked *b = right;
    return a->value == b->value ? strcmp(a->function->name, b->function->name)
                                : (a->value < b->value) - (a->value > b->value);
}

static enum tg_status rank(struct tg_ranking *ranking, const struct tg_store_functions *functions, int sort,
                           struct tg_error *err) {
    if (sort != SORT_NAME && sort != SORT_SLOPE) {
        return tg_rank_functions(ranking, functions->items, functions->count, (enum tg_rank_key)sort, 0, err);
    }
    *ranking =
        (struct tg_ranking){.items = calloc(functions->count + 1, sizeof *ranking->items), .count = functions->count};
    if (!ranking->items) {
        ranking->count = 0;
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to sort functions");
    }
    for (size_t i = 0; i < functions->count; i++) {
        ranking->items[functions->count - 1 - i].function = &functions->items[i];
        ranking->items[functions->count - 1 - i].value = slope_of(&functions->items[i]);
    }
    if (sort == SORT_SLOPE) {
        qsort(ranking->items, ranking->count, sizeof *ranking->items, by_slope);
    }
    return TG_OK;
}

/* Leaves the rows of the page that is asked for. */
static void cut_page(struct tg_ranking *ranking, bool ascending, uint64_t offset, uint64_t limit) {
    for (size_t i = 0; ascending && i < ranking->count / 2; i++) {
        struct tg_ranked row = ranking->items[i];
        ranking->items[i] = ranking->items[ranking->count - 1 - i];
        ranking->items[ranking->count - 1 - i] = row;
    }
    size_t first = offset < ranking->count ? (size_t)offset : ranking->count;
    size_t rest = ranking->count - first;
    ranking->count = limit < rest ? (size_t)limit : rest;
    if (ranking->count > 0) { /* else there may be no items at all */
        memmove(ranking->items, ranking->items + first, ranking->count * sizeof *ranking->items);
    }
}

/* Reads the distributions of the rows that are shown. Those of all functions are most of a history's bytes: few are
 * read one by one, along the history of each. */
static enum tg_status read_distributions(struct tg_store *store, const struct tg_store_selection *selection,
                                         struct tg_store_functions *functions, const struct tg_ranking *ranking,
                                         struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < ranking->count && status == TG_OK; i++) {
        struct tg_store_function *row = &functions->items[ranking->items[i].function - functions->items];
        struct tg_store_functions one = {.items = NULL};
        status = tg_store_functions(store, selection, row->name, true, &one, err);
        if (status == TG_OK && one.count == 1) {
            free(row->histogram);
            row->histogram = one.items[0].histogram;
            one.items[0].histogram = NULL;
        }
        tg_store_functions_release(&one);
    }
    return status;
}

enum tg_status tg_api_functions(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_store_functions functions = {.items = NULL};
    struct tg_ranking ranking = {.items = NULL};
    int sort = tg_api_choice(call, "sort", sorts, TG_RANK_AVERAGE);
    bool with_percentiles = sort == TG_RANK_P99 || tg_api_choice(call, "percentiles", yes_no, 0);
    uint64_t limit = tg_api_number(call, "limit", ROWS);
    bool one_by_one = with_percentiles && sort != TG_RANK_P99 && limit <= FEW_ROWS;
    enum tg_status status = tg_api_select(call, &selection, err);
    if (status == TG_OK) {
        status =
            tg_store_functions(call->scope.store, &selection, NULL, with_percentiles && !one_by_one, &functions, err);
    }
    if (status == TG_OK) {
        filter_functions(&functions, tg_api_text(call, "filter"));
        status = rank(&ranking, &functions, sort, err);
    }
    if (status == TG_OK) {
        /* By name the usual direction is the other one. */
        bool ascending = tg_api_choice(call, "order", orders, sort == SORT_NAME) == 1;
        cut_page(&ranking, ascending, tg_api_number(call, "offset", 0), limit);
        if (one_by_one) {
            status = read_distributions(call->scope.store, &selection, &functions, &ranking, err);
        }
    }
    if (status == TG_OK) {
        tg_rank_json_append(call->out, &call->scope, &selection, &ranking, functions.count, sorts[sort],
                            with_percentiles);
    }
    tg_ranking_release(&ranking);
    tg_store_functions_release(&functions);
    return status;
}

const struct tg_api_parameter tg_api_trend_parameters[] = {
    {.name = "function", .kind = TG_API_TEXT, .required = true},
    {.name = "last", .kind = TG_API_NUMBER, .least = 1, .most = POINTS},
    {.name = NULL},
};

enum tg_status tg_api_trend(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_trend_one one = {.series = {.items = NULL}};
    enum tg_status status = tg_api_select(call, &selection, err);
    if (status == TG_OK) {
        status = tg_trend_one_read(&one, &call->scope, &selection, tg_api_text(call, "function"), 0,
                                   &tg_rank_evidence_default, err);
        call->blamed = status == TG_ERROR_NOT_FOUND || status == TG_ERROR_INVALID ? "function" : NULL;
    }
    if (status == TG_OK) {
        tg_trend_json_append_one(call->out, &call->scope, &selection, &one, tg_api_number(call, "last", POINTS));
    }
    tg_trend_one_release(&one);
    return status;
}

const struct tg_api_parameter tg_api_trends_parameters[] = {
    {.name = "minimum", .kind = TG_API_AMOUNT},
    PAGE,
    {.name = NULL},
};

enum tg_status tg_api_trends(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_trends trends = {.rows = NULL};
    struct tg_rank_evidence evidence = tg_rank_evidence_default;
    evidence.minimum_relative_change = tg_api_amount(call, "minimum", evidence.minimum_relative_change);
    enum tg_status status = tg_api_select(call, &selection, err);
    if (status == TG_OK) {
        status = tg_trends_read(&trends, &call->scope, &selection, &evidence, err);
    }
    if (status == TG_OK) {
        tg_trend_json_append_all(call->out, &call->scope, &selection, &trends, &evidence,
                                 tg_api_number(call, "offset", 0), tg_api_number(call, "limit", ROWS));
    }
    tg_trends_release(&trends);
    return status;
}

const struct tg_api_parameter tg_api_diff_parameters[] = {
    {.name = "a", .kind = TG_API_TEXT, .required = true},
    {.name = "b", .kind = TG_API_TEXT, .required = true},
    {.name = "per", .kind = TG_API_CHOICE, .choices = tg_diff_unit_names},
    {.name = "since", .kind = TG_API_TEXT},
    {.name = "until", .kind = TG_API_TEXT},
    PAGE,
    {.name = NULL},
};

enum tg_status tg_api_diff(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_scope_words within = {.since = tg_api_text(call, "since"), .until = tg_api_text(call, "until")};
    struct tg_diff diff = {.parts = NULL};
    enum tg_status status =
        tg_diff_read(&diff, &call->scope, (const struct tg_scope_words[]){within, within},
                     (const char *const[]){tg_api_text(call, "a"), tg_api_text(call, "b")},
                     (enum tg_diff_unit)tg_api_choice(call, "per", tg_diff_unit_names, TG_DIFF_ANY), err);
    if (status == TG_OK) {
        tg_diff_json_append(call->out, &call->scope, &diff, tg_api_number(call, "offset", 0),
                            tg_api_number(call, "limit", ROWS), NULL);
    }
    tg_diff_release(&diff);
    return status;
}
