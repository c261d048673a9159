/* sampled: see sampled.h. */
#include "analyze/sampled.h"

static enum tg_status add_tree(struct tg_sampled *sampled, const struct tg_bytes *tree, struct tg_error *err) {
    struct tg_profile one;
    struct tg_error why = TG_ERROR_INIT;
    enum tg_status status = tg_profile_decode(&one, sampled->limit_bytes, tree->data, tree->length, &why);
    if (status == TG_OK) {
        status = tg_profile_merge(&sampled->profile, &one, err);
        tg_profile_release(&one);
    } else if (status == TG_ERROR_FORMAT || status == TG_ERROR_FULL) {
        sampled->damaged_count++;
        status = TG_OK;
    } else {
        status = tg_error_set(err, status, "%s", why.message);
    }
    return status;
}

static enum tg_status take(void *context, const struct tg_store_call_tree *tree, struct tg_error *err) {
    struct tg_sampled *sampled = context;
    const struct tg_batch_sampling *sampling = &tree->sampling;
    sampled->interval_count++;
    sampled->look_count = tg_weight_sum(sampled->look_count, sampling->look_count);
    sampled->missed_count = tg_weight_sum(sampled->missed_count, sampling->missed_count);
    sampled->sample_count = tg_weight_sum(sampled->sample_count, sampling->sample_count);
    sampled->torn_count = tg_weight_sum(sampled->torn_count, sampling->torn_count);
    if (sampling->tree.length == 0) {
        sampled->without_tree_count++;
        return TG_OK;
    }
    return add_tree(sampled, &sampling->tree, err);
}

enum tg_status tg_sampled_read(struct tg_sampled *sampled, struct tg_store *store,
                               const struct tg_store_selection *selection, size_t limit_bytes, struct tg_error *err) {
    *sampled = (struct tg_sampled){.limit_bytes = limit_bytes};
    tg_profile_init(&sampled->profile, limit_bytes, true);
    enum tg_status status = tg_store_call_trees(store, selection, take, sampled, err);
    if (status != TG_OK) {
        tg_sampled_release(sampled);
    }
    return status;
}

void tg_sampled_release(struct tg_sampled *sampled) {
    if (sampled) {
        tg_profile_release(&sampled->profile);
    }
}
