/*
 * run_list: the runs of a part of a history, and what each took.
 */
#ifndef TG_RUN_LIST_H
#define TG_RUN_LIST_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

struct tg_run_row {
    const struct tg_store_run *run; /* borrowed from the list */
    uint64_t call_count;            /* of all functions, as the next */
    double self_ns;
};

struct tg_run_list {
    struct tg_store_runs runs; /* all of them, also those without a row */
    struct tg_run_row *rows;   /* the newest first */
    size_t row_count;
};

/* Reads the last `limit` (0: all) runs of a selection. Released also after a failure. */
TG_NODISCARD enum tg_status tg_run_list_read(struct tg_run_list *list, const struct tg_scope *scope,
                                             const struct tg_store_selection *selection, size_t limit,
                                             struct tg_error *err);
void tg_run_list_release(struct tg_run_list *list);

/* How a run ended, in a word: "ended" by itself or "killed"; NULL: it goes on, or nobody has found it. */
const char *tg_run_list_end(const struct tg_store_run *run);

#endif
