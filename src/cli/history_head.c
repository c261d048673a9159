/* history_head: see history_head.h. */
#include "cli/history_head.h"

#include "analyze/run_name.h"
#include "base/humanize.h"
#include "cli/fact.h"
#include "cli/history_period.h"
#include "cli/printable.h"

#include <inttypes.h>

#define NAMED_MAX 5 /* services or versions of a line */

void tg_history_print_fact(struct tg_history_question *question, const char *label, const struct tg_strbuf *value) {
    tg_fact_append(&question->out, &question->terminal, label, tg_strbuf_text(value), value->length);
}

static void append_other_services(struct tg_strbuf *out, const struct tg_history *history) {
    const struct tg_store_services *services = &history->scope.services;
    bool is_newest = history->scope.service == &services->items[0];
    size_t named = 0;
    if (history->service_was_named || services->count < 2) {
        return;
    }
    tg_strbuf_printf(out, ", %s (--service chooses another: ", is_newest ? "written to last" : "of this project");
    for (size_t i = 0; i < services->count && named < NAMED_MAX; i++) {
        if (history->scope.service != &services->items[i]) {
            tg_strbuf_printf(out, "%s%s", named++ ? ", " : "", services->items[i].name);
        }
    }
    if (services->count - 1 > named) {
        tg_strbuf_printf(out, " and %zu more", services->count - 1 - named);
    }
    tg_strbuf_append_char(out, ')');
}

void tg_history_print_head(struct tg_history_question *question) {
    const struct tg_history *history = &question->history;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_strbuf_append(&line, history->scope.service->name);
    append_other_services(&line, history);
    tg_history_print_fact(question, "service", &line);
    tg_strbuf_truncate(&line, 0);
    tg_strbuf_append(&line, tg_strbuf_text(&history->place));
    tg_history_print_fact(question, "history", &line);
    tg_strbuf_truncate(&line, 0);
    if (history->other_files.length) {
        tg_strbuf_printf(&line, "there are others, written to before: %s", tg_strbuf_text(&history->other_files));
        tg_history_print_fact(question, "", &line);
    }
    tg_strbuf_release(&line);
}

static void append_version(struct tg_strbuf *out, const struct tg_store_version *version) {
    tg_strbuf_append(out, version->version[0] ? version->version : "(not told)");
    tg_strbuf_printf(out, " (%" PRId64 " to %" PRId64 ")", version->first_iteration, version->last_iteration);
}

static void print_versions(struct tg_history_question *question, const struct tg_period *bounds) {
    const struct tg_store_versions *versions = &question->history.scope.versions;
    struct tg_strbuf line = TG_STRBUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < versions->count; i++) {
        const struct tg_store_version *version = &versions->items[versions->count - 1 - i];
        if (version->last_iteration >= bounds->first_iteration && version->first_iteration <= bounds->last_iteration
            && count++ < NAMED_MAX) {
            tg_strbuf_append(&line, count > 1 ? ", before it " : "");
            append_version(&line, version);
        }
    }
    if (count > NAMED_MAX) {
        tg_strbuf_printf(&line, " and %zu more", count - NAMED_MAX);
    }
    if (count > 1) {
        tg_history_print_fact(question, "version", &line);
    }
    tg_strbuf_release(&line);
}

void tg_history_print_period(struct tg_history_question *question, const struct tg_store_selection *selection) {
    struct tg_period bounds = tg_scope_bounds(&question->history.scope, selection);
    struct tg_strbuf line = TG_STRBUF_INIT;
    if (bounds.first_iteration > bounds.last_iteration) {
        return;
    }
    tg_history_append_period(&line, question->history.scope.service, &bounds);
    tg_strbuf_printf(&line, ", %s each", tg_humanize_duration(question->history.scope.service->base_interval_ns).text);
    tg_history_print_fact(question, "period", &line);
    if (!selection->version && !selection->run[0]) {
        print_versions(question, &bounds);
    } else if (selection->version) {
        tg_strbuf_truncate(&line, 0);
        tg_strbuf_append(&line, selection->version[0] ? selection->version : "(not told)");
        tg_history_print_fact(question, "version", &line);
    }
    tg_strbuf_truncate(&line, 0);
    tg_strbuf_printf(&line, "%.*s", TG_RUN_NAME_DIGITS, selection->run);
    tg_history_print_fact(question, "run", &line);
    tg_strbuf_release(&line);
}

void tg_history_print_nothing(struct tg_history_question *question, const struct tg_store_selection *selection) {
    const struct tg_history *history = &question->history;
    const struct tg_store_selection everything = tg_scope_everything(&history->scope);
    struct tg_period bounds = tg_scope_bounds(&history->scope, selection);
    struct tg_period all = tg_scope_bounds(&history->scope, &everything);
    if (bounds.first_iteration <= bounds.last_iteration) {
        tg_strbuf_append(&question->out, "no function was called in that time\n");
        return;
    }
    tg_strbuf_append(&question->out, "nothing was stored in that time: there are ");
    tg_history_append_period(&question->out, history->scope.service, &all);
    tg_strbuf_append_char(&question->out, '\n');
}

void tg_history_print_cut(struct tg_history_question *question, size_t cut, const char *what) {
    if (cut) {
        tg_strbuf_printf(&question->out, "%s more %s%s: -n N shows the first N\n", tg_humanize_count(cut).text, what,
                         cut == 1 ? "" : "s");
    }
}

void tg_history_append_word(struct tg_strbuf *out, const char *word) {
    tg_strbuf_append_char(out, ' ');
    tg_printable_append_word(out, word);
}

void tg_history_append_version_word(struct tg_strbuf *out, const char *version) {
    struct tg_strbuf word = TG_STRBUF_INIT;
    tg_strbuf_printf(&word, "version:%s", version);
    tg_history_append_word(out, tg_strbuf_text(&word));
    tg_strbuf_release(&word);
}

void tg_history_append_words(struct tg_strbuf *out, const struct tg_history *history) {
    if (history->store_was_named) {
        tg_strbuf_append(out, " --store");
        tg_history_append_word(out, tg_strbuf_text(&history->place));
    }
    if (history->service_was_named) {
        tg_strbuf_append(out, " --service");
        tg_history_append_word(out, history->scope.service->name);
    }
}
