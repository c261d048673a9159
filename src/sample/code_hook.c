#include "sample/code_hook.h"

#include <stdatomic.h>
#include <stddef.h>

static struct {
    _Atomic(tg_code_deallocator **) slot; /* NULL: the hook is in none */
    _Atomic(tg_code_deallocator *) next;
    _Atomic uint64_t count;
} hook;

/* In the place of the type's own. Counts twice, for what is read meanwhile. */
static void count_and_free(struct _object *code) {
    atomic_fetch_add(&hook.count, 1);
    atomic_load (&hook.next)(code);
    atomic_fetch_add(&hook.count, 1);
}

/* The slot is a plain word of the interpreter's. */
static tg_code_deallocator *load(tg_code_deallocator **slot) {
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

bool tg_code_hook_install(tg_code_deallocator **slot) {
    if (!atomic_load(&hook.slot)) {
        atomic_store(&hook.next, load(slot));
        atomic_fetch_add(&hook.count, 1); /* nobody has counted until now */
        __atomic_store_n(slot, count_and_free, __ATOMIC_RELEASE);
        atomic_store(&hook.slot, slot);
    }
    return load(slot) == count_and_free;
}

void tg_code_hook_remove(void) {
    tg_code_deallocator **slot = atomic_load(&hook.slot);
    if (slot && load(slot) == count_and_free) {
        atomic_store(&hook.slot, NULL);
        __atomic_store_n(slot, atomic_load(&hook.next), __ATOMIC_RELEASE);
    }
}

bool tg_code_hook_count(uint64_t *count) {
    tg_code_deallocator **slot = atomic_load(&hook.slot);
    bool is_counted = slot && load(slot) == count_and_free;
    *count = is_counted ? atomic_load(&hook.count) : 0;
    return is_counted;
}
