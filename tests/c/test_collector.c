/* The collector's thread: what it brings to a store while others count, fork and stop it. */
#include "collect/collector.h"

#include "collect/orphans.h"
#include "collect/sampling_source.h"
#include "collect/spool.h"
#include "recording_fixture.h"
#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define PATIENCE_NS INT64_C(20000000000)

static char work_directory[64];
static char store_url[256];
static char lines[16][512];
static atomic_int line_count;

static void say(const char *line) {
    int number = atomic_fetch_add(&line_count, 1);
    snprintf(lines[number % 16], sizeof lines[0], "%s", line);
}

static int set_up(void **state) {
    snprintf(work_directory, sizeof work_directory, "/tmp/tg-test-XXXXXX");
    atomic_store(&line_count, 0);
    if (!mkdtemp(work_directory) || fixture_set_up(state) != 0) {
        return -1;
    }
    char spool[128];
    snprintf(spool, sizeof spool, "%s/spool", work_directory);
    snprintf(store_url, sizeof store_url, "sqlite:///%s/history.db", work_directory);
    setenv("TACHOGRAPH_SPOOL_DIR", spool, 1);
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    return 0;
}

static int tear_down(void **state) {
    char spool[128];
    enum tg_status ignored = tg_collector_stop(false, PATIENCE_NS, NULL);
    (void)ignored;
    snprintf(spool, sizeof spool, "%s/spool", work_directory);
    fixture_remove(spool);
    fixture_remove(work_directory);
    return fixture_tear_down(state);
}

static void start(tg_ns interval_ns) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_collector_options options = {
        .store_url = store_url, .service = "shop", .service_version = "1", .interval_ns = interval_ns, .say = say};
    if (tg_collector_start(&options, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static void flush(void) {
    struct tg_error err = TG_ERROR_INIT;
    if (tg_collector_flush(PATIENCE_NS, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

/* The calls of a function in the store, over all processes; 0 where there is none. */
static uint64_t stored_calls(const char *name) {
    struct tg_store *store;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_options options = {.read_only = true};
    if (tg_store_open(&store, store_url, &options, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    struct tg_store_services services;
    uint64_t calls = 0;
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    for (size_t i = 0; i < services.count; i++) {
        struct tg_store_selection everything = {
            .service_id = services.items[i].id, .first_iteration = INT64_MIN, .last_iteration = INT64_MAX};
        struct tg_store_functions functions;
        assert_int_equal(tg_store_functions(store, &everything, name, false, &functions, NULL), TG_OK);
        calls += functions.count ? functions.items[0].call_count : 0;
        tg_store_functions_release(&functions);
    }
    tg_store_services_release(&services);
    tg_store_close(store);
    return calls;
}

/* All that the machine has are found. */
static bool is_of_this_test(const struct tg_orphan *orphan) {
    return strcmp(orphan->store_url, store_url) == 0;
}

static size_t collect_orphans(void) {
    struct tg_orphans orphans;
    struct tg_store *store;
    size_t stored_count = 0;
    struct tg_store_options options = {.create = true};
    assert_int_equal(tg_store_open(&store, store_url, &options, NULL), TG_OK);
    assert_int_equal(tg_orphans_find(&orphans, NULL), TG_OK);
    for (size_t i = 0; i < orphans.count; i++) {
        if (is_of_this_test(&orphans.items[i])) {
            assert_int_equal(tg_orphan_collect(&orphans.items[i], store, NULL, &stored_count, NULL), TG_OK);
        }
    }
    tg_orphans_release(&orphans);
    tg_store_close(store);
    return stored_count;
}

static size_t orphan_count(void) {
    struct tg_orphans orphans;
    assert_int_equal(tg_orphans_find(&orphans, NULL), TG_OK);
    size_t count = 0;
    for (size_t i = 0; i < orphans.count; i++) {
        count += is_of_this_test(&orphans.items[i]);
    }
    tg_orphans_release(&orphans);
    return count;
}

static void what_is_counted_is_stored(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 10);
    start(0);
    assert_true(tg_collector_is_running());
    fixture_call(f, 20);
    flush();
    assert_int_equal(stored_calls("m::f"), 2);
    fixture_call(f, 30);
    assert_int_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    assert_false(tg_collector_is_running());
    assert_int_equal(stored_calls("m::f"), 3);
    assert_int_equal(tg_tracer_hold()->header->collected, 1);
    tg_tracer_let_go();
    assert_int_equal(tg_collector_flush(0, NULL), TG_ERROR_NOT_FOUND);
    assert_int_equal(tg_collector_stop(true, 0, NULL), TG_OK);
    assert_int_equal(line_count, 0);
}

static void it_wakes_by_itself(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    start(TG_COLLECTOR_INTERVAL_MIN_NS);
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    uint32_t epoch = atomic_load(&header->epoch);
    fixture_call(f, 10);
    while (atomic_load(&header->epoch) - epoch < 5) { /* each look is a new epoch */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(tg_collector_stop(false, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(stored_calls("m::f"), 1);
}

static void options_are_checked(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_collector_options options = {.store_url = store_url, .service = ""};
    assert_int_equal(tg_collector_start(&options, &err), TG_ERROR_INVALID);
    options.service = "shop";
    options.interval_ns = 1;
    assert_int_equal(tg_collector_start(&options, &err), TG_ERROR_INVALID);
    options.interval_ns = 0;
    options.store_url = "mysql://me:secret@host";
    assert_int_equal(tg_collector_start(&options, &err), TG_ERROR_INVALID);
    assert_null(strstr(err.message, "secret"));
    assert_false(tg_collector_is_running());
    start(0);
    options.store_url = store_url;
    assert_int_equal(tg_collector_start(&options, &err), TG_ERROR_EXISTS);
}

/* stop() and start() in one process: nothing twice, and what is counted in between is for no store. */
static void it_starts_again(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    start(0);
    fixture_call(f, 10);
    assert_int_equal(tg_collector_stop(false, PATIENCE_NS, NULL), TG_OK);
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    assert_string_equal(header->store_url, "");
    assert_int_equal(header->collected, 0);
    start(0);
    fixture_call(f, 20);
    flush();
    assert_int_equal(stored_calls("m::f"), 2);
}

/* A stop that does not wait for the thread leaves nothing behind that a later start could not use. */
static void it_starts_again_after_a_stop_that_did_not_wait(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    for (uint64_t i = 1; i <= 20; i++) {
        struct tg_collector_options options = {.store_url = store_url, .service = "shop", .say = say};
        while (tg_collector_start(&options, NULL) != TG_OK) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
        fixture_call(f, 10);
        enum tg_status ignored = tg_collector_stop(false, 0, NULL);
        (void)ignored;
    }
    assert_int_equal(tg_collector_stop(false, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(stored_calls("m::f"), 20);
    assert_int_equal(line_count, 0);
}

/* Where there is no place for a spool, all of it stays in the recording, and is still to be collected. */
static void without_a_spool_the_recording_has_it(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    setenv("TACHOGRAPH_SPOOL_DIR", "relative", 1);
    start(0);
    fixture_call(f, 10);
    assert_int_not_equal(tg_collector_flush(PATIENCE_NS, NULL), TG_OK);
    assert_int_not_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(line_count, 1);
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    assert_int_equal(header->collected, 0);
    assert_string_not_equal(header->store_url, "");
}

static atomic_bool go_on;

static void *call_all_the_time(void *function) {
    uint64_t calls = 0;
    do { /* once in any case, however late the thread gets its turn */
        fixture_call((uint32_t)(uintptr_t)function, 1);
        calls++;
    } while (atomic_load(&go_on));
    return (void *)(uintptr_t)calls;
}

static void threads_count_on(void **state) {
    (void)state;
    pthread_t threads[4];
    uint64_t calls = 0;
    uint32_t f = fixture_function("m::f");
    atomic_store(&go_on, true);
    start(TG_COLLECTOR_INTERVAL_MIN_NS);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_all_the_time, (void *)(uintptr_t)f), 0);
    }
    for (int i = 0; i < 30; i++) {
        flush();
    }
    atomic_store(&go_on, false);
    for (size_t i = 0; i < 4; i++) {
        void *count;
        assert_int_equal(pthread_join(threads[i], &count), 0);
        calls += (uintptr_t)count;
    }
    assert_int_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(stored_calls("m::f"), calls);
}

/* The store's place is no directory: batches wait, one line says so; when it is one, they are stored and one line says
 * that, too. */
static void a_store_that_is_not_there_is_waited_for(void **state) {
    (void)state;
    char place[128];
    snprintf(place, sizeof place, "%s/place", work_directory);
    snprintf(store_url, sizeof store_url, "sqlite:///%s/history.db", place);
    FILE *file = fopen(place, "w");
    assert_non_null(file);
    fclose(file);
    uint32_t f = fixture_function("m::f");
    start(0);
    for (int i = 0; i < 3; i++) {
        fixture_call(f, 10);
        assert_int_not_equal(tg_collector_flush(PATIENCE_NS, NULL), TG_OK);
    }
    assert_int_equal(line_count, 1);
    assert_non_null(strstr(lines[0], "timings are kept in"));
    assert_int_equal(unlink(place), 0);
    assert_int_equal(mkdir(place, 0700), 0);
    fixture_call(f, 10);
    flush();
    assert_int_equal(line_count, 2);
    assert_non_null(strstr(lines[1], "there again"));
    assert_int_equal(stored_calls("m::f"), 4);
    assert_int_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    fixture_remove(place);
}

/* Likewise of the spool's place; the counts stay in the recording. */
static void a_spool_that_cannot_be_made_is_waited_for(void **state) {
    (void)state;
    char place[128];
    snprintf(place, sizeof place, "%s/spool", work_directory);
    assert_int_equal(mkdir(place, 0700), 0);
    assert_int_equal(chmod(place, 0755), 0);
    uint32_t f = fixture_function("m::f");
    start(0);
    for (int i = 0; i < 3; i++) {
        fixture_call(f, 10);
        assert_int_equal(tg_collector_flush(PATIENCE_NS, NULL), TG_ERROR_PERMISSION);
    }
    assert_int_equal(line_count, 1);
    assert_non_null(strstr(lines[0], "spool directory"));
    assert_non_null(strstr(lines[0], "run chmod 700 on it; timings stay in the recording"));
    assert_int_equal(chmod(place, 0700), 0);
    fixture_call(f, 10);
    flush();
    flush();
    assert_int_equal(line_count, 2);
    assert_non_null(strstr(lines[1], "can be closed again"));
    assert_int_equal(stored_calls("m::f"), 4);
}

/* The descriptor of this process's spool, or -1. */
static int find_spool(void) {
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    int found = -1;
    while (directory && (entry = readdir(directory))) {
        char path[512];
        ssize_t length = readlinkat(dirfd(directory), entry->d_name, path, sizeof path - 1);
        size_t suffix = sizeof TG_SPOOL_SUFFIX - 1;
        if (length > (ssize_t)suffix && memcmp(path + length - suffix, TG_SPOOL_SUFFIX, suffix) == 0) {
            found = (int)strtol(entry->d_name, NULL, 10);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

/* A program closes all descriptors and gets the spool's number for a file of its own: nothing is written to that. */
static void a_closed_descriptor_is_noticed(void **state) {
    (void)state;
    char path[128];
    struct stat info;
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 10);
    start(0);
    flush();
    int spool = find_spool();
    assert_true(spool >= 64);
    snprintf(path, sizeof path, "%s/program's", work_directory);
    int own = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(dup2(own, spool), spool);
    fixture_call(f, 20);
    flush();
    assert_int_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(fstat(spool, &info), 0);
    assert_int_equal(info.st_size, 0);
    close(spool);
    close(own);
    assert_int_equal(stored_calls("m::f"), 2);
}

static bool is_collected(void) {
    bool collected = tg_tracer_hold()->header->collected != 0;
    tg_tracer_let_go();
    return collected;
}

/* What the last interval has counted is in the recording alone: that is left to be collected. */
static void an_end_that_cannot_be_written_is_no_end(void **state) {
    (void)state;
    struct rlimit before;
    uint32_t f = fixture_function("m::f");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    start(0);
    fixture_call(f, 10);
    flush();
    fixture_call(f, 10);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max}), 0);
    enum tg_status status = tg_collector_stop(true, PATIENCE_NS, NULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_not_equal(status, TG_OK);
    assert_false(is_collected());
    assert_int_equal(stored_calls("m::f"), 1);
    start(0);
    assert_int_equal(tg_collector_stop(true, PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(stored_calls("m::f"), 2);
    assert_true(is_collected());
}

/* A sampler that looks once between two batches: `seen` counts what has not been accepted. */
static struct {
    uint64_t seen;
    uint64_t taken;
    size_t tree_bytes;
} sampler;

static bool take_samples(struct tg_batch_sampling *sampling, struct tg_strbuf *tree) {
    sampler.taken = ++sampler.seen;
    *sampling = (struct tg_batch_sampling){.rate_hz = 100, .look_count = sampler.seen, .sample_count = sampler.seen};
    for (size_t i = 0; i < sampler.tree_bytes; i++) {
        tg_strbuf_append_char(tree, 'x');
    }
    return true;
}

static void accept_samples(void) {
    sampler.seen -= sampler.taken;
}

static const struct tg_sampling_source samples = {.take = take_samples, .accept = accept_samples};

struct stored_samples {
    uint64_t samples;
    size_t trees;
    size_t tree_bytes;
};

static enum tg_status add_tree(void *context, const struct tg_store_call_tree *tree, struct tg_error *err) {
    struct stored_samples *stored = context;
    (void)err;
    stored->samples += tree->sampling.sample_count;
    stored->tree_bytes += tree->sampling.tree.length;
    stored->trees++;
    return TG_OK;
}

static struct stored_samples read_samples(void) {
    struct stored_samples stored = {.samples = 0};
    struct tg_store *store;
    struct tg_store_options options = {.read_only = true};
    struct tg_store_selection everything = {.service_id = 1, .first_iteration = INT64_MIN, .last_iteration = INT64_MAX};
    assert_int_equal(tg_store_open(&store, store_url, &options, NULL), TG_OK);
    assert_int_equal(tg_store_call_trees(store, &everything, add_tree, &stored, NULL), TG_OK);
    tg_store_close(store);
    return stored;
}

/* What could not be kept comes with the next batch. */
static void samples_come_along_once(void **state) {
    (void)state;
    struct rlimit before;
    uint32_t f = fixture_function("m::f");
    sampler.seen = 0;
    sampler.tree_bytes = 100;
    tg_sampling_source_set(&samples);
    start(0);
    flush(); /* no call: the samples are worth a batch of their own */
    assert_int_equal(read_samples().samples, 1);
    fixture_call(f, 10);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1, .rlim_max = before.rlim_max}), 0);
    assert_int_not_equal(tg_collector_flush(PATIENCE_NS, NULL), TG_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(sampler.seen, 1);
    flush();
    assert_int_equal(sampler.seen, 0);
    struct stored_samples stored = read_samples();
    assert_int_equal(stored.samples, 3);
    assert_int_equal(stored.trees, 2);
    assert_int_equal(stored.tree_bytes, 200);
    assert_int_equal(stored_calls("m::f"), 1);

    sampler.tree_bytes = TG_BATCH_TREE_BYTES_MAX + 1; /* too large: its figures come without it */
    flush();
    stored = read_samples();
    assert_int_equal(stored.samples, 4);
    assert_int_equal(stored.tree_bytes, 200);
    tg_sampling_source_set(NULL);
}

static void fork_around(pid_t *child) {
    tg_collector_before_fork();
    *child = fork_for_test();
    if (*child == 0) {
        tg_collector_after_fork_in_child();
    } else {
        tg_collector_after_fork_in_parent();
    }
}

/* Children collect for themselves; those that are killed are collected by the next one. */
static void children_collect_for_themselves(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    start(0);
    fixture_call(f, 10);
    flush();
    for (int i = 0; i < 6; i++) {
        pid_t child;
        fork_around(&child);
        if (child == 0) {
            fixture_call(f, 10);
            fixture_call(f, 10);
            struct tg_error err = TG_ERROR_INIT;
            bool stored = i % 2 == 0 && tg_collector_stop(true, PATIENCE_NS, &err) == TG_OK;
            kill(getpid(), stored || i % 2 ? SIGKILL : SIGTERM);
        }
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        fixture_call(f, 10);
    }
    flush();
    assert_int_equal(stored_calls("m::f"), 1 + 6 + 3 * 2);
    assert_int_equal(orphan_count(), 3);
    assert_int_equal(collect_orphans(), 3);
    assert_int_equal(stored_calls("m::f"), 1 + 6 + 6 * 2);
    assert_int_equal(orphan_count(), 0);
    assert_int_equal(collect_orphans(), 0);
}

/* Of the collector, known by their name: a sanitizer may have one as well. It is there after a flush. */
static int thread_count(void) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks)) {
        char path[320];
        char name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
        count += got > 0 && strcmp(name, "tachograph\n") == 0;
        close(fd);
    }
    closedir(tasks);
    return count;
}

static bool flushes(int expected_thread_count) {
    return tg_collector_flush(PATIENCE_NS, NULL) == TG_OK && thread_count() == expected_thread_count;
}

/* A child that goes on to exec has no thread of ours, whatever it asks of the collector and forks itself. */
static void a_child_has_a_thread_from_its_first_call_on(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    pid_t child;
    start(0);
    fixture_call(f, 10);
    assert_true(flushes(1));
    fork_around(&child);
    if (child == 0) {
        int how;
        pid_t grandchild;
        bool right = tg_collector_is_running() && flushes(0);
        fork_around(&grandchild);
        if (grandchild == 0) {
            right = right && flushes(0) && tg_collector_stop(true, PATIENCE_NS, NULL) == TG_OK;
            fixture_call(f, 10); /* nobody collects it here */
            _exit(right && thread_count() == 0 ? 0 : 1);
        }
        right = right && waitpid(grandchild, &how, 0) == grandchild && how == 0 && flushes(0);
        fixture_call(f, 10);
        right = right && flushes(1) && tg_collector_stop(true, PATIENCE_NS, NULL) == TG_OK;
        _exit(right && thread_count() == 0 ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(stored_calls("m::f"), 2);
    assert_int_equal(collect_orphans(), 1);
    assert_int_equal(stored_calls("m::f"), 3);
}

/* Killed at any moment of its collecting, a process is stored once. */
static void a_kill_at_any_moment_loses_and_doubles_nothing(void **state) {
    (void)state;
    uint64_t expected = 0;
    for (int i = 0; i < 12; i++) {
        _Atomic uint64_t *counted =
            mmap(NULL, sizeof *counted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(counted != MAP_FAILED);
        pid_t child = fork_for_test();
        if (child == 0) {
            uint32_t f = fixture_function("m::f");
            start(TG_COLLECTOR_INTERVAL_MIN_NS);
            for (;;) {
                atomic_fetch_add(counted, 1); /* before the call: it may be the one in flight */
                fixture_call(f, 1);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 20000000 + i * 7000000}, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        collect_orphans();
        expected += *counted;
        uint64_t stored = stored_calls("m::f");
        uint64_t in_flight = (uint64_t)i + 1; /* at most one of each child so far */
        assert_in_range(stored, expected > in_flight ? expected - in_flight : 0, expected);
        munmap(counted, sizeof *counted);
    }
    assert_int_equal(orphan_count(), 0);
}

int main(void) {
#define WITH_STORE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(what_is_counted_is_stored),
        WITH_STORE(it_wakes_by_itself),
        WITH_STORE(options_are_checked),
        WITH_STORE(it_starts_again),
        WITH_STORE(it_starts_again_after_a_stop_that_did_not_wait),
        WITH_STORE(without_a_spool_the_recording_has_it),
        WITH_STORE(threads_count_on),
        WITH_STORE(a_store_that_is_not_there_is_waited_for),
        WITH_STORE(a_spool_that_cannot_be_made_is_waited_for),
        WITH_STORE(a_closed_descriptor_is_noticed),
        WITH_STORE(an_end_that_cannot_be_written_is_no_end),
        WITH_STORE(samples_come_along_once),
        WITH_STORE(children_collect_for_themselves),
        WITH_STORE(a_child_has_a_thread_from_its_first_call_on),
        WITH_STORE(a_kill_at_any_moment_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests_name("collector", tests, NULL, NULL);
}
