/*
 * collector: see collector.h.
 *
 * `lock` covers orders and the state of the thread; what is under "the thread's own" is touched by the thread while
 * there is one, and by start and the fork handlers while there is none. The recording is never held (tg_tracer_hold)
 * with `lock` held: forks wait for the one, and their hooks take the other.
 */
#include "collect/collector.h"

#include "collect/collection.h"
#include "collect/orphans.h"
#include "collect/sampling_source.h"
#include "record/failures.h"
#include "record/tracer.h"
#include "store/store_url.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S       INT64_C(1000000000)
#define STORE_CALL_NS  (5 * NS_PER_S)  /* for each call of the store */
#define RETRY_FIRST_NS NS_PER_S        /* between attempts at a store that is not there: doubled each time, */
#define RETRY_MAX_NS   (60 * NS_PER_S) /* up to this */
#define ORPHANS_NS     (60 * NS_PER_S) /* between looks for what others have left */
#define FORK_NS        (NS_PER_S / 10) /* that a fork waits for the thread, once in a round */

enum order {
    GO_ON,
    PAUSE, /* for a fork */
    STOP,
};

enum thread_state {
    NO_THREAD,
    RUNNING,
    FINISHED, /* has nothing left to do but to end */
    JOINED,   /* somebody waits for that */
};

/* What failed first; what fails besides is not said, for a full disk is one thing to a person. */
enum complaint {
    NO_COMPLAINT,
    OF_STORE,
    OF_SPOOL,
};

struct collector {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool prepared; /* lock and condition can be used */
    bool wanted;   /* between start and stop */
    enum thread_state state;
    pthread_t thread;
    enum order order;
    bool ending;             /* with STOP: of the process */
    atomic_bool awaits_call; /* in a forked child: there is nothing to collect, and no thread, before its first call */
    bool forked_by_thread;   /* the fork that is under way comes from another thread than the process's first */
    bool passed_over;        /* a fork has waited for this round in vain: the next ones do not */
    atomic_bool hurry;       /* an order is waiting: leave what can wait */
    uint64_t flush_wanted;   /* counts the calls of flush, and how many have been served */
    uint64_t flush_done;
    enum tg_status result; /* of the last round */
    struct tg_error result_error;

    /* The thread's own. */
    struct tg_collection collection;
    struct tg_store *store;
    tg_ns interval_ns;
    tg_ns next_ns;            /* monotonic: end of the interval that runs */
    tg_ns retry_ns;           /* monotonic: no attempt at the store before */
    tg_ns retry_wait_ns;      /* 0: the last attempt went well */
    tg_ns orphans_ns;         /* monotonic: next look for what others have left */
    tg_ns cpu_ns;             /* of this thread, at the end of the last round */
    enum complaint complaint; /* that has been said, and is not over yet */
    char *store_url;          /* with the password */
    char *shown_url;
    void (*say)(const char *line);
};

static struct collector collector = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .collection = TG_COLLECTION_INIT,
};

static void say(const char *format, ...) TG_PRINTF(1, 2);

static void say(const char *format, ...) {
    char line[TG_ERROR_MESSAGE_SIZE + TG_SPOOL_PATH_SIZE + 128];
    va_list args;
    if (!collector.say) {
        return;
    }
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    collector.say(line);
}

static tg_ns thread_cpu_ns(void) {
    struct timespec now;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0 ? now.tv_sec * NS_PER_S + now.tv_nsec : 0;
}

/* The end of the interval that begins: about the middle of a slot, and at least half an interval away. The middle is
 * spread over an eighth to either side, by process, so that the workers of a service do not meet at the store. */
static tg_ns next_end_ns(const struct tg_header *header, tg_ns now_ns, tg_ns interval_ns) {
    tg_ns wall_ns = header->started_wall_ns + (now_ns - header->started_monotonic_ns);
    tg_ns in_slot_ns = interval_ns / 2 + interval_ns / 4 * (header->uuid[0] - 128) / 256;
    tg_ns end_wall_ns = wall_ns / interval_ns * interval_ns + in_slot_ns;
    while (end_wall_ns - wall_ns < interval_ns / 2) {
        end_wall_ns += interval_ns;
    }
    return now_ns + (end_wall_ns - wall_ns);
}

/* The recording's directory is where a spool goes when there is no other place for it. */
static void directory_of(char *directory, size_t size, const char *path) {
    snprintf(directory, size, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash) {
        *slash = '\0';
    }
}

static enum tg_status open_collection(const struct tg_recording *recording, const struct tg_view *view,
                                      struct tg_error *err) {
    char fallback[sizeof recording->path];
    char directory[sizeof recording->header->spool] = "";
    directory_of(fallback, sizeof fallback, recording->path);
    tg_collection_close(&collector.collection);
    enum tg_status status = tg_spool_directory(directory, sizeof directory, fallback, err);
    if (status == TG_OK) {
        memcpy(recording->header->spool, directory, sizeof directory);
        status = tg_collection_open(&collector.collection, view, recording->path, directory, err);
    }
    return status;
}

static bool is_of(const struct tg_collection *collection, const struct tg_recording *recording) {
    return tg_collection_is_open(collection)
           && memcmp(collection->uuid, recording->header->uuid, sizeof collection->uuid) == 0;
}

/* Looks at what is new, with the recording held. */
static enum tg_status look(const struct tg_recording *recording, enum tg_batch_end end, struct tg_draft *draft,
                           struct tg_error *err) {
    struct tg_view view = tg_view_of_recording(recording);
    tg_ns now_ns = tg_clock_monotonic_ns();
    enum tg_status status = TG_OK;
    collector.next_ns = next_end_ns(recording->header, now_ns, collector.interval_ns); /* also after a failure */
    if (!is_of(&collector.collection, recording)) {
        status = open_collection(recording, &view, err);
    }
    if (status == TG_OK) {
        tg_ns cpu_ns = thread_cpu_ns();
        atomic_fetch_add_explicit(&recording->header->epoch, 1, memory_order_relaxed);
        status = tg_collection_look(&collector.collection, &view, now_ns, end, (uint64_t)(cpu_ns - collector.cpu_ns),
                                    draft, err);
        collector.cpu_ns = status == TG_OK ? cpu_ns : collector.cpu_ns;
    }
    return status;
}

static void close_store(void) {
    tg_store_close(collector.store);
    collector.store = NULL;
}

static enum tg_status open_store(struct tg_error *err) {
    if (collector.store) {
        return TG_OK;
    }
    struct tg_store_options options = {.timeout_ns = STORE_CALL_NS, .create = true};
    return tg_store_open(&collector.store, collector.store_url, &options, err);
}

/* What others left who wrote to the same store. Their failures are not ours to tell. */
static void collect_orphans(void) {
    struct tg_orphans orphans;
    if (tg_orphans_find(&orphans, NULL) != TG_OK) {
        return;
    }
    for (size_t i = 0; i < orphans.count && !atomic_load(&collector.hurry); i++) {
        const struct tg_orphan *orphan = &orphans.items[i];
        size_t stored_count = 0;
        if (strcmp(orphan->store_url, collector.shown_url) == 0
            && tg_orphan_collect(orphan, collector.store, &collector.hurry, &stored_count, NULL) == TG_ERROR_IO) {
            close_store();
            break;
        }
    }
    tg_orphans_release(&orphans);
}

/* `at_once`: the attempt was asked for, before its time; the next one is not put off for that. */
static void store_failed(tg_ns now_ns, bool at_once, const struct tg_error *err) {
    close_store();
    if (!collector.retry_wait_ns) {
        collector.retry_wait_ns = RETRY_FIRST_NS;
    } else if (!at_once) {
        collector.retry_wait_ns *= 2;
    }
    collector.retry_wait_ns = collector.retry_wait_ns > RETRY_MAX_NS ? RETRY_MAX_NS : collector.retry_wait_ns;
    collector.retry_ns = now_ns + collector.retry_wait_ns;
    enum tg_status ignored = tg_spool_sync(&collector.collection.spool, NULL);
    (void)ignored; /* it only helps should the machine go down as well */
    if (!collector.complaint) {
        collector.complaint = OF_STORE;
        say("tachograph: %s; timings are kept in %s and stored when that is over", err->message,
            collector.collection.spool.path);
    }
}

static enum tg_status try_upload(bool at_once, struct tg_error *err) {
    size_t stored_count = 0;
    enum tg_status status = open_store(err);
    if (status == TG_OK) {
        status = tg_upload(&collector.collection.spool, collector.store, at_once ? NULL : &collector.hurry,
                           &stored_count, err);
    }
    return status;
}

/* Brings the spool to the store, unless the store failed a moment ago. */
static enum tg_status upload(bool at_once, struct tg_error *err) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    if (!tg_collection_is_open(&collector.collection) || tg_collection_is_stored(&collector.collection)) {
        return TG_OK;
    }
    if (!at_once && collector.retry_wait_ns && now_ns < collector.retry_ns) {
        return tg_error_set(err, TG_ERROR_BUSY, "the store failed a moment ago");
    }
    bool may_be_stale = collector.store && tg_store_is_remote(collector.store);
    enum tg_status status = try_upload(at_once, err);
    if (status == TG_ERROR_IO && may_be_stale) { /* a server closes what was idle for hours: that is no failure yet */
        close_store();
        status = try_upload(at_once, err);
    }
    if (status != TG_OK) {
        store_failed(now_ns, at_once, err);
        return status;
    }
    collector.retry_wait_ns = 0;
    return TG_OK;
}

/* Makes the spool small again. Forks wait while the recording is held, so the disk comes after. */
static void compact(void) {
    struct tg_draft draft;
    enum tg_status status = TG_ERROR_NOT_FOUND;
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording && is_of(&collector.collection, recording) && tg_collection_may_compact(&collector.collection)) {
        struct tg_view view = tg_view_of_recording(recording);
        status = tg_collection_sum(&collector.collection, &view, &draft, NULL);
    }
    tg_tracer_let_go();
    if (status == TG_OK) {
        enum tg_status ignored = tg_collection_compact(&collector.collection, &draft, NULL);
        (void)ignored; /* the spool is longer than it need be, and works */
    }
}

/* After what cannot wait. */
static void tidy(void) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    if (!collector.store || collector.retry_wait_ns || atomic_load(&collector.hurry)) {
        return;
    }
    compact();
    if (now_ns >= collector.orphans_ns) {
        collector.orphans_ns = now_ns + ORPHANS_NS;
        collect_orphans();
    }
}

/* Of a process that has told nothing yet, whoever adds up the run knows whether that is worth telling. */
static bool has_told_nothing_of_run(const struct tg_recording *recording) {
    static const uint8_t no_run[16];
    return recording->path[0] && memcmp(recording->header->run_uuid, no_run, sizeof no_run) != 0
           && (!is_of(&collector.collection, recording) || collector.collection.interval.seq == 0);
}

/* Nothing will be counted any more: when all is stored, nobody has to look again. */
static void finish_recording(void) {
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording && is_of(&collector.collection, recording) && tg_collection_is_stored(&collector.collection)
        && !has_told_nothing_of_run(recording)) {
        atomic_store_explicit(&recording->header->collected, 1, memory_order_release);
        tg_spool_remove(&collector.collection.spool);
        tg_collection_close(&collector.collection);
    }
    tg_tracer_let_go();
}

/* A process of `tachograph run` that ends before its first batch leaves all of it to its parent: it ends the sooner.
 * What was sampled nobody else could collect. */
static bool is_left_to_run(const struct tg_recording *recording, enum tg_batch_end end) {
    return end == TG_BATCH_ENDED && !tg_sampling_source() && has_told_nothing_of_run(recording);
}

/* Samples of exceptions that are in the spool need no place in the recording. */
static void give_back_samples(void) {
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording && is_of(&collector.collection, recording)) {
        tg_failure_take(recording, collector.collection.interval.failures.serial);
    }
    tg_tracer_let_go();
}

/* Keeps the draft, and what a sampler has seen in it. Trees that do not fit a batch are left out, not their figures. */
static enum tg_status keep(struct tg_draft *draft, struct tg_error *err) {
    const struct tg_sampling_source *source = tg_sampling_source();
    struct tg_batch_sampling *sampling = &draft->batch.sampling;
    struct tg_strbuf tree = TG_STRBUF_INIT;
    bool taken = source && source->take(sampling, &tree);
    if (taken && tg_strbuf_status(&tree) == TG_OK && tree.length <= TG_BATCH_TREE_BYTES_MAX) {
        sampling->tree = (struct tg_bytes){.data = tg_strbuf_text(&tree), .length = tree.length};
    }
    enum tg_status status = tg_collection_keep(&collector.collection, draft, err);
    if (taken && status == TG_OK) {
        source->accept();
    }
    if (status == TG_OK) {
        give_back_samples();
    }
    tg_strbuf_release(&tree);
    return status;
}

/* Closes the interval. Forks wait while the recording is held, so the disk comes after. */
static enum tg_status close_interval(enum tg_batch_end end, struct tg_error *err) {
    struct tg_draft draft;
    enum tg_status status = TG_OK;
    const struct tg_recording *recording = tg_tracer_hold();
    bool looked = recording && !is_left_to_run(recording, end);
    if (looked) {
        status = look(recording, end, &draft, err);
    } else {
        collector.next_ns = tg_clock_monotonic_ns() + collector.interval_ns;
    }
    tg_tracer_let_go();
    return looked && status == TG_OK ? keep(&draft, err) : status;
}

static void complain_of_spool(const struct tg_error *err) {
    collector.complaint = OF_SPOOL;
    say("tachograph: %s; timings stay in the recording meanwhile, and none is lost", err->message);
}

/* All of it works. */
static void say_recovery(void) {
    if (collector.complaint == OF_STORE) {
        say("tachograph: %s is there again: what waited is stored", collector.shown_url);
    } else if (collector.complaint == OF_SPOOL) {
        say("tachograph: intervals can be closed again: what waited in the recording is stored");
    }
    collector.complaint = NO_COMPLAINT;
}

/* One interval to its end; `*closed`: all that was counted until then is in the spool. */
static enum tg_status round_once(enum tg_batch_end end, bool at_once, bool *closed, struct tg_error *err) {
    enum tg_status status = close_interval(end, err);
    *closed = status == TG_OK;
    if (status != TG_OK && !collector.complaint) {
        complain_of_spool(err);
    }
    struct tg_error upload_error = TG_ERROR_INIT;
    enum tg_status uploaded = upload(at_once, &upload_error);
    if (status != TG_OK && uploaded == TG_OK && collector.complaint == OF_STORE) { /* what was said is over */
        complain_of_spool(err);
    }
    if (status == TG_OK && uploaded != TG_OK) {
        status = uploaded;
        *err = upload_error;
    }
    if (status == TG_OK) {
        say_recovery();
    }
    return status;
}

/* After the last round. What is not in the spool stays in the recording, which then is still to be collected. */
static void finish(bool ending, bool closed) {
    if (closed && ending) {
        finish_recording();
    } else if (closed) { /* what is counted from now on is for no store */
        tg_tracer_describe(&(struct tg_tracer_description){.store_url = "", .interval_ns = 0});
    }
}

static void wait_until(tg_ns until_ns) {
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_cond_timedwait(&collector.changed, &collector.lock, &until);
}

static bool has_time(void) {
    return collector.order == GO_ON && collector.flush_wanted == collector.flush_done
           && tg_clock_monotonic_ns() < collector.next_ns;
}

static void *run(void *unused) {
    (void)unused;
    prctl(PR_SET_NAME, "tachograph");
    collector.cpu_ns = thread_cpu_ns();
    pthread_mutex_lock(&collector.lock);
    while (collector.order != PAUSE) {
        if (has_time()) {
            wait_until(collector.next_ns);
            continue;
        }
        uint64_t flush_wanted = collector.flush_wanted;
        bool stopping = collector.order == STOP;
        bool ending = stopping && collector.ending;
        bool at_once = stopping || flush_wanted != collector.flush_done;
        pthread_mutex_unlock(&collector.lock);

        struct tg_error err = TG_ERROR_INIT;
        bool closed;
        enum tg_status status = round_once(ending ? TG_BATCH_ENDED : TG_BATCH_GOES_ON, at_once, &closed, &err);
        if (stopping) {
            finish(ending, closed);
        } else if (!at_once) {
            tidy();
        }

        pthread_mutex_lock(&collector.lock);
        collector.result = status;
        collector.result_error = err;
        collector.flush_done = flush_wanted;
        collector.passed_over = false;
        pthread_cond_broadcast(&collector.changed);
        if (stopping) {
            break;
        }
    }
    collector.state = FINISHED;
    pthread_cond_broadcast(&collector.changed);
    pthread_mutex_unlock(&collector.lock);
    return NULL;
}

/* With `lock` held. */
static enum tg_status start_thread(struct tg_error *err) {
    sigset_t all;
    sigset_t before;
    collector.order = GO_ON;
    atomic_store(&collector.hurry, false);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&collector.thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        return tg_error_set_errno(err, error, "cannot start the collector's thread");
    }
    collector.state = RUNNING;
    return TG_OK;
}

/* With `lock` held: starts the thread where a fork has ended it. */
static void need_thread(void) {
    if (collector.wanted && collector.state == NO_THREAD && !atomic_load(&collector.awaits_call)) {
        enum tg_status ignored = start_thread(NULL);
        (void)ignored; /* the next one tries again; what is counted is collected when the process has ended */
    }
}

/* At the first timed call of a forked child. In one of which Python does not know, the lock may be lost: it is not
 * touched there. */
static void first_call(void) {
    if (atomic_exchange(&collector.awaits_call, false)) {
        pthread_mutex_lock(&collector.lock);
        collector.next_ns = tg_clock_monotonic_ns() + collector.interval_ns;
        need_thread();
        pthread_mutex_unlock(&collector.lock);
    }
}

/* With `lock` held, which is let go meanwhile: takes leave of a thread that has nothing left to do. */
static void join_finished(void) {
    if (collector.state == FINISHED) {
        collector.state = JOINED;
        pthread_mutex_unlock(&collector.lock);
        pthread_join(collector.thread, NULL);
        pthread_mutex_lock(&collector.lock);
        collector.state = NO_THREAD;
        pthread_cond_broadcast(&collector.changed);
    }
}

/* With `lock` held: gives an order and waits for the thread to end. False: it takes longer. */
static bool end_thread(enum order order, tg_ns patience_ns) {
    tg_ns until_ns = tg_clock_monotonic_ns() + patience_ns;
    collector.order = order;
    atomic_store(&collector.hurry, true);
    pthread_cond_broadcast(&collector.changed);
    while ((collector.state == RUNNING || collector.state == JOINED) && tg_clock_monotonic_ns() < until_ns) {
        wait_until(until_ns);
    }
    join_finished();
    return collector.state == NO_THREAD;
}

static void prepare(void) {
    pthread_condattr_t attributes;
    if (!collector.prepared) {
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&collector.changed, &attributes);
        pthread_condattr_destroy(&attributes);
        collector.prepared = true;
    }
}

static enum tg_status check(const struct tg_collector_options *options, struct tg_error *err) {
    if (!options->service || !options->service[0]) {
        return tg_error_set(err, TG_ERROR_INVALID, "a history needs the name of a service");
    }
    if (options->interval_ns
        && (options->interval_ns < TG_COLLECTOR_INTERVAL_MIN_NS
            || options->interval_ns > TG_COLLECTOR_INTERVAL_MAX_NS)) {
        return tg_error_set(err, TG_ERROR_INVALID, "an interval lasts from 0.01 seconds to a day");
    }
    return TG_OK;
}

/* Of the recording; zero where there is none yet. */
static void read_uuid(uint8_t uuid[16]) {
    const struct tg_recording *recording = tg_tracer_hold();
    memset(uuid, 0, 16);
    if (recording) {
        memcpy(uuid, recording->header->uuid, 16);
    }
    tg_tracer_let_go();
}

/* What waits in the recording's spool is for one store: another would get it. */
static enum tg_status check_same_store(const uint8_t uuid[16], const char *shown_url, struct tg_error *err) {
    const struct tg_collection *collection = &collector.collection;
    if (!tg_collection_is_open(collection) || memcmp(collection->uuid, uuid, sizeof collection->uuid) != 0
        || strcmp(collection->spool.store_url, shown_url) == 0) {
        return TG_OK;
    }
    return tg_error_set(err, TG_ERROR_EXISTS,
                        "this process has kept its history in %s and goes on there only: start another process for %s",
                        collection->spool.store_url, shown_url);
}

/* Takes over the strings and describes the recording; nothing has changed on failure. */
static enum tg_status configure(const struct tg_collector_options *options, const uint8_t uuid[16],
                                struct tg_error *err) {
    struct tg_store_url url;
    struct tg_strbuf anchored = TG_STRBUF_INIT; /* wherever the program goes, and whoever collects after it */
    struct tg_strbuf shown = TG_STRBUF_INIT;
    if (tg_store_check_url(options->store_url, err) != TG_OK) { /* a mistyped one would be waited for without end */
        return TG_ERROR_INVALID;
    }
    enum tg_status status = tg_store_url_anchor(&anchored, options->store_url, err);
    if (status == TG_OK) {
        status = tg_store_url_parse(&url, tg_strbuf_text(&anchored), err);
    }
    if (status != TG_OK) {
        tg_strbuf_release(&anchored);
        return status;
    }
    tg_store_url_shown(&url, &shown);
    tg_store_url_release(&url);
    char *store_url = strdup(tg_strbuf_text(&anchored));
    char *shown_url = strdup(tg_strbuf_text(&shown));
    status = tg_strbuf_status(&shown);
    tg_strbuf_release(&anchored);
    tg_strbuf_release(&shown);
    if (status != TG_OK || !store_url || !shown_url) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to start the collector");
    } else {
        status = check_same_store(uuid, shown_url, err);
    }
    if (status != TG_OK) {
        free(store_url);
        free(shown_url);
        return status;
    }
    free(collector.store_url);
    free(collector.shown_url);
    collector.store_url = store_url;
    collector.shown_url = shown_url;
    collector.say = options->say;
    collector.interval_ns = options->interval_ns ? options->interval_ns : TG_COLLECTOR_INTERVAL_NS;
    collector.next_ns = tg_clock_monotonic_ns() + collector.interval_ns;
    collector.retry_wait_ns = 0;
    collector.complaint = NO_COMPLAINT;
    tg_tracer_describe(&(struct tg_tracer_description){
        .service = options->service,
        .service_version = options->service_version,
        .interval_ns = collector.interval_ns,
        .store_url = shown_url,
        .reopened = first_call,
    });
    return TG_OK;
}

enum tg_status tg_collector_start(const struct tg_collector_options *options, struct tg_error *err) {
    enum tg_status status = check(options, err);
    uint8_t uuid[16];
    if (status != TG_OK) {
        return status;
    }
    read_uuid(uuid);
    pthread_mutex_lock(&collector.lock);
    prepare();
    join_finished(); /* of a stop that could not wait for it */
    if (collector.wanted || collector.state != NO_THREAD) {
        status = tg_error_set(err, TG_ERROR_EXISTS, "this process is collected already: stop that first");
    }
    if (status == TG_OK) {
        status = configure(options, uuid, err);
    }
    if (status == TG_OK) {
        status = start_thread(err);
        collector.wanted = status == TG_OK;
    }
    pthread_mutex_unlock(&collector.lock);
    return status;
}

bool tg_collector_is_running(void) {
    pthread_mutex_lock(&collector.lock);
    bool running = collector.wanted;
    pthread_mutex_unlock(&collector.lock);
    return running;
}

enum tg_status tg_collector_flush(tg_ns patience_ns, struct tg_error *err) {
    tg_ns until_ns = tg_clock_monotonic_ns() + patience_ns;
    pthread_mutex_lock(&collector.lock);
    need_thread();
    if (collector.wanted && atomic_load(&collector.awaits_call)) {
        pthread_mutex_unlock(&collector.lock);
        return TG_OK;
    }
    if (collector.state != RUNNING) {
        pthread_mutex_unlock(&collector.lock);
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "nothing is collected here: start() comes first");
    }
    uint64_t wanted = ++collector.flush_wanted;
    pthread_cond_broadcast(&collector.changed);
    while (collector.flush_done < wanted && collector.state == RUNNING && tg_clock_monotonic_ns() < until_ns) {
        wait_until(until_ns);
    }
    enum tg_status status = collector.result;
    if (collector.flush_done < wanted) {
        status = tg_error_set(err, TG_ERROR_BUSY, "the store takes longer; what is collected waits in the spool");
    } else if (status != TG_OK) {
        status = tg_error_set(err, status, "%s", collector.result_error.message);
    }
    pthread_mutex_unlock(&collector.lock);
    return status;
}

/* In the recording, for whoever collects the rest. */
static void tell_end(void) {
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording) {
        atomic_store_explicit(&recording->header->ended_monotonic_ns, tg_clock_monotonic_ns(), memory_order_relaxed);
        atomic_store_explicit(&recording->header->told_end, 1, memory_order_relaxed);
    }
    tg_tracer_let_go();
}

enum tg_status tg_collector_stop(bool ending, tg_ns patience_ns, struct tg_error *err) {
    enum tg_status status = TG_OK;
    pthread_mutex_lock(&collector.lock);
    need_thread();
    if (ending) {
        tell_end();
    }
    if (collector.wanted || collector.state != NO_THREAD) {
        collector.wanted = false;
        collector.ending = ending;
        atomic_store(&collector.awaits_call, false);
        if (!end_thread(STOP, patience_ns)) {
            status = tg_error_set(err, TG_ERROR_BUSY, "the store takes longer; what is collected waits in the spool");
        } else if (collector.result != TG_OK) {
            status = tg_error_set(err, collector.result, "%s", collector.result_error.message);
        }
        if (collector.state == NO_THREAD) {
            close_store();
        }
    }
    pthread_mutex_unlock(&collector.lock);
    return status;
}

void tg_collector_abandon(void) {
    pthread_mutex_lock(&collector.lock);
    collector.wanted = false;
    atomic_store(&collector.awaits_call, false);
    if (collector.state != NO_THREAD) {
        bool ended = end_thread(PAUSE, NS_PER_S);
        (void)ended; /* else it is in the middle of a first round, and ends after that */
    }
    if (collector.state == NO_THREAD) {
        close_store();
    }
    pthread_mutex_unlock(&collector.lock);
    tg_tracer_describe(&(struct tg_tracer_description){.store_url = "", .interval_ns = 0});
}

void tg_collector_before_fork(void) {
    pthread_mutex_lock(&collector.lock);
    collector.forked_by_thread = gettid() != getpid();
    if (collector.wanted && !end_thread(PAUSE, collector.passed_over ? 0 : FORK_NS)) {
        /* It is left alone: the child knows that it is not there. */
        collector.order = collector.order == PAUSE ? GO_ON : collector.order;
        collector.passed_over = collector.state == RUNNING;
        atomic_store(&collector.hurry, collector.order != GO_ON);
    }
    pthread_mutex_unlock(&collector.lock); /* others' hooks run until the fork, and may use what needs it */
}

void tg_collector_after_fork_in_parent(void) {
    pthread_mutex_lock(&collector.lock);
    need_thread();
    pthread_mutex_unlock(&collector.lock);
}

/* What the parent's thread had in hand is the parent's: it is let go, not freed, for the thread may have been at it. */
void tg_collector_after_fork_in_child(void) {
    pthread_mutex_init(&collector.lock, NULL); /* another thread of the parent may have had it */
    pthread_mutex_lock(&collector.lock);
    tg_spool_after_fork_in_child();
    collector.collection = (struct tg_collection)TG_COLLECTION_INIT;
    collector.store = NULL;
    collector.state = NO_THREAD;
    collector.passed_over = false;
    collector.flush_done = collector.flush_wanted;
    collector.result = TG_OK;
    collector.retry_wait_ns = 0;
    collector.complaint = NO_COMPLAINT;
    collector.orphans_ns = tg_clock_monotonic_ns() + ORPHANS_NS;
    if (collector.prepared) { /* the parent's thread may have waited on it */
        collector.prepared = false;
        prepare();
    }
    collector.wanted = collector.wanted && !collector.forked_by_thread;
    atomic_store(&collector.awaits_call, collector.wanted);
    pthread_mutex_unlock(&collector.lock);
}
