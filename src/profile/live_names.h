/*
 * live_names: the functions that were seen, each once, by a small number that stays. Recordings come and go; what is
 * here is a copy.
 *
 * A function is its name and its file. Threads: values belong to their owner.
 */
#ifndef TG_LIVE_NAMES_H
#define TG_LIVE_NAMES_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/snapshot.h"

#include <stddef.h>
#include <stdint.h>

#define TG_LIVE_NO_NAME UINT32_MAX

struct tg_live_name {
    char *text; /* owned: "module::qualname", a zero byte, the file, a zero byte */
    size_t bytes;
    const char *file;
    size_t file_bytes;
    uint32_t line; /* 0: not known */
    uint64_t hash; /* of both texts */
};

struct tg_live_names {
    struct tg_live_name *items;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* a hash table of indexes into items; TG_LIVE_NO_NAME: free */
    size_t slot_count;
};

/* Zero-filled is empty. NULL and a second call are fine. */
void tg_live_names_release(struct tg_live_names *names);

/* The number of the row's function, which is new or known. TG_ERROR_MEMORY without a message. */
TG_NODISCARD enum tg_status tg_live_names_intern(struct tg_live_names *names, const struct tg_snapshot_row *row,
                                                 uint32_t *number);

#endif
