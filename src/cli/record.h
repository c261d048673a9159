/*
 * record: a recording of samples, from the first look to the file: what `tachograph record` does with a process that
 * runs, and with a program that it starts.
 *
 * Threads: begin, run and finish belong to one thread; tg_record_end() to anyone. Units: nanoseconds.
 */
#ifndef TG_RECORD_H
#define TG_RECORD_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "export/export.h"
#include "profile/profile.h"
#include "sample/family.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_record_options {
    double rate_hz;
    enum tg_export_measure measure; /* wall: threads that do something, processor: on one, gil: with the lock */
    tg_ns duration_ns;              /* 0: to the end */
    bool with_idle;
    bool by_thread;
    bool by_line;
    bool follows;
    bool no_bpf;
    bool is_own; /* the process is a program that was started for this */
    const struct tg_export_format *format;
    const char *path;
};

struct tg_record {
    struct tg_record_options options;
    struct tg_profile profile;
    struct tg_family family;
    tg_ns began_ns;
    tg_ns until_ns; /* 0: to the end */
    tg_ns ended_ns;
    bool has_ended;  /* before its time was over: of a program of ours, with that */
    bool is_stopped; /* the process is, before or after: set by the caller */
};

TG_NODISCARD enum tg_status tg_record_begin(struct tg_record *record, const struct tg_record_options *options,
                                            struct tg_error *err);
/* NULL and a second call are fine. */
void tg_record_release(struct tg_record *record);

/* Samples the family until it is over. `shows_progress`: a line on standard error, each second. */
void tg_record_run(struct tg_record *record, bool shows_progress);
/* Ends tg_record_run(). Also for signal handlers. */
void tg_record_end(struct tg_record *record);

/* Writes the file, with a warning also where looks have found nothing that belongs into it. TG_ERROR_NOT_FOUND: there
 * was no look, or none that could be proven right, and nothing is written; the message says why. */
TG_NODISCARD enum tg_status tg_record_finish(struct tg_record *record, const char *what, struct tg_error *err);
/* Appends what was recorded, how good it is, and where it is, as lines. */
void tg_record_append_summary(const struct tg_record *record, const char *what, struct tg_strbuf *out);

#endif
