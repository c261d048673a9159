/* run_list: see run_list.h. */
#include "analyze/run_list.h"

#include <stdlib.h>
#include <string.h>

/* The run as a whole, also where it is in the selection in part only. */
static enum tg_status add_up(struct tg_run_row *row, const struct tg_scope *scope, struct tg_error *err) {
    struct tg_store_selection selection = tg_scope_everything(scope);
    struct tg_store_functions functions;
    selection.first_iteration = row->run->first_iteration;
    selection.last_iteration = row->run->last_iteration;
    memcpy(selection.run, row->run->id, sizeof selection.run);
    enum tg_status status = tg_store_functions(scope->store, &selection, NULL, false, &functions, err);
    for (size_t i = 0; i < functions.count; i++) {
        row->call_count += functions.items[i].call_count;
        row->self_ns += (double)functions.items[i].self_ns;
    }
    tg_store_functions_release(&functions);
    return status;
}

enum tg_status tg_run_list_read(struct tg_run_list *list, const struct tg_scope *scope,
                                const struct tg_store_selection *selection, size_t limit, struct tg_error *err) {
    *list = (struct tg_run_list){.rows = NULL};
    enum tg_status status = tg_store_runs(scope->store, selection, &list->runs, err);
    if (status != TG_OK) {
        return status;
    }
    size_t count = limit && limit < list->runs.count ? limit : list->runs.count;
    list->rows = calloc(count + 1, sizeof *list->rows);
    if (!list->rows) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the runs");
    }
    for (; list->row_count < count && status == TG_OK; list->row_count++) {
        struct tg_run_row *row = &list->rows[list->row_count];
        row->run = &list->runs.items[list->runs.count - 1 - list->row_count];
        status = add_up(row, scope, err);
    }
    return status;
}

void tg_run_list_release(struct tg_run_list *list) {
    if (list) {
        tg_store_runs_release(&list->runs);
        free(list->rows);
        list->rows = NULL;
    }
}

const char *tg_run_list_end(const struct tg_store_run *run) {
    return run->end == TG_STORE_EVENT_END ? "ended" : run->end == TG_STORE_EVENT_FOUND ? "killed" : NULL;
}
