/* history_json: see history_json.h. */
#include "answer/history_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

void tg_history_json_append_services(struct tg_strbuf *out, const struct tg_scope *scope) {
    struct tg_json json;
    tg_answer_begin(&json, out, "tachograph-services", scope->place);
    tg_json_key(&json, "services");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < scope->services.count; i++) {
        tg_answer_write_service(&json, &scope->services.items[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

void tg_history_json_append_versions(struct tg_strbuf *out, const struct tg_scope *scope) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-versions", scope);
    tg_json_key(&json, "versions");
    tg_answer_write_versions(&json, &scope->versions);
    tg_answer_end(&json);
}

static void write_event(struct tg_json *json, const struct tg_store_event *event) {
    tg_json_begin_object(json);
    tg_json_member_string(json, "kind", tg_store_event_kind_name(event->kind));
    tg_json_member_int(json, "iteration", event->iteration);
    tg_json_member_int(json, "unix_ns", event->wall_ns);
    tg_json_member_if(json, "pid", event->process_id != 0, event->pid);
    tg_json_member_text(json, "host", event->host);
    tg_json_member_text(json, "version", event->version);
    tg_json_member_text(json, "detail", event->detail);
    tg_json_end_object(json);
}

void tg_history_json_append_event(struct tg_strbuf *out, const struct tg_scope *scope,
                                  const struct tg_store_event *event) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-event", scope);
    tg_json_key(&json, "event");
    write_event(&json, event);
    tg_answer_end(&json);
}

void tg_history_json_append_events(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_store_events *events,
                                   size_t limit) {
    struct tg_json json;
    size_t first = limit && limit < events->count ? events->count - limit : 0;
    tg_answer_begin_service(&json, out, "tachograph-events", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_uint(&json, "event_count", events->count);
    tg_json_key(&json, "events");
    tg_json_begin_array(&json);
    for (size_t i = first; i < events->count; i++) {
        write_event(&json, &events->items[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

void tg_history_json_append_quality(struct tg_strbuf *out, const struct tg_scope *scope,
                                    const struct tg_store_selection *selection,
                                    const struct tg_store_quality *quality) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-quality", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_int(&json, "interval_count", quality->interval_count);
    tg_json_member_int(&json, "overflow_call_count", quality->overflow_call_count);
    tg_json_member_int(&json, "unrecorded_call_count", quality->unrecorded_call_count);
    tg_json_member_int(&json, "refused_function_count", quality->refused_function_count);
    tg_json_member_int(&json, "torn_count", quality->torn_count);
    tg_json_member_int(&json, "damaged_count", quality->damaged_count);
    tg_json_member_int(&json, "collector_cpu_ns", quality->collector_cpu_ns);
    tg_answer_end(&json);
}
