/*
 * retention: recordings outlive their processes, in memory more often than not, so their number is bounded.
 *
 * A process that makes a recording looks at the directory first. When more than TG_RETENTION_FILES recordings lie
 * there, or more than TG_RETENTION_BYTES or a quarter of the file system, it removes those of ended processes, oldest
 * first, until three quarters of the bound are left. Where there is no space for its own, it removes all it may.
 *
 * A recording whose process lives is never touched; one that was made or has grown in the last TG_RETENTION_FRESH_S
 * seconds, which somebody may be about to report, only when it is bytes that are too many. One whose figures are not
 * yet in the store they are meant for goes after all others, and for their number only after
 * TG_RETENTION_UNCOLLECTED_S. What a process left that was killed while it made its recording goes with the others.
 * Below the bounds this costs one walk over the directory.
 */
#ifndef TG_RETENTION_H
#define TG_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_RETENTION_FILES   256
#define TG_RETENTION_BYTES   (UINT64_C(256) << 20)
#define TG_RETENTION_FRESH_S 600

#define TG_RETENTION_UNCOLLECTED_S 604800

struct tg_retention {
    size_t file_count;
    uint64_t bytes;
    size_t removed_count;
};

/* Removes one recording, finished or not, of an ended process; with `also_uncollected` also one whose figures are not
 * yet in their store. False: it is kept, or cannot be removed. */
bool tg_retention_remove(int directory_fd, const char *name, bool also_uncollected);

/* Trims the directory; what cannot be read or removed is left alone. Recordings of the run `run_uuid` (16 bytes, or
 * NULL) stay: its report is still to come. The bounds are arguments for the sake of tests. */
struct tg_retention tg_retention_trim(int directory_fd, size_t files_max, uint64_t bytes_max, const uint8_t *run_uuid);

#endif
