/* api_history: what a history holds, apart from figures of functions. See api.h. */
#include "answer/history_json.h"
#include "answer/store_overview.h"
#include "base/json_member.h"
#include "measure/clock.h"
#include "serve/api.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS_MAX 10000
#define WRITING_NS INT64_C(5000000000) /* that an event may wait for others who write */

enum tg_status tg_api_services(struct tg_api_call *call, struct tg_error *err) {
    (void)err;
    tg_history_json_append_services(call->out, &call->scope);
    return TG_OK;
}

enum tg_status tg_api_store(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_overview overview;
    enum tg_status status =
        tg_store_overview_read(&overview, call->scope.store, call->reading->url, call->reading->place, err);
    if (status == TG_OK) {
        tg_store_overview_append_json(call->out, &overview);
    }
    tg_store_overview_release(&overview);
    return status;
}

enum tg_status tg_api_versions(struct tg_api_call *call, struct tg_error *err) {
    (void)err;
    tg_history_json_append_versions(call->out, &call->scope);
    return TG_OK;
}

const struct tg_api_parameter tg_api_events_parameters[] = {
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = EVENTS_MAX},
    {.name = NULL},
};

enum tg_status tg_api_events(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_store_events events = {.items = NULL};
    enum tg_status status = tg_api_select(call, &selection, err);
    if (status == TG_OK) {
        status = tg_store_events(call->scope.store, &selection, &events, err);
    }
    if (status == TG_OK) {
        tg_history_json_append_events(call->out, &call->scope, &selection, &events,
                                      tg_api_number(call, "limit", EVENTS_MAX));
    }
    tg_store_events_release(&events);
    return status;
}

const struct tg_api_parameter tg_api_add_event_parameters[] = {
    {.name = "text", .kind = TG_API_TEXT, .required = true},
    {.name = NULL},
};

/* Through a connection of its own: the workers' own cannot write. */
enum tg_status tg_api_add_event(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_store_options options = {.timeout_ns = WRITING_NS};
    const char *text = tg_api_text(call, "text");
    struct tg_store_event event = {.wall_ns = tg_clock_wall_ns(), .kind = TG_STORE_EVENT_MARKER};
    struct tg_store *store = NULL;
    enum tg_status status = tg_store_open(&store, call->reading->url, &options, err);
    if (status == TG_OK) {
        status = tg_store_add_marker(store, call->scope.service, event.wall_ns, text, &event.iteration, err);
        call->blamed = status == TG_ERROR_INVALID ? "text" : NULL;
        tg_store_close(store);
    }
    if (status == TG_OK) {
        event.detail = strdup(text);
        status = event.detail ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "the event is stored; there is no memory");
    }
    if (status == TG_OK) {
        tg_history_json_append_event(call->out, &call->scope, &event);
    }
    free(event.detail);
    return status;
}

enum tg_status tg_api_quality(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_store_quality quality;
    enum tg_status status = tg_api_select(call, &selection, err);
    if (status == TG_OK) {
        status = tg_store_quality(call->scope.store, &selection, &quality, err);
    }
    if (status == TG_OK) {
        tg_history_json_append_quality(call->out, &call->scope, &selection, &quality);
    }
    return status;
}

enum tg_status tg_api_health(struct tg_api_call *call, struct tg_error *err) {
    struct tg_json json;
    (void)err;
    tg_json_init(&json, call->out);
    tg_json_begin_object(&json);
    tg_json_member_text(&json, "status", "ok");
    tg_json_member_text(&json, "tachograph_version", TG_VERSION);
    tg_json_member_uint(&json, "service_count", call->scope.services.count);
    tg_json_end_object(&json);
    tg_strbuf_append_char(call->out, '\n');
    return TG_OK;
}
