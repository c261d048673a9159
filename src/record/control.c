/* control: see control.h. */
#include "record/control.h"

#include "record/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KIND_SHIFT  28U
#define RATE_MASK   UINT64_C(0x0fffffff)
#define COUNT_SHIFT 32U
#define POLL_NS     2000000 /* between looks for an answer */

const char *tg_sampler_mode_name(enum tg_sampler_mode mode) {
    static const char *const names[TG_SAMPLER_MODE_COUNT] = {
        [TG_SAMPLER_WALL] = "wall", [TG_SAMPLER_CPU] = "cpu", [TG_SAMPLER_GIL] = "gil"};
    return names[mode];
}

enum tg_status tg_sampler_mode_parse(const char *word, enum tg_sampler_mode *mode, struct tg_error *err) {
    for (*mode = TG_SAMPLER_WALL; *mode < TG_SAMPLER_MODE_COUNT; (*mode)++) {
        if (strcmp(word, tg_sampler_mode_name(*mode)) == 0) {
            return TG_OK;
        }
    }
    return tg_error_set(err, TG_ERROR_INVALID, "there is no way of sampling called '%s': give wall, cpu or gil", word);
}

struct tg_hindrance_words tg_hindrance_words(enum tg_sampler_hindrance hindrance) {
    static const struct tg_hindrance_words words[TG_HINDRANCE_COUNT] = {
        [TG_HINDRANCE_NONE] = {"", ""},
        [TG_HINDRANCE_TAKEN] = {"another handler of SIGURG has taken the place of tachograph's: stacks that change all "
                                "the time are not seen",
                                "let it pass on signals that are not its own, or put it in place before sampling "
                                "begins"},
        [TG_HINDRANCE_BLOCKED] = {"a thread blocks SIGURG: its stack is not seen while it changes",
                                  "let it block the signals it means only"},
    };
    return words[hindrance];
}

struct tg_sampler_status tg_control_status(const struct tg_header *header) {
    uint32_t state = atomic_load_explicit(&header->sampler_state, memory_order_acquire);
    uint32_t hindrance = atomic_load_explicit(&header->sampler_hindrance, memory_order_relaxed);
    return (struct tg_sampler_status){
        .state = state <= TG_SAMPLER_PAUSED ? (enum tg_sampler_state)state : TG_SAMPLER_NONE,
        .rate_hz = atomic_load_explicit(&header->sampler_rate_hz, memory_order_relaxed),
        .tick_count = atomic_load_explicit(&header->sampler_tick_count, memory_order_relaxed),
        .hindrance = hindrance < TG_HINDRANCE_COUNT ? (enum tg_sampler_hindrance)hindrance : TG_HINDRANCE_NONE,
    };
}

bool tg_control_next(struct tg_header *header, struct tg_control_order *order) {
    uint64_t given = atomic_load_explicit(&header->sampler_order, memory_order_acquire);
    if (given == atomic_load_explicit(&header->sampler_answer, memory_order_relaxed)) {
        return false;
    }
    uint64_t kind = given >> KIND_SHIFT & 0xfU;
    *order = (struct tg_control_order){
        .kind = (enum tg_control_kind)kind, .rate_hz = (uint32_t)(given & RATE_MASK), .number = given};
    bool is_rate = order->rate_hz >= 1 && order->rate_hz <= TG_SAMPLER_RATE_MAX_HZ;
    if (kind == TG_CONTROL_PAUSE || kind == TG_CONTROL_UNPAUSE || (kind == TG_CONTROL_RATE && is_rate)) {
        return true;
    }
    atomic_store_explicit(&header->sampler_answer, given, memory_order_release);
    return false;
}

void tg_control_show(struct tg_header *header, const struct tg_sampler_status *status) {
    atomic_store_explicit(&header->sampler_rate_hz, status->rate_hz, memory_order_relaxed);
    atomic_store_explicit(&header->sampler_tick_count, status->tick_count, memory_order_relaxed);
    atomic_store_explicit(&header->sampler_hindrance, (uint32_t)status->hindrance, memory_order_relaxed);
    atomic_store_explicit(&header->sampler_state, status->state, memory_order_release);
}

void tg_control_answer(struct tg_header *header, const struct tg_control_order *order,
                       const struct tg_sampler_status *status) {
    tg_control_show(header, status);
    atomic_store_explicit(&header->sampler_answer, order->number, memory_order_release);
}

/* The header of the recording that was looked at, to write to. */
static enum tg_status map_header(const char *path, const struct tg_header *seen, struct tg_header **header,
                                 struct tg_error *err) {
    struct stat info;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) {
        return tg_error_set_errno(err, errno, "cannot give orders through \"%s\"", path);
    }
    void *mapping = MAP_FAILED;
    enum tg_status status = TG_OK;
    if (fstat(fd, &info) == 0 && info.st_size >= TG_HEADER_BYTES) {
        mapping = mmap(NULL, TG_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (mapping == MAP_FAILED) {
        status = tg_error_set(err, TG_ERROR_IO, "cannot map \"%s\"", path);
    }
    close(fd);
    *header = mapping;
    if (status == TG_OK && memcmp((*header)->uuid, seen->uuid, sizeof seen->uuid) != 0) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND, "\"%s\" has been replaced; try again", path);
        munmap(mapping, TG_HEADER_BYTES);
    }
    return status;
}

/* Puts the order in, whoever else does so at the same time. */
static uint64_t put(struct tg_header *header, const struct tg_control_order *order) {
    uint64_t what = (uint64_t)order->kind << KIND_SHIFT | (order->rate_hz & RATE_MASK);
    uint64_t before = atomic_load_explicit(&header->sampler_order, memory_order_relaxed);
    uint64_t number = 0;
    do {
        number = ((before >> COUNT_SHIFT) + 1) << COUNT_SHIFT | what;
    } while (!atomic_compare_exchange_weak_explicit(&header->sampler_order, &before, number, memory_order_release,
                                                    memory_order_relaxed));
    return number;
}

/* Ours, or one that came after it: only the last one is carried out. */
static bool is_answered(const struct tg_header *header, uint64_t number) {
    uint64_t answer = atomic_load_explicit(&header->sampler_answer, memory_order_acquire);
    return (int32_t)((uint32_t)(answer >> COUNT_SHIFT) - (uint32_t)(number >> COUNT_SHIFT)) >= 0;
}

static bool wait_for_answer(const struct tg_header *header, uint64_t number, tg_ns patience_ns) {
    const struct timespec pause = {.tv_nsec = POLL_NS};
    tg_ns until_ns = tg_clock_monotonic_ns() + patience_ns;
    while (!is_answered(header, number)) {
        if (tg_clock_monotonic_ns() >= until_ns) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

enum tg_status tg_control_give(const char *path, const struct tg_control_order *order, tg_ns patience_ns,
                               struct tg_sampler_status *status, struct tg_error *err) {
    struct tg_reader reader;
    struct tg_header *header = NULL;
    enum tg_status result = tg_reader_open(&reader, path, err); /* which says what is wrong with a file */
    if (result != TG_OK) {
        return result;
    }
    unsigned long long pid = reader.header->pid;
    if (!reader.alive) {
        result = tg_error_set(err, TG_ERROR_NOT_FOUND, "process %llu has ended", pid);
    } else if (tg_control_status(reader.header).state == TG_SAMPLER_NONE) {
        result =
            tg_error_set(err, TG_ERROR_NOT_FOUND,
                         "process %llu samples nothing: it would have to call tachograph.start(sample_hz=100)", pid);
    } else {
        result = map_header(path, reader.header, &header, err);
    }
    tg_reader_close(&reader);
    if (result != TG_OK) {
        return result;
    }
    if (!wait_for_answer(header, put(header, order), patience_ns)) {
        result = tg_error_set(err, TG_ERROR_BUSY,
                              "process %llu does not answer; it obeys when it does (it may be stopped)", pid);
    }
    *status = tg_control_status(header);
    munmap(header, TG_HEADER_BYTES);
    return result;
}
