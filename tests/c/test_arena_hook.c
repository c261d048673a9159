/*
 * The hook in the interpreter's arena allocator: what is freed while a look is under way is there until its end, and is
 * given back then; whatever the order, whoever frees, and whoever else puts something in front.
 */
#include "sample/arena_hook.h"

#include "await_sleep.h"
#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define REGION_BYTES 64
#define ROUNDS       20000
#define FREERS       3

/* What stands for the interpreter's data: its allocator, and what somebody else remembers of it. */
static struct {
    uint64_t before[5];
    struct tg_arena_allocator decoy;
    struct tg_arena_allocator current;
    uint64_t after[5];
} data;

static char context_text[] = "the allocator's own";
static atomic_int freed_count;
static atomic_bool is_context_wrong;
static bool looks_while_freeing; /* a look begins in the midst of that */

static void *allocate(void *context, size_t bytes) {
    (void)context;
    return malloc(bytes);
}

static void free_now(void *context, void *address, size_t bytes) {
    atomic_store(&is_context_wrong, atomic_load(&is_context_wrong) || context != context_text || bytes != REGION_BYTES);
    memset(address, 0, bytes); /* a look that reads it would see that, and TSan, and ASan */
    free(address);
    atomic_fetch_add(&freed_count, 1);
    if (looks_while_freeing) {
        looks_while_freeing = false;
        assert_true(tg_arena_hook_hold(getpid()));
    }
}

static void get(struct tg_arena_allocator *allocator) {
    *allocator = data.current;
}

static void set(struct tg_arena_allocator *allocator) {
    data.current = *allocator;
}

static const struct tg_arena_access access_to_data = {.get = get, .set = set};

static struct tg_own_range range(void) {
    uint64_t begin = (uint64_t)(uintptr_t)&data;
    return (struct tg_own_range){begin, begin + sizeof data};
}

static bool install(void) {
    struct tg_own_range all = range();
    return tg_arena_hook_install(&access_to_data, &all);
}

static int set_up(void **state) {
    (void)state;
    data.current = (struct tg_arena_allocator){context_text, allocate, free_now};
    data.decoy = data.current;
    atomic_store(&freed_count, 0);
    atomic_store(&is_context_wrong, false);
    return install() ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tg_arena_hook_remove(&access_to_data);
    return data.current.free == free_now && !atomic_load(&is_context_wrong) ? 0 : -1;
}

/* As the interpreter does it. */
static void free_one(void) {
    void *region = malloc(REGION_BYTES);
    assert_non_null(region);
    data.current.free(data.current.context, region, REGION_BYTES);
}

static void free_some(int count) {
    for (int i = 0; i < count; i++) {
        free_one();
    }
}

static void hold(void) {
    assert_true(tg_arena_hook_hold(getpid()));
}

static void nothing_else_of_the_allocator_changes(void **state) {
    (void)state;
    assert_ptr_equal(data.current.context, context_text);
    assert_ptr_equal(data.current.alloc, allocate);
    assert_ptr_not_equal(data.current.free, free_now);
    assert_ptr_equal(data.decoy.free, free_now);
    assert_true(install()); /* again is fine */
    free_some(3);
    assert_int_equal(atomic_load(&freed_count), 3);
}

static void kept_while_a_look_is_under_way(void **state) {
    (void)state;
    hold();
    free_some(TG_ARENA_HOOK_KEPT);
    assert_int_equal(atomic_load(&freed_count), 0);
    tg_arena_hook_let_go();
    assert_int_equal(atomic_load(&freed_count), 0); /* the sampler frees nothing */
    free_one();
    assert_int_equal(atomic_load(&freed_count), TG_ARENA_HOOK_KEPT + 1);
    hold(); /* there is space again */
    free_some(TG_ARENA_HOOK_KEPT);
    tg_arena_hook_let_go();
    tg_arena_hook_remove(&access_to_data);
    assert_int_equal(atomic_load(&freed_count), 2 * TG_ARENA_HOOK_KEPT + 1);
    tg_arena_hook_remove(&access_to_data);
    assert_false(tg_arena_hook_hold(getpid()));
    assert_true(install());
}

/* Another interpreter's thread may have had kept what the next look has seen since. */
static void what_is_kept_stays_when_the_next_look_has_begun(void **state) {
    (void)state;
    hold();
    free_some(3);
    tg_arena_hook_let_go();
    looks_while_freeing = true;
    free_one();
    assert_int_equal(atomic_load(&freed_count), 2); /* one that was kept, and its own */
    tg_arena_hook_let_go();
    free_one();
    assert_int_equal(atomic_load(&freed_count), 5);
}

static void one_looks_at_a_time(void **state) {
    (void)state;
    hold();
    assert_false(tg_arena_hook_hold(getpid()));
    free_one();
    assert_int_equal(atomic_load(&freed_count), 0);
    tg_arena_hook_let_go();
    hold();
    tg_arena_hook_let_go();
}

/* --- Waiting --- */

static atomic_int waiter;

static void *free_too_many(void *unused) {
    free_some(TG_ARENA_HOOK_KEPT);
    errno = 77;
    atomic_store(&waiter, (int)syscall(SYS_gettid));
    free_one();
    return errno == 77 ? unused : NULL;
}

static void *remove_it(void *unused) {
    atomic_store(&waiter, (int)syscall(SYS_gettid));
    tg_arena_hook_remove(&access_to_data);
    return unused;
}

/* What a thread that does this during a look has waited for. */
static void expect_wait(void *(*act)(void *)) {
    pthread_t thread;
    void *result;
    hold();
    atomic_store(&waiter, 0);
    assert_int_equal(pthread_create(&thread, NULL, act, &data), 0);
    while (!atomic_load(&waiter)) {
        sched_yield();
    }
    await_sleep(atomic_load(&waiter));
    assert_int_equal(atomic_load(&freed_count), 0);
    assert_ptr_not_equal(data.current.free, free_now);
    tg_arena_hook_let_go();
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &data);
}

static void who_finds_no_space_waits(void **state) {
    (void)state;
    expect_wait(free_too_many);
    assert_int_equal(atomic_load(&freed_count), 1);
    free_one();
    assert_int_equal(atomic_load(&freed_count), TG_ARENA_HOOK_KEPT + 2);
}

static void who_removes_waits(void **state) {
    (void)state;
    expect_wait(remove_it);
    assert_ptr_equal(data.current.free, free_now);
    assert_true(install());
}

/* --- Others --- */

static struct tg_arena_allocator behind;

static void free_in_front(void *context, void *address, size_t bytes) {
    behind.free(context, address, bytes);
}

static void who_comes_in_front_ends_looks(void **state) {
    (void)state;
    behind = data.current;
    data.current.free = free_in_front;
    assert_false(tg_arena_hook_hold(getpid()));
    assert_false(install()); /* not twice in one chain */
    free_one();
    assert_int_equal(atomic_load(&freed_count), 1);
    tg_arena_hook_remove(&access_to_data);
    assert_ptr_equal(data.current.free, free_in_front); /* is left alone */
    free_one();
    assert_int_equal(atomic_load(&freed_count), 2);
    data.current = behind;
    assert_false(tg_arena_hook_hold(getpid())); /* was removed, as far as that goes */
    assert_true(install());
    hold();
    tg_arena_hook_let_go();
}

static void set_both(struct tg_arena_allocator *allocator) {
    data.current = *allocator;
    data.decoy = *allocator;
}

static void not_where_it_may_be_in_two_places(void **state) {
    (void)state;
    struct tg_own_range all = range();
    struct tg_arena_access access = {.get = get, .set = set_both};
    tg_arena_hook_remove(&access_to_data);
    assert_false(tg_arena_hook_install(&access, &all));
    assert_ptr_equal(data.current.free, free_now);
    assert_false(tg_arena_hook_hold(getpid()));
    assert_true(install());
}

static void not_where_the_allocator_is_not_found(void **state) {
    (void)state;
    tg_arena_hook_remove(&access_to_data);
    struct tg_own_range elsewhere = {range().begin, (uint64_t)(uintptr_t)&data.current};
    assert_false(tg_arena_hook_install(&access_to_data, &elsewhere));
    assert_ptr_equal(data.current.free, free_now);
    assert_false(tg_arena_hook_hold(getpid()));
    data.decoy.free = NULL;
    assert_true(install());
}

/* --- Forks --- */

static int in_child(void) {
    free_one(); /* gives back what the parent has kept, too */
    if (atomic_load(&freed_count) != 2 || !tg_arena_hook_hold(getpid())) {
        return 1;
    }
    free_one();
    tg_arena_hook_let_go();
    return atomic_load(&freed_count) != 2;
}

static void a_child_is_not_held_by_the_look_of_its_parent(void **state) {
    (void)state;
    int status;
    hold();
    free_one();
    pid_t child = fork_for_test();
    if (child == 0) {
        _exit(in_child());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&freed_count), 0);
    tg_arena_hook_let_go();
}

/* --- All at once --- */

static struct {
    pthread_mutex_t lock;  /* of the interpreter */
    _Atomic(char *) named; /* by the thread state */
    atomic_int busy;
    int looks;
    int wrong;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *make_region(void) {
    char *region = malloc(REGION_BYTES);
    memset(region, 'x', REGION_BYTES);
    return region;
}

/* Exchanges the chunk, and gives the one before back; and something of another interpreter's. */
static void *exchange(void *unused) {
    for (int i = 0; i < ROUNDS; i++) {
        pthread_mutex_lock(&shared.lock);
        char *before = atomic_load_explicit(&shared.named, memory_order_relaxed);
        atomic_store_explicit(&shared.named, make_region(), memory_order_release);
        data.current.free(data.current.context, before, REGION_BYTES);
        pthread_mutex_unlock(&shared.lock);
        free_one();
    }
    atomic_fetch_sub(&shared.busy, 1);
    return unused;
}

static void *look(void *unused) {
    while (atomic_load(&shared.busy)) {
        if (!tg_arena_hook_hold(getpid())) {
            continue;
        }
        const char *region = atomic_load_explicit(&shared.named, memory_order_acquire);
        for (size_t i = 0; i < REGION_BYTES; i++) {
            shared.wrong += region[i] != 'x';
        }
        tg_arena_hook_let_go();
        shared.looks++;
    }
    return unused;
}

static void many_threads_free_while_one_looks(void **state) {
    (void)state;
    pthread_t freers[FREERS], looker;
    atomic_store(&shared.named, make_region());
    atomic_store(&shared.busy, FREERS);
    assert_int_equal(pthread_create(&looker, NULL, look, NULL), 0);
    for (int i = 0; i < FREERS; i++) {
        assert_int_equal(pthread_create(&freers[i], NULL, exchange, NULL), 0);
    }
    for (int i = 0; i < FREERS; i++) {
        assert_int_equal(pthread_join(freers[i], NULL), 0);
    }
    assert_int_equal(pthread_join(looker, NULL), 0);
    assert_int_equal(shared.wrong, 0);
    assert_true(shared.looks > 0);
    tg_arena_hook_remove(&access_to_data);
    assert_int_equal(atomic_load(&freed_count), 2 * FREERS * ROUNDS);
    free(atomic_load(&shared.named));
    assert_true(install());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_else_of_the_allocator_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(kept_while_a_look_is_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_kept_stays_when_the_next_look_has_begun, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_looks_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_finds_no_space_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_removes_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_comes_in_front_ends_looks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_where_the_allocator_is_not_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_where_it_may_be_in_two_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_is_not_held_by_the_look_of_its_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_free_while_one_looks, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
