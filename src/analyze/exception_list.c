/* exception_list: see exception_list.h. */
#include "analyze/exception_list.h"

#include "analyze/chart.h"
#include "base/pattern.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *const tg_exception_sort_names[] = {
    [TG_EXCEPTION_SORT_COUNT] = "count",
    [TG_EXCEPTION_SORT_LAST] = "last",
    NULL,
};

void tg_exception_list_release(struct tg_exception_list *list) {
    if (!list) {
        return;
    }
    for (size_t i = 0; i < list->row_count; i++) {
        tg_store_exception_points_release(&list->rows[i].points);
        tg_store_exception_samples_release(&list->rows[i].samples);
    }
    free(list->rows);
    tg_store_exceptions_release(&list->all);
    *list = (struct tg_exception_list){.rows = NULL};
}

/* Equal ones stay in the order of the store. */
static int by_last(const void *one, const void *other) {
    const struct tg_exception_row *a = one;
    const struct tg_exception_row *b = other;
    int64_t a_ns = a->exception->last_wall_ns;
    int64_t b_ns = b->exception->last_wall_ns;
    return a_ns == b_ns ? (a->exception > b->exception) - (a->exception < b->exception) : (a_ns < b_ns) - (a_ns > b_ns);
}

static bool is_meant(const struct tg_exception_question *question, const struct tg_store_exception *exception) {
    return (question->id == 0 || question->id == exception->id)
           && (!question->function || strcmp(question->function, exception->function) == 0)
           && (!question->pattern || tg_pattern_match(question->pattern, exception->function))
           && (!question->filter || strcasestr(exception->function, question->filter)
               || strcasestr(exception->type, question->filter));
}

/* Chooses the rows. */
static enum tg_status choose(struct tg_exception_list *list, const struct tg_exception_question *question,
                             struct tg_error *err) {
    list->rows = calloc(list->all.count + 1, sizeof *list->rows);
    if (!list->rows) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the exceptions");
    }
    for (size_t i = 0; i < list->all.count; i++) {
        if (is_meant(question, &list->all.items[i])) {
            list->rows[list->matching_count++].exception = &list->all.items[i];
        }
    }
    if (question->sort == TG_EXCEPTION_SORT_LAST) {
        qsort(list->rows, list->matching_count, sizeof *list->rows, by_last);
    }
    size_t first = question->offset < list->matching_count ? question->offset : list->matching_count;
    list->row_count = list->matching_count - first;
    if (question->limit && question->limit < list->row_count) {
        list->row_count = question->limit;
    }
    for (size_t i = 0; i < list->row_count; i++) {
        list->rows[i] = list->rows[first + i];
    }
    return TG_OK;
}

/* Adds up the points of each step. */
static void shorten(struct tg_store_exception_points *points, int64_t step) {
    size_t count = 0;
    for (size_t i = 0; i < points->count; i++) {
        struct tg_store_exception_point point = points->items[i];
        point.iteration = tg_chart_start_of_step(point.iteration, step);
        if (count > 0 && points->items[count - 1].iteration == point.iteration) {
            points->items[count - 1].count += point.count;
        } else {
            points->items[count++] = point;
        }
    }
    points->count = count;
}

static enum tg_status complete(struct tg_exception_list *list, struct tg_exception_row *row, struct tg_store *store,
                               const struct tg_exception_question *question, struct tg_error *err) {
    const struct tg_store_selection *selection = &question->selection;
    assert(row->exception); /* every row that is shown was chosen */
    enum tg_status status = tg_store_exception_points(store, selection, row->exception->id, &row->points, err);
    if (status == TG_OK) {
        shorten(&row->points, list->step);
        status = tg_store_exception_samples(store, selection, row->exception->id, question->sample_offset,
                                            question->sample_limit, &row->samples, err);
    }
    return status;
}

enum tg_status tg_exception_list_read(struct tg_exception_list *list, const struct tg_scope *scope,
                                      const struct tg_exception_question *question, struct tg_error *err) {
    struct tg_period bounds = tg_scope_bounds(scope, &question->selection);
    *list = (struct tg_exception_list){.step = 1};
    if (question->points > 1 && bounds.first_iteration <= bounds.last_iteration) {
        list->step = tg_chart_step(bounds.first_iteration, bounds.last_iteration, question->points);
    }
    enum tg_status status = tg_store_exceptions(scope->store, &question->selection, &list->all, err);
    if (status == TG_OK) {
        status = choose(list, question, err);
    }
    for (size_t i = 0; i < list->row_count && status == TG_OK; i++) {
        status = complete(list, &list->rows[i], scope->store, question, err);
    }
    return status;
}

enum tg_status tg_exception_list_read_one(struct tg_exception_list *list, const struct tg_scope *scope,
                                          const struct tg_exception_question *question, struct tg_error *err) {
    enum tg_status status = tg_exception_list_read(list, scope, question, err);
    if (status == TG_OK && list->row_count == 0) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                              "no exception %" PRId64 " was recorded in that time; 'tachograph exceptions' lists them",
                              question->id);
    }
    return status;
}
