/*
 * history_period: when iterations were, for people. An iteration's time is when its slot begins, so that a time shown
 * names its iteration.
 */
#ifndef TG_HISTORY_PERIOD_H
#define TG_HISTORY_PERIOD_H

#include "analyze/scope.h"
#include "base/strbuf.h"
#include "store/store.h"

#include <stdint.h>

/* Appends it, in local time; with milliseconds where iterations are shorter than a second. */
void tg_history_append_time(struct tg_strbuf *out, const struct tg_store_service *service, int64_t iteration);
/* Appends a wall time as local time, to the second. */
void tg_history_append_wall_time(struct tg_strbuf *out, int64_t wall_ns);
/* Appends "iterations 0 to 41, 2026-11-21 10:00:00 to 10:00:42". */
void tg_history_append_period(struct tg_strbuf *out, const struct tg_store_service *service,
                              const struct tg_period *period);

#endif
