/*
 * attach: loads tachograph into a process that runs (sample/remote.h), and waits until it has begun there.
 *
 * What it is told, and what it answers, are files in a directory of their own, made in the /tmp of that process, which
 * belongs to its user alone: order.py, the script; order.json, later taken.json; unmatched, a line for each pattern
 * that names nothing so far; answer, which appears when it is done, empty when all is well. The directory is gone
 * afterwards.
 * order.json is locked (flock) for as long as we live: an order without its author is not carried out, and the process
 * removes the directory.
 */
#ifndef TG_ATTACH_H
#define TG_ATTACH_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/json.h"
#include "measure/clock.h"

#include <sys/types.h>

#define TG_ATTACH_WORDS_SIZE 2048

struct tg_attached {
    int caught;                           /* the signal that ended the waiting; 0: none */
    char unmatched[TG_ATTACH_WORDS_SIZE]; /* of what was begun, a line for each pattern that names nothing so far */
};

/* Has the process begin what `order` says, a JSON object for python/tachograph/_attach.py. Where it is not done within
 * `patience_ns`, or SIGINT, SIGTERM or SIGHUP comes before, the order is taken back: TG_ERROR_BUSY.
 * TG_ERROR_UNSUPPORTED: the process could not do it; the message has its words. Others: the process cannot be asked.
 * `*attached` is filled in any case. With `caught` these signals stay blocked, so that a second one does not end the
 * program before it has said what became of the first. */
TG_NODISCARD enum tg_status tg_attach(pid_t pid, const char *order, tg_ns patience_ns, struct tg_attached *attached,
                                      struct tg_error *err);

/* For the order to a process whose Python may not have tachograph. `packages`: the directory of this program's own for
 * a Python of its version, from which it may import it; else `lack`: why there is none. */
void tg_attach_put_packages(struct tg_json *json, pid_t pid);

#endif
