/*
 * export: profiles in the formats of other tools, and for people. A format is a file format_<name>.c with a `const
 * struct tg_export_format`, and a line in the table of export.c.
 *
 * Texts that come out are whole and valid whatever functions and threads are called: names are data.
 *
 * Threads: all functions are free of state. Units: nanoseconds.
 */
#ifndef TG_EXPORT_H
#define TG_EXPORT_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "profile/profile.h"

#include <stdbool.h>
#include <stdint.h>

/* Which figure of a weight is meant. */
enum tg_export_measure {
    TG_EXPORT_WALL,
    TG_EXPORT_CPU,
    TG_EXPORT_GIL,
};

struct tg_export_options {
    enum tg_export_measure measure;
    bool by_thread;      /* keep threads apart; processes are whenever there are several */
    const char *title;   /* what was sampled: "shop.py, 30.0 s"; borrowed */
    const char *program; /* who writes, with its version; borrowed */
};

struct tg_export_format {
    const char *name;    /* for -f */
    const char *summary; /* a line for people */
    const char *suffix;  /* of files in it, with its dot */
    /* Appends the whole file. TG_ERROR_MEMORY. */
    enum tg_status (*write)(const struct tg_profile *profile, const struct tg_export_options *options,
                            struct tg_strbuf *out, struct tg_error *err);
};

extern const struct tg_export_format tg_export_flamegraph;
extern const struct tg_export_format tg_export_folded;
extern const struct tg_export_format tg_export_speedscope;

/* The first is the one for who does not choose. Ended by NULL. */
extern const struct tg_export_format *const tg_export_formats[];

/* The format of that name, or NULL. */
const struct tg_export_format *tg_export_find(const char *name);
/* The format for a file: the one of that name, else the one whose suffix the path has (either may be NULL), else NULL:
 * the caller's choice. TG_ERROR_INVALID: the path has a suffix that says nothing. */
TG_NODISCARD enum tg_status tg_export_choose(const struct tg_export_format **format, const char *name, const char *path,
                                             struct tg_error *err);
/* The format whose suffix the path has, or NULL. Of several the longest suffix counts. */
const struct tg_export_format *tg_export_of_path(const char *path);

/* "wall", "cpu", "gil": by enum tg_export_measure, ended by NULL. */
extern const char *const tg_export_measure_names[];
uint64_t tg_export_measure_of(const struct tg_weight *weight, enum tg_export_measure measure);

#endif
