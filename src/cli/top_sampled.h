/*
 * top_sampled: what `tachograph top -p PID` shows of a process that has no recording: its functions and threads, as
 * they are sampled from outside.
 *
 * The process is sampled all the time; at each look the samples since the one before become the rows. Shares are of the
 * time that the sampler's looks stand for (`watched_ns` of tg_family_quality()), which is the interval without looks
 * that fell out: a thread that works all the time has 100 %, two have 200 %. Time in which the person has paused, or
 * this process was suspended, is of no interval.
 *
 * Threads: one thread does all of it. Units: nanoseconds.
 */
#ifndef TG_TOP_SAMPLED_H
#define TG_TOP_SAMPLED_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/key.h"
#include "cli/terminal.h"
#include "profile/profile.h"
#include "sample/family.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_SAMPLED_HISTORY     20 /* intervals that the sparkline shows */
#define TG_SAMPLED_FILTER_SIZE 128

enum tg_sampled_sort {
    TG_SAMPLED_SELF,
    TG_SAMPLED_TOTAL,
    TG_SAMPLED_CPU,
    TG_SAMPLED_GIL,
    TG_SAMPLED_EVER,
    TG_SAMPLED_NAME,
    TG_SAMPLED_SORTS,
};
extern const char *const tg_sampled_sort_names[]; /* ended by NULL */

/* A function, or a thread: `self` is then all there is. */
struct tg_sampled_row {
    uint32_t number; /* the symbol, or the thread's place in the profile */
    struct tg_weight self;
    struct tg_weight total;
    struct tg_weight ever;              /* self, since the rows began */
    double history[TG_SAMPLED_HISTORY]; /* self's share of each interval, the newest last */
};

struct tg_sampled_rows {
    struct tg_sampled_row *items; /* by number */
    size_t count;
    size_t look_count; /* that they are of */
};

struct tg_sampled_options {
    pid_t pid;
    double rate_hz;
    bool follows;
    bool no_bpf;
    bool with_idle;
    tg_ns interval_ns;
    enum tg_sampled_sort sort;
    bool by_thread;
    size_t limit; /* rows that are printed; 0: all */
};

struct tg_sampled {
    struct tg_sampled_options options;
    struct tg_strbuf title; /* "process 4711 (python shop.py)" */
    struct tg_profile profile;
    struct tg_family family;
    struct tg_sampled_rows functions; /* of all threads */
    struct tg_sampled_rows threads;
    struct tg_sampled_rows own; /* the functions of the thread that is looked into, since then */
    uint32_t thread;            /* this one; UINT32_MAX: none */
    tg_ns looked_ns;            /* when this interval began; later by as much as it was paused */
    tg_ns paused_ns;            /* since when it is */
    tg_ns interval_ns;          /* of the rows: what it was, not what was asked for */
    tg_ns watched_ns;           /* what shares are of. The last look may stand for a little of the next interval */
    tg_ns unwatched_ns;         /* in which looks fell out, as far as it was known when the interval ended */
    uint64_t missed_count;      /* these looks */
    struct tg_sampled_sums {
        tg_ns watched_ns;
        tg_ns suspended_ns;
        tg_ns unwatched_ns;
        uint64_t missed_count;
    } before; /* the interval, since the beginning */
    bool has_ended;
    bool is_stopped; /* the process, by somebody */
    /* What the person at the keys has chosen. */
    enum tg_sampled_sort sort;
    bool by_thread;
    bool is_paused;
    bool is_typing;
    bool shows_help;
    char filter[TG_SAMPLED_FILTER_SIZE];
    size_t first;
    size_t cursor;
    size_t page;
};

TG_NODISCARD enum tg_status tg_sampled_open(struct tg_sampled *sampled, const struct tg_sampled_options *options,
                                            struct tg_error *err);
/* NULL and a second call are fine. */
void tg_sampled_close(struct tg_sampled *sampled);

/* Samples until then, or until the process has ended. */
void tg_sampled_run(struct tg_sampled *sampled, tg_ns until_ns);
/* Makes rows of what has been sampled since the look before. */
TG_NODISCARD enum tg_status tg_sampled_look(struct tg_sampled *sampled, tg_ns now_ns, struct tg_error *err);
/* No samples are taken until it is called again. */
void tg_sampled_pause(struct tg_sampled *sampled, tg_ns now_ns);
/* Functions of one thread alone, whose figures begin now; with UINT32_MAX of all, whose figures have gone on. */
void tg_sampled_choose_thread(struct tg_sampled *sampled, uint32_t thread);

/* The rows of which some are shown. */
const struct tg_sampled_rows *tg_sampled_rows_shown(const struct tg_sampled *sampled);
/* The rows to be shown, sorted and filtered; for free(). NULL: none, or not enough memory. */
const struct tg_sampled_row **tg_sampled_list(const struct tg_sampled *sampled, size_t *count);
/* Appends "Cart.add" or "worker (4712)". */
void tg_sampled_append_name(const struct tg_sampled *sampled, const struct tg_sampled_row *row, struct tg_strbuf *out);

/* Appends a frame: `height` lines (top_sampled_screen.c). Moves the first row and the cursor to where rows are. */
void tg_sampled_draw(struct tg_sampled *sampled, const struct tg_terminal *terminal, size_t height,
                     struct tg_strbuf *out);
/* Appends all rows, up to the limit, as a table below a line of words. */
void tg_sampled_print(const struct tg_sampled *sampled, const struct tg_terminal *terminal, struct tg_strbuf *out);
/* Acts on a key. False: it is over. */
bool tg_sampled_press(struct tg_sampled *sampled, const struct tg_key *key);

/* All of it: on the terminal, or (`once`: one interval) as plain lines. `*can`: the process can be sampled, whatever
 * fails. */
TG_NODISCARD enum tg_status tg_sampled_top(const struct tg_sampled_options *options, bool interactive, bool once,
                                           bool *can, struct tg_error *err);

#endif
