/* report_events: what has happened to the processes of a report, for both its forms. See report.h. */
#include "base/json_member.h"
#include "cli/printable.h"
#include "cli/report.h"
#include "record/event_log.h"

#include <inttypes.h>
#include <time.h>

#define SHOWN_MAX 10 /* of each process */

static void append_time(struct tg_strbuf *out, int64_t wall_ns) {
    time_t seconds = wall_ns / INT64_C(1000000000);
    struct tm local;
    char formatted[32] = "-";
    if (localtime_r(&seconds, &local)) {
        strftime(formatted, sizeof formatted, "%H:%M:%S", &local);
    }
    tg_strbuf_append(out, formatted);
}

static void append_event(struct tg_strbuf *out, const struct tg_report *report, const struct tg_header *header,
                         const struct tg_event *event) {
    append_time(out, event->wall_ns);
    if (report->recording_count > 1) {
        tg_strbuf_printf(out, "  process %" PRIu64, header->pid);
    }
    tg_strbuf_printf(out, "  %s: ", tg_event_kind_name(event->kind));
    tg_printable_append(out, event->text, event->text_bytes);
    tg_strbuf_append_char(out, '\n');
}

void tg_report_append_events(struct tg_strbuf *out, const struct tg_report *report) {
    for (size_t i = 0; i < report->recording_count; i++) {
        const struct tg_reader *reader = &report->recordings[i].reader;
        struct tg_event_log log = tg_event_log_of(&reader->view);
        uint64_t first = log.count > SHOWN_MAX ? log.count - SHOWN_MAX + 1 : 1;
        if (first > 1) {
            tg_strbuf_printf(out, "(earlier events: %" PRIu64 "; --json has the last %d)\n", first - 1, TG_EVENTS);
        }
        for (uint64_t serial = first; serial <= log.count; serial++) {
            struct tg_event event;
            if (tg_event_log_read(&log, serial, &event)) {
                append_event(out, report, reader->header, &event);
            }
        }
    }
}

static void write_event(struct tg_json *json, const struct tg_header *header, const struct tg_event *event) {
    tg_json_begin_object(json);
    tg_json_member_text(json, "kind", tg_event_kind_name(event->kind));
    tg_json_member_int(json, "unix_ns", event->wall_ns);
    tg_json_member_uint(json, "pid", header->pid);
    tg_json_key(json, "text");
    tg_json_string_bytes(json, event->text, event->text_bytes);
    tg_json_end_object(json);
}

void tg_report_write_events(struct tg_json *json, const struct tg_report *report) {
    uint64_t count = 0;
    tg_json_key(json, "events");
    tg_json_begin_array(json);
    for (size_t i = 0; i < report->recording_count; i++) {
        const struct tg_reader *reader = &report->recordings[i].reader;
        struct tg_event_log log = tg_event_log_of(&reader->view);
        count += log.count;
        for (uint64_t serial = log.first; serial <= log.count; serial++) {
            struct tg_event event;
            if (tg_event_log_read(&log, serial, &event)) {
                write_event(json, reader->header, &event);
            }
        }
    }
    tg_json_end_array(json);
    tg_json_member_uint(json, "event_count", count);
}
