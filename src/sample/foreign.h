/*
 * foreign: for how long a process of which one Python was sampled runs another program, of which it is proven that
 * there is no Python in it: it has executed that. Proof is the file that it runs, as the system tells it, together with
 * an opening that found no Python there.
 *
 * Threads: one at a time. Units: nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef TG_FOREIGN_H
#define TG_FOREIGN_H

#include "base/error.h"
#include "measure/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of processes together. */
struct tg_foreign_time {
    tg_ns total_ns; /* as exact as somebody looked often; without what tg_foreign_shift() took out */
    uint64_t process_count;
};

/* Of one process. All zero: none was sampled yet. */
struct tg_foreign {
    struct tg_program_file {
        dev_t device;
        ino_t inode; /* 0: cannot be told */
    } python;        /* that was sampled last */
    struct tg_program_file other;
    tg_ns left_ns; /* since when it is known to run the other one; 0: it does not */
    tg_ns seen_ns; /* at least until then */
    bool was_counted;
};

/* Whether a process runs what is proven to be another file than the Python that was sampled. */
bool tg_foreign_runs_another(const struct tg_foreign *foreign, pid_t pid);

/* What an attempt to open the process has shown: TG_OK, it has a Python; TG_ERROR_INVALID, it has none; others prove
 * nothing. What came to an end by that is added to `sum`. */
void tg_foreign_note(struct tg_foreign *foreign, pid_t pid, enum tg_status opening, tg_ns now_ns,
                     struct tg_foreign_time *sum);

/* It no longer runs that program, which it did until then: added to `sum`. */
void tg_foreign_end(struct tg_foreign *foreign, tg_ns until_ns, struct tg_foreign_time *sum);

/* It was none after all. */
void tg_foreign_drop(struct tg_foreign *foreign);

/* So long nobody could have looked: it is not counted. */
void tg_foreign_shift(struct tg_foreign *foreign, tg_ns away_ns);

/* Adds what it is until now; it goes on. */
void tg_foreign_add(const struct tg_foreign *foreign, tg_ns now_ns, struct tg_foreign_time *sum);

#endif
