/* heat: see heat.h. */
#include "analyze/heat.h"

#include "analyze/chart.h"

#include <stdlib.h>

/* Iterations come newest first, so columns are made from the last one back. */
static enum tg_status add_iteration(void *context, int64_t iteration, const struct tg_histogram *histogram,
                                    struct tg_error *err) {
    struct tg_heat *heat = context;
    int64_t start = tg_chart_start_of_step(iteration, heat->step);
    if (heat->count == 0 || heat->columns[heat->count - 1].iteration != start) {
        struct tg_heat_column *columns = realloc(heat->columns, (heat->count + 1) * sizeof *columns);
        if (!columns) {
            return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a heat map: ask for a shorter period");
        }
        heat->columns = columns;
        columns[heat->count++] = (struct tg_heat_column){.iteration = start};
    }
    /* A bucket that is full stays so. */
    enum tg_status ignored = tg_histogram_merge(&heat->columns[heat->count - 1].histogram, histogram);
    (void)ignored;
    return TG_OK;
}

static void reverse(struct tg_heat *heat) {
    for (size_t i = 0; i < heat->count / 2; i++) {
        struct tg_heat_column column = heat->columns[i];
        heat->columns[i] = heat->columns[heat->count - 1 - i];
        heat->columns[heat->count - 1 - i] = column;
    }
}

static void find_buckets(struct tg_heat *heat) {
    unsigned first = TG_HISTOGRAM_BUCKETS;
    unsigned last = 0;
    for (size_t i = 0; i < heat->count; i++) {
        for (unsigned bucket = 0; bucket < TG_HISTOGRAM_BUCKETS; bucket++) {
            if (heat->columns[i].histogram.counts[bucket] > 0) {
                first = bucket < first ? bucket : first;
                last = bucket > last ? bucket : last;
            }
        }
    }
    heat->first_bucket = first < TG_HISTOGRAM_BUCKETS ? first : 0;
    heat->last_bucket = last;
}

enum tg_status tg_heat_read(struct tg_heat *heat, struct tg_store *store, const struct tg_store_selection *selection,
                            const char *name, size_t columns, struct tg_error *err) {
    *heat = (struct tg_heat){
        .step = tg_chart_step(selection->first_iteration, selection->last_iteration, columns),
    };
    enum tg_status status = tg_store_distributions(store, selection, name, add_iteration, heat, err);
    reverse(heat);
    find_buckets(heat);
    return status;
}

void tg_heat_release(struct tg_heat *heat) {
    if (heat) {
        free(heat->columns);
        *heat = (struct tg_heat){.columns = NULL};
    }
}
