/* store_runs: the runs of a service, made of its processes. See store.h. */
#include "store/store_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 12

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the runs");
}

static void release_run(struct tg_store_run *run) {
    free(run->host);
    free(run->version);
    free(run->program);
}

void tg_store_runs_release(struct tg_store_runs *runs) {
    if (!runs) {
        return;
    }
    for (size_t i = 0; i < runs->count; i++) {
        release_run(&runs->items[i]);
    }
    free(runs->items);
    *runs = (struct tg_store_runs){.items = NULL};
}

static bool is_run(struct tg_bytes uuid) {
    static const char none[16];
    return uuid.length == 16 && memcmp(uuid.data, none, 16) != 0;
}

static void write_id(char id[TG_RUN_ID_SIZE], struct tg_bytes uuid) {
    id[0] = '\0';
    for (size_t i = 0; i < uuid.length && i < 16; i++) {
        snprintf(id + 2 * i, 3, "%02x", (unsigned char)uuid.data[i]);
    }
}

/* Processes come in the order in which they began, so that of a run is likely to be among the last ones. */
static struct tg_store_run *find(const struct tg_store_runs *runs, const char *id) {
    for (size_t i = runs->count; i-- > 0;) {
        if (strcmp(runs->items[i].id, id) == 0) {
            return &runs->items[i];
        }
    }
    return NULL;
}

/* A run that this process is the first of. */
static enum tg_status add_run(struct tg_store_runs *runs, const char *id, const struct tg_sql_value *values,
                              struct tg_error *err) {
    struct tg_store_run *items = tg_store_grow(runs->items, runs->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    runs->items = items;
    struct tg_store_run *run = &items[runs->count++];
    *run = (struct tg_store_run){
        .pid = tg_value_to_figure(&values[2]),
        .host = tg_value_to_text(&values[3]),
        .program = tg_value_to_text(&values[4]),
        .version = tg_value_to_text(&values[5]),
        .started_wall_ns = tg_value_to_integer(&values[6]),
        .ended_wall_ns = tg_value_to_integer(&values[6]),
        .end = (enum tg_store_event_kind)tg_value_to_integer(&values[7]),
        .first_iteration = INT64_MAX,
        .last_iteration = INT64_MIN,
    };
    memcpy(run->id, id, sizeof run->id);
    return run->host && run->program && run->version ? TG_OK : no_memory(err);
}

static enum tg_status add_process(struct tg_store_runs *runs, const struct tg_store_selection *selection,
                                  const struct tg_sql_value *values, struct tg_error *err) {
    char id[TG_RUN_ID_SIZE];
    bool is_of_run = is_run(tg_value_to_bytes(&values[1]));
    write_id(id, tg_value_to_bytes(&values[is_of_run]));
    struct tg_store_run *run = is_of_run ? find(runs, id) : NULL;
    if (!run) {
        enum tg_status status = add_run(runs, id, values, err);
        if (status != TG_OK) {
            return status;
        }
        run = &runs->items[runs->count - 1];
    }
    int64_t first_iteration = tg_value_to_integer(&values[8]);
    int64_t last_iteration = tg_value_to_integer(&values[9]);
    int64_t ended_wall_ns = tg_value_to_integer(&values[10]);
    run->process_count++;
    run->has_figures = run->has_figures || tg_value_to_integer(&values[11]) != 0;
    run->has_part =
        run->has_part || (last_iteration >= selection->first_iteration && first_iteration <= selection->last_iteration);
    run->first_iteration = first_iteration < run->first_iteration ? first_iteration : run->first_iteration;
    run->last_iteration = last_iteration > run->last_iteration ? last_iteration : run->last_iteration;
    run->ended_wall_ns = ended_wall_ns > run->ended_wall_ns ? ended_wall_ns : run->ended_wall_ns;
    return TG_OK;
}

/* Drops those in which no call ended, and those that lie elsewhere. */
static void keep_wanted(struct tg_store_runs *runs) {
    size_t kept = 0;
    for (size_t i = 0; i < runs->count; i++) {
        struct tg_store_run *run = &runs->items[i];
        if (run->has_figures && run->has_part) {
            runs->items[kept++] = *run;
        } else {
            release_run(run);
        }
    }
    runs->count = kept;
}

enum tg_status tg_store_runs(struct tg_store *store, const struct tg_store_selection *selection,
                             struct tg_store_runs *runs, struct tg_error *err) {
    struct tg_sql_value values[COLUMNS];
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    uint8_t run_uuid[16];
    bool found = false;
    *runs = (struct tg_store_runs){.items = NULL};
    struct tg_store_selection whole = *selection; /* for the processes of a run that lie elsewhere, too */
    whole.first_iteration = INT64_MIN;
    whole.last_iteration = INT64_MAX;
    tg_store_put_range(parameters, &whole);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status == TG_OK) {
        status = tg_store_begin_reading(store, err);
    }
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_RUNS, parameters, 3 + TG_CHOSEN_PARAMETERS, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_RUNS, values, COLUMNS, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = add_process(runs, selection, values, err);
    }
    tg_store_reset(store, TG_QUERY_RUNS);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_runs_release(runs);
    } else {
        keep_wanted(runs);
    }
    return status;
}
