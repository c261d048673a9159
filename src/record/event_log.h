/*
 * event_log: what has happened to a process, for people: a ring of the last TG_EVENTS events in its recording.
 *
 * It is made with the first event. A writer clears an entry's serial, writes, and sets it again; a reader copies an
 * entry and believes it when the serial was the same before and after.
 *
 * Threads: writers hold the tracer's lock; readers never wait. Wall times are of the moment, as the process's clock had
 * it.
 */
#ifndef TG_EVENT_LOG_H
#define TG_EVENT_LOG_H

#include "record/format.h"
#include "record/reader.h"
#include "record/recording.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_event_kind {
    TG_EVENT_RELOAD = 1,         /* newer source runs; the text says of which module, and what has changed */
    TG_EVENT_REFUSED_RELOAD = 2, /* it does not; the text says why */
};

/* "reload", "refused reload"; "unknown" of a newer tachograph. */
const char *tg_event_kind_name(enum tg_event_kind kind);
/* Whether it is one of these. */
bool tg_event_kind_is_known(enum tg_event_kind kind);

/* The text is cut at a character where it is too long. Where there is no space nothing happens. */
void tg_event_log_add(struct tg_recording *recording, enum tg_event_kind kind, int64_t wall_ns, const char *text,
                      size_t length);

struct tg_event {
    uint64_t serial;
    int64_t wall_ns;
    enum tg_event_kind kind;
    size_t text_bytes;
    char text[sizeof((struct tg_event_entry *)NULL)->text];
};

/* How many there ever were, and how many of them the log still has. */
struct tg_event_log {
    const struct tg_event_entry *entries; /* NULL: there are none */
    uint64_t count;
    uint64_t first; /* serial of the oldest that is there */
};
struct tg_event_log tg_event_log_of(const struct tg_view *view);

/* The event of that serial; false: it is not there (any more), or damaged. */
bool tg_event_log_read(const struct tg_event_log *log, uint64_t serial, struct tg_event *event);

#endif
