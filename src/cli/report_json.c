/* report_json: the report for programs, specified in docs/formats/report-json.md. See report.h. */
#include "base/json_member.h"
#include "cli/report.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

/* A string of the header: it ends with a zero byte or with its array. */
#define MEMBER_FIELD(JSON, KEY, FIELD) tg_json_member_bytes((JSON), (KEY), (FIELD), strnlen((FIELD), sizeof(FIELD)))

static void write_process(struct tg_json *json, const struct tg_report_recording *recording) {
    const struct tg_header *header = recording->reader.header;
    char version[32];
    const char *python = tg_report_python_version(header, version, sizeof version);
    const char *clock = tg_clock_name((enum tg_clock_kind)header->clock_kind);
    tg_json_begin_object(json);
    tg_json_member_uint(json, "pid", header->pid);
    tg_json_member_uint(json, "parent_pid", header->parent_pid);
    tg_json_member_uuid(json, "uuid", header->uuid);
    tg_json_member_uuid(json, "run", header->run_uuid);
    tg_json_member_text(json, "recording", recording->path);
    MEMBER_FIELD(json, "program", header->program);
    MEMBER_FIELD(json, "service", header->service);
    MEMBER_FIELD(json, "service_version", header->service_version);
    MEMBER_FIELD(json, "host", header->host);
    tg_json_member_text(json, "python_version", python);
    tg_json_member_text(json, "clock", clock);
    tg_json_key(json, "started_unix_ns");
    tg_json_int(json, header->started_wall_ns);
    tg_json_member_bool(json, "alive", recording->reader.alive);
    tg_json_member_bool(json, "truncated", recording->reader.truncated);
    tg_json_end_object(json);
}

static void write_thread(struct tg_json *json, const struct tg_run_row *row) {
    tg_json_key(json, "thread");
    tg_json_begin_object(json);
    tg_json_member_uint(json, "pid", row->pid);
    tg_json_key(json, "native_id");
    if (row->thread_id) {
        tg_json_uint(json, row->thread_id);
    } else {
        tg_json_null(json);
    }
    MEMBER_FIELD(json, "name", row->thread_name);
    tg_json_end_object(json);
}

static void write_function(struct tg_json *json, const struct tg_run_row *row, bool by_thread) {
    const struct tg_measures *measures = &row->measures;
    bool called = measures->call_count > 0;
    tg_json_begin_object(json);
    tg_json_key(json, "name");
    tg_json_string_bytes(json, row->name, row->name_bytes);
    tg_json_member_bytes(json, "file", row->file, row->file_bytes);
    tg_json_member_if(json, "line", row->line > 0, row->line);
    if (by_thread) {
        write_thread(json, row);
    }
    tg_json_member_uint(json, "call_count", measures->call_count);
    tg_json_key(json, "running_count");
    tg_json_int(json, measures->running_count);
    tg_json_member_uint(json, "error_count", measures->error_count);
    tg_json_member_uint(json, "total_ns", measures->total_ns);
    tg_json_member_uint(json, "cumulative_ns", measures->cumulative_ns);
    tg_json_member_uint(json, "self_ns", measures->self_ns);
    tg_json_member_uint(json, "active_ns", measures->active_ns);
    tg_json_member_if(json, "average_ns", called, tg_measures_average_ns(measures));
    tg_json_member_if(json, "minimum_ns", called, measures->minimum_ns);
    tg_json_member_if(json, "maximum_ns", called, measures->maximum_ns);
    tg_json_member_if(json, "last_ns", called, measures->last_ns);
    tg_json_member_if(json, "p50_ns", called, tg_measures_percentile(measures, 50));
    tg_json_member_if(json, "p90_ns", called, tg_measures_percentile(measures, 90));
    tg_json_member_if(json, "p99_ns", called, tg_measures_percentile(measures, 99));
    tg_json_end_object(json);
}

static void write_end(struct tg_json *json, const struct tg_child_end *end) {
    tg_json_key(json, "end");
    if (!end) {
        tg_json_null(json);
        return;
    }
    const char *name = end->by_signal ? sigabbrev_np(end->code) : NULL;
    tg_json_begin_object(json);
    tg_json_member_uint(json, "pid", end->pid);
    tg_json_member_if(json, "exit_code", !end->by_signal, (uint64_t)end->code);
    tg_json_member_if(json, "signal", end->by_signal, (uint64_t)end->code);
    tg_json_member_text(json, "signal_name", name);
    tg_json_member_uint(json, "duration_ns", (uint64_t)end->duration_ns);
    tg_json_end_object(json);
}

static void write_quality(struct tg_json *json, const struct tg_run_totals *totals) {
    tg_json_key(json, "quality");
    tg_json_begin_object(json);
    tg_json_member_uint(json, "overflow_call_count", totals->overflow_call_count);
    tg_json_member_uint(json, "unrecorded_call_count", totals->unrecorded_call_count);
    tg_json_member_uint(json, "refused_function_count", totals->refused_function_count);
    tg_json_member_uint(json, "lost_child_count", totals->lost_child_count);
    tg_json_member_uint(json, "torn_count", totals->torn_count);
    tg_json_member_uint(json, "damaged_count", totals->damaged_count);
    tg_json_end_object(json);
}

void tg_report_print_json(const struct tg_report *report, const struct tg_report_options *options,
                          struct tg_strbuf *out) {
    const struct tg_run_totals *totals = &report->totals;
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "schema");
    tg_json_string(&json, "tachograph-report");
    tg_json_member_uint(&json, "schema_version", TG_REPORT_JSON_VERSION);
    tg_json_key(&json, "tachograph_version");
    tg_json_string(&json, TG_VERSION);
    write_end(&json, report->end);
    tg_json_key(&json, "processes");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < report->recording_count; i++) {
        write_process(&json, &report->recordings[i]);
    }
    tg_json_end_array(&json);
    tg_json_key(&json, "sort");
    tg_json_string(&json, tg_run_sort_names[options->sort]);
    tg_json_member_uint(&json, "function_count", totals->row_count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < report->shown_count; i++) {
        write_function(&json, &totals->rows[i], totals->by_thread);
    }
    tg_json_end_array(&json);
    tg_report_write_events(&json, report);
    write_quality(&json, totals);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
