/*
 * The recording as a file: where it lies, what is in its header, how it grows, how long it counts as alive.
 */
#include "record/recording.h"

#include "recording_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

static struct tg_recording recording;

static enum tg_status open_recording(uint64_t capacity_bytes, struct tg_error *note) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_recording_options options = {.capacity_bytes = capacity_bytes};
    enum tg_status status = tg_recording_open(&recording, &options, note, &err);
    assert_int_equal(status == TG_OK, err.message[0] == '\0');
    return status;
}

static int tear_down(void **state) {
    tg_recording_close(&recording);
    return fixture_tear_down(state);
}

static bool is_alive(const char *path) {
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    bool alive = reader.alive;
    tg_reader_close(&reader);
    return alive;
}

static void the_header_says_whose_it_is(void **state) {
    (void)state;
    static const uint8_t run_uuid[16] = {1, 2, 3, [15] = 16};
    char long_text[1000];
    memset(long_text, 'p', sizeof long_text);
    memcpy(long_text + 510, "\xe2\x82\xac", 4); /* cut before the euro sign */
    struct tg_recording_options options = {.clock = {.kind = TG_CLOCK_MONOTONIC},
                                           .python_version = 0x030b0200,
                                           .service = "shop",
                                           .program = long_text,
                                           .run_uuid = run_uuid};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    struct stat info;
    assert_int_equal(stat(recording.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, recording.path, NULL), TG_OK);
    const struct tg_header *header = reader.header;
    assert_int_equal(header->version, 1);
    assert_int_equal(header->pid, getpid());
    assert_int_equal(header->parent_pid, getppid());
    assert_int_equal(header->clock_kind, TG_CLOCK_MONOTONIC);
    assert_int_equal(header->python_version, 0x030b0200);
    assert_string_equal(header->service, "shop");
    assert_string_equal(header->service_version, "");
    assert_int_equal(strlen(header->program), 510);
    assert_memory_equal(header->run_uuid, run_uuid, 16);
    assert_memory_not_equal(header->uuid, run_uuid, 16);
    assert_true(header->host[0]);
    assert_true(header->started_wall_ns > INT64_C(1500000000000000000));
    assert_true(header->started_monotonic_ns <= tg_clock_monotonic_ns());
    tg_reader_close(&reader);
}

static void two_recordings_are_two_files(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    struct tg_recording other;
    assert_int_equal(tg_recording_open(&other, &(struct tg_recording_options){.service = NULL}, NULL, NULL), TG_OK);
    assert_string_not_equal(other.path, recording.path);
    assert_memory_not_equal(other.header->uuid, recording.header->uuid, 16);
    tg_recording_close(&other);
    tg_recording_close(&other);
    tg_recording_close(NULL);
}

static void a_senseless_capacity_is_refused(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_recording_options options = {.capacity_bytes = 4096};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "4096"));
    options.capacity_bytes = TG_RECORDING_CAPACITY_MAX_BYTES + 1;
    assert_int_equal(tg_recording_open(&recording, &options, NULL, &err), TG_ERROR_INVALID);
}

/* ---- space ---- */

static void space_is_zeroed_and_apart(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    uint64_t end = TG_HEADER_BYTES;
    static const unsigned char zeros[5000];
    for (size_t bytes = 1; bytes < 5000; bytes = bytes * 3 / 2 + 1) {
        uint32_t place = tg_recording_reserve(&recording, bytes);
        assert_int_equal((uint64_t)place * TG_UNIT_BYTES, end);
        end += (bytes + 63) / 64 * 64;
        assert_memory_equal(tg_recording_at(&recording, place), zeros, bytes);
        memset(tg_recording_at(&recording, place), 0xFF, bytes);
    }
    assert_int_equal(recording.header->used_bytes, end);
    assert_true(recording.header->reserved_bytes >= end);
}

static void a_file_grows_up_to_its_capacity(void **state) {
    (void)state;
    uint64_t capacity = (1 << 20) + 704; /* no whole page, no whole step */
    assert_int_equal(open_recording(capacity, NULL), TG_OK);
    uint64_t count = 0;
    uint32_t place;
    while ((place = tg_recording_reserve(&recording, 640))) {
        memset(tg_recording_at(&recording, place), 1, 640);
        struct stat info;
        assert_int_equal(stat(recording.path, &info), 0);
        assert_int_equal(info.st_size, recording.header->reserved_bytes);
        assert_true((uint64_t)info.st_blocks * 512 >= recording.header->used_bytes); /* really there */
        count++;
    }
    assert_int_equal(count, (capacity - TG_HEADER_BYTES) / 640);
    assert_int_equal(recording.header->reserved_bytes, capacity);
    assert_int_equal(recording.header->refused_count, 1);
    assert_int_not_equal(tg_recording_reserve(&recording, 64), TG_PLACE_NONE); /* a smaller piece still fits */
}

static void anonymous_memory_has_its_capacity_too(void **state) {
    (void)state;
    setenv("TACHOGRAPH_RUNTIME_DIR", "not/absolute", 1);
    struct tg_error note = TG_ERROR_INIT;
    assert_int_equal(open_recording(64 << 10, &note), TG_OK);
    assert_string_equal(recording.path, "");
    assert_non_null(strstr(note.message, "TACHOGRAPH_RUNTIME_DIR"));
    uint64_t count = 0;
    uint32_t place;
    while ((place = tg_recording_reserve(&recording, 640))) {
        memset(tg_recording_at(&recording, place), 1, 640);
        count++;
    }
    assert_int_equal(count, ((64 << 10) - TG_HEADER_BYTES) / 640);
    assert_int_equal(recording.header->magic, TG_RECORDING_MAGIC);
}

static void more_than_the_capacity_is_refused(void **state) {
    (void)state;
    assert_int_equal(open_recording(64 << 10, NULL), TG_OK);
    assert_int_equal(tg_recording_reserve(&recording, 100 << 10), TG_PLACE_NONE);
    assert_int_equal(recording.header->used_bytes, TG_HEADER_BYTES);
    assert_int_not_equal(tg_recording_reserve(&recording, 50 << 10), TG_PLACE_NONE);
}

/* ---- where it lies ---- */

static void a_missing_directory_is_made(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/new", fixture_directory);
    setenv("TACHOGRAPH_RUNTIME_DIR", path, 1);
    assert_int_equal(open_recording(0, NULL), TG_OK);
    assert_memory_equal(recording.path, path, strlen(path));
    unlink(recording.path);
    rmdir(path);
}

/* The chosen directory, or none: figures do not land where nobody looks for them. */
static void a_chosen_directory_has_no_second(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/file", fixture_directory);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    setenv("TACHOGRAPH_RUNTIME_DIR", path, 1);
    setenv("XDG_RUNTIME_DIR", fixture_directory, 1);
    struct tg_error note = TG_ERROR_INIT;
    assert_int_equal(open_recording(0, &note), TG_OK);
    assert_string_equal(recording.path, "");
    assert_non_null(strstr(note.message, path));
    unsetenv("XDG_RUNTIME_DIR");
}

static void the_next_directory_is_tried(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/tachograph", fixture_directory);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(chmod(path, 0755), 0); /* open to others */
    unsetenv("TACHOGRAPH_RUNTIME_DIR");
    setenv("XDG_RUNTIME_DIR", fixture_directory, 1);
    struct tg_error note = TG_ERROR_INIT;
    assert_int_equal(open_recording(0, &note), TG_OK);
    unsetenv("XDG_RUNTIME_DIR");
    char expected[64];
    snprintf(expected, sizeof expected, "/tachograph-%u/", (unsigned)geteuid());
    assert_non_null(strstr(recording.path, expected));
    unlink(recording.path);
    rmdir(path);
}

static void an_unwritable_directory_is_said(void **state) {
    (void)state;
    if (geteuid() == 0) { /* root may write anywhere, but not into a file system that is no place for files */
        setenv("TACHOGRAPH_RUNTIME_DIR", "/proc/self/task/tachograph", 1);
    } else {
        assert_int_equal(chmod(fixture_directory, 0500), 0);
    }
    struct tg_error note = TG_ERROR_INIT;
    assert_int_equal(open_recording(0, &note), TG_OK);
    assert_string_equal(recording.path, "");
    assert_true(note.message[0]);
    chmod(fixture_directory, 0700);
}

static int count_files(void) {
    DIR *directory = opendir(fixture_directory);
    const struct dirent *entry;
    int files = 0;
    while ((entry = readdir(directory))) {
        files += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(directory);
    return files;
}

static void nothing_hidden_is_left_behind(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    assert_int_equal(count_files(), 1);
    unlink(recording.path);
    tg_recording_close(&recording);

    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit small = {.rlim_cur = 4096, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct tg_error note = TG_ERROR_INIT;
    enum tg_status status = open_recording(0, &note);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(status, TG_OK);
    assert_string_equal(recording.path, ""); /* made, but not to be filled */
    assert_true(note.message[0]);
    assert_int_equal(count_files(), 0);
}

/* ---- alive ---- */

static void the_lock_lives_with_the_mapping(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    assert_true(is_alive(recording.path));
    char path[sizeof recording.path];
    memcpy(path, recording.path, sizeof path);
    close(recording.fd); /* as a daemon does that closes all it finds */
    assert_true(is_alive(path));
    tg_recording_close(&recording);
    assert_false(is_alive(path));
    assert_int_equal(access(path, F_OK), 0);
}

static void it_grows_without_its_descriptor(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    int fd = recording.fd;
    close(fd);
    char other_path[128];
    snprintf(other_path, sizeof other_path, "%s/other", fixture_directory);
    int other = open(other_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (other != fd) { /* it takes the number */
        assert_int_equal(dup3(other, fd, O_CLOEXEC), fd);
        close(other);
        other = fd;
    }
    for (int i = 0; i < 1000; i++) {
        uint32_t place = tg_recording_reserve(&recording, 1224);
        assert_int_not_equal(place, TG_PLACE_NONE);
        memset(tg_recording_at(&recording, place), 1, 1224);
    }
    struct stat info;
    assert_int_equal(fstat(other, &info), 0);
    assert_int_equal(info.st_size, 0); /* the other file was left alone, */
    assert_int_not_equal(recording.fd, other);
    assert_true(is_alive(recording.path));
    tg_recording_close(&recording);
    assert_int_equal(fcntl(other, F_GETFD), FD_CLOEXEC); /* and open */
    close(other);
}

static void a_descriptor_of_others_is_not_closed(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int fd = recording.fd;
    assert_int_equal(dup2(pipe_fds[0], fd), fd); /* in place of the recording's */
    tg_recording_close(&recording);
    assert_int_not_equal(fcntl(fd, F_GETFD), -1);
    close(fd);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* Without descriptor and name there is no way to grow: refused, and the rest works on. */
static void it_cannot_grow_when_deleted(void **state) {
    (void)state;
    assert_int_equal(open_recording(0, NULL), TG_OK);
    unlink(recording.path);
    int made_again = open(recording.path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    close(recording.fd);
    while (tg_recording_reserve(&recording, 640)) {
    }
    assert_int_equal(recording.header->reserved_bytes, 32 << 10);
    struct stat info;
    assert_int_equal(fstat(made_again, &info), 0);
    assert_int_equal(info.st_size, 0);
    close(made_again);
}

static void a_killed_writer_is_dead(void **state) {
    (void)state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork_for_test();
    if (child == 0) {
        if (open_recording(0, NULL) != TG_OK || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
            _exit(1);
        }
        close(recording.fd);
        if (write(ready[1], "r", 1) != 1) {
            _exit(1);
        }
        pause();
        _exit(1);
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    char path[512];
    fixture_find_recording(path, sizeof path, NULL);
    assert_true(is_alive(path));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_false(is_alive(path));
    close(ready[0]);
    close(ready[1]);
}

int main(void) {
#define WITH_DIRECTORY(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(the_header_says_whose_it_is),
        WITH_DIRECTORY(two_recordings_are_two_files),
        WITH_DIRECTORY(a_senseless_capacity_is_refused),
        WITH_DIRECTORY(space_is_zeroed_and_apart),
        WITH_DIRECTORY(a_file_grows_up_to_its_capacity),
        WITH_DIRECTORY(anonymous_memory_has_its_capacity_too),
        WITH_DIRECTORY(a_missing_directory_is_made),
        WITH_DIRECTORY(a_chosen_directory_has_no_second),
        WITH_DIRECTORY(the_next_directory_is_tried),
        WITH_DIRECTORY(an_unwritable_directory_is_said),
        WITH_DIRECTORY(nothing_hidden_is_left_behind),
        WITH_DIRECTORY(the_lock_lives_with_the_mapping),
        WITH_DIRECTORY(it_grows_without_its_descriptor),
        WITH_DIRECTORY(it_cannot_grow_when_deleted),
        WITH_DIRECTORY(a_descriptor_of_others_is_not_closed),
        WITH_DIRECTORY(more_than_the_capacity_is_refused),
        WITH_DIRECTORY(a_killed_writer_is_dead),
    };
    return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
