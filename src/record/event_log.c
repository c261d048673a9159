/* event_log: see event_log.h. */
#include "record/event_log.h"

#include "base/utf8.h"

#include <stdatomic.h>
#include <string.h>

const char *tg_event_kind_name(enum tg_event_kind kind) {
    switch (kind) {
    case TG_EVENT_RELOAD:
        return "reload";
    case TG_EVENT_REFUSED_RELOAD:
        return "refused reload";
    default:
        return "unknown";
    }
}

bool tg_event_kind_is_known(enum tg_event_kind kind) {
    return kind == TG_EVENT_RELOAD || kind == TG_EVENT_REFUSED_RELOAD;
}

static struct tg_event_entry *need_entries(struct tg_recording *recording) {
    tg_place *events = &recording->header->events;
    uint32_t place = atomic_load_explicit(events, memory_order_relaxed);
    if (place == TG_PLACE_NONE) {
        place = tg_recording_reserve(recording, TG_EVENTS * sizeof(struct tg_event_entry));
        atomic_store_explicit(events, place, memory_order_release);
    }
    return place == TG_PLACE_NONE ? NULL : tg_recording_at(recording, place);
}

void tg_event_log_add(struct tg_recording *recording, enum tg_event_kind kind, int64_t wall_ns, const char *text,
                      size_t length) {
    struct tg_event_entry *entries = need_entries(recording);
    if (!entries) {
        return;
    }
    uint64_t serial = atomic_load_explicit(&recording->header->event_count, memory_order_relaxed) + 1;
    struct tg_event_entry *entry = &entries[serial % TG_EVENTS];
    atomic_store_explicit(&entry->serial, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    entry->wall_ns = wall_ns;
    entry->kind = kind;
    entry->text_bytes = (uint32_t)tg_utf8_cut(text, length, sizeof entry->text);
    memcpy(entry->text, text, entry->text_bytes);
    atomic_store_explicit(&entry->serial, serial, memory_order_release);
    atomic_store_explicit(&recording->header->event_count, serial, memory_order_release);
}

struct tg_event_log tg_event_log_of(const struct tg_view *view) {
    const struct tg_header *header = (const struct tg_header *)(const void *)view->base;
    uint64_t count = atomic_load_explicit(&header->event_count, memory_order_acquire);
    uint32_t place = atomic_load_explicit(&header->events, memory_order_acquire);
    const struct tg_event_entry *entries =
        count > 0 && count <= INT64_MAX ? tg_view_at(view, place, TG_EVENTS * sizeof(struct tg_event_entry)) : NULL;
    return (struct tg_event_log){
        .entries = entries,
        .count = entries ? count : 0,
        .first = count > TG_EVENTS ? count - TG_EVENTS + 1 : 1,
    };
}

bool tg_event_log_read(const struct tg_event_log *log, uint64_t serial, struct tg_event *event) {
    if (!log->entries || serial == 0) {
        return false;
    }
    const struct tg_event_entry *entry = &log->entries[serial % TG_EVENTS];
    uint64_t before = atomic_load_explicit(&entry->serial, memory_order_acquire);
    *event = (struct tg_event){.serial = serial,
                               .wall_ns = entry->wall_ns,
                               .kind = (enum tg_event_kind)entry->kind,
                               .text_bytes = entry->text_bytes};
    memcpy(event->text, entry->text, sizeof event->text);
    atomic_thread_fence(memory_order_acquire);
    return before == serial && atomic_load_explicit(&entry->serial, memory_order_relaxed) == serial
           && event->text_bytes <= sizeof event->text;
}
