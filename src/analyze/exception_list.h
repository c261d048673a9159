/*
 * exception_list: exceptions of a history that are asked for: how often each kind happened over time, and its newest
 * samples. A kind is what one fingerprint has (store.h).
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_EXCEPTION_LIST_H
#define TG_EXCEPTION_LIST_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

enum tg_exception_sort {
    TG_EXCEPTION_SORT_COUNT,
    TG_EXCEPTION_SORT_LAST, /* that happened last */
};
/* Their names, by enum tg_exception_sort, ended by NULL. */
extern const char *const tg_exception_sort_names[];

struct tg_exception_question {
    struct tg_store_selection selection;
    int64_t id;           /* only this kind; 0: all */
    const char *function; /* only of the function of this whole name; NULL: of all */
    const char *pattern;  /* only of functions that it names (base/pattern.h); NULL: of all */
    const char *filter;   /* only with this in the function's name or the type, whatever its case; NULL: all */
    enum tg_exception_sort sort;
    size_t offset; /* kinds that are left out, and those that are shown at most; 0: all */
    size_t limit;
    size_t points; /* of each kind at most so many (at least 2), of several iterations each; 0: of one each */
    size_t sample_offset;
    size_t sample_limit;
};

struct tg_exception_row {
    const struct tg_store_exception *exception; /* borrowed from the list */
    struct tg_store_exception_points points;    /* each begins with `iteration`, a multiple of the step */
    struct tg_store_exception_samples samples;
};

struct tg_exception_list {
    struct tg_store_exceptions all;
    struct tg_exception_row *rows; /* those that are shown */
    size_t row_count;
    size_t matching_count;
    int64_t step; /* iterations of a point */
};

/* Released also after a failure. */
TG_NODISCARD enum tg_status tg_exception_list_read(struct tg_exception_list *list, const struct tg_scope *scope,
                                                   const struct tg_exception_question *question, struct tg_error *err);
/* Likewise of `question->id` alone. TG_ERROR_NOT_FOUND: it did not happen there. */
TG_NODISCARD enum tg_status tg_exception_list_read_one(struct tg_exception_list *list, const struct tg_scope *scope,
                                                       const struct tg_exception_question *question,
                                                       struct tg_error *err);
void tg_exception_list_release(struct tg_exception_list *list);

#endif
