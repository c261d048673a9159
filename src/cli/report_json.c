/* report_json: the report for programs, specified in docs/formats/report-json.md. See report.h. */
#include "base/json.h"
#include "cli/report.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

static void member_uint(struct tg_json *json, const char *key, uint64_t value) {
    tg_json_key(json, key);
    tg_json_uint(json, value);
}

static void member_bool(struct tg_json *json, const char *key, bool value) {
    tg_json_key(json, key);
    tg_json_bool(json, value);
}

static void member_text(struct tg_json *json, const char *key, const char *text, size_t length) {
    tg_json_key(json, key);
    if (length) {
        tg_json_string_bytes(json, text, length);
    } else {
        tg_json_null(json);
    }
}

/* A string of the header: it ends with a zero byte or with its array. */
#define MEMBER_FIELD(JSON, KEY, FIELD) member_text((JSON), (KEY), (FIELD), strnlen((FIELD), sizeof(FIELD)))

static void member_uuid(struct tg_json *json, const char *key, const uint8_t uuid[16]) {
    static const char digits[] = "0123456789abcdef";
    char text[32];
    bool any = false;
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = digits[uuid[i] >> 4U];
        text[2 * i + 1] = digits[uuid[i] & 0xFU];
        any = any || uuid[i];
    }
    member_text(json, key, text, any ? sizeof text : 0);
}

static void member_duration(struct tg_json *json, const char *key, bool known, uint64_t ns) {
    tg_json_key(json, key);
    if (known) {
        tg_json_uint(json, ns);
    } else {
        tg_json_null(json);
    }
}

static void write_process(struct tg_json *json, const struct tg_report_recording *recording) {
    const struct tg_header *header = recording->reader.header;
    char version[32];
    const char *python = tg_report_python_version(header, version, sizeof version);
    const char *clock = tg_clock_name((enum tg_clock_kind)header->clock_kind);
    tg_json_begin_object(json);
    member_uint(json, "pid", header->pid);
    member_uint(json, "parent_pid", header->parent_pid);
    member_uuid(json, "uuid", header->uuid);
    member_uuid(json, "run", header->run_uuid);
    member_text(json, "recording", recording->path, strlen(recording->path));
    MEMBER_FIELD(json, "program", header->program);
    MEMBER_FIELD(json, "service", header->service);
    MEMBER_FIELD(json, "service_version", header->service_version);
    MEMBER_FIELD(json, "host", header->host);
    member_text(json, "python_version", python, strlen(python));
    member_text(json, "clock", clock, strlen(clock));
    tg_json_key(json, "started_unix_ns");
    tg_json_int(json, header->started_wall_ns);
    member_bool(json, "alive", recording->reader.alive);
    member_bool(json, "truncated", recording->reader.truncated);
    tg_json_end_object(json);
}

static void write_thread(struct tg_json *json, const struct tg_run_row *row) {
    tg_json_key(json, "thread");
    tg_json_begin_object(json);
    member_uint(json, "pid", row->pid);
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
    member_text(json, "file", row->file, row->file_bytes);
    member_duration(json, "line", row->line > 0, row->line);
    if (by_thread) {
        write_thread(json, row);
    }
    member_uint(json, "call_count", measures->call_count);
    tg_json_key(json, "running_count");
    tg_json_int(json, measures->running_count);
    member_uint(json, "error_count", measures->error_count);
    member_uint(json, "total_ns", measures->total_ns);
    member_uint(json, "cumulative_ns", measures->cumulative_ns);
    member_uint(json, "self_ns", measures->self_ns);
    member_uint(json, "active_ns", measures->active_ns);
    member_duration(json, "average_ns", called, tg_measures_average_ns(measures));
    member_duration(json, "minimum_ns", called, measures->minimum_ns);
    member_duration(json, "maximum_ns", called, measures->maximum_ns);
    member_duration(json, "last_ns", called, measures->last_ns);
    member_duration(json, "p50_ns", called, tg_measures_percentile(measures, 50));
    member_duration(json, "p90_ns", called, tg_measures_percentile(measures, 90));
    member_duration(json, "p99_ns", called, tg_measures_percentile(measures, 99));
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
    member_uint(json, "pid", end->pid);
    member_duration(json, "exit_code", !end->by_signal, (uint64_t)end->code);
    member_duration(json, "signal", end->by_signal, (uint64_t)end->code);
    member_text(json, "signal_name", name, name ? strlen(name) : 0);
    member_uint(json, "duration_ns", (uint64_t)end->duration_ns);
    tg_json_end_object(json);
}

static void write_quality(struct tg_json *json, const struct tg_run_totals *totals) {
    tg_json_key(json, "quality");
    tg_json_begin_object(json);
    member_uint(json, "overflow_call_count", totals->overflow_call_count);
    member_uint(json, "unrecorded_call_count", totals->unrecorded_call_count);
    member_uint(json, "refused_function_count", totals->refused_function_count);
    member_uint(json, "torn_count", totals->torn_count);
    member_uint(json, "damaged_count", totals->damaged_count);
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
    member_uint(&json, "schema_version", TG_REPORT_JSON_VERSION);
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
    member_uint(&json, "function_count", totals->row_count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < report->shown_count; i++) {
        write_function(&json, &totals->rows[i], totals->by_thread);
    }
    tg_json_end_array(&json);
    write_quality(&json, totals);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
