/*
 * history_period: which part of a service's history is meant, and when that was.
 *
 * A moment is what tg_store_iteration_of() reads, or "version:1.4.2": where that version begins, or for the end of a
 * period, where it ends. An iteration's time is when its slot begins, so that a time shown names its iteration.
 */
#ifndef TG_HISTORY_PERIOD_H
#define TG_HISTORY_PERIOD_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/history_command.h"

#include <stdbool.h>
#include <stdint.h>

/* Both ends are included. */
struct tg_history_period {
    int64_t first_iteration; /* INT64_MIN: from the start */
    int64_t last_iteration;  /* INT64_MAX: to the end */
};

/* The version of that name; TG_ERROR_NOT_FOUND says which ones there are. Borrowed from the history. */
TG_NODISCARD enum tg_status tg_history_find_version(const struct tg_history *history, const char *name,
                                                    const struct tg_store_version **version, struct tg_error *err);

TG_NODISCARD enum tg_status tg_history_moment(const struct tg_history *history, const char *text, bool is_end,
                                              int64_t *iteration, struct tg_error *err);

/* "MOMENT..MOMENT", either of which may be left out; a number after iteration:N.. is an iteration too.
 * TG_ERROR_INVALID: no range, or one that ends before it begins. */
TG_NODISCARD enum tg_status tg_history_range(const struct tg_history *history, const char *text,
                                             struct tg_history_period *period, struct tg_error *err);

/* What --since, --until and --version select. */
TG_NODISCARD enum tg_status tg_history_select(const struct tg_history *history,
                                              const struct tg_history_options *options,
                                              struct tg_store_selection *selection, struct tg_error *err);

/* The part of a selection in which the service has a history; it ends before it begins where there is none. */
struct tg_history_period tg_history_bounds(const struct tg_history *history,
                                           const struct tg_store_selection *selection);

/* When an iteration begins, since 1970 UTC. */
int64_t tg_history_time_ns(const struct tg_store_service *service, int64_t iteration);
/* Appends it, in local time; with milliseconds where iterations are shorter than a second. */
void tg_history_append_time(struct tg_strbuf *out, const struct tg_store_service *service, int64_t iteration);
/* Appends "iterations 0 to 41, 2026-11-21 10:00:00 to 10:00:42". */
void tg_history_append_period(struct tg_strbuf *out, const struct tg_store_service *service,
                              const struct tg_history_period *period);

#endif
