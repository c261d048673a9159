/*
 * Instants: what is read of a thread in one interrupt of its processor, what is not, and to whom it is refused. Of
 * another process that changes two words, one after the other.
 */
#include "made_process.h"
#include "may_interrupt.h"

#include "sample/instant.h"
#include "sample/instant_block.h"

#include <dirent.h>
#include <fcntl.h>

#define NOWHERE UINT64_C(0x10000)
#define TRIES   1000000
#define NOBODY  65534

struct fixture {
    struct made_process child;
    struct tg_instant instant;
    struct tg_instant_request request;
};

static int count_descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static uint64_t at(const struct fixture *fixture, uint64_t offset) {
    return fixture->child.made.base + offset;
}

/* A child of one version; of its current frame alone, if of any, is more to be read. */
static void open_fixture(struct fixture *fixture, unsigned minor, void (*run)(const struct made_stack *made)) {
    *fixture = (struct fixture){0};
    if (!may_interrupt()) {
        skip();
    }
    assert_true(tg_instant_begin(&fixture->instant));
    made_process_open(&fixture->child, minor, 2, run);
    fixture->request = (struct tg_instant_request){
        .layout = &fixture->child.process.layout,
        .pid = fixture->child.pid,
        .number = fixture->child.pid,
        .current_at = UINT32_MAX,
        .cframe_at = UINT32_MAX,
    };
}

static void close_fixture(struct fixture *fixture) {
    tg_instant_end(&fixture->instant);
    made_process_close(&fixture->child);
}

/* Takes an instant, on whichever processor the thread is. The bytes read. */
static size_t take(struct fixture *fixture, const struct iovec *pieces, size_t count, void *bytes) {
    size_t size = 0;
    bool is_elsewhere = true;
    for (int i = 0; i < TRIES && is_elsewhere; i++) {
        fixture->request.processor = tg_task_processor(fixture->child.pid, fixture->child.pid);
        assert_true(tg_instant_ask(&fixture->instant, &fixture->request));
        size = tg_instant_read(&fixture->instant, pieces, count, bytes);
        is_elsewhere = tg_instant_was_elsewhere(&fixture->instant);
        assert_true(!is_elsewhere || size == 0);
        if (is_elsewhere) {
            step_aside(&fixture->child);
        }
    }
    assert_false(is_elsewhere);
    return size;
}

static bool is_found(struct fixture *fixture, uint64_t offset, uint32_t size) {
    uint8_t bytes[1024];
    struct iovec piece = tg_memory_piece(at(fixture, offset), size);
    size_t count = tg_instant_read(&fixture->instant, &piece, 1, bytes);
    assert_true(count == 0 || (count == size && memcmp(bytes, fixture->child.made.bytes + offset, size) == 0));
    return count;
}

/* --- What is asked for --- */

static void pieces_one_after_the_other(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, spin);
    for (int i = 0; i < MADE_BYTES; i++) {
        memory[i] = (uint8_t)(i * 7 + i / 256);
    }
    uint8_t bytes[300];
    made_process_close(&fixture.child);
    fixture.child.pid = start_child(spin, &fixture.child.made); /* it has this memory */
    assert_int_equal(tg_walker_init(&fixture.child.walker, &fixture.child.process, NULL), TG_OK);
    fixture.request.pid = fixture.request.number = fixture.child.pid;
    const struct iovec pieces[] = {tg_memory_piece(at(&fixture, 4000), 200), tg_memory_piece(at(&fixture, 1), 3),
                                   tg_memory_piece(at(&fixture, 9), 0), tg_memory_piece(at(&fixture, 60000), 97)};
    assert_int_equal(take(&fixture, pieces, 4, bytes), 300);
    assert_true(tg_instant_is_taken(&fixture.instant));
    assert_memory_equal(bytes, memory + 4000, 200);
    assert_memory_equal(bytes + 200, memory + 1, 3);
    assert_memory_equal(bytes + 203, memory + 60000, 97);
    close_fixture(&fixture);
}

static void what_is_not_there_ends_it(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, spin);
    uint8_t bytes[48];
    const struct iovec pieces[] = {tg_memory_piece(at(&fixture, 0), 16), tg_memory_piece(NOWHERE, 16),
                                   tg_memory_piece(at(&fixture, 32), 16)};
    const struct iovec kernels = tg_memory_piece(UINT64_C(0xffffffff81000000), 16);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(take(&fixture, pieces, 3, bytes), 16);
        assert_memory_equal(bytes, memory, 16);
        assert_true(tg_instant_is_taken(&fixture.instant));
        assert_int_equal(take(&fixture, &kernels, 1, bytes), 0);
        assert_int_equal(take(&fixture, pieces, 1, bytes), 16);
    }
    close_fixture(&fixture);
}

static void what_is_too_much_is_not_read(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    static uint8_t bytes[8 * TG_INSTANT_PIECE_BYTES];
    struct iovec pieces[TG_INSTANT_ASKED + 1];
    open_fixture(&fixture, 13, spin);
    for (int i = 0; i <= TG_INSTANT_ASKED; i++) {
        pieces[i] = tg_memory_piece(at(&fixture, 0), 8);
    }
    assert_int_equal(take(&fixture, pieces, TG_INSTANT_ASKED, bytes), 8 * TG_INSTANT_ASKED);
    assert_int_equal(take(&fixture, pieces, TG_INSTANT_ASKED + 1, bytes), 0);
    assert_false(tg_instant_is_taken(&fixture.instant));
    pieces[0].iov_len = TG_INSTANT_PIECE_BYTES + 1;
    assert_int_equal(take(&fixture, pieces, 1, bytes), 0);
    for (int i = 0; i < 6; i++) {
        pieces[i].iov_len = TG_INSTANT_PIECE_BYTES;
    }
    assert_int_equal(take(&fixture, pieces, 4, bytes), 4 * TG_INSTANT_PIECE_BYTES);
    assert_int_equal(take(&fixture, pieces, 6, bytes), 0);
    assert_false(tg_instant_is_taken(&fixture.instant));
    struct tg_layout layout = fixture.child.process.layout; /* what a target might say of its own */
    fixture.request.layout = &layout;
    layout.frame.locals = TG_INSTANT_FRAME_BYTES;
    assert_false(tg_instant_ask(&fixture.instant, &fixture.request));
    layout = fixture.child.process.layout;
    layout.code.size = TG_INSTANT_CODE_BYTES;
    assert_false(tg_instant_ask(&fixture.instant, &fixture.request));
    close_fixture(&fixture);
}

/* --- What is read besides --- */

/* The thread's state, of which all else is found. */
static void ask_for_state(struct fixture *fixture, uint8_t *bytes) {
    const struct tg_layout *layout = &fixture->child.process.layout;
    bool has_cframe = layout->thread.cframe != TG_LAYOUT_NONE;
    struct iovec state = tg_memory_piece(at(fixture, 0), layout->thread.size);
    fixture->request.current_at = has_cframe ? UINT32_MAX : layout->thread.current_frame;
    fixture->request.cframe_at = has_cframe ? layout->thread.cframe : UINT32_MAX;
    assert_int_equal(take(fixture, &state, 1, bytes), layout->thread.size);
}

static void frames_and_their_code(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        uint8_t bytes[1024];
        open_fixture(&fixture, minor, spin);
        const struct tg_layout *layout = &fixture.child.process.layout;
        ask_for_state(&fixture, bytes);
        for (unsigned i = 0; i < MADE_FRAMES; i++) {
            assert_true(is_found(&fixture, fixture.child.made.frames[i], layout->frame.locals));
            assert_true(is_found(&fixture, MADE_CODE + 1024 * (uint64_t)i, layout->code.size));
        }
        bool has_cframe = layout->thread.cframe != TG_LAYOUT_NONE;
        uint32_t size = has_cframe ? layout->cframe.previous - layout->cframe.current_frame + 8 : 8;
        assert_int_equal(is_found(&fixture, MADE_CFRAME + (has_cframe ? layout->cframe.current_frame : 0), size),
                         has_cframe);
        assert_int_equal(is_found(&fixture, MADE_CALLER + (has_cframe ? layout->cframe.current_frame : 0), 8),
                         has_cframe);
        assert_false(is_found(&fixture, fixture.child.made.frames[0], layout->frame.locals + 8));
        assert_false(is_found(&fixture, MADE_CHUNK, 8)); /* nobody asked for it */
        close_fixture(&fixture);
    }
}

/* It and what is outside of it; what is at another instruction is not what is known. */
static void what_is_known_is_not_read(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    uint8_t bytes[1024];
    open_fixture(&fixture, 13, spin);
    const struct tg_layout *layout = &fixture.child.process.layout;
    const uint64_t *frames = fixture.child.made.frames;
    uint64_t instruction;
    memcpy(&instruction, memory + frames[1] + layout->frame.instruction, sizeof instruction);
    for (int is_other = 0; is_other <= 1; is_other++) {
        const struct tg_instant_known known[] = {{NOWHERE, 0}, {at(&fixture, frames[1]), instruction + 2 * is_other}};
        struct iovec piece = tg_memory_piece(at(&fixture, 0), layout->thread.size);
        fixture.request.current_at = layout->thread.current_frame;
        size_t count = 0;
        for (int i = 0; i < TRIES && count == 0; i++) {
            fixture.request.processor = tg_task_processor(fixture.child.pid, fixture.child.pid);
            assert_true(tg_instant_ask(&fixture.instant, &fixture.request));
            tg_instant_know(&fixture.instant, known, 2);
            step_aside(&fixture.child);
            count = tg_instant_read(&fixture.instant, &piece, 1, bytes);
        }
        assert_int_equal(count, layout->thread.size);
        assert_true(is_found(&fixture, MADE_CODE + 2048, layout->code.size));
        assert_true(is_found(&fixture, frames[1], layout->frame.locals)); /* so that it can be seen to be at it */
        assert_int_equal(is_found(&fixture, MADE_CODE + 1024, layout->code.size), is_other);
        assert_int_equal(is_found(&fixture, frames[0], layout->frame.locals), is_other);
    }
    ask_for_state(&fixture, bytes); /* it was of one instant only */
    assert_true(is_found(&fixture, MADE_CODE, layout->code.size));
    close_fixture(&fixture);
}

static void chains_without_an_end_end(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    static const uint64_t nonsense[] = {0, NOWHERE, UINT64_MAX, UINT64_C(0xffff888000000000), 7};
    uint8_t bytes[1024];
    open_fixture(&fixture, 13, spin);
    const struct tg_layout *layout = &fixture.child.process.layout;
    for (size_t i = 0; i <= sizeof nonsense / sizeof nonsense[0]; i++) {
        bool is_loop = i == sizeof nonsense / sizeof nonsense[0];
        uint64_t previous = is_loop ? at(&fixture, fixture.child.made.frames[2]) : nonsense[i];
        made_process_close(&fixture.child);
        made_put(&fixture.child.made, fixture.child.made.frames[2] + layout->frame.previous, previous);
        made_put(&fixture.child.made, fixture.child.made.frames[2] + layout->frame.code, previous);
        assert_int_equal(tg_walker_init(&fixture.child.walker, &fixture.child.process, NULL), TG_OK);
        fixture.child.pid = start_child(spin, &fixture.child.made);
        fixture.request.pid = fixture.request.number = fixture.child.pid;
        ask_for_state(&fixture, bytes);
        assert_true(is_found(&fixture, fixture.child.made.frames[2], layout->frame.locals));
        assert_false(is_found(&fixture, fixture.child.made.frames[1], layout->frame.locals));
    }
    close_fixture(&fixture);
}

/* --- Who is not read --- */

static void sleep_on(const struct made_stack *made) {
    (void)made;
    for (;;) {
        pause();
    }
}

/* One that is on no processor; another number; where no processor is. */
static void another_thread_is_elsewhere(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    uint8_t bytes[8];
    open_fixture(&fixture, 13, sleep_on);
    struct iovec piece = tg_memory_piece(at(&fixture, 0), 8);
    const pid_t numbers[] = {fixture.child.pid, fixture.child.pid + 100000};
    for (int i = 0; i < 100; i++) {
        fixture.request.number = numbers[i % 2];
        fixture.request.processor = tg_task_processor(fixture.child.pid, fixture.child.pid);
        assert_true(tg_instant_ask(&fixture.instant, &fixture.request));
        bool was_read =
            tg_instant_read(&fixture.instant, &piece, 1, bytes) > 0; /* it may still be on its way to sleep */
        assert_true(i % 2 == 0 || !was_read);
        assert_int_not_equal(tg_instant_was_elsewhere(&fixture.instant), was_read);
        assert_int_equal(is_found(&fixture, 0, 8), was_read);
    }
    fixture.request.number = 0; /* such is a processor that idles */
    assert_false(tg_instant_ask(&fixture.instant, &fixture.request));
    fixture.request.processor = 100000; /* there is none */
    fixture.request.number = fixture.child.pid;
    assert_true(tg_instant_ask(&fixture.instant, &fixture.request));
    assert_int_equal(tg_instant_read(&fixture.instant, &piece, 1, bytes), 0);
    assert_true(tg_instant_was_elsewhere(&fixture.instant));
    close_fixture(&fixture);
    fixture.request.pid = fixture.child.pid;
    assert_true(tg_instant_begin(&fixture.instant));
    assert_false(tg_instant_ask(&fixture.instant, &fixture.request)); /* it has ended */
    tg_instant_end(&fixture.instant);
}

/* One that has the number of a thread of ours, as after a fork in C, when the state still has the parent's. */
static void a_thread_of_another_process_is_elsewhere(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    uint8_t bytes[8];
    open_fixture(&fixture, 13, spin);
    struct iovec piece = tg_memory_piece(at(&fixture, 0), 8);
    assert_int_equal(take(&fixture, &piece, 1, bytes), 8);
    fixture.request.pid = getpid();
    for (int i = 0; i < 100; i++) {
        fixture.request.processor = tg_task_processor(fixture.child.pid, fixture.child.pid);
        assert_true(tg_instant_ask(&fixture.instant, &fixture.request));
        assert_int_equal(tg_instant_read(&fixture.instant, &piece, 1, bytes), 0);
        assert_true(tg_instant_was_elsewhere(&fixture.instant));
        step_aside(&fixture.child);
    }
    close_fixture(&fixture);
}

/* By the number that it has there. */
static void a_thread_of_another_namespace(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    uint8_t bytes[8];
    int before = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    assert_true(before >= 0);
    if (!may_interrupt() || unshare(CLONE_NEWPID) != 0) {
        close(before);
        skip();
    }
    open_fixture(&fixture, 13, spin);
    assert_int_equal(setns(before, CLONE_NEWPID), 0);
    close(before);
    struct iovec piece = tg_memory_piece(at(&fixture, 0), 8);
    for (int i = 0; i < 20; i++) {
        fixture.request.processor = tg_task_processor(fixture.child.pid, fixture.child.pid);
        assert_true(tg_instant_ask(&fixture.instant, &fixture.request));
        assert_int_equal(tg_instant_read(&fixture.instant, &piece, 1, bytes), 0);
    }
    fixture.request.number = 1;
    assert_int_equal(take(&fixture, &piece, 1, bytes), 8);
    assert_memory_equal(bytes, memory, 8);
    close_fixture(&fixture);
}

/* --- Where it cannot be --- */

static void refused_to_who_has_no_right(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct tg_instant instant = {0};
        int descriptors = count_descriptors();
        bool is_unprivileged = setresuid(NOBODY, NOBODY, NOBODY) == 0;
        bool has_begun = tg_instant_begin(&instant);
        bool was_refused = !has_begun && instant.is_refused && instant.errnum != 0;
        has_begun = tg_instant_begin(&instant); /* it is not asked again */
        was_refused = was_refused && !has_begun;
        tg_instant_end(&instant);
        _exit(!is_unprivileged ? 77 : was_refused && count_descriptors() == descriptors ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

static void ended_and_begun_again(void **state) {
    (void)state;
    struct tg_instant instant = {0};
    int before = count_descriptors();
    if (!may_interrupt()) {
        skip();
    }
    tg_instant_end(&instant); /* before it has begun */
    for (int i = 0; i < 3; i++) {
        assert_true(tg_instant_begin(&instant));
        assert_true(tg_instant_begin(&instant));
        assert_int_equal(count_descriptors(), before + 2);
        tg_instant_end(&instant);
        tg_instant_end(&instant);
        assert_int_equal(count_descriptors(), before);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_one_after_the_other),    cmocka_unit_test(what_is_not_there_ends_it),
        cmocka_unit_test(what_is_too_much_is_not_read),  cmocka_unit_test(frames_and_their_code),
        cmocka_unit_test(what_is_known_is_not_read),     cmocka_unit_test(chains_without_an_end_end),
        cmocka_unit_test(another_thread_is_elsewhere),   cmocka_unit_test(a_thread_of_another_process_is_elsewhere),
        cmocka_unit_test(a_thread_of_another_namespace), cmocka_unit_test(refused_to_who_has_no_right),
        cmocka_unit_test(ended_and_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
