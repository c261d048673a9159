/*
 * control: orders to the sampler of a process, given from outside through its recording. The process looks for one now
 * and then; nobody waits for it but who gave the order, and that one not for long.
 *
 * An order is one number: the upper half counts the orders, so that each differs from the one before; the lower half is
 * what to do. The process repeats the number when it has done it. Whoever may write the file may give orders: its owner
 * (recordings have mode 0600) and root.
 *
 * Threads: the process's side belongs to its sampler's thread; the other side to anyone.
 */
#ifndef TG_CONTROL_H
#define TG_CONTROL_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "record/recording.h"

#include <stdbool.h>
#include <stdint.h>

/* More ticks a second than a sampler is made for. */
#define TG_SAMPLER_RATE_MAX_HZ 10000U

enum tg_sampler_state {
    TG_SAMPLER_NONE = 0,
    TG_SAMPLER_RUNNING = 1,
    TG_SAMPLER_PAUSED = 2,
};

/* Which threads a sampler tells of: all, those on a processor, those that have an interpreter's lock. */
enum tg_sampler_mode { TG_SAMPLER_WALL, TG_SAMPLER_CPU, TG_SAMPLER_GIL, TG_SAMPLER_MODE_COUNT };

/* "wall", "cpu", "gil". TG_ERROR_INVALID: another word. */
const char *tg_sampler_mode_name(enum tg_sampler_mode mode);
TG_NODISCARD enum tg_status tg_sampler_mode_parse(const char *word, enum tg_sampler_mode *mode, struct tg_error *err);

/* What makes samples fewer than they should be. */
enum tg_sampler_hindrance {
    TG_HINDRANCE_NONE = 0,
    TG_HINDRANCE_TAKEN = 1,   /* another handler stands where ours should */
    TG_HINDRANCE_BLOCKED = 2, /* a thread blocks the signal */
    TG_HINDRANCE_COUNT,
};

/* For people: what it is, and what to do about it; "" both: nothing. */
struct tg_hindrance_words {
    const char *what;
    const char *remedy;
};
struct tg_hindrance_words tg_hindrance_words(enum tg_sampler_hindrance hindrance);

enum tg_control_kind {
    TG_CONTROL_PAUSE = 1,
    TG_CONTROL_UNPAUSE = 2,
    TG_CONTROL_RATE = 3,
};

struct tg_control_order {
    enum tg_control_kind kind;
    uint32_t rate_hz; /* of TG_CONTROL_RATE: 1 to TG_SAMPLER_RATE_MAX_HZ */
    uint64_t number;  /* as tg_control_next() found it */
};

/* What a recording says of its process's sampler. */
struct tg_sampler_status {
    enum tg_sampler_state state;
    uint32_t rate_hz;
    uint64_t tick_count;
    enum tg_sampler_hindrance hindrance; /* since the process began */
};
struct tg_sampler_status tg_control_status(const struct tg_header *header);

/* Inside. The order that has not been answered yet, the last one of several; false: there is none. What makes no sense
 * is answered and dropped. */
bool tg_control_next(struct tg_header *header, struct tg_control_order *order);
/* That order has been carried out, and this is how things are now. */
void tg_control_answer(struct tg_header *header, const struct tg_control_order *order,
                       const struct tg_sampler_status *status);
/* Things have changed without an order. */
void tg_control_show(struct tg_header *header, const struct tg_sampler_status *status);

/* Outside. Gives an order to the process of a recording and waits, at most `patience_ns`, until it is carried out; then
 * *status is how things are. TG_ERROR_NOT_FOUND: the process has ended, or has no sampler. TG_ERROR_BUSY: it does not
 * answer; the order stands. Others as tg_reader_open(). */
TG_NODISCARD enum tg_status tg_control_give(const char *path, const struct tg_control_order *order, tg_ns patience_ns,
                                            struct tg_sampler_status *status, struct tg_error *err);

#endif
