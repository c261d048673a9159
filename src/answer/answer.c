/* answer: see answer.h. */
#include "answer/answer.h"

#include "base/json_member.h"

void tg_answer_begin(struct tg_json *json, struct tg_strbuf *out, const char *schema, const char *place) {
    tg_json_init(json, out);
    tg_json_begin_object(json);
    tg_json_member_text(json, "schema", schema);
    tg_json_member_uint(json, "schema_version", TG_ANSWER_JSON_VERSION);
    tg_json_member_text(json, "tachograph_version", TG_VERSION);
    tg_json_member_text(json, "store", place);
}

void tg_answer_write_service(struct tg_json *json, const struct tg_store_service *service) {
    tg_json_begin_object(json);
    tg_json_member_string(json, "name", service->name);
    tg_json_member_int(json, "interval_ns", service->base_interval_ns);
    tg_json_member_int(json, "started_unix_ns", tg_scope_time_ns(service, 0));
    tg_json_member_int(json, "last_iteration", service->last_iteration);
    tg_json_member_int(json, "last_ended_unix_ns", service->last_ended_ns);
    tg_json_member_int(json, "process_count", service->process_count);
    tg_json_end_object(json);
}

void tg_answer_begin_service(struct tg_json *json, struct tg_strbuf *out, const char *schema,
                             const struct tg_scope *scope) {
    tg_answer_begin(json, out, schema, scope->place);
    tg_json_key(json, "service");
    tg_answer_write_service(json, scope->service);
    tg_json_key(json, "other_services");
    tg_json_begin_array(json);
    for (size_t i = 0; i < scope->services.count; i++) {
        if (&scope->services.items[i] != scope->service) {
            tg_json_string(json, scope->services.items[i].name);
        }
    }
    tg_json_end_array(json);
}

void tg_answer_write_selection(struct tg_json *json, const struct tg_scope *scope,
                               const struct tg_store_selection *selection) {
    struct tg_period bounds = tg_scope_bounds(scope, selection);
    bool any = bounds.first_iteration <= bounds.last_iteration;
    tg_json_member_int_if(json, "first_iteration", any, bounds.first_iteration);
    tg_json_member_int_if(json, "last_iteration", any, bounds.last_iteration);
    tg_json_member_string(json, "version", selection->version);
    tg_json_member_text(json, "run", selection->run);
}

void tg_answer_write_function(struct tg_json *json, const struct tg_store_function *function) {
    tg_json_member_string(json, "name", function->name);
    tg_json_member_text(json, "file", function->file);
    tg_json_member_if(json, "line", function->line > 0, function->line);
}

void tg_answer_write_versions(struct tg_json *json, const struct tg_store_versions *versions) {
    tg_json_begin_array(json);
    for (size_t i = 0; i < versions->count; i++) {
        tg_json_begin_object(json);
        tg_json_member_string(json, "version", versions->items[i].version);
        tg_json_member_int(json, "first_iteration", versions->items[i].first_iteration);
        tg_json_member_int(json, "last_iteration", versions->items[i].last_iteration);
        tg_json_member_int(json, "process_count", versions->items[i].process_count);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

void tg_answer_end(struct tg_json *json) {
    tg_json_end_object(json);
    tg_strbuf_append_char(json->out, '\n');
}
