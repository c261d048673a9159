/*
 * leftovers: all that tachograph has put into directories that are this user's: recordings, spools, what a killed
 * process had half made, and the file that turns hooks off; who still wants it, and how it is removed.
 *
 * Looked at are the runtime directories (record/runtime.h), the directory of spools, and those that recordings name.
 * Where TACHOGRAPH_RUNTIME_DIR says which directory is meant, no other candidate is: this list is for removing. A
 * directory that is not ours alone is left out, with the reason. What is not of our making is counted, and never
 * touched.
 *
 * What may go is decided anew when it goes: a process may have begun or ended since the list was made, and whoever
 * holds a lock keeps its file.
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_LEFTOVERS_H
#define TG_LEFTOVERS_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_leftover_kind {
    TG_LEFTOVER_RECORDING,
    TG_LEFTOVER_SPOOL,
    TG_LEFTOVER_UNFINISHED, /* being made, or never finished */
    TG_LEFTOVER_SWITCH,     /* turns hooks off (record/runtime.h) */
};

enum tg_leftover_state {
    TG_LEFTOVER_USED,    /* its process lives, or somebody is at it */
    TG_LEFTOVER_WAITING, /* holds figures that are not yet in their store */
    TG_LEFTOVER_KEPT,    /* may still be needed, or is not to be judged from here */
    TG_LEFTOVER_DONE,    /* nobody waits for it */
};

struct tg_leftover {
    enum tg_leftover_kind kind;
    enum tg_leftover_state state;
    size_t directory;     /* index */
    char *name;           /* owned */
    char *store_url;      /* of WAITING, owned; else NULL */
    uint64_t batch_count; /* that wait in a spool */
    uint64_t pid;         /* of a recording; 0: not known */
    uint64_t bytes;
    int64_t changed_s;
};

struct tg_leftover_directory {
    char *path;          /* owned */
    size_t other_count;  /* of files that are not ours */
    struct tg_error err; /* why it is not looked into; TG_OK: it is */
};

struct tg_leftovers {
    struct tg_leftover *items; /* by directory, kind, state, store */
    size_t count;
    size_t capacity;
    struct tg_leftover_directory *directories; /* that are there */
    size_t directory_count;
};

TG_NODISCARD enum tg_status tg_leftovers_find(struct tg_leftovers *leftovers, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_leftovers_release(struct tg_leftovers *leftovers);

/* Removes one that is done, or with `also_waiting` one that waits; a recording goes before its spool, or its figures
 * could be stored twice. False: somebody has got hold of it, or it cannot be removed. */
bool tg_leftover_remove(const struct tg_leftovers *leftovers, const struct tg_leftover *item, bool also_waiting);

#endif
