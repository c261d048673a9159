/* store_call_trees: what samplers saw. See store.h. */
#include "store/store_state.h"

static uint32_t small(const struct tg_sql_value *value) {
    uint64_t figure = tg_value_to_figure(value);
    return figure < UINT32_MAX ? (uint32_t)figure : UINT32_MAX;
}

static struct tg_store_call_tree tree_of(const struct tg_sql_value *values) {
    return (struct tg_store_call_tree){
        .iteration = tg_value_to_integer(&values[0]),
        .pid = tg_value_to_figure(&values[1]),
        .sampling =
            {
                .rate_hz = small(&values[2]),
                .mode = small(&values[3]),
                .look_count = tg_value_to_figure(&values[4]),
                .missed_count = tg_value_to_figure(&values[5]),
                .sample_count = tg_value_to_figure(&values[6]),
                .torn_count = tg_value_to_figure(&values[7]),
                .thread_count = tg_value_to_figure(&values[8]),
                .tree = tg_value_to_bytes(&values[9]),
            },
    };
}

enum tg_status tg_store_call_trees(struct tg_store *store, const struct tg_store_selection *selection,
                                   enum tg_status (*take)(void *context, const struct tg_store_call_tree *tree,
                                                          struct tg_error *err),
                                   void *context, struct tg_error *err) {
    struct tg_sql_value values[TG_CALL_TREE_COLUMNS];
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    uint8_t run_uuid[16];
    bool found = true;
    tg_store_put_range(parameters, selection);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_CALL_TREES, parameters, 3 + TG_CHOSEN_PARAMETERS, err);
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_CALL_TREES, values, TG_CALL_TREE_COLUMNS, &found, err);
        if (status == TG_OK && found) {
            struct tg_store_call_tree tree = tree_of(values);
            status = take(context, &tree, err);
        }
    }
    tg_store_reset(store, TG_QUERY_CALL_TREES);
    return status;
}
