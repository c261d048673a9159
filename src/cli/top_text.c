/* top_text: what top says in words, and its figures as plain lines. See top.h. */
#include "base/humanize.h"
#include "cli/printable.h"
#include "cli/top.h"
#include "record/runtime.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

const char *tg_top_state(const struct tg_live_process *process) {
    return process->alive ? "running" : tg_live_process_is_cut_off(process) ? "cut off" : "ended";
}

void tg_top_append_processes(const struct tg_live_sums *sums, struct tg_strbuf *out) {
    tg_strbuf_printf(out, "%zu process%s", sums->alive_count, sums->alive_count == 1 ? "" : "es");
    if (sums->ended_count) {
        tg_strbuf_printf(out, ", %zu ended", sums->ended_count);
    }
}

static void append_problem(struct tg_strbuf *out, size_t start, uint64_t count, const char *one, const char *many) {
    if (count) {
        tg_strbuf_printf(out, "%s%s %s", out->length > start ? ", " : "", tg_humanize_count(count).text,
                         count == 1 ? one : many);
    }
}

void tg_top_append_quality(const struct tg_live_sums *sums, struct tg_strbuf *out) {
    const struct tg_snapshot *quality = &sums->quality;
    size_t start = out->length;
    append_problem(out, start, quality->overflow_call_count + quality->unrecorded_call_count, "call found no space",
                   "calls found no space");
    append_problem(out, start, quality->refused_function_count, "function without a name", "functions without a name");
    append_problem(out, start, quality->lost_child_count, "forked process missing", "forked processes missing");
    append_problem(out, start, quality->torn_count, "figure torn", "figures torn");
    append_problem(out, start, quality->damaged_count, "place damaged", "places damaged");
    append_problem(out, start, sums->truncated_count, "recording cut short", "recordings cut short");
}

/* Of the first that samples itself, where that can be watched. */
static void append_sampled(const struct tg_live *live, struct tg_strbuf *out) {
    for (size_t i = 0; i < live->process_count; i++) {
        const struct tg_live_process *process = live->processes[i];
        if (process->alive && process->sampler.state != TG_SAMPLER_NONE) {
            tg_strbuf_printf(out, "; 'tachograph top --sample -p %" PRIu64 "' shows what is sampled", process->pid);
            return;
        }
    }
}

void tg_top_append_nothing(const struct tg_live *live, const struct tg_live_query *query, struct tg_strbuf *out) {
    struct tg_error err = TG_ERROR_INIT;
    if (query->filter && query->filter[0] && live->process_count) {
        tg_strbuf_append(out, "nothing here has '");
        tg_printable_append(out, query->filter, strlen(query->filter));
        tg_strbuf_append(out, "' in its name");
    } else if (query->only_count && live->process_count) {
        tg_strbuf_append(out, "no function matches --only");
    } else if (live->process_count) {
        tg_strbuf_append(out, "no call has been counted yet");
        append_sampled(live, out);
    } else if (live->options.path_count) {
        tg_strbuf_append(out, "no recording lies in what was named");
    } else if (tg_runtime_check_chosen(&err) != TG_OK) {
        tg_printable_append(out, err.message, strlen(err.message));
    } else {
        tg_strbuf_append(out, "no process is being timed; 'tachograph run SCRIPT' starts one");
    }
}

static void append_time(struct tg_strbuf *out, tg_ns wall_ns) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm local;
    char formatted[32];
    if (localtime_r(&seconds, &local) && strftime(formatted, sizeof formatted, "%H:%M:%S", &local)) {
        tg_strbuf_append(out, formatted);
    }
}

void tg_top_print_text(const struct tg_top *top, const struct tg_live *live, const struct tg_live_view *view,
                       const struct tg_terminal *terminal, struct tg_strbuf *out) {
    const struct tg_live_sums *sums = &view->sums;
    struct tg_strbuf problems = TG_STRBUF_INIT;
    size_t count = top->limit && top->limit < view->row_count ? top->limit : view->row_count;
    append_time(out, live->refreshed_wall_ns);
    tg_strbuf_append(out, "  ");
    tg_top_append_processes(sums, out);
    if (live->interval_ns) {
        uint64_t interval_ns = (uint64_t)live->interval_ns;
        tg_strbuf_printf(out, "; in %s: %s calls/s, ", tg_humanize_duration(live->interval_ns).text,
                         tg_humanize_rate(sums->since.call_count, interval_ns).text);
        tg_strbuf_printf(out, "%s errors/s", tg_humanize_rate(sums->since.error_count, interval_ns).text);
    }
    tg_strbuf_printf(out, "; %" PRId64 " running\n", sums->ever.running_count);
    if (count) {
        struct tg_top_rows rows = {
            .live = live, .view = view, .query = &top->query, .count = count, .chosen = SIZE_MAX};
        tg_top_append_rows(&rows, terminal, out);
    } else {
        tg_top_append_nothing(live, &top->query, out);
        tg_strbuf_append_char(out, '\n');
    }
    tg_top_append_quality(sums, &problems);
    if (problems.length) {
        tg_strbuf_printf(out, "note: %s\n", tg_strbuf_text(&problems));
    }
    if (count < view->row_count) {
        tg_strbuf_printf(out, "%s more: -n N shows the first N\n", tg_humanize_count(view->row_count - count).text);
    }
    tg_strbuf_release(&problems);
}
