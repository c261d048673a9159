/*
 * interning: which id a function's name has in the database, remembered so that it is asked for once.
 *
 * Bounded: when it is full it begins anew. After a transaction is rolled back everything in it is doubtful, and is to
 * be cleared. Threads: belongs to one.
 */
#ifndef TG_INTERNING_H
#define TG_INTERNING_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/batch.h"

#include <stddef.h>
#include <stdint.h>

struct tg_interned {
    uint64_t hash;
    int64_t service_id;
    int64_t function_id;
    uint64_t seen;          /* file and line of the batch before, hashed; 0: not looked at yet */
    uint64_t seen_code;     /* its code, */
    int64_t seen_process;   /* the process that had it */
    int64_t seen_iteration; /* and in which it was stored; a late batch may be of an earlier one */
    /* The newest code of those that Pythons of a version have had, as it is in a transaction (commit_codes.c). */
    uint64_t newest_transaction;
    int64_t newest_python;
    int64_t newest_iteration;
    uint64_t newest_code;
    char *name; /* owned */
    size_t name_length;
    size_t next; /* the place, plus one, of the name that was found after this one last; may be out of date */
};

struct tg_interning {
    struct tg_interned *slots; /* open addressing; name NULL: free */
    size_t slot_count;
    size_t count;
    size_t name_bytes;
    size_t last; /* the place, plus one, of the name that was found last; 0: none */
};

void tg_interning_init(struct tg_interning *interning);
/* Forgets everything; also the release. NULL is fine. */
void tg_interning_clear(struct tg_interning *interning);

/* What is known of a name; NULL: nothing. Borrowed until the next add or clear. Fast for names that come in the same
 * order again and again. */
struct tg_interned *tg_interning_find(struct tg_interning *interning, int64_t service_id, struct tg_bytes name);
/* Remembers a name that is not there yet. NULL: not enough memory. */
struct tg_interned *tg_interning_add(struct tg_interning *interning, int64_t service_id, struct tg_bytes name,
                                     int64_t function_id);

#endif
