/*
 * diff: two parts of a service's history compared.
 *
 * Sides are rarely as long, so figures are divided: by the runs of a side where both sides are of jobs, programs that
 * end when their work is done; else by its iterations. A job that got slower lasts for more iterations, and has less
 * work in each: divided by them, it would seem to have become faster (docs/adr/0024). A side is taken to be of jobs
 * when it is one run, or when most of its runs ended by themselves and none lasted for more than a day, ran beside
 * another, or is in the side in part only.
 *
 * What takes part in the comparison are functions called 10 times or more on one side. Another's time is that of how
 * long the program was left running, as that of a main, which waits most of it: beside it nothing else would have a
 * share worth naming. Such functions come last. Of whole runs, and where there are no others, all take part.
 */
#ifndef TG_DIFF_H
#define TG_DIFF_H

#include "analyze/compare.h"
#include "analyze/diff_side.h"
#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum tg_diff_unit {
    TG_DIFF_RUN,
    TG_DIFF_ITERATION,
    TG_DIFF_ANY = -1, /* as a wish: whichever fits */
};

/* By enum tg_diff_unit, ended by NULL. */
extern const char *const tg_diff_unit_names[];

struct tg_diff {
    struct tg_diff_side a;
    struct tg_diff_side b;
    struct tg_compare compare; /* of what takes part */
    struct tg_compare others;
    struct tg_store_function *parts;    /* what both were made of, borrowed from the sides; the array is owned */
    enum tg_diff_unit unit;             /* of which figures are: the mean run, or the mean iteration of the side */
    const struct tg_compare_row *worst; /* whose calls got slower most, of those that take part; NULL: none did */
};

/* Reads both sides (tg_diff_side_read()) and compares them. A row's code has changed where the function was given
 * another one since the side that begins earlier, or in the other. Released also after a failure. */
TG_NODISCARD enum tg_status tg_diff_read(struct tg_diff *diff, const struct tg_scope *scope,
                                         const struct tg_scope_words within[2], const char *const words[2],
                                         enum tg_diff_unit wish, struct tg_error *err);
void tg_diff_release(struct tg_diff *diff);

/* Rows, those that take part first. */
size_t tg_diff_row_count(const struct tg_diff *diff);
const struct tg_compare_row *tg_diff_row(const struct tg_diff *diff, size_t index);

#endif
