/* profile: see profile.h. */
#include "profile/profile.h"

#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_THREADS ((size_t)8)

void tg_profile_init(struct tg_profile *profile, size_t limit_bytes, bool by_line) {
    *profile = (struct tg_profile){.budget = {.limit_bytes = limit_bytes}, .by_line = by_line};
    tg_symbols_init(&profile->symbols, &profile->budget);
}

void tg_profile_release(struct tg_profile *profile) {
    if (!profile) {
        return;
    }
    for (size_t i = 0; i < profile->thread_count; i++) {
        tg_calltree_release(&profile->threads[i]->tree);
        free(profile->threads[i]);
    }
    free(profile->threads);
    tg_symbols_release(&profile->symbols);
    tg_profile_init(profile, profile->budget.limit_bytes, profile->by_line);
}

static bool is_thread(const struct tg_profile_thread *thread, uint64_t process_id, uint64_t thread_id,
                      const char *name) {
    return thread->thread_id == thread_id && thread->process_id == process_id && strcmp(thread->name, name) == 0;
}

/* Begins after the one found last: the same threads are looked at in the same order at each tick. */
static struct tg_profile_thread *find(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                      const char *name) {
    for (size_t i = 1; i <= profile->thread_count; i++) {
        size_t at = (profile->last + i) % profile->thread_count;
        if (is_thread(profile->threads[at], process_id, thread_id, name)) {
            profile->last = at;
            return profile->threads[at];
        }
    }
    return NULL;
}

static bool make_room(struct tg_profile *profile) {
    if (profile->thread_count < profile->thread_capacity) {
        return true;
    }
    size_t capacity = profile->thread_capacity ? profile->thread_capacity * 2 : FIRST_THREADS;
    struct tg_profile_thread **threads = realloc(profile->threads, capacity * sizeof *threads);
    if (threads) {
        profile->threads = threads;
        profile->thread_capacity = capacity;
    }
    return threads;
}

static struct tg_profile_thread *add(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                     const char *name) {
    struct tg_profile_thread *thread = make_room(profile) ? calloc(1, sizeof *thread) : NULL;
    if (!thread) {
        return NULL;
    }
    thread->process_id = process_id;
    thread->thread_id = thread_id;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    tg_calltree_init(&thread->tree, &profile->budget, profile->by_line);
    profile->last = profile->thread_count;
    profile->threads[profile->thread_count++] = thread;
    return thread;
}

/* As much of a name as is kept; `kept` has space for it. */
static const char *cut(const char *name, char kept[TG_PROFILE_THREAD_NAME_BYTES + 1]) {
    size_t length = strlen(name);
    if (length <= TG_PROFILE_THREAD_NAME_BYTES) {
        return name;
    }
    snprintf(kept, TG_PROFILE_THREAD_NAME_BYTES + 1, "%.*s",
             (int)tg_utf8_cut(name, length, TG_PROFILE_THREAD_NAME_BYTES), name);
    return kept;
}

struct tg_profile_thread *tg_profile_thread(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                            const char *name) {
    char kept[TG_PROFILE_THREAD_NAME_BYTES + 1];
    name = cut(name, kept);
    struct tg_profile_thread *thread = find(profile, process_id, thread_id, name);
    if (thread) {
        return thread;
    }
    if (profile->thread_count < TG_PROFILE_THREADS_MAX) {
        return add(profile, process_id, thread_id, name);
    }
    thread = find(profile, 0, 0, "");
    return thread ? thread : add(profile, 0, 0, "");
}

struct tg_profile_thread *tg_profile_task(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                          const char *name, const char *task) {
    char kept[TG_PROFILE_THREAD_NAME_BYTES + 1];
    char both[4 * TG_PROFILE_THREAD_NAME_BYTES];
    if (task) {
        snprintf(both, sizeof both, "%s%stask %s", name, name[0] ? ", " : "", task);
        const char *whole = cut(both, kept);
        struct tg_profile_thread *known = find(profile, process_id, thread_id, whole);
        if (known || profile->thread_count < TG_PROFILE_THREADS_MAX / 2) {
            return known ? known : add(profile, process_id, thread_id, whole);
        }
    }
    return tg_profile_thread(profile, process_id, thread_id, name);
}

static bool is_of_known_thread(const struct tg_profile *profile, size_t number) {
    const struct tg_profile_thread *thread = profile->threads[number];
    for (size_t i = 0; i < number; i++) {
        const struct tg_profile_thread *before = profile->threads[i];
        if (before->process_id == thread->process_id && before->thread_id == thread->thread_id) {
            return true;
        }
    }
    return false;
}

size_t tg_profile_count_threads(const struct tg_profile *profile) {
    size_t count = 0;
    for (size_t i = 0; i < profile->thread_count; i++) {
        count += !is_of_known_thread(profile, i);
    }
    return count;
}

enum tg_status tg_profile_merge_threads(const struct tg_profile *profile, struct tg_calltree *into,
                                        struct tg_error *err) {
    tg_weight_add(&into->lost, &profile->homeless);
    for (size_t i = 0; i < profile->thread_count; i++) {
        enum tg_status status = tg_calltree_merge(into, &profile->threads[i]->tree, NULL, err);
        if (status != TG_OK) {
            return status;
        }
    }
    return TG_OK;
}

struct tg_weight tg_profile_weight(const struct tg_profile *profile) {
    struct tg_weight weight = profile->homeless;
    for (size_t i = 0; i < profile->thread_count; i++) {
        struct tg_weight of_thread = tg_calltree_weight(&profile->threads[i]->tree);
        tg_weight_add(&weight, &of_thread);
    }
    return weight;
}

struct tg_weight tg_profile_lost(const struct tg_profile *profile) {
    struct tg_weight lost = profile->homeless;
    for (size_t i = 0; i < profile->thread_count; i++) {
        tg_weight_add(&lost, &profile->threads[i]->tree.lost);
    }
    return lost;
}

uint64_t tg_profile_refused_count(const struct tg_profile *profile) {
    return tg_weight_sum(profile->refused_count, profile->symbols.refused_count);
}
