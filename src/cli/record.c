/* record: see record.h. */
#include "cli/record.h"

#include "base/humanize.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "export/export_group.h"
#include "profile/flat.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_BYTES ((size_t)512 << 20U)
#define NS_PER_S    INT64_C(1000000000)
#define HOTTEST     5

static void take(void *context, pid_t pid, const struct tg_sample *sample) {
    struct tg_profile *profile = context;
    struct tg_weight weight = {
        .sample_count = 1,
        .wall_ns = (uint64_t)sample->wall_ns,
        .cpu_ns = (uint64_t)sample->cpu_ns,
        .gil_ns = sample->has_gil ? (uint64_t)sample->wall_ns : 0,
    };
    struct tg_profile_thread *thread =
        tg_profile_task(profile, (uint64_t)pid, (uint64_t)sample->thread->tid, sample->thread->name, sample->task);
    if (thread) {
        tg_calltree_add(&thread->tree, sample->frames, sample->depth, &weight);
    } else {
        tg_weight_add(&profile->homeless, &weight);
    }
    profile->quality.taken_count++;
}

static enum tg_sampler_mode mode_of(enum tg_export_measure measure) {
    static const enum tg_sampler_mode modes[] = {
        [TG_EXPORT_WALL] = TG_SAMPLER_WALL, [TG_EXPORT_CPU] = TG_SAMPLER_CPU, [TG_EXPORT_GIL] = TG_SAMPLER_GIL};
    return modes[measure];
}

enum tg_status tg_record_begin(struct tg_record *record, const struct tg_record_options *options,
                               struct tg_error *err) {
    *record = (struct tg_record){.options = *options, .family = {.end_fd = -1}};
    tg_profile_init(&record->profile, LIMIT_BYTES, options->by_line);
    struct tg_family_options family = {
        .rate_hz = options->rate_hz,
        .mode = mode_of(options->measure),
        .tells_idle = options->with_idle,
        .follows = options->follows,
        .no_bpf = options->no_bpf,
        .sink = take,
        .context = &record->profile,
    };
    return tg_family_init(&record->family, &family, &record->profile.symbols, err);
}

void tg_record_release(struct tg_record *record) {
    if (record) {
        tg_family_release(&record->family);
        tg_profile_release(&record->profile);
    }
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

static void show_progress(const struct tg_record *record, tg_ns now_ns) {
    tg_ns left_ns = record->until_ns ? record->until_ns - now_ns : 0;
    uint64_t count = record->profile.quality.taken_count;
    char text[160];
    int length = snprintf(text, sizeof text, "\r%s, %s sample%s%s%s; Ctrl-C ends \033[K",
                          tg_humanize_duration((now_ns - record->began_ns) / NS_PER_S * NS_PER_S).text,
                          tg_humanize_count(count).text, plural(count), left_ns > 0 ? ", still " : "",
                          left_ns > 0 ? tg_humanize_duration((left_ns + NS_PER_S - 1) / NS_PER_S * NS_PER_S).text : "");
    (void)!tg_output_write(STDERR_FILENO, text, (size_t)length);
}

void tg_record_run(struct tg_record *record, bool shows_progress) {
    enum tg_sampler_ending ending = TG_SAMPLER_GOES_ON;
    record->profile.began_wall_ns = tg_clock_wall_ns();
    record->began_ns = tg_clock_monotonic_ns();
    record->until_ns = record->options.duration_ns ? record->began_ns + record->options.duration_ns : 0;
    tg_ns next_ns = record->began_ns + NS_PER_S;
    while (ending == TG_SAMPLER_GOES_ON) {
        bool is_last = record->until_ns && (!shows_progress || record->until_ns <= next_ns);
        ending = tg_family_run(&record->family, is_last ? record->until_ns : shows_progress ? next_ns : 0);
        if (ending == TG_SAMPLER_GOES_ON && is_last) {
            break;
        }
        if (ending == TG_SAMPLER_GOES_ON) {
            show_progress(record, tg_clock_monotonic_ns());
            next_ns += NS_PER_S;
        }
    }
    if (shows_progress) {
        (void)!tg_output_write(STDERR_FILENO, "\r\033[K", 4);
    }
    record->has_ended = ending != TG_SAMPLER_GOES_ON;
    record->ended_ns = tg_clock_monotonic_ns();
    tg_family_close(&record->family); /* whoever reads the file may take long */
    record->profile.duration_ns = (uint64_t)(record->ended_ns - record->began_ns);
    record->profile.period_ns = (uint64_t)(1e9 / record->options.rate_hz);
    struct tg_sampler_quality quality = tg_family_quality(&record->family);
    record->profile.quality.missed_count = quality.missed_count;
    record->profile.quality.torn_count = quality.lost_count;
}

void tg_record_end(struct tg_record *record) {
    tg_family_end(&record->family);
}

/* Nobody can be sent to look at a program that is gone. */
static enum tg_status refuse_ended(const struct tg_record *record, struct tg_error *err) {
    if (!record->family.ran[0]) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "nothing was sampled: the program ended before it could be looked at");
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "nothing was sampled: the program ran %s, and ended before a Python was seen in it; name the "
                        "Python with --python%s",
                        record->family.ran, record->options.follows ? "" : ", or add -s if it starts one");
}

/* Why there is not one sample. */
static enum tg_status refuse_empty(const struct tg_record *record, struct tg_error *err) {
    struct tg_sampler_quality quality = tg_family_quality(&record->family);
    const struct tg_error *why = record->family.refused_count ? &record->family.refusal : &record->family.said;
    bool is_gone = record->options.is_own && record->has_ended && !record->family.refused_count;
    if (record->family.sampled_count == 0 && (is_gone || why->status == TG_OK)) {
        return refuse_ended(record, err);
    }
    if (record->family.sampled_count == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "nothing was sampled: %s", why->message);
    }
    if (quality.taken_count == 0 && quality.lost_count > 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "none of %" PRIu64 " sample%s could be proven right; 'tachograph "
                            "doctor' says what is in the way",
                            quality.lost_count, plural(quality.lost_count));
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "it was over before the first sample; record longer, or at a higher "
                        "rate (-r)");
}

/* Whether its threads were looked at, with success if there was anything to read. */
static bool was_looked_at(const struct tg_record *record) {
    struct tg_sampler_quality quality = tg_family_quality(&record->family);
    return quality.taken_count > 0 || (record->family.look_count > 0 && quality.lost_count == 0);
}

/* That nothing was found is an answer, and somebody waits for the file. */
static void warn_empty(const struct tg_record *record) {
    uint64_t taken = tg_family_quality(&record->family).taken_count, looks = record->family.look_count;
    const char *others =
        record->options.measure == TG_EXPORT_WALL ? "--idle records them too" : "--wall --idle records them too";
    if (record->is_stopped) {
        tg_message_warning("record: nothing ran at any of %" PRIu64 " look%s: the process is stopped", looks,
                           plural(looks));
    } else if (record->options.measure == TG_EXPORT_GIL) {
        tg_message_warning("record: no thread had the lock at any of %" PRIu64 " look%s; %s", looks, plural(looks),
                           "--wall --idle records those without");
    } else if (taken > 0) {
        tg_message_warning("record: all %" PRIu64 " sample%s were of threads that waited; %s", taken, plural(taken),
                           others);
    } else {
        tg_message_warning("record: no Python thread was there at any of %" PRIu64 " look%s", looks, plural(looks));
    }
}

static enum tg_status write_out(const char *path, const struct tg_strbuf *text, struct tg_error *err) {
    if (strcmp(path, "-") != 0) {
        return tg_output_replace(path, tg_strbuf_text(text), text->length, err);
    }
    int error = tg_output_write(STDOUT_FILENO, tg_strbuf_text(text), text->length);
    if (error == EPIPE) {
        return tg_error_set(err, TG_ERROR_IO, "the file is lost: nobody read standard output to its end");
    }
    return error ? tg_error_set_errno(err, error, "cannot write to standard output") : TG_OK;
}

enum tg_status tg_record_finish(struct tg_record *record, const char *what, struct tg_error *err) {
    if (record->profile.quality.taken_count == 0 && !was_looked_at(record)) {
        return refuse_empty(record, err);
    }
    if (record->profile.quality.taken_count == 0) {
        warn_empty(record);
    }
    struct tg_strbuf title = TG_STRBUF_INIT;
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_printf(&title, "%s, %s", what, tg_humanize_duration((int64_t)record->profile.duration_ns).text);
    struct tg_export_options options = {
        .measure = record->options.measure,
        .by_thread = record->options.by_thread,
        .title = tg_strbuf_text(&title),
        .program = "tachograph " TG_VERSION,
    };
    enum tg_status status = record->options.format->write(&record->profile, &options, &text, err);
    if (status == TG_OK) {
        status = write_out(record->options.path, &text, err);
    }
    tg_strbuf_release(&text);
    tg_strbuf_release(&title);
    return status;
}

/* "for 1.20 s it ran a program that is no Python, which it had executed" */
static void append_foreign(const struct tg_record *record, struct tg_strbuf *out) {
    struct tg_foreign_time foreign = tg_family_foreign(&record->family, record->ended_ns);
    if (foreign.total_ns == 0) {
        return;
    }
    tg_strbuf_printf(out, "%sfor %s ", out->length ? "; " : "", tg_humanize_duration(foreign.total_ns).text);
    if (foreign.process_count > 1) {
        tg_strbuf_printf(out, "together %" PRIu64 " processes ran programs that are no Python, which they had executed",
                         foreign.process_count);
    } else {
        tg_strbuf_printf(out, "%s ran a program that is no Python, which it had executed",
                         record->family.sampled_count > 1 ? "a process" : "it");
    }
}

/* Why processes are missing, and when. */
static void append_lost_processes(const struct tg_record *record, struct tg_strbuf *out) {
    const struct tg_family *family = &record->family;
    append_foreign(record, out);
    if (family->refused_count) {
        tg_strbuf_append(out, out->length ? "; " : "");
        if (family->refused_count > 1) {
            tg_strbuf_printf(out, "%" PRIu64 " processes could not be sampled, the last one as ",
                             family->refused_count);
        }
        tg_printable_append(out, family->refusal.message, strlen(family->refusal.message));
    }
    if (family->suspended_ns) {
        tg_strbuf_printf(out, "%s%s passed while this was suspended", out->length ? "; " : "",
                         tg_humanize_duration(family->suspended_ns).text);
    }
    if (family->left_out_count) {
        tg_strbuf_printf(out, "%smore than %zu processes", out->length ? "; " : "", TG_FAMILY_MAX);
    }
}

static void append_lost(const struct tg_record *record, struct tg_strbuf *out) {
    struct tg_sampler_quality quality = tg_family_quality(&record->family);
    struct tg_weight lost = tg_profile_lost(&record->profile);
    if (quality.lost_count) {
        uint64_t all = quality.lost_count + quality.taken_count;
        tg_strbuf_printf(out, "%s of %s stack%s read could not be proven right (",
                         tg_humanize_count(quality.lost_count).text, tg_humanize_count(all).text, plural(all));
        const char *separator = "";
        for (int i = 0; i < TG_WALK_RESULTS; i++) {
            if (quality.lost[i]) {
                tg_strbuf_printf(out, "%s%s %s", separator, tg_walk_result_name((enum tg_walk_result)i),
                                 tg_humanize_count(quality.lost[i]).text);
                separator = ", ";
            }
        }
        tg_strbuf_append(out, ")");
    }
    if (quality.missed_count) {
        tg_strbuf_printf(out, "%s%s look%s fell out, since this machine was busy", out->length ? "; " : "",
                         tg_humanize_count(quality.missed_count).text, plural(quality.missed_count));
        if (quality.preempted_ns) {
            tg_strbuf_printf(out, " (its threads had %s of processors meanwhile)",
                             tg_humanize_duration(quality.preempted_ns).text);
        }
    }
    if (lost.sample_count) {
        tg_strbuf_printf(out, "%s%s sample%s found no space", out->length ? "; " : "",
                         tg_humanize_count(lost.sample_count).text, plural(lost.sample_count));
    }
    append_lost_processes(record, out);
}

static enum tg_export_measure sorted_by; /* of qsort's comparison, in one thread */

static int by_self(const void *one, const void *other) {
    const struct tg_flat_row *a = one;
    const struct tg_flat_row *b = other;
    uint64_t of_a = tg_export_measure_of(&a->self, sorted_by);
    uint64_t of_b = tg_export_measure_of(&b->self, sorted_by);
    return (of_a < of_b) - (of_a > of_b);
}

static void append_hottest(const struct tg_record *record, struct tg_strbuf *out) {
    struct tg_budget budget = {.limit_bytes = SIZE_MAX};
    struct tg_calltree all;
    struct tg_flat flat = {.rows = NULL};
    tg_calltree_init(&all, &budget, false);
    if (tg_profile_merge_threads(&record->profile, &all, NULL) == TG_OK
        && tg_flat_make(&flat, &all, false, NULL) == TG_OK && flat.count > 0) {
        struct tg_weight whole = tg_calltree_weight(&all);
        sorted_by = record->options.measure;
        qsort(flat.rows, flat.count, sizeof *flat.rows, by_self);
        for (size_t i = 0; i < flat.count && i < HOTTEST; i++) {
            struct tg_symbol symbol = tg_symbols_get(&record->profile.symbols, flat.rows[i].frame.symbol);
            uint64_t self_ns = tg_export_measure_of(&flat.rows[i].self, record->options.measure);
            if (self_ns == 0) {
                break;
            }
            tg_strbuf_printf(out, "%-11s%7s  ", i == 0 ? "hottest" : "",
                             tg_humanize_share(self_ns, tg_export_measure_of(&whole, record->options.measure)).text);
            tg_printable_append(out, symbol.name, strlen(symbol.name));
            tg_strbuf_append(out, symbol.file[0] ? "  " : "");
            const char *file = tg_export_short_file(symbol.file);
            tg_printable_append(out, file, strlen(file));
            tg_strbuf_printf(out, symbol.first_line ? ":%" PRIu32 "\n" : "\n", symbol.first_line);
        }
    }
    tg_flat_release(&flat);
    tg_calltree_release(&all);
}

void tg_record_append_summary(const struct tg_record *record, const char *what, struct tg_strbuf *out) {
    const struct tg_profile *profile = &record->profile;
    struct tg_strbuf lost = TG_STRBUF_INIT;
    tg_strbuf_printf(out, "%-11s", "recorded");
    tg_printable_append(out, what, strlen(what));
    size_t thread_count = tg_profile_count_threads(profile);
    tg_strbuf_printf(out, ", %s: %s sample%s of %zu thread%s", tg_humanize_duration((int64_t)profile->duration_ns).text,
                     tg_humanize_count(profile->quality.taken_count).text, plural(profile->quality.taken_count),
                     thread_count, plural(thread_count));
    if (record->family.sampled_count > 1) {
        tg_strbuf_printf(out, " in %" PRIu64 " processes", record->family.sampled_count);
    }
    tg_strbuf_append_char(out, '\n');
    append_lost(record, &lost);
    if (lost.length) {
        tg_strbuf_printf(out, "%-11s%s\n", "lost", tg_strbuf_text(&lost));
    }
    append_hottest(record, out);
    if (strcmp(record->options.path, "-") != 0) {
        tg_strbuf_printf(out, "%-11s", record->options.format->name);
        tg_printable_append(out, record->options.path, strlen(record->options.path));
        tg_strbuf_append_char(out, '\n');
    }
    tg_strbuf_release(&lost);
}
