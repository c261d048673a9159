/*
 * Figures for people: the only place that turns a duration, a count or a size into text. ASCII, so that
 * columns align by bytes; no locale, no floating point.
 *
 * The result is a value, made to be used in place:
 *     tg_strbuf_printf(&buf, "%10s", tg_humanize_duration(ns).text);
 */
#ifndef TG_HUMANIZE_H
#define TG_HUMANIZE_H

#include <stdint.h>

struct tg_human {
    char text[32];
};

/* Three digits and a unit: "0 ns", "870 ns", "1.23 us", "45.6 ms", "7.89 s"; from a minute on two units:
 * "1m 05s", "2h 07m", "3d 04h". Negative durations have a "-". */
struct tg_human tg_humanize_duration(int64_t ns);
/* Exact, in groups of three: "1,234,567". */
struct tg_human tg_humanize_count(uint64_t count);
/* So many in `interval_ns`, for a second: "0", "<0.1", "0.3", "9.9", "12", "1,234". Without an interval "0". */
struct tg_human tg_humanize_rate(uint64_t count, uint64_t interval_ns);
/* A part of a whole as "0.0 %" to "100.0 %"; of nothing it is none. */
struct tg_human tg_humanize_share(uint64_t part, uint64_t whole);
/* Three digits and a binary unit: "512 B", "1.50 KiB", "64.0 MiB". */
struct tg_human tg_humanize_bytes(uint64_t bytes);

#endif
