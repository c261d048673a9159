/* profile_merge: one profile made of several. See profile.h. */
#include "profile/profile.h"

#include <stdlib.h>
#include <string.h>

static uint64_t sum(uint64_t a, uint64_t b) {
    return tg_weight_sum(a, b);
}

static void add_head(struct tg_profile *into, const struct tg_profile *from) {
    bool is_first = into->duration_ns == 0 && into->quality.taken_count == 0;
    if (from->began_wall_ns != 0 && (into->began_wall_ns == 0 || from->began_wall_ns < into->began_wall_ns)) {
        into->began_wall_ns = from->began_wall_ns;
    }
    into->period_ns = is_first || into->period_ns == from->period_ns ? from->period_ns : 0;
    into->duration_ns = sum(into->duration_ns, from->duration_ns);
    into->refused_count = sum(into->refused_count, tg_profile_refused_count(from));
    tg_weight_add(&into->homeless, &from->homeless);
    into->quality.taken_count = sum(into->quality.taken_count, from->quality.taken_count);
    into->quality.missed_count = sum(into->quality.missed_count, from->quality.missed_count);
    into->quality.torn_count = sum(into->quality.torn_count, from->quality.torn_count);
    into->quality.preempted_count = sum(into->quality.preempted_count, from->quality.preempted_count);
}

/* What the symbols of `from` are in `into`. */
static uint32_t *map_symbols(struct tg_profile *into, const struct tg_profile *from, struct tg_error *err) {
    uint32_t count = tg_symbols_count(&from->symbols);
    uint32_t *map = malloc(((size_t)count + 1) * sizeof *map);
    if (!map) {
        (void)tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to add up what was sampled");
        return NULL;
    }
    map[TG_SYMBOL_UNKNOWN] = TG_SYMBOL_UNKNOWN;
    for (uint32_t i = 1; i < count; i++) {
        struct tg_symbol symbol = tg_symbols_get(&from->symbols, i);
        map[i] = tg_symbols_intern(&into->symbols, symbol.name, strlen(symbol.name), symbol.file, strlen(symbol.file),
                                   symbol.first_line);
    }
    return map;
}

static void add_thread(struct tg_profile *into, const struct tg_profile_thread *from, const uint32_t *map) {
    struct tg_profile_thread *thread = tg_profile_thread(into, from->process_id, from->thread_id, from->name);
    if (!thread || tg_calltree_merge(&thread->tree, &from->tree, map, NULL) != TG_OK) {
        struct tg_weight weight = tg_calltree_weight(&from->tree);
        tg_weight_add(&into->homeless, &weight);
    }
}

enum tg_status tg_profile_merge(struct tg_profile *into, const struct tg_profile *from, struct tg_error *err) {
    uint32_t *map = map_symbols(into, from, err);
    if (!map) {
        return TG_ERROR_MEMORY;
    }
    add_head(into, from);
    for (size_t i = 0; i < from->thread_count; i++) {
        add_thread(into, from->threads[i], map);
    }
    free(map);
    return TG_OK;
}
