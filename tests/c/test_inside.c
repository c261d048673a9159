/*
 * The sampler inside, beside a real interpreter whose threads run: all that others may ask of it, from many threads at
 * once. What TSan has to say of it is the point; the interpreter itself is not instrumented.
 *
 *     test_inside LIBPYTHON
 */
#include "sample/inside.h"

#include "recording_fixture.h"

#include "base/strbuf.h"
#include "record/control.h"
#include "sample/arena_hook.h"
#include "sample/handler.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATIENCE_NS INT64_C(60000000000)
#define ROUNDS      100
#define SAMPLES_MIN 100

#define DEEPER_THAN_A_CHUNK 220 /* of 16 KiB, in frames of at least ten words */

static const char program[] = "import threading, time\n"
                              "ended = []\n"
                              "def leaf(n): return n + 1\n"
                              "def branch(n): return leaf(n) + leaf(n)\n"
                              "def work():\n"
                              "    while not ended:\n"
                              "        for n in range(20): branch(n)\n"
                              "        time.monotonic()\n" /* here TSan hands over signals */
                              "threads = [threading.Thread(target=work) for _ in range(2)]\n"
                              "for thread in threads: thread.start()\n";
static const char program_end[] = "ended.append(1)\n"
                                  "for thread in threads: thread.join()\n";

static const char deep_program[] = "import time\n"
                                   "def descend(n, rest):\n"
                                   "    if n: descend(n - 1, rest)\n"
                                   "    for _ in range(rest if n == 0 else 0): pass\n"
                                   "end = time.monotonic() + 2\n"
                                   "while time.monotonic() < end:\n"
                                   "    for rest in [100000] + 30 * [0]: descend(300, rest)\n"
                                   "    for _ in range(20000): pass\n";

/* What is called of the interpreter. */
static struct {
    void (*initialize)(int);
    int (*run)(const char *, void *);
    void *(*save)(void);
    void (*restore)(void *);
    int (*finalize)(void);
    struct tg_arena_access allocator;
    struct tg_own_range data;
} python;

static void *python_state; /* of the thread that began it */
static char path[640];
static atomic_bool are_done; /* those who start and stop */

static void *address_of(void *library, const char *name) {
    void *address = dlsym(library, name);
    if (!address) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    return address;
}

static void load_python(const char *name) {
    void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(2);
    }
    *(void **)&python.initialize = address_of(library, "Py_InitializeEx");
    *(void **)&python.run = address_of(library, "PyRun_SimpleStringFlags");
    *(void **)&python.save = address_of(library, "PyEval_SaveThread");
    *(void **)&python.restore = address_of(library, "PyEval_RestoreThread");
    *(void **)&python.finalize = address_of(library, "Py_FinalizeEx");
    *(void **)&python.allocator.get = address_of(library, "PyObject_GetArenaAllocator");
    *(void **)&python.allocator.set = address_of(library, "PyObject_SetArenaAllocator");
    if (!tg_own_data_find(&python.data, (uint64_t)(uintptr_t)address_of(library, "_PyRuntime"))) {
        python.data = (struct tg_own_range){0, 0}; /* nothing is read in place on this processor */
    }
    python.initialize(0);
}

static int set_up(void **state) {
    if (fixture_set_up(state) != 0) {
        return -1;
    }
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    snprintf(path, sizeof path, "%s", tg_tracer_hold()->path);
    tg_tracer_let_go();
    if (python.run(program, NULL) != 0
        || tg_arena_hook_install(&python.allocator, &python.data) != (python.data.end > 0)) {
        return -1;
    }
    python_state = python.save();
    atomic_store(&are_done, false);
    return 0;
}

static int tear_down(void **state) {
    tg_inside_stop();
    python.restore(python_state);
    tg_arena_hook_remove(&python.allocator);
    return python.run(program_end, NULL) == 0 ? fixture_tear_down(state) : -1;
}

static enum tg_status start(double hz) {
    return tg_inside_start(&(struct tg_inside_options){.hz = hz}, NULL);
}

static uint64_t taken_count(void) {
    struct tg_inside_state state;
    tg_inside_state(&state);
    return state.quality.taken_count;
}

/* Those who ask. */

static void *start_and_stop(void *wrong) {
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add((atomic_int *)wrong, start(500 + i) != TG_OK);
        tg_inside_stop();
    }
    atomic_store(&are_done, true);
    return NULL;
}

static void *pause_and_go_on(void *unused) {
    (void)unused;
    while (!atomic_load(&are_done)) {
        tg_inside_pause(true);
        tg_inside_pause(false);
        sched_yield();
    }
    return NULL;
}

static void *copy(void *wrong) {
    while (!atomic_load(&are_done)) {
        struct tg_profile profile;
        if (tg_inside_copy(&profile, NULL) == TG_OK) {
            tg_profile_release(&profile);
        } else {
            atomic_fetch_add((atomic_int *)wrong, 1);
        }
        sched_yield();
    }
    return NULL;
}

static void *store(void *wrong) {
    while (!atomic_load(&are_done)) {
        struct tg_profile *profile;
        struct tg_inside_options options;
        uint64_t look_count;
        if (tg_inside_take(&profile, &look_count, &options)) {
            struct tg_strbuf bytes = TG_STRBUF_INIT;
            atomic_fetch_add((atomic_int *)wrong, tg_profile_encode(profile, &bytes, NULL) != TG_OK);
            tg_strbuf_release(&bytes);
            tg_inside_accept(profile);
        }
        sched_yield();
    }
    return NULL;
}

/* Orders through the recording, which nobody may be there to obey. */
static void *order(void *unused) {
    static const enum tg_control_kind kinds[] = {TG_CONTROL_RATE, TG_CONTROL_PAUSE, TG_CONTROL_UNPAUSE};
    (void)unused;
    for (unsigned i = 0; !atomic_load(&are_done); i++) {
        struct tg_control_order given = {.kind = kinds[i % 3], .rate_hz = 700};
        struct tg_sampler_status status;
        enum tg_status ignored = tg_control_give(path, &given, 0, &status, NULL);
        (void)ignored;
        sched_yield();
    }
    return NULL;
}

/* SIGURGs of the program's own. */
static void *send_signals(void *unused) {
    (void)unused;
    while (!atomic_load(&are_done)) {
        kill(getpid(), SIGURG);
        sched_yield();
    }
    return NULL;
}

static void many_threads_ask_at_once(void **state) {
    (void)state;
    void *(*const all[])(void *) = {
        start_and_stop, start_and_stop, pause_and_go_on, copy, store, order, send_signals,
    };
    pthread_t threads[sizeof all / sizeof all[0]];
    atomic_int wrong = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, all[i], &wrong), 0);
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        pthread_join(threads[i], NULL);
    }
    struct tg_inside_state now;
    tg_inside_state(&now);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_false(now.is_running);
    assert_false(tg_handler_is_ours());
}

static void *stop(void *unused) {
    (void)unused;
    tg_inside_stop();
    return NULL;
}

/* Whoever comes second, it is as if he had come afterwards. */
static void who_starts_while_another_stops_waits(void **state) {
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_t thread;
        struct tg_inside_state now;
        assert_int_equal(start(1000), TG_OK);
        assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
        assert_int_equal(start(1000), TG_OK);
        pthread_join(thread, NULL);
        tg_inside_state(&now);
        assert_int_equal(tg_handler_is_ours(), now.is_running);
    }
}

/* One who looks at the first thread's stack without a pause, as if it were calm. */
struct onlooker {
    struct tg_python_process process;
    struct tg_own_memory own;
    struct tg_walker walker;
    struct tg_stack stack;
    uint64_t whole_count;
    uint64_t deep_count; /* of these, of more than a chunk has space for */
};

static void *look_on(void *context) {
    struct onlooker *onlooker = context;
    while (!atomic_load(&are_done)) {
        onlooker->walker.now_ns++;
        if (tg_walk(&onlooker->walker, &onlooker->stack, TG_WALK_RUNNING, 0) == TG_WALK_WHOLE) {
            onlooker->whole_count++;
            onlooker->deep_count += onlooker->stack.frame_count > DEEPER_THAN_A_CHUNK;
        }
    }
    return NULL;
}

/* Its chunks come and go, tens of thousands of times in a second, while they are loaded. */
static void chunks_that_come_and_go_are_read_in_place(void **state) {
    (void)state;
    static struct onlooker onlooker;
    pthread_t thread;
    onlooker = (struct onlooker){.stack = {.is_calm = true}};
    assert_int_equal(tg_python_process_open(&onlooker.process, getpid(), NULL), TG_OK);
    assert_int_equal(tg_walker_init(&onlooker.walker, &onlooker.process, NULL), TG_OK);
    bool can_be = tg_own_memory_find(&onlooker.own, onlooker.process.runtime);
    onlooker.walker.own = can_be ? &onlooker.own : NULL;
    tg_stack_init(&onlooker.stack, (uint64_t)(uintptr_t)python_state);
    onlooker.stack.is_calm = true;
    python.restore(python_state);
    int failed = python.run(program_end, NULL); /* it runs alone */
    assert_int_equal(pthread_create(&thread, NULL, look_on, &onlooker), 0);
    failed += python.run(deep_program, NULL);
    python_state = python.save();
    atomic_store(&are_done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(failed, 0);
    printf("%ju whole, %ju of them deep, %ju batches read in place\n", (uintmax_t)onlooker.whole_count,
           (uintmax_t)onlooker.deep_count, (uintmax_t)onlooker.walker.in_place_count);
    assert_true(onlooker.deep_count > 0);
    assert_true(onlooker.whole_count > onlooker.deep_count);
    assert_int_equal(onlooker.walker.in_place_count > 0, can_be);
    tg_stack_release(&onlooker.stack);
    tg_walker_release(&onlooker.walker);
    tg_python_process_close(&onlooker.process);
}

static void threads_are_asked_by_signals(void **state) {
    (void)state;
    uint64_t before_count = taken_count();
    uint64_t done_count = tg_handler_counts().done;
    assert_int_equal(start(1000), TG_OK);
    while (taken_count() < before_count + SAMPLES_MIN || tg_handler_counts().done == done_count) {
        sched_yield();
    }
    struct tg_sampler_status status;
    struct tg_control_order given = {.kind = TG_CONTROL_PAUSE};
    assert_int_equal(tg_control_give(path, &given, PATIENCE_NS, &status, NULL), TG_OK);
    assert_int_equal(status.state, TG_SAMPLER_PAUSED);
    struct tg_inside_state now;
    tg_inside_state(&now);
    assert_true(now.options.is_paused);
    assert_true(now.is_running);
}

int main(int count, char **words) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_are_asked_by_signals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chunks_that_come_and_go_are_read_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_starts_while_another_stops_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_threads_ask_at_once, set_up, tear_down),
    };
    if (count != 2) {
        fprintf(stderr, "usage: test_inside LIBPYTHON\n");
        return 2;
    }
    load_python(words[1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return python.finalize() == 0 ? failed : 1;
}
