/*
 * recording: the file a profiled process writes, from the writer's side: made, mapped, grown. The layout is in
 * format.h; what is counted in it is the tracer's business; reading it is reader.h's.
 *
 * The file is mapped once, at its full capacity, so that addresses never change; but only bytes that
 * posix_fallocate() has reserved are ever touched, so a full file system refuses space (counted) and never raises
 * SIGBUS. Where no file can be had the recording lives in anonymous memory: the process can still read its own
 * figures, nobody else can.
 *
 * Liveness: an open-file-description lock on the file. The mapping keeps the description, so the lock, alive until
 * the process ends, even if something closes every descriptor. A forked child inherits neither mapping
 * (MADV_DONTFORK) nor descriptor (tg_recording_abandon() in the child).
 *
 * Threads: tg_recording_reserve() is for one thread at a time (the tracer's lock); reading the struct is free after
 * open.
 */
#ifndef TG_RECORDING_H
#define TG_RECORDING_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "record/format.h"
#include "record/runtime.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TG_RECORDING_CAPACITY_BYTES     (UINT64_C(64) << 20)
#define TG_RECORDING_CAPACITY_MAX_BYTES (UINT64_C(4) << 30) /* readers map no more */
#define TG_RECORDING_SUFFIX             ".tgr"

struct tg_recording_options {
    uint64_t capacity_bytes; /* 0: TG_RECORDING_CAPACITY_BYTES */
    struct tg_clock clock;   /* of the ticks in it */
    uint32_t python_version;
    const char *service; /* the strings may be NULL and are copied */
    const char *service_version;
    const char *program;
    const uint8_t *run_uuid; /* 16 bytes, or NULL */
    tg_ns interval_ns;       /* this and the next as in struct tg_header */
    const char *store_url;
};

struct tg_recording {
    unsigned char *base;
    struct tg_header *header; /* == base */
    uint64_t capacity_bytes;
    int fd; /* -1: anonymous, or closed by someone */
    dev_t device;
    ino_t inode;
    tg_ns refused_until_ns;               /* no further attempt to grow before */
    char path[TG_RUNTIME_PATH_SIZE + 80]; /* "" when anonymous */
};

/* Makes a new recording in the first candidate directory that works, else in anonymous memory; `note` (may be NULL)
 * then says why there is no file. Fails when not even memory can be mapped, or for a
 * capacity that makes no sense. */
TG_NODISCARD enum tg_status tg_recording_open(struct tg_recording *recording,
                                              const struct tg_recording_options *options, struct tg_error *note,
                                              struct tg_error *err);

/* Writes what may change in a living process into the header: names, and where figures go. */
void tg_recording_describe(struct tg_recording *recording, const struct tg_recording_options *options);

/* Counts a forked child that cannot make a recording in that of its parent, as long as there is one at `path`. */
void tg_recording_count_lost_child(const char *path);

/* Unmaps and closes; the file stays. NULL and a second call are fine. */
void tg_recording_close(struct tg_recording *recording);

/* In a forked child: lets go of the parent's recording, whose mapping the child does not have. */
void tg_recording_abandon(struct tg_recording *recording);

/* `bytes` of zeroed, unit-aligned space, or TG_PLACE_NONE (counted in the header) when there is no more. */
uint32_t tg_recording_reserve(struct tg_recording *recording, size_t bytes);

static inline void *tg_recording_at(const struct tg_recording *recording, uint32_t place) {
    return recording->base + (size_t)place * TG_UNIT_BYTES;
}

#endif
