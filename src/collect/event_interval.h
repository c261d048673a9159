/*
 * event_interval: what is new among a recording's events (record/event_log.h) since the last batch. Events are copied:
 * the recording writes over them.
 *
 * Events that came and went between two batches are lost: there have been more than the recording keeps. That is told
 * in the place of those, as an event.
 */
#ifndef TG_EVENT_INTERVAL_H
#define TG_EVENT_INTERVAL_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/event_log.h"
#include "record/reader.h"
#include "store/batch.h"

#include <stdint.h>

/* The part of a batch in the making that is of events. */
struct tg_event_draft {
    struct tg_event *kept;
    struct tg_batch_event *events;
};

/* What came after the event of that serial. The batch borrows from the draft. TG_ERROR_MEMORY. */
TG_NODISCARD enum tg_status tg_event_draft_make(struct tg_event_draft *draft, const struct tg_view *view,
                                                uint64_t after_serial, struct tg_batch_events *events);
void tg_event_draft_release(struct tg_event_draft *draft);

#endif
