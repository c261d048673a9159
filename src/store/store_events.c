/* store_events: what happened to a service: told by its processes, or by people. See store.h. */
#include "store/store_state.h"

#include <stdlib.h>
#include <string.h>

const char *tg_store_event_kind_name(enum tg_store_event_kind kind) {
    switch (kind) {
    case TG_STORE_EVENT_START:
        return "start";
    case TG_STORE_EVENT_END:
        return "end";
    case TG_STORE_EVENT_FOUND:
        return "found";
    case TG_STORE_EVENT_VERSION:
        return "version";
    case TG_STORE_EVENT_MARKER:
        return "marker";
    case TG_STORE_EVENT_RELOAD:
        return tg_event_kind_name(TG_EVENT_RELOAD);
    case TG_STORE_EVENT_REFUSED_RELOAD:
        return tg_event_kind_name(TG_EVENT_REFUSED_RELOAD);
    default:
        return "unknown";
    }
}

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the history");
}

void tg_store_events_release(struct tg_store_events *events) {
    if (!events) {
        return;
    }
    for (size_t i = 0; i < events->count; i++) {
        free(events->items[i].host);
        free(events->items[i].version);
        free(events->items[i].detail);
    }
    free(events->items);
    *events = (struct tg_store_events){.items = NULL};
}

static enum tg_status add_event(struct tg_store_events *events, const struct tg_sql_value *values,
                                struct tg_error *err) {
    struct tg_store_event *items = tg_store_grow(events->items, events->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    events->items = items;
    struct tg_store_event *event = &items[events->count++];
    *event = (struct tg_store_event){
        .wall_ns = tg_value_to_integer(&values[0]),
        .iteration = tg_value_to_integer(&values[1]),
        .kind = (enum tg_store_event_kind)tg_value_to_integer(&values[2]),
        .process_id = tg_value_to_integer(&values[3]),
        .pid = tg_value_to_figure(&values[4]),
        .host = tg_value_to_text(&values[5]),
        .version = tg_value_to_text(&values[6]),
        .detail = tg_value_to_text(&values[7]),
    };
    return event->host && event->version && event->detail ? TG_OK : no_memory(err);
}

enum tg_status tg_store_events(struct tg_store *store, const struct tg_store_selection *selection,
                               struct tg_store_events *events, struct tg_error *err) {
    struct tg_sql_value values[8];
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    uint8_t run_uuid[16];
    bool found = false;
    *events = (struct tg_store_events){.items = NULL};
    tg_store_put_range(parameters, selection);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status == TG_OK) {
        status = tg_store_begin_reading(store, err);
    }
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_EVENTS, parameters, 3 + TG_CHOSEN_PARAMETERS, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_EVENTS, values, 8, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = add_event(events, values, err);
    }
    tg_store_reset(store, TG_QUERY_EVENTS);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_events_release(events);
    }
    return status;
}

/* Checked before the store is asked: what is stored is what was said. */
static enum tg_status check_text(const char *text, struct tg_error *err) {
    struct tg_strbuf clean = TG_STRBUF_INIT;
    size_t length = strlen(text);
    enum tg_status status = TG_OK;
    if (text[strspn(text, " \t\n")] == '\0') {
        status = tg_error_set(err, TG_ERROR_INVALID, "an event needs a text, as \"deployed 1.4\"");
    } else if (length > TG_STORE_EVENT_BYTES_MAX) {
        status = tg_error_set(err, TG_ERROR_INVALID, "the text has %zu bytes: an event takes %u", length,
                              TG_STORE_EVENT_BYTES_MAX);
    } else if (tg_store_clean_text((struct tg_bytes){.data = text, .length = length}, length, &clean).data != text) {
        status = tg_error_set(err, TG_ERROR_INVALID, "the text is no UTF-8");
    }
    tg_strbuf_release(&clean);
    return status;
}

enum tg_status tg_store_add_marker(struct tg_store *store, const struct tg_store_service *service, int64_t wall_ns,
                                   const char *text, int64_t *iteration, struct tg_error *err) {
    if (store->read_only) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "the history was opened for reading only");
    }
    enum tg_status status = check_text(text, err);
    if (status == TG_OK) {
        status = store->driver->begin(store->sql, err);
    }
    if (status != TG_OK) {
        return status;
    }
    *iteration = tg_store_slot_of(wall_ns, service->base_interval_ns) - service->first_slot;
    const struct tg_sql_value parameters[] = {
        tg_value_integer(service->id), tg_value_integer(*iteration),
        tg_value_integer(wall_ns),     tg_value_integer(TG_STORE_EVENT_MARKER),
        tg_value_integer(0), /* no process */
        tg_value_of_string(""),        tg_value_of_string(text),
    };
    status = tg_store_run(store, TG_QUERY_ADD_EVENT, parameters, 7, err);
    if (status == TG_OK) {
        status = store->driver->commit(store->sql, err);
    }
    if (status != TG_OK) {
        store->driver->rollback(store->sql);
    }
    return status;
}
