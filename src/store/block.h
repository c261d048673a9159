/*
 * block: up to sixteen functions of one interval in one row, for engines to which a row is dear (docs/adr/0013).
 *
 * Functions whose ids differ in the lowest four bits only share a row of the table function_blocks:
 *     block             function id / 16
 *     places            bit k is set: function 16 * block + k is in the row; the others were not called
 *     call_count, ...   a column for each figure: the functions' numbers in decimal, in the order of their ids, all as
 *                       long as the longest one and with nothing between them
 *     histogram_bounds  likewise, and one number more: where in `histograms` each begins, and where the last one ends
 *     histograms        one after the other
 * So the figure at k is the one after as many others as there are bits below k, which SQL finds without our help
 * (block_sql.h). What is read is not trusted.
 */
#ifndef TG_BLOCK_H
#define TG_BLOCK_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/figures.h"
#include "store/sql.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_BLOCK_FUNCTIONS 16
#define TG_BLOCK_FIGURES   8

/* What is written: places, the figures, histogram_bounds, histograms. */
#define TG_BLOCK_VALUES (TG_BLOCK_FIGURES + 3)
/* What is read: iteration, block, places, the figures; histogram_bounds and histograms where they are asked for. */
#define TG_BLOCK_COLUMNS            (TG_BLOCK_FIGURES + 3)
#define TG_BLOCK_COLUMNS_HISTOGRAMS 2

static inline int64_t tg_block_of(int64_t function_id) {
    return function_id / TG_BLOCK_FUNCTIONS;
}

/* How many of the rows, by id and without repetition, are in one block with the first. */
size_t tg_block_count(const struct tg_figures_row *rows, size_t count);
/* The bytes that tg_block_encode() needs for that many rows, at most. */
size_t tg_block_room(const struct tg_figures_row *rows, size_t count);
/* Writes one block's rows to `room`, which the TG_BLOCK_VALUES values borrow. Returns the end of what is written. */
char *tg_block_encode(const struct tg_figures_row *rows, size_t count, char *room, struct tg_sql_value *values);

struct tg_block {
    int64_t iteration;
    int64_t number;
    struct tg_figures_row rows[TG_BLOCK_FUNCTIONS]; /* by id; their histograms are borrowed from what was read */
    size_t count;
};

/* TG_ERROR_FORMAT: that is no block. */
TG_NODISCARD enum tg_status tg_block_decode(struct tg_block *block, const struct tg_sql_value *values,
                                            bool with_histograms, struct tg_error *err);
/* One function of a block that was read with its histograms; *found false: it was not called. */
TG_NODISCARD enum tg_status tg_block_decode_one(const struct tg_sql_value *values, int64_t function_id,
                                                struct tg_figures_row *row, bool *found, struct tg_error *err);

#endif
