#include "sample/arena_hook.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

/* Who has to wait for a look gives the processor away so often, in case the sampler wants it, and then sleeps. */
#define YIELDS  100
#define POLL_NS 20000

/* Copies of the allocator in the interpreter's data, one of which is in use; others are somebody's memory of it. */
#define PLACES_MAX 8

/* What announces looks: their number, and the process whose look is under way, or 0. */
#define PID(look)       ((pid_t)((look)&UINT32_MAX))
#define NEXT(look, pid) ((((look) >> 32) + 1) << 32 | (uint32_t)(pid))
#define WITHOUT_PID     (~(uint64_t)UINT32_MAX)

typedef void free_function(void *context, void *address, size_t bytes);

enum { EMPTY, BUSY, FULL };

struct kept {
    atomic_int state; /* who has made it BUSY owns the rest */
    free_function *next;
    void *context;
    void *address;
    size_t bytes;
};

static struct {
    _Atomic uint64_t look;
    atomic_bool is_open; /* looks may begin */
    bool is_installed;   /* the hook leads to `next`, perhaps with others in front of it */
    _Atomic(free_function *) next;
    _Atomic(const volatile uintptr_t *) place; /* where the interpreter has the function that it frees with */
    struct kept kept[TG_ARENA_HOOK_KEPT];
} hook;

/* The announcement, by a read-modify-write as the proof wants it. */
static uint64_t step(void) {
    return atomic_fetch_add_explicit(&hook.look, 0, memory_order_acq_rel);
}

static bool is_under_way(uint64_t look) {
    return PID(look) && PID(look) == getpid();
}

/* Waits for the end of the look that was seen. */
static void await_end(uint64_t look) {
    int saved_errno = errno;
    for (int i = 0; is_under_way(look) && step() == look; i++) {
        if (i < YIELDS) {
            sched_yield();
        } else {
            nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
        }
    }
    errno = saved_errno;
}

static bool keep(void *context, void *address, size_t bytes) {
    for (size_t i = 0; i < TG_ARENA_HOOK_KEPT; i++) {
        struct kept *kept = &hook.kept[i];
        int state = EMPTY;
        if (atomic_compare_exchange_strong(&kept->state, &state, BUSY)) {
            kept->next = atomic_load(&hook.next);
            kept->context = context;
            kept->address = address;
            kept->bytes = bytes;
            atomic_store(&kept->state, FULL);
            return true;
        }
    }
    return false;
}

/* Gives back what is kept. Whether a look is under way is asked after each was taken: a look that began since may have
 * had it kept. */
static void give_back(void) {
    for (size_t i = 0; i < TG_ARENA_HOOK_KEPT; i++) {
        struct kept *kept = &hook.kept[i];
        int state = FULL;
        if (atomic_load_explicit(&kept->state, memory_order_relaxed) != FULL /* as a rule, and that is cheap */
            || !atomic_compare_exchange_strong(&kept->state, &state, BUSY)) {
            continue;
        }
        if (is_under_way(step())) {
            atomic_store(&kept->state, FULL);
            return;
        }
        free_function *next = kept->next;
        void *context = kept->context, *address = kept->address;
        size_t bytes = kept->bytes;
        atomic_store(&kept->state, EMPTY);
        next(context, address, bytes);
    }
}

/* In the place of the interpreter's `free`. */
static void free_later(void *context, void *address, size_t bytes) {
    uint64_t look = step();
    if (!is_under_way(look)) {
        give_back();
    } else if (keep(context, address, bytes)) {
        if (!atomic_load(&hook.is_open)) { /* who took the hook out may have given back already */
            give_back();
        }
        return;
    } else {
        await_end(look); /* a later one does not know of the region */
    }
    free_function *next = atomic_load(&hook.next);
    next(context, address, bytes);
}

/* --- Where the interpreter keeps its allocator --- */

/* The words of a struct tg_arena_allocator. */
enum { CONTEXT, ALLOC, FREE, WORDS };

/* Where the same three words stand. How many such places there are, up to PLACES_MAX. */
static size_t find_places(const struct tg_arena_allocator *allocator, const struct tg_own_range *data,
                          const volatile uintptr_t **places) {
    uint64_t begin = (data->begin + sizeof(uintptr_t) - 1) & ~(uint64_t)(sizeof(uintptr_t) - 1);
    const volatile uintptr_t *words =
        (const void *)begin; /* NOLINT(performance-no-int-to-ptr): of a table of segments */
    size_t count = 0, words_count = begin < data->end ? (data->end - begin) / sizeof *words : 0;
    for (size_t i = 0; i + WORDS <= words_count && count < PLACES_MAX; i++) {
        if (words[i + FREE] == (uintptr_t)allocator->free && words[i + ALLOC] == (uintptr_t)allocator->alloc
            && words[i + CONTEXT] == (uintptr_t)allocator->context) {
            places[count++] = &words[i + FREE];
        }
    }
    return count;
}

/* The one of the places that is now ours; NULL: none, or several. */
static const volatile uintptr_t *find_ours(const volatile uintptr_t *const *places, size_t count) {
    const volatile uintptr_t *ours = NULL;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (*places[i] == (uintptr_t)free_later) {
            ours = places[i];
            found++;
        }
    }
    return found == 1 ? ours : NULL;
}

static bool is_in_use(void) {
    const volatile uintptr_t *place = atomic_load_explicit(&hook.place, memory_order_acquire);
    return place && *place == (uintptr_t)free_later;
}

/* Goes in front of what frees now, if it is to be found. */
static void put_in_front(const struct tg_arena_access *access, const struct tg_own_range *data) {
    struct tg_arena_allocator allocator;
    const volatile uintptr_t *places[PLACES_MAX];
    access->get(&allocator);
    size_t count = find_places(&allocator, data, places);
    if (count == 0) {
        return;
    }
    atomic_store(&hook.next, allocator.free);
    allocator.free = free_later;
    access->set(&allocator);
    hook.is_installed = true;
    atomic_store(&hook.place, find_ours(places, count));
}

/* Goes out again, unless another is in front. */
static void take_out(const struct tg_arena_access *access) {
    struct tg_arena_allocator allocator;
    access->get(&allocator);
    if (allocator.free == free_later) {
        allocator.free = atomic_load(&hook.next);
        access->set(&allocator);
        hook.is_installed = false;
    }
}

bool tg_arena_hook_install(const struct tg_arena_access *access, const struct tg_own_range *data) {
    if (!hook.is_installed) {
        put_in_front(access, data);
        if (hook.is_installed && !is_in_use()) {
            take_out(access);
        }
    }
    atomic_store(&hook.is_open, hook.is_installed);
    return hook.is_installed && is_in_use();
}

void tg_arena_hook_remove(const struct tg_arena_access *access) {
    atomic_store(&hook.is_open, false);
    await_end(step());
    if (hook.is_installed) {
        take_out(access);
        give_back();
    }
}

/* --- Looks --- */

bool tg_arena_hook_hold(pid_t pid) {
    uint64_t look = atomic_load_explicit(&hook.look, memory_order_relaxed);
    if (PID(look) == pid
        || !atomic_compare_exchange_strong_explicit(&hook.look, &look, NEXT(look, pid), memory_order_acq_rel,
                                                    memory_order_relaxed)) {
        return false; /* somebody else looks */
    }
    if (!atomic_load(&hook.is_open) || !is_in_use()) {
        tg_arena_hook_let_go();
        return false;
    }
    return true;
}

void tg_arena_hook_let_go(void) {
    atomic_fetch_and_explicit(&hook.look, WITHOUT_PID, memory_order_acq_rel);
}
