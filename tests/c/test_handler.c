/*
 * One thread has another look at itself by a signal: what it reaches, what it does not reach and why, and that nobody
 * else's SIGURG is lost.
 */
#include "cmocka_all.h"

#include "sample/handler.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PATIENCE_NS INT64_C(20000000000)
#define SHORT_NS    INT64_C(20000000)

/* A thread that a test sends to. */
struct thread {
    pthread_t thread;
    sem_t is_ready;
    sem_t may_go_on;
    atomic_bool may_end;
    pid_t tid;
    bool blocks;
    int errno_after; /* the signals */
};

/* What a look finds. */
struct finding {
    pid_t tid;
    uint64_t pc;
    int times;
    sem_t *wait_for; /* before it ends; NULL: nothing */
    sem_t *says;     /* that it has begun */
};

static void look(void *context, uint64_t pc) {
    struct finding *finding = context;
    finding->tid = gettid();
    finding->pc = pc;
    finding->times++;
    if (finding->says) {
        sem_post(finding->says);
    }
    while (finding->wait_for && sem_trywait(finding->wait_for) != 0) {
    }
    errno = EDOM; /* a look may leave anything there */
}

static void *spin(void *argument) {
    struct thread *self = argument;
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    self->tid = gettid();
    if (self->blocks) {
        pthread_sigmask(SIG_BLOCK, &urgent, NULL);
    }
    errno = 0;
    sem_post(&self->is_ready);
    while (!atomic_load(&self->may_end)) {
    }
    self->errno_after = errno;
    pthread_sigmask(SIG_UNBLOCK, &urgent, NULL); /* what is on its way arrives */
    return NULL;
}

static void start(struct thread *thread, bool blocks) {
    *thread = (struct thread){.blocks = blocks};
    sem_init(&thread->is_ready, 0, 0);
    assert_int_equal(pthread_create(&thread->thread, NULL, spin, thread), 0);
    sem_wait(&thread->is_ready);
}

static void end(struct thread *thread) {
    atomic_store(&thread->may_end, true);
    pthread_join(thread->thread, NULL);
    assert_int_equal(thread->errno_after, 0);
}

static struct tg_handler_request request_of(struct thread *thread, struct finding *finding) {
    return (struct tg_handler_request){.tid = thread->tid, .look = look, .context = finding};
}

static int set_up(void **state) {
    (void)state;
    return tg_handler_install(NULL) == TG_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tg_handler_remove();
    return 0;
}

static void the_thread_looks_at_itself(void **state) {
    (void)state;
    struct thread thread;
    start(&thread, false);
    for (int i = 0; i < 100; i++) {
        struct finding finding = {0};
        struct tg_handler_request request = request_of(&thread, &finding);
        assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
        assert_int_equal(tg_handler_wait(PATIENCE_NS), TG_HANDLER_DONE);
        assert_int_equal(finding.tid, thread.tid);
        assert_int_equal(finding.times, 1);
        assert_true(finding.pc != 0);
        assert_false(tg_handler_is_waiting());
    }
    end(&thread);
}

static void a_blocked_signal_is_noticed_and_later_finds_nothing(void **state) {
    (void)state;
    struct thread thread;
    struct finding finding = {0};
    start(&thread, true);
    struct tg_handler_counts before = tg_handler_counts();
    struct tg_handler_request request = request_of(&thread, &finding);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    assert_int_equal(tg_handler_wait(SHORT_NS), TG_HANDLER_WAITING);
    assert_int_equal(tg_handler_give_up(), TG_HANDLER_BLOCKED);
    assert_false(tg_handler_is_waiting());
    end(&thread);
    assert_int_equal(finding.times, 0);
    assert_int_equal(tg_handler_counts().stale - before.stale, 1);
    assert_int_equal(tg_handler_counts().blocked - before.blocked, 1);
}

static void a_late_signal_is_not_taken_for_the_next_request(void **state) {
    (void)state;
    struct thread blocking, open;
    struct finding first = {0}, second = {0};
    start(&blocking, true);
    start(&open, false);
    struct tg_handler_request request = request_of(&blocking, &first);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    assert_int_equal(tg_handler_give_up(), TG_HANDLER_BLOCKED);
    sem_t begun, may_end;
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    second.says = &begun;
    second.wait_for = &may_end;
    request = request_of(&open, &second);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    sem_wait(&begun);
    end(&blocking); /* the first arrives while the second is looking */
    assert_int_equal(tg_handler_wait(0), TG_HANDLER_WAITING);
    assert_int_equal(tg_handler_give_up(), TG_HANDLER_WAITING); /* it cannot be taken away from a look that runs */
    sem_post(&may_end);
    assert_int_equal(tg_handler_wait(PATIENCE_NS), TG_HANDLER_DONE);
    assert_int_equal(first.times, 0);
    assert_int_equal(second.times, 1);
    end(&open);
}

static void a_thread_that_has_ended_is_gone(void **state) {
    (void)state;
    struct thread thread;
    struct finding finding = {0};
    start(&thread, false);
    end(&thread);
    while (syscall(SYS_tgkill, getpid(), thread.tid, 0) == 0) { /* it was joined a little before its end */
        sched_yield();
    }
    struct tg_handler_request request = request_of(&thread, &finding);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_GONE);
    assert_false(tg_handler_is_waiting());
}

static void a_signal_that_arrives_just_before_giving_up_counts(void **state) {
    (void)state;
    struct thread thread;
    struct finding finding = {0};
    start(&thread, true);
    struct tg_handler_request request = request_of(&thread, &finding);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    end(&thread); /* it unblocks the signal first */
    assert_int_equal(tg_handler_give_up(), TG_HANDLER_DONE);
    assert_int_equal(finding.times, 1);
}

static atomic_int others;

static void others_handler(int number) {
    assert_int_equal(number, SIGURG);
    atomic_fetch_add(&others, 1);
}

static void another_handler_in_our_place_is_noticed(void **state) {
    (void)state;
    struct thread thread;
    struct finding finding = {0};
    start(&thread, false);
    struct sigaction other = {.sa_handler = others_handler}, ours;
    sigaction(SIGURG, &other, &ours);
    struct tg_handler_request request = request_of(&thread, &finding);
    assert_false(tg_handler_is_ours());
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_HIJACKED);
    tg_handler_remove(); /* not ours to remove */
    struct sigaction now;
    sigaction(SIGURG, NULL, &now);
    assert_ptr_equal(now.sa_handler, others_handler);
    sigaction(SIGURG, &ours, NULL);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    assert_int_equal(tg_handler_wait(PATIENCE_NS), TG_HANDLER_DONE);
    end(&thread);
}

static void others_signals_go_to_the_handler_before(void **state) {
    (void)state;
    tg_handler_remove();
    struct sigaction other = {.sa_handler = others_handler}, before;
    sigaction(SIGURG, &other, &before);
    assert_int_equal(tg_handler_install(NULL), TG_OK);
    int seen = atomic_load(&others);
    raise(SIGURG);
    assert_int_equal(atomic_load(&others), seen + 1);
    assert_int_equal(tg_handler_counts().passed_on, 1);
    tg_handler_remove();
    struct sigaction now;
    sigaction(SIGURG, NULL, &now);
    assert_ptr_equal(now.sa_handler, others_handler);
    sigaction(SIGURG, &before, NULL);
}

static void a_forged_signal_from_another_process_does_nothing(void **state) {
    (void)state;
    struct tg_handler_counts before = tg_handler_counts();
    pid_t parent = getpid();
    pid_t child = fork_for_test();
    if (child == 0) {
        union sigval value = {.sival_ptr = (void *)(uintptr_t)(UINT64_C(0x7ac40000) << 32 | 1)};
        _exit(sigqueue(parent, SIGURG, value) == 0 ? 0 : 1);
    }
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    assert_int_equal(status, 0);
    assert_int_equal(tg_handler_counts().passed_on - before.passed_on, 1);
    assert_int_equal(tg_handler_counts().stale - before.stale, 0);
}

static void a_forked_child_has_a_slot_of_its_own(void **state) {
    (void)state;
    struct thread thread;
    struct finding finding = {0};
    start(&thread, true);
    struct tg_handler_request request = request_of(&thread, &finding);
    assert_int_equal(tg_handler_send(&request), TG_HANDLER_WAITING);
    pid_t child = fork_for_test();
    if (child == 0) {
        tg_handler_after_fork_in_child();
        struct thread own;
        start(&own, false);
        struct finding own_finding = {0};
        request = request_of(&own, &own_finding);
        bool fine = !tg_handler_is_waiting() && tg_handler_send(&request) == TG_HANDLER_WAITING
                    && tg_handler_wait(PATIENCE_NS) == TG_HANDLER_DONE && own_finding.tid == own.tid;
        _exit(fine ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_true(tg_handler_is_waiting());
    assert_int_equal(tg_handler_give_up(), TG_HANDLER_BLOCKED);
    end(&thread);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_signals_go_to_the_handler_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_thread_looks_at_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_blocked_signal_is_noticed_and_later_finds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_signal_is_not_taken_for_the_next_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_that_has_ended_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_signal_that_arrives_just_before_giving_up_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_handler_in_our_place_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forged_signal_from_another_process_does_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_forked_child_has_a_slot_of_its_own, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
