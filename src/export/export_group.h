/*
 * export_group: a profile as the trees that are written one after the other: one of all, one for each process where
 * there are several, or one for each thread; with the words for what is no function.
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_EXPORT_GROUP_H
#define TG_EXPORT_GROUP_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "export/export.h"
#include "profile/profile.h"

#include <stddef.h>

#define TG_EXPORT_LABEL_SIZE 128

/* For samples that are in no function. */
#define TG_EXPORT_NO_FRAME "(no Python function)"
#define TG_EXPORT_LOST     "(stacks there was no space for)"

struct tg_export_group {
    char process[TG_EXPORT_LABEL_SIZE]; /* "process 4711"; "" where there is one */
    char thread[TG_EXPORT_LABEL_SIZE];  /* "worker (4712)"; "" where threads are together */
    const struct tg_calltree *tree;     /* borrowed from the profile or the groups */
};

struct tg_export_groups {
    struct tg_export_group *items; /* owned; none are empty; by process, then as the threads came */
    size_t count;
    struct tg_calltree *merged; /* owned */
    size_t merged_count;
    struct tg_budget budget; /* of the merged trees: as much as there is */
};

/* Groups stay where they are made: trees point at their budget. */
TG_NODISCARD enum tg_status tg_export_groups_make(struct tg_export_groups *groups, const struct tg_profile *profile,
                                                  bool by_thread, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_export_groups_release(struct tg_export_groups *groups);

/* "worker (4712)", "process 4711", or "all threads". */
void tg_export_group_append_name(const struct tg_export_group *group, struct tg_strbuf *out);

/* The file as people look for it: without where the interpreter or the environment lies. A part of `file`. */
const char *tg_export_short_file(const char *file);

/* The line to show for a frame: the one that is executed where it is known, else the function's first. */
uint32_t tg_export_line(const struct tg_symbol *symbol, struct tg_frame frame);

#endif
