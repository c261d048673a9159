/*
 * clean_view: what `tachograph clean` shows of the files there are: as a table for people, by directory and by what
 * becomes of them, or one by one as JSON.
 *
 * JSON: {"directories": [{"path", "other_files", "left_out": why or null}],
 *        "files": [{"path", "kind": "recording"|"spool"|"unfinished"|"switch",
 *                   "state": "in use"|"waiting"|"kept"|"done", "store", "intervals", "pid", "bytes", "age_seconds",
 *                   "goes": what --yes would remove, or has, "removed"}],
 *        "histories": [{"path", "bytes"}], "removed": number of files, "removed_bytes"}
 */
#ifndef TG_CLEAN_VIEW_H
#define TG_CLEAN_VIEW_H

#include "base/strbuf.h"
#include "cli/history_files.h"
#include "cli/terminal.h"
#include "collect/leftovers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_clean_fate {
    bool goes; /* is to be removed */
    bool removed;
};

struct tg_clean {
    struct tg_leftovers leftovers;
    struct tg_clean_fate *fates; /* of each item */
    struct tg_history_files histories;
    int64_t now_s;
    bool is_done;           /* with --yes: removed, not only listed */
    const char *older_than; /* as given; NULL: not */
    const char *discard;    /* the store as given, or "all"; NULL: none */
};

void tg_clean_print_text(const struct tg_clean *clean, const struct tg_terminal *terminal, struct tg_strbuf *out);
void tg_clean_print_json(const struct tg_clean *clean, struct tg_strbuf *out);

#endif
