/*
 * reading: the connection that one worker asks the history through. It is opened at the first question, kept while all
 * goes well, and opened anew after a failure or when the history's file has become another: a history may be made,
 * removed or restored while the server runs.
 *
 * Threads: a reading belongs to its worker.
 */
#ifndef TG_READING_H
#define TG_READING_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tg_reading {
    const char *url;        /* borrowed, as the next */
    const char *place;      /* the same, to show */
    char *path;             /* of its file; NULL: a server's */
    tg_ns timeout_ns;       /* of a question */
    struct tg_store *store; /* NULL: not open */
    dev_t device;           /* of the file that is open, as the next */
    ino_t inode;
};

/* TG_ERROR_INVALID: the URL is none. Released also after a failure. */
TG_NODISCARD enum tg_status tg_reading_init(struct tg_reading *reading, const char *url, const char *place,
                                            tg_ns timeout_ns, struct tg_error *err);
void tg_reading_release(struct tg_reading *reading);

/* What the files of the history look like: changes with what is stored. 0: it has none, or they cannot be seen. */
uint64_t tg_reading_stamp(const struct tg_reading *reading);

/* Opens what is not open. */
TG_NODISCARD enum tg_status tg_reading_begin(struct tg_reading *reading, struct tg_error *err);
/* Ends a question with its status: what may be wrong with the connection closes it. */
void tg_reading_end(struct tg_reading *reading, enum tg_status status);

#endif
