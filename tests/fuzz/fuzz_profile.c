/* Hostile bytes as a profile: what can be read stays within its budget, adds up, and is written again in a form that
 * reads as the same. */
#include "base/strbuf.h"
#include "profile/flat.h"
#include "profile/profile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_BYTES ((size_t)32 << 20U)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void add_up(struct tg_profile *profile) {
    struct tg_budget budget = {.limit_bytes = LIMIT_BYTES};
    struct tg_calltree all;
    struct tg_flat flat;
    tg_calltree_init(&all, &budget, profile->by_line);
    if (tg_profile_merge_threads(profile, &all, NULL) != TG_OK
        || tg_calltree_weight(&all).sample_count != tg_profile_weight(profile).sample_count
        || tg_flat_make(&flat, &all, true, NULL) != TG_OK) {
        abort();
    }
    uint64_t whole = tg_calltree_weight(&all).sample_count;
    for (size_t i = 0; i < flat.count; i++) {
        if (flat.rows[i].self.sample_count > flat.rows[i].total.sample_count
            || flat.rows[i].total.sample_count > whole) {
            abort();
        }
    }
    tg_flat_release(&flat);
    tg_calltree_release(&all);
}

static void encode(const struct tg_profile *profile, struct tg_strbuf *out) {
    if (tg_profile_encode(profile, out, NULL) != TG_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct tg_profile profile;
    struct tg_profile again;
    struct tg_strbuf once = TG_STRBUF_INIT;
    struct tg_strbuf twice = TG_STRBUF_INIT;
    if (tg_profile_decode(&profile, LIMIT_BYTES, bytes, count, NULL) != TG_OK) {
        return 0;
    }
    if (profile.budget.used_bytes > LIMIT_BYTES) {
        abort();
    }
    add_up(&profile);
    encode(&profile, &once);
    if (tg_profile_decode(&again, LIMIT_BYTES, tg_strbuf_text(&once), once.length, NULL) != TG_OK) {
        abort();
    }
    encode(&again, &twice);
    if (once.length > count || once.length != twice.length
        || memcmp(tg_strbuf_text(&once), tg_strbuf_text(&twice), once.length) != 0) {
        abort();
    }
    tg_strbuf_release(&once);
    tg_strbuf_release(&twice);
    tg_profile_release(&again);
    tg_profile_release(&profile);
    return 0;
}
