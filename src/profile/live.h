/*
 * live: what the processes on this machine count, refreshed again and again, for `tachograph top`.
 *
 * Each refresh lists the recordings, notices processes that began, ended or are gone, reads those that live and takes
 * the difference to the refresh before. A process that appears later than the first refresh counts from its start. What
 * is asked of the figures is in live_view.h.
 *
 * Which processes: those that live, and those that end while we look, until their recording is gone. Of those that had
 * ended before: what belongs to a run that still lives, or else to the latest of all.
 *
 * Only reads: no process notices. Threads: values belong to their owner. Units: nanoseconds.
 */
#ifndef TG_LIVE_H
#define TG_LIVE_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "profile/live_names.h"
#include "profile/live_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_live_options {
    const char *const *paths; /* recordings, and directories of them; borrowed */
    size_t path_count;        /* 0: the candidate directories of this user, or the one TACHOGRAPH_RUNTIME_DIR says */
    const uint64_t *pids;     /* only these; borrowed */
    size_t pid_count;         /* 0: all */
    bool with_ended;          /* also all those that had ended before */
};

struct tg_live {
    struct tg_live_options options;
    struct tg_live_process **processes; /* in the order in which they were noticed */
    size_t process_count;
    size_t process_capacity;
    struct tg_live_names names;
    uint64_t next_number;
    size_t refresh_count;
    tg_ns first_wall_ns;          /* of the first refresh */
    tg_ns refreshed_monotonic_ns; /* the last one */
    tg_ns refreshed_wall_ns;
    tg_ns interval_ns; /* what the figures since are of; 0 until the second refresh */
};

void tg_live_init(struct tg_live *live, const struct tg_live_options *options);
/* NULL and a second call are fine. */
void tg_live_release(struct tg_live *live);

/* Looks at everything as it is now. Recordings that cannot be read are as if they were not there, except those that the
 * options name: then it fails as tg_reader_open() does, at the first refresh. */
TG_NODISCARD enum tg_status tg_live_refresh(struct tg_live *live, tg_ns now_monotonic_ns, tg_ns now_wall_ns,
                                            struct tg_error *err);

#endif
