/* doctor: see doctor.h. */
#include "cli/doctor.h"

#include "base/json.h"
#include "base/json_member.h"
#include "cli/printable.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const verdicts[] = {"ok", "note", "problem"};

void tg_doctor_release(struct tg_doctor *doctor) {
    for (size_t i = 0; i < doctor->count; i++) {
        tg_strbuf_release(&doctor->findings[i].text);
        tg_strbuf_release(&doctor->findings[i].remedy);
    }
    free(doctor->findings);
    *doctor = (struct tg_doctor){.findings = NULL};
}

void tg_doctor_add(struct tg_doctor *doctor, enum tg_verdict verdict, const char *remedy, const char *format, ...) {
    struct tg_finding *findings = realloc(doctor->findings, (doctor->count + 1) * sizeof *findings);
    if (!findings) {
        doctor->failed = true;
        return;
    }
    doctor->findings = findings;
    struct tg_finding *finding = &findings[doctor->count++];
    *finding = (struct tg_finding){.group = doctor->group, .verdict = verdict};
    va_list arguments;
    va_start(arguments, format);
    tg_strbuf_vprintf(&finding->text, format, arguments);
    va_end(arguments);
    tg_strbuf_append(&finding->remedy, remedy ? remedy : "");
    doctor->counts[verdict]++;
    doctor->failed =
        doctor->failed || tg_strbuf_status(&finding->text) != TG_OK || tg_strbuf_status(&finding->remedy) != TG_OK;
}

static void append_text(struct tg_strbuf *out, const struct tg_strbuf *text) {
    tg_printable_append(out, tg_strbuf_text(text), text->length);
    tg_strbuf_append_char(out, '\n');
}

static void append_summary(struct tg_strbuf *out, const struct tg_doctor *doctor) {
    size_t problems = doctor->counts[TG_VERDICT_PROBLEM];
    size_t notes = doctor->counts[TG_VERDICT_NOTE];
    if (problems) {
        tg_strbuf_printf(out, "%zu problem%s: until that is mended, timing or the history is hindered\n", problems,
                         problems == 1 ? "" : "s");
    } else if (notes) {
        tg_strbuf_printf(out, "Timing and the history work here; %s noted above.\n",
                         notes == 1 ? "one thing is" : "some things are");
    } else {
        tg_strbuf_append(out, "All is well: timing and the history work here.\n");
    }
}

void tg_doctor_print_text(const struct tg_doctor *doctor, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    const char *group = "";
    for (size_t i = 0; i < doctor->count; i++) {
        const struct tg_finding *finding = &doctor->findings[i];
        bool is_ok = finding->verdict == TG_VERDICT_OK;
        tg_strbuf_printf(out, "%s%-12s%s", tg_terminal_dim(terminal),
                         strcmp(group, finding->group) == 0 ? "" : finding->group, tg_terminal_plain(terminal));
        tg_strbuf_printf(out, "%s%-9s%s", is_ok ? "" : tg_terminal_bold(terminal), verdicts[finding->verdict],
                         is_ok ? "" : tg_terminal_plain(terminal));
        append_text(out, &finding->text);
        if (finding->remedy.length) {
            tg_strbuf_printf(out, "%-21s-> ", "");
            append_text(out, &finding->remedy);
        }
        group = finding->group;
    }
    tg_strbuf_append_char(out, '\n');
    append_summary(out, doctor);
}

void tg_doctor_print_json(const struct tg_doctor *doctor, struct tg_strbuf *out) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "findings");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < doctor->count; i++) {
        const struct tg_finding *finding = &doctor->findings[i];
        tg_json_begin_object(&json);
        tg_json_member_text(&json, "group", finding->group);
        tg_json_member_text(&json, "verdict", verdicts[finding->verdict]);
        tg_json_member_text(&json, "text", tg_strbuf_text(&finding->text));
        tg_json_member_text(&json, "remedy", tg_strbuf_text(&finding->remedy));
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_json_member_uint(&json, "notes", doctor->counts[TG_VERDICT_NOTE]);
    tg_json_member_uint(&json, "problems", doctor->counts[TG_VERDICT_PROBLEM]);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
