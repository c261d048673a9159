/*
 * spool: the batches of one process on disk, from the moment they are made until a store has them.
 *
 * A spool is one file, "<process uuid>.tgs". That a batch is appended whole is what closes its interval: before, the
 * interval goes on; afterwards its figures are taken, and whoever finds the file later knows how far the process was
 * collected, by adding up what is in it. So nothing is lost and nothing counted twice, wherever a kill strikes. For the
 * same reason a spool must not go before its recording has been collected, even when all of it is stored.
 *
 * Format, version 1; numbers have the machine's byte order:
 *   struct tg_spool_header, then records, each on a multiple of 8 bytes:
 *   struct tg_spool_record, then tg_spool_record.length bytes (store/batch.h)
 * A record is TG_SPOOL_BATCH (one interval), or TG_SPOOL_SUM (first in the file, if at all: all batches up to its seq
 * in one, which are stored). seq rises. What follows the last record whose checksum is right is a torn tail, and cut
 * off.
 *
 * The file is locked (open-file description) while it is open, by the process's own collector or by whoever collects
 * what a dead process left. Durability: appended bytes survive the death of the process at once, that of the machine
 * after tg_spool_sync().
 *
 * Threads: a spool belongs to one thread.
 */
#ifndef TG_SPOOL_H
#define TG_SPOOL_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/batch.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TG_SPOOL_SUFFIX    ".tgs"
#define TG_SPOOL_MAGIC     UINT64_C(0x0a314c4f4f504754) /* "TGPOOL1\n", least significant byte first */
#define TG_SPOOL_VERSION   1
#define TG_SPOOL_PATH_SIZE 640

/* A spool takes no more than this: the interval then goes on until there is room, so counts stay exact. */
#define TG_SPOOL_BYTES_MAX (UINT64_C(64) << 20)

enum tg_spool_kind {
    TG_SPOOL_BATCH = 1,
    TG_SPOOL_SUM = 2,
};

struct tg_spool_header {
    uint64_t magic;
    uint32_t version;
    uint32_t byte_order; /* as in a recording */
    uint8_t uuid[16];    /* of the process */
    uint64_t stored_seq; /* batches up to this one are stored: the only field that changes */
    uint64_t reserved[3];
    char store_url[1024]; /* where to, without a password; ends with a zero byte */
    char recording[640];  /* path of what it was made from; ends with a zero byte; empty: in memory alone */
};

struct tg_spool_record {
    uint64_t seq;
    uint32_t kind;
    uint32_t length;
    uint64_t checksum; /* base/hash.h, of seq, kind, length and the bytes */
};

static_assert(sizeof(struct tg_spool_header) == 1728, "no padding in the file");
static_assert(sizeof(struct tg_spool_record) == 24, "no padding in the file");

struct tg_spool {
    int fd; /* -1: not open */
    dev_t device;
    ino_t inode;
    uint8_t uuid[16];
    uint64_t last_seq;       /* of the batch appended last; 0: none yet */
    uint64_t stored_seq;     /* of the batch stored last */
    uint64_t end_bytes;      /* where the next record goes */
    uint64_t unstored_bytes; /* where the first record after stored_seq lies, or end_bytes */
    uint64_t bytes_max;      /* TG_SPOOL_BYTES_MAX; tests lower it */
    char store_url[1024];
    char recording[640];
    char path[TG_SPOOL_PATH_SIZE];
};

#define TG_SPOOL_INIT                                                                                                  \
    { .fd = -1 }

/* Where spools lie: $TACHOGRAPH_SPOOL_DIR, else $XDG_STATE_HOME/tachograph/spool, else ~/.local/state/tachograph/spool;
 * `fallback` (may be NULL) where none of them can be made. Made where it is missing, for the user alone. */
TG_NODISCARD enum tg_status tg_spool_directory(char *path, size_t size, const char *fallback, struct tg_error *err);
/* The same for who only looks: nothing is made. `path` is set where it could be told, also when it cannot be used, and
 * empty where not. TG_ERROR_NOT_FOUND: it is not there. */
TG_NODISCARD enum tg_status tg_spool_find_directory(char *path, size_t size, struct tg_error *err);
/* Opens one that is named, as tg_runtime_open() does. */
TG_NODISCARD enum tg_status tg_spool_open_directory(const char *path, bool create, int *fd, struct tg_error *err);

/* What a new one is told of itself. */
struct tg_spool_origin {
    const char *store_url;
    const char *recording;
};

/* Opens the spool of a process; with an `origin`, makes it where it is missing. TG_ERROR_NOT_FOUND, TG_ERROR_BUSY
 * (somebody else has it), TG_ERROR_FORMAT, TG_ERROR_VERSION, TG_ERROR_PERMISSION, TG_ERROR_IO. */
TG_NODISCARD enum tg_status tg_spool_open(struct tg_spool *spool, const char *directory, const uint8_t uuid[16],
                                          const struct tg_spool_origin *origin, struct tg_error *err);
/* The same by path, never made. */
TG_NODISCARD enum tg_status tg_spool_open_file(struct tg_spool *spool, const char *path, struct tg_error *err);
/* What there is in one that nobody has open, for lists. It is not taken, so whoever opens it meanwhile gets it; and not
 * open afterwards. Statuses of tg_spool_open(). */
TG_NODISCARD enum tg_status tg_spool_peek(struct tg_spool *spool, const char *path, struct tg_error *err);
/* False also when the program has closed the descriptor, and perhaps got its number for another file: to ask before
 * anything is written. */
bool tg_spool_is_open(const struct tg_spool *spool);
/* Keeps the file. A second call is fine. */
void tg_spool_close(struct tg_spool *spool);
/* Removes the file and closes. */
void tg_spool_remove(struct tg_spool *spool);
/* Closes what the parent has open: locks are inherited with descriptors, and a child would keep them for life. The
 * parent's structs are not touched. */
void tg_spool_after_fork_in_child(void);

/* Appends the batch (seq = last_seq + 1). On failure nothing has been appended; TG_ERROR_FULL: no room. */
TG_NODISCARD enum tg_status tg_spool_append(struct tg_spool *spool, const struct tg_batch *batch, struct tg_error *err);

/* A walk over records, from the start of the file or from the first one not stored. */
struct tg_spool_cursor {
    uint64_t at_bytes;
    enum tg_spool_kind kind; /* of the record read last */
    struct tg_strbuf bytes;  /* of it: the batch borrows them */
    struct tg_batch_storage storage;
};

void tg_spool_cursor_init(struct tg_spool_cursor *cursor, const struct tg_spool *spool, bool unstored_only);
/* Reads the next record; *found false: no more. The batch is good until the next call. */
TG_NODISCARD enum tg_status tg_spool_next(struct tg_spool *spool, struct tg_spool_cursor *cursor,
                                          struct tg_batch *batch, bool *found, struct tg_error *err);
void tg_spool_cursor_release(struct tg_spool_cursor *cursor);

/* Notes that the batches up to `seq`, which end at `at_bytes` of the file, are stored. */
TG_NODISCARD enum tg_status tg_spool_mark_stored(struct tg_spool *spool, uint64_t seq, uint64_t at_bytes,
                                                 struct tg_error *err);

/* Replaces a file whose batches are all stored by one with their sum alone. */
TG_NODISCARD enum tg_status tg_spool_compact(struct tg_spool *spool, const struct tg_batch *sum, struct tg_error *err);

/* Brings what has been appended to the disk. */
TG_NODISCARD enum tg_status tg_spool_sync(struct tg_spool *spool, struct tg_error *err);

#endif
