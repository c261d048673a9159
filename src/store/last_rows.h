/*
 * last_rows: the rows of one function, newest first.
 *
 * The rows of an iteration lie together, so those of a function are spread over the whole table. They are looked up
 * iteration by iteration, from the last one down, as many at a time as are likely to be enough. Within one moment
 * (tg_store_begin_reading()).
 */
#ifndef TG_LAST_ROWS_H
#define TG_LAST_ROWS_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Iterations at a time, where the rows of all are wanted. */
#define TG_LAST_ROWS_MANY 4096

struct tg_last_rows {
    struct tg_store *store;
    const struct tg_store_selection *selection; /* borrowed */
    enum tg_query query;
    int64_t function_id;
    int64_t below; /* iterations after this one have been seen */
    int64_t chunk; /* iterations at a time */
    int64_t seen;  /* of them */
    bool is_running;
    uint8_t run_uuid[16];
};

/* `chunk`: how many iterations to look at first. */
void tg_last_rows_begin(struct tg_last_rows *rows, struct tg_store *store, const struct tg_store_selection *selection,
                        int64_t function_id, int64_t chunk);
/* The next row, with its histogram (borrowed until the next call). *found false: there are no more. */
TG_NODISCARD enum tg_status tg_last_rows_next(struct tg_last_rows *rows, struct tg_figures_row *row, bool *found,
                                              struct tg_error *err);
void tg_last_rows_end(struct tg_last_rows *rows);

/* The id of a function of the service. TG_ERROR_NOT_FOUND: there is none of that name. */
TG_NODISCARD enum tg_status tg_store_find_function(struct tg_store *store, int64_t service_id, const char *name,
                                                   int64_t *id, struct tg_error *err);

#endif
