/* event_interval: see event_interval.h. */
#include "collect/event_interval.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void tg_event_draft_release(struct tg_event_draft *draft) {
    free(draft->kept);
    free(draft->events);
    *draft = (struct tg_event_draft){.kept = NULL};
}

/* An event that stands for those before `next`. */
static void tell_lost(struct tg_event *lost, uint64_t count, const struct tg_event *next) {
    *lost = (struct tg_event){.serial = next->serial - 1, .wall_ns = next->wall_ns, .kind = next->kind};
    int length = snprintf(lost->text, sizeof lost->text, "earlier events that are not kept: %" PRIu64, count);
    lost->text_bytes = (size_t)length;
}

/* Copies what is there after `after_serial`; how many events that makes. */
static size_t keep(struct tg_event *kept, const struct tg_event_log *log, uint64_t after_serial) {
    uint64_t first = after_serial + 1 > log->first ? after_serial + 1 : log->first;
    size_t count = 1; /* the first is for those that are lost */
    for (uint64_t serial = first; serial <= log->count; serial++) {
        bool is_there = tg_event_log_read(log, serial, &kept[count]);
        count += is_there && tg_event_kind_is_known(kept[count].kind);
    }
    if (count > 1 && first > after_serial + 1) {
        tell_lost(&kept[0], first - after_serial - 1, &kept[1]);
    }
    return count;
}

enum tg_status tg_event_draft_make(struct tg_event_draft *draft, const struct tg_view *view, uint64_t after_serial,
                                   struct tg_batch_events *events) {
    struct tg_event_log log = tg_event_log_of(view);
    *events = (struct tg_batch_events){.serial = after_serial};
    if (log.count <= after_serial) {
        return TG_OK;
    }
    draft->kept = calloc(TG_EVENTS + 1, sizeof *draft->kept);
    draft->events = calloc(TG_EVENTS + 1, sizeof *draft->events);
    if (!draft->kept || !draft->events) {
        return TG_ERROR_MEMORY;
    }
    size_t count = keep(draft->kept, &log, after_serial);
    for (size_t i = draft->kept[0].serial ? 0 : 1; i < count; i++) {
        const struct tg_event *event = &draft->kept[i];
        draft->events[events->count++] = (struct tg_batch_event){
            .kind = event->kind,
            .wall_ns = event->wall_ns,
            .text = {.data = event->text, .length = event->text_bytes},
        };
    }
    events->items = draft->events;
    events->serial = log.count;
    return TG_OK;
}
