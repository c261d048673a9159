/*
 * A kill at every instruction: a child is stepped through calls, the end of a thread, and calls of the next thread with
 * the same entry; after each step the recording must be what a report may show if the process died there.
 */
#include "recording_fixture.h"

#include "record/tracer_state.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

enum { FUNCTIONS = 2 };

/* What the child knows of its calls. */
struct truth {
    _Atomic uint64_t begun[FUNCTIONS];
    _Atomic uint64_t ended[FUNCTIONS];
};

static struct truth *truth;

/* In place of the C library's: a stopped writer stays stopped however long a reader waits for it. */
int nanosleep(const struct timespec *duration, struct timespec *left) {
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
        _exit(77);
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

static void every_instruction_is_a_good_moment_to_die(void **state) {
    (void)state;
    truth = mmap(NULL, sizeof *truth, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(truth != MAP_FAILED);
    pid_t child = fork();
    if (child == 0) {
        run();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("# not allowed to trace\n");
        skip();
    }
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    char path[512];
    fixture_find_recording(path, sizeof path, NULL);
    uint64_t steps = 0;
    for (bool done = false; !done; steps++) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) {
            print_message("# not allowed to step\n");
            skip();
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSTOPPED(status));
        done = WSTOPSIG(status) == SIGSTOP;
        compare(path);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    compare(path);
    assert_int_equal(truth->ended[0], 6);
    assert_int_equal(truth->ended[1], 4);
    print_message("# %llu instructions\n", (unsigned long long)steps);
    munmap(truth, sizeof *truth);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_instruction_is_a_good_moment_to_die, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests_name("tracer_kill", tests, NULL, NULL);
}
