/* live_json: see live_json.h. */
#include "answer/live_json.h"

#include "base/json_member.h"

#include <string.h>

void tg_live_json_write_sampler(struct tg_json *json, const struct tg_sampler_status *sampler) {
    if (sampler->state == TG_SAMPLER_NONE) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_text(json, "state", sampler->state == TG_SAMPLER_PAUSED ? "paused" : "running");
    tg_json_member_uint(json, "rate_hz", sampler->rate_hz);
    tg_json_member_uint(json, "tick_count", sampler->tick_count);
    tg_json_end_object(json);
}

static void write_process(struct tg_json *json, const struct tg_live_process *process, bool with_path) {
    const struct tg_sampler_status none = {.state = TG_SAMPLER_NONE};
    tg_json_begin_object(json);
    tg_json_member_uint(json, "pid", process->pid);
    tg_json_member_uint(json, "parent_pid", process->parent_pid);
    tg_json_member_uuid(json, "uuid", process->uuid);
    tg_json_member_uuid(json, "run", process->run_uuid);
    if (with_path) {
        tg_json_member_text(json, "recording", process->path);
    }
    tg_json_member_text(json, "program", process->program);
    tg_json_member_text(json, "service", process->service);
    tg_json_member_text(json, "service_version", process->service_version);
    tg_json_member_int(json, "started_unix_ns", process->started_wall_ns);
    tg_json_member_bool(json, "alive", process->alive);
    tg_json_member_bool(json, "cut_off", tg_live_process_is_cut_off(process));
    tg_json_member_bool(json, "truncated", process->truncated);
    tg_json_key(json, "sampler");
    tg_live_json_write_sampler(json, process->alive ? &process->sampler : &none);
    tg_json_end_object(json);
}

static void write_counts(struct tg_json *json, const char *key, const struct tg_measures *measures, bool has_p99,
                         uint64_t p99_ns) {
    bool called = measures->call_count > 0;
    tg_json_key(json, key);
    tg_json_begin_object(json);
    tg_json_member_uint(json, "call_count", measures->call_count);
    tg_json_member_uint(json, "error_count", measures->error_count);
    tg_json_member_uint(json, "total_ns", measures->total_ns);
    tg_json_member_uint(json, "self_ns", measures->self_ns);
    tg_json_member_if(json, "average_ns", called, tg_measures_average_ns(measures));
    if (has_p99) {
        tg_json_member_if(json, "p99_ns", called, p99_ns);
    }
    tg_json_end_object(json);
}

static void write_row(struct tg_json *json, const struct tg_live_row *row, enum tg_live_group group) {
    tg_json_begin_object(json);
    if (row->name) {
        tg_json_key(json, "name");
        tg_json_string_bytes(json, row->name->text, row->name->bytes);
        tg_json_member_bytes(json, "file", row->name->file, row->name->file_bytes);
        tg_json_member_if(json, "line", row->name->line > 0, row->name->line);
    } else {
        tg_json_member_uint(json, "pid", row->process->pid);
        tg_json_member_uuid(json, "uuid", row->process->uuid);
    }
    if (group == TG_LIVE_THREADS) {
        tg_json_member_if(json, "native_id", row->thread_id > 0, row->thread_id);
        tg_json_member_text(json, "thread_name", row->thread_name);
    }
    tg_json_member_bool(json, "alive", row->alive);
    tg_json_member_int(json, "running_count", row->ever.running_count);
    write_counts(json, "interval", &row->since, true, row->since_p99_ns);
    write_counts(json, "ever", &row->ever, false, 0);
    tg_json_end_object(json);
}

static void write_quality(struct tg_json *json, const struct tg_snapshot *quality) {
    tg_json_key(json, "quality");
    tg_json_begin_object(json);
    tg_json_member_uint(json, "overflow_call_count", quality->overflow_call_count);
    tg_json_member_uint(json, "unrecorded_call_count", quality->unrecorded_call_count);
    tg_json_member_uint(json, "refused_function_count", quality->refused_function_count);
    tg_json_member_uint(json, "lost_child_count", quality->lost_child_count);
    tg_json_member_uint(json, "torn_count", quality->torn_count);
    tg_json_member_uint(json, "damaged_count", quality->damaged_count);
    tg_json_end_object(json);
}

void tg_live_json_append(struct tg_strbuf *out, const struct tg_live *live, const struct tg_live_view *view,
                         const struct tg_live_query *query, size_t limit, bool with_paths) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_member_text(&json, "schema", "tachograph-top");
    tg_json_member_uint(&json, "schema_version", TG_LIVE_JSON_VERSION);
    tg_json_member_text(&json, "tachograph_version", TG_VERSION);
    tg_json_member_int(&json, "time_unix_ns", live->refreshed_wall_ns);
    tg_json_member_if(&json, "interval_ns", live->interval_ns > 0, (uint64_t)live->interval_ns);
    tg_json_key(&json, "processes");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < live->process_count; i++) {
        write_process(&json, live->processes[i], with_paths);
    }
    tg_json_end_array(&json);
    tg_json_member_int(&json, "running_count", view->sums.ever.running_count);
    write_counts(&json, "interval", &view->sums.since, false, 0);
    write_counts(&json, "ever", &view->sums.ever, false, 0);
    tg_json_member_text(&json, "by", tg_live_group_names[query->group]);
    tg_json_member_text(&json, "sort", tg_live_sort_names[query->sort]);
    tg_json_member_uint(&json, "row_count", view->row_count);
    tg_json_key(&json, "rows");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < view->row_count && (limit == 0 || i < limit); i++) {
        write_row(&json, &view->rows[i], query->group);
    }
    tg_json_end_array(&json);
    write_quality(&json, &view->sums.quality);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
