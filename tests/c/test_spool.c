#include "collect/spool.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t uuid[16] = {0xab, 1, 2, 3, [15] = 0xcd};
static char directory[64];
static const struct tg_spool_origin origin = {.store_url = "sqlite:///a.db", .recording = "/run/7.tgr"};

static int set_up(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/tg-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    DIR *open_directory = opendir(directory);
    const struct dirent *entry;
    while (open_directory && (entry = readdir(open_directory))) {
        unlinkat(dirfd(open_directory), entry->d_name, 0);
    }
    if (open_directory) {
        closedir(open_directory);
    }
    return rmdir(directory);
}

static struct tg_bytes text(const char *from) {
    return (struct tg_bytes){.data = from, .length = strlen(from)};
}

/* A batch of one function with `calls` calls. */
static struct tg_batch batch_of(uint64_t seq, uint64_t calls, struct tg_batch_function *function) {
    *function = (struct tg_batch_function){
        .name = text("shop::f"), .file = text("shop.py"), .call_count = calls, .total_ns = calls * 10};
    struct tg_batch batch = {
        .process = {.pid = 7, .started_wall_ns = 1000, .service = text("shop")},
        .seq = seq,
        .began_wall_ns = 1000 + (int64_t)seq,
        .ended_wall_ns = 1001 + (int64_t)seq,
        .interval_ns = 1,
        .functions = function,
        .function_count = 1,
    };
    memcpy(batch.process.uuid, uuid, sizeof uuid);
    return batch;
}

static void append(struct tg_spool *spool, uint64_t seq, uint64_t calls) {
    struct tg_batch_function function;
    struct tg_batch batch = batch_of(seq, calls, &function);
    assert_int_equal(tg_spool_append(spool, &batch, NULL), TG_OK);
}

static void open_new(struct tg_spool *spool) {
    struct tg_error err = TG_ERROR_INIT;
    if (tg_spool_open(spool, directory, uuid, &origin, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

/* The calls in the records, in order, as digits; capital letters for sums. */
static void read_all(struct tg_spool *spool, bool unstored_only, char *calls) {
    struct tg_spool_cursor cursor;
    tg_spool_cursor_init(&cursor, spool, unstored_only);
    for (;;) {
        struct tg_batch batch;
        bool found;
        assert_int_equal(tg_spool_next(spool, &cursor, &batch, &found, NULL), TG_OK);
        if (!found) {
            break;
        }
        *calls++ = (char)((cursor.kind == TG_SPOOL_SUM ? 'A' : '0') + (int)batch.functions[0].call_count);
    }
    *calls = '\0';
    tg_spool_cursor_release(&cursor);
}

static void assert_holds(struct tg_spool *spool, const char *all, const char *unstored) {
    char calls[64];
    read_all(spool, false, calls);
    assert_string_equal(calls, all);
    read_all(spool, true, calls);
    assert_string_equal(calls, unstored);
}

static void mark(struct tg_spool *spool, uint64_t seq) {
    struct tg_spool_cursor cursor;
    tg_spool_cursor_init(&cursor, spool, true);
    for (bool found = true; found;) {
        struct tg_batch batch;
        assert_int_equal(tg_spool_next(spool, &cursor, &batch, &found, NULL), TG_OK);
        assert_true(found);
        assert_int_equal(tg_spool_mark_stored(spool, batch.seq, cursor.at_bytes, NULL), TG_OK);
        if (batch.seq == seq) {
            break;
        }
    }
    tg_spool_cursor_release(&cursor);
}

static void batches_wait_in_order(void **state) {
    (void)state;
    struct tg_spool spool;
    open_new(&spool);
    struct stat info;
    assert_int_equal(stat(spool.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_holds(&spool, "", "");
    append(&spool, 1, 3);
    append(&spool, 2, 5);
    append(&spool, 3, 1);
    assert_holds(&spool, "351", "351");
    mark(&spool, 2);
    assert_holds(&spool, "351", "1");
    tg_spool_close(&spool);
    tg_spool_close(&spool);
    open_new(&spool);
    assert_int_equal(spool.last_seq, 3);
    assert_int_equal(spool.stored_seq, 2);
    assert_string_equal(spool.store_url, "sqlite:///a.db");
    assert_string_equal(spool.recording, "/run/7.tgr");
    assert_holds(&spool, "351", "1");
    append(&spool, 4, 4);
    assert_holds(&spool, "3514", "14");
    tg_spool_remove(&spool);
    assert_int_equal(tg_spool_open(&spool, directory, uuid, NULL, NULL), TG_ERROR_NOT_FOUND);
}

static void one_at_a_time(void **state) {
    (void)state;
    struct tg_spool spool;
    struct tg_spool other;
    struct tg_error err = TG_ERROR_INIT;
    open_new(&spool);
    assert_int_equal(tg_spool_open(&other, directory, uuid, &origin, &err), TG_ERROR_BUSY);
    assert_non_null(strstr(err.message, "in use by another process"));
    char path[TG_SPOOL_PATH_SIZE];
    snprintf(path, sizeof path, "%s", spool.path);
    tg_spool_close(&spool);
    assert_int_equal(tg_spool_open_file(&other, path, NULL), TG_OK);
    assert_memory_equal(other.uuid, uuid, sizeof uuid);
    tg_spool_close(&other);
}

/* Whatever a kill leaves of the last record, the ones before are whole, and the next one follows them. */
static void a_torn_tail_is_cut_anywhere(void **state) {
    (void)state;
    struct tg_spool spool;
    open_new(&spool);
    append(&spool, 1, 3);
    uint64_t first_end = spool.end_bytes;
    append(&spool, 2, 5);
    uint64_t second_end = spool.end_bytes;
    unsigned char bytes[4096];
    assert_true(second_end <= sizeof bytes);
    assert_int_equal(pread(spool.fd, bytes, second_end, 0), second_end);
    for (uint64_t length = first_end; length <= second_end; length++) {
        assert_int_equal(pwrite(spool.fd, bytes, second_end, 0), second_end);
        assert_int_equal(ftruncate(spool.fd, (off_t)length), 0);
        tg_spool_close(&spool);
        open_new(&spool);
        bool whole = length > second_end - 8 && spool.last_seq == 2; /* without its padding it is whole, too */
        assert_holds(&spool, whole ? "35" : "3", whole ? "35" : "3");
        if (length < second_end - 8) {
            assert_false(whole);
        }
        append(&spool, spool.last_seq + 1, 7);
        assert_holds(&spool, whole ? "357" : "37", whole ? "357" : "37");
    }
    for (uint64_t at = first_end; at < second_end - 8; at++) { /* not cut, but wrong */
        assert_int_equal(ftruncate(spool.fd, (off_t)second_end), 0);
        assert_int_equal(pwrite(spool.fd, bytes, second_end, 0), second_end);
        unsigned char wrong = bytes[at] ^ 0x10;
        assert_int_equal(pwrite(spool.fd, &wrong, 1, (off_t)at), 1);
        tg_spool_close(&spool);
        open_new(&spool);
        assert_holds(&spool, "3", "3");
    }
    tg_spool_close(&spool);
}

static void a_full_disk_leaves_the_file_whole(void **state) {
    (void)state;
    struct tg_spool spool;
    open_new(&spool);
    append(&spool, 1, 3);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = spool.end_bytes + 40, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct tg_batch_function function;
    struct tg_batch batch = batch_of(2, 5, &function);
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_spool_append(&spool, &batch, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(status, TG_OK);
    assert_non_null(strstr(err.message, spool.path));
    assert_holds(&spool, "3", "3");
    append(&spool, 2, 6);
    tg_spool_close(&spool);
    open_new(&spool);
    assert_holds(&spool, "36", "36");
    spool.bytes_max = spool.end_bytes + 40;
    batch = batch_of(3, 5, &function);
    assert_int_equal(tg_spool_append(&spool, &batch, &err), TG_ERROR_FULL);
    assert_holds(&spool, "36", "36");
    tg_spool_close(&spool);
}

static void a_sum_replaces_what_is_stored(void **state) {
    (void)state;
    struct tg_spool spool;
    open_new(&spool);
    for (uint64_t seq = 1; seq <= 4; seq++) {
        append(&spool, seq, seq);
    }
    mark(&spool, 4);
    uint64_t before = spool.end_bytes;
    struct tg_batch_function function;
    struct tg_batch sum = batch_of(4, 9, &function);
    assert_int_equal(tg_spool_compact(&spool, &sum, NULL), TG_OK);
    assert_true(spool.end_bytes < before);
    assert_holds(&spool, "J", "");
    append(&spool, 5, 2);
    assert_holds(&spool, "J2", "2");
    struct tg_spool other; /* the new file is locked as the old one was */
    assert_int_equal(tg_spool_open(&other, directory, uuid, &origin, NULL), TG_ERROR_BUSY);
    tg_spool_close(&spool);
    open_new(&spool);
    assert_int_equal(spool.stored_seq, 4);
    assert_holds(&spool, "J2", "2");
    tg_spool_close(&spool);
}

static void what_is_no_spool_is_refused(void **state) {
    (void)state;
    struct tg_spool spool;
    char path[TG_SPOOL_PATH_SIZE];
    open_new(&spool);
    snprintf(path, sizeof path, "%s", spool.path);
    struct tg_spool_header header;
    assert_int_equal(pread(spool.fd, &header, sizeof header, 0), sizeof header);
    struct tg_spool_header newer = header;
    newer.version++;
    assert_int_equal(pwrite(spool.fd, &newer, sizeof newer, 0), sizeof newer);
    tg_spool_close(&spool);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_spool_open(&spool, directory, uuid, &origin, &err), TG_ERROR_VERSION);
    header.magic++;
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, &header, sizeof header, 0), sizeof header);
    assert_int_equal(tg_spool_open(&spool, directory, uuid, &origin, &err), TG_ERROR_FORMAT);
    assert_int_equal(ftruncate(fd, 10), 0);
    close(fd);
    assert_int_equal(tg_spool_open_file(&spool, path, &err), TG_ERROR_FORMAT);
    assert_int_equal(tg_spool_open(&spool, directory, uuid, &origin, &err),
                     TG_OK); /* its maker was killed: begun anew */
    tg_spool_close(&spool);
    assert_int_equal(tg_spool_open_file(&spool, directory, &err), TG_ERROR_IO);
}

static void the_directory_is_made_for_the_user_alone(void **state) {
    (void)state;
    char path[TG_SPOOL_PATH_SIZE];
    char home[128];
    struct tg_error err = TG_ERROR_INIT;
    struct stat info;
    snprintf(home, sizeof home, "%s/home", directory);
    unsetenv("TACHOGRAPH_SPOOL_DIR");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", home, 1);
    assert_int_equal(tg_spool_directory(path, sizeof path, NULL, &err), TG_OK);
    assert_non_null(strstr(path, "/home/.local/state/tachograph/spool"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    for (int i = 0; i < 5; i++) { /* up to home */
        assert_int_equal(rmdir(path), 0);
        *strrchr(path, '/') = '\0';
    }
    setenv("XDG_STATE_HOME", "/dev/null", 1);
    assert_int_not_equal(tg_spool_directory(path, sizeof path, NULL, &err), TG_OK);
    assert_int_equal(tg_spool_directory(path, sizeof path, directory, &err), TG_OK);
    assert_string_equal(path, directory);
    setenv("TACHOGRAPH_SPOOL_DIR", "relative", 1);
    assert_int_equal(tg_spool_directory(path, sizeof path, directory, &err), TG_ERROR_INVALID);
    setenv("TACHOGRAPH_SPOOL_DIR", directory, 1);
    assert_int_equal(tg_spool_directory(path, sizeof path, NULL, &err), TG_OK);
    unsetenv("TACHOGRAPH_SPOOL_DIR");
    unsetenv("XDG_STATE_HOME");
}

/* A child lets go of what its parent has locked, whatever the parent was doing with it. */
static void a_child_holds_no_lock(void **state) {
    (void)state;
    struct tg_spool spool;
    struct tg_spool peeked;
    int ready[2] = {-1, -1};
    int done[2] = {-1, -1};
    char byte = 0;
    assert_true(pipe(ready) == 0 && pipe(done) == 0);
    open_new(&spool);
    append(&spool, 1, 10);
    mark(&spool, 1);
    struct tg_batch_function function;
    struct tg_batch sum = batch_of(1, 10, &function);
    assert_int_equal(tg_spool_compact(&spool, &sum, NULL), TG_OK); /* another descriptor */
    pid_t child = fork_for_test();
    if (child == 0) {
        close(done[1]);
        tg_spool_after_fork_in_child();
        tg_spool_after_fork_in_child();
        _exit(write(ready[1], &byte, 1) == 1 && read(done[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(tg_spool_peek(&peeked, spool.path, NULL), TG_ERROR_BUSY); /* the parent's is another */
    tg_spool_close(&spool);
    assert_int_equal(tg_spool_peek(&peeked, spool.path, NULL), TG_OK);
    close(done[1]);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    close(done[0]);
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
#define WITH_DIRECTORY(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(batches_wait_in_order),
        WITH_DIRECTORY(one_at_a_time),
        WITH_DIRECTORY(a_child_holds_no_lock),
        WITH_DIRECTORY(a_torn_tail_is_cut_anywhere),
        WITH_DIRECTORY(a_full_disk_leaves_the_file_whole),
        WITH_DIRECTORY(a_sum_replaces_what_is_stored),
        WITH_DIRECTORY(what_is_no_spool_is_refused),
        WITH_DIRECTORY(the_directory_is_made_for_the_user_alone),
    };
    return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
