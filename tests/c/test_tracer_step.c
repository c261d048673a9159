/*
 * What one process does between two instructions of another, by ptrace. A writer that is killed: it is stepped through
 * calls, the end of a thread, and calls of the next thread with the same entry, and after each step the recording must
 * be what a report may show. A reader that is overtaken: a thread ends at some instruction of a snapshot.
 */
#include "recording_fixture.h"

#include "record/tracer_state.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

enum { FUNCTIONS = 2, REFUSED = 77 };

/* What the writer knows of its calls, and the reader has seen of them. */
struct truth {
    _Atomic uint64_t begun[FUNCTIONS];
    _Atomic uint64_t ended[FUNCTIONS];
    uint64_t seen[FUNCTIONS];
    uint64_t torn;
};

static struct truth *truth;

/* In place of the C library's: a stopped writer stays stopped however long a reader waits for it. */
int do_not_sleep(const struct timespec *duration, struct timespec *left) __asm__("nanosleep");
int do_not_sleep(const struct timespec *duration, struct timespec *left) {
    (void)duration;
    (void)left;
    return 0;
}

static void call(uint32_t *functions, int f) {
    struct tg_call call;
    atomic_fetch_add(&truth->begun[f], 1);
    tg_tracer_enter(&call, functions[f], 0);
    atomic_fetch_add(&fixture_now_ns, 100 + 1000 * (uint64_t)f);
    tg_tracer_exit(&call, false);
    atomic_fetch_add(&truth->ended[f], 1);
}

static void end_thread(void) {
    struct tg_thread *thread = tg_this_thread;
    pthread_setspecific(tg_tracer.thread_key, NULL);
    tg_thread_end(thread); /* as the C library would */
}

static void run(void) {
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    uint32_t functions[FUNCTIONS] = {fixture_function("m::f0"), fixture_function("m::f1")};
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(REFUSED);
    }
    raise(SIGSTOP);
    static const int calls[4][FUNCTIONS] = {{3, 1}, {2, 2}, {0, 1}, {1, 0}};
    for (int thread = 0; thread < 4; thread++) {
        for (int f = 0; f < FUNCTIONS; f++) {
            for (int i = 0; i < calls[thread][f]; i++) {
                call(functions, f);
            }
        }
        end_thread();
    }
    raise(SIGSTOP);
    _exit(0);
}

static void assert_in_flight(const char *what, uint64_t is, int f) {
    if (is < truth->ended[f] || is > truth->begun[f]) {
        fail_msg("f%d: %s %llu, ended %llu, begun %llu", f, what, (unsigned long long)is,
                 (unsigned long long)truth->ended[f], (unsigned long long)truth->begun[f]);
    }
}

static void compare(const char *path) {
    struct tg_reader reader;
    struct tg_snapshot snapshot;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_int_equal(tg_snapshot_take(&snapshot, &reader.view, false, NULL), TG_OK);
    assert_int_equal(snapshot.damaged_count, 0);
    assert_in_range(snapshot.torn_count, 0, 1);
    for (int f = 0; f < FUNCTIONS; f++) {
        char name[32];
        snprintf(name, sizeof name, "m::f%d", f);
        const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
        const struct tg_histogram *histogram = row ? row->measures.histogram : NULL;
        uint64_t duration_ns = 100 + 1000 * (uint64_t)f;
        assert_in_flight("counted", row ? row->measures.call_count : 0, f);
        assert_in_flight("in the histogram", histogram ? histogram->counts[tg_histogram_index(duration_ns)] : 0, f);
        assert_in_flight("by total time", row ? row->measures.total_ns / duration_ns : 0, f);
        assert_in_flight("by self time", row ? row->measures.self_ns / duration_ns : 0, f);
        assert_in_range(row ? row->measures.running_count : 0, 0, 1);
    }
    tg_snapshot_release(&snapshot);
    tg_reader_close(&reader);
}

/* A sanitizer's instructions are ten times as many, and not those that run in production. */
static void leave_out_when_sanitized(void) {
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    print_message("# sanitized\n");
    skip();
#endif
}

/* False: not allowed here. */
static bool step(pid_t child, int *status) {
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) {
        return false;
    }
    assert_int_equal(waitpid(child, status, 0), child);
    assert_true(WIFSTOPPED(*status));
    return true;
}

/* False: not allowed here. The child has stopped where it says so itself. */
static bool wait_for_start(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED) {
        return false;
    }
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    return true;
}

static void refuse(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    print_message("# not allowed to trace\n");
    skip();
}

static void every_instruction_is_a_good_moment_to_die(void **state) {
    (void)state;
    leave_out_when_sanitized();
    pid_t child = fork_for_test();
    if (child == 0) {
        run();
    }
    if (!wait_for_start(child)) {
        refuse(child);
    }
    char path[512];
    fixture_find_recording(path, sizeof path, NULL);
    uint64_t steps = 0;
    for (int status = 0; !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP; steps++) {
        if (!step(child, &status)) {
            refuse(child);
        }
        compare(path);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    compare(path);
    assert_int_equal(truth->ended[0], 6);
    assert_int_equal(truth->ended[1], 4);
    print_message("# %llu instructions\n", (unsigned long long)steps);
}

/* Takes snapshots, each between two stops. */
static void read_again_and_again(const char *path) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(REFUSED);
    }
    for (;;) {
        struct tg_reader reader;
        struct tg_snapshot snapshot;
        if (tg_reader_open(&reader, path, NULL) != TG_OK) {
            _exit(1);
        }
        raise(SIGSTOP);
        if (tg_snapshot_take(&snapshot, &reader.view, false, NULL) != TG_OK) {
            _exit(1);
        }
        for (size_t i = 0; i < snapshot.row_count; i++) {
            truth->seen[snapshot.rows[i].function - 1] = snapshot.rows[i].measures.call_count;
        }
        truth->torn += snapshot.torn_count;
        raise(SIGSTOP);
        tg_snapshot_release(&snapshot);
        tg_reader_close(&reader);
    }
}

/* The reader starts, does `steps` instructions, a thread ends, the reader goes on to its end. The result is the number
 * of instructions it did, at most `steps`. */
static uint64_t overtake(pid_t reader, uint64_t steps, uint32_t *functions) {
    for (int f = 0; f < FUNCTIONS; f++) {
        call(functions, f);
    }
    int status = 0;
    uint64_t done = 0;
    while (done < steps && (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)) {
        assert_true(step(reader, &status));
        done++;
    }
    end_thread();
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP) {
        assert_int_equal(ptrace(PTRACE_CONT, reader, NULL, NULL), 0);
        assert_true(wait_for_start(reader)); /* its second stop */
    }
    for (int f = 0; f < FUNCTIONS; f++) {
        assert_in_flight("seen", truth->seen[f], f);
    }
    assert_int_equal(ptrace(PTRACE_CONT, reader, NULL, NULL), 0);
    assert_true(wait_for_start(reader)); /* the start of the next snapshot */
    return done;
}

static void a_thread_may_end_while_a_reader_reads(void **state) {
    (void)state;
    leave_out_when_sanitized();
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    uint32_t functions[FUNCTIONS] = {fixture_function("m::f0"), fixture_function("m::f1")};
    char path[512];
    fixture_find_recording(path, sizeof path, NULL);
    for (int i = 0; i < 3; i++) { /* so that everything it needs is there */
        call(functions, 0);
        call(functions, 1);
        end_thread();
    }
    pid_t reader = fork_for_test();
    if (reader == 0) {
        read_again_and_again(path);
    }
    int status = 0;
    if (!wait_for_start(reader) || !step(reader, &status)) {
        refuse(reader);
    }
    uint64_t length = overtake(reader, UINT64_MAX, functions);
    enum { TRIES = 16 }; /* a third of the instructions lie between reading thread 0 and the thread that ends */
    uint64_t random = 1;
    for (int i = 0; i < TRIES; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        overtake(reader, (random >> 33U) % length, functions);
    }
    kill(reader, SIGKILL);
    waitpid(reader, NULL, 0);
    assert_int_equal(truth->torn, 0);
    print_message("# overtaken at %d of %llu instructions\n", TRIES, (unsigned long long)length);
}

static int set_up(void **state) {
    truth = mmap(NULL, sizeof *truth, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return truth != MAP_FAILED ? fixture_set_up(state) : -1;
}

static int tear_down(void **state) {
    munmap(truth, sizeof *truth);
    return fixture_tear_down(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_instruction_is_a_good_moment_to_die, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_may_end_while_a_reader_reads, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("tracer_step", tests, NULL, NULL);
}
