/* family: see family.h. */
#include "sample/family.h"

#include "sample/descendants.h"
#include "sample/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FIRST_MEMBERS ((size_t)8)
#define LOOK_NS       INT64_C(50000000)  /* how often it is looked for children */
#define PATIENCE_MIN  INT64_C(2000000)   /* after which a member without Python is looked at again, at first ... */
#define PATIENCE_MAX  INT64_C(200000000) /* ... and in the end */
#define BLIND_NS      INT64_C(300000000) /* in which nothing can be read, until the member is looked at anew */

struct tg_family_member {
    struct tg_family *family;
    pid_t pid;
    int process_fd; /* readable when it has ended */
    bool is_open;
    bool is_gone;
    bool was_open;
    bool is_refused; /* as long as it runs what it does */
    bool was_refused;
    struct tg_sampler sampler; /* when it is open */
    tg_ns blind_ns;            /* since when nothing can be read; 0: it can */
    struct tg_foreign foreign;
    tg_ns patience_ns;
    tg_ns try_ns; /* when it is looked at again */
};

enum tg_status tg_family_init(struct tg_family *family, const struct tg_family_options *options,
                              struct tg_symbols *symbols, struct tg_error *err) {
    *family = (struct tg_family){.options = *options, .symbols = symbols};
    if (options->no_bpf) {
        tg_instant_refuse(&family->instant);
    }
    family->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (family->end_fd < 0) {
        return tg_error_set_errno(err, errno, "cannot make an event descriptor");
    }
    tg_pace_init(&family->pace, options->rate_hz, (uint64_t)tg_clock_monotonic_ns(), tg_clock_monotonic_ns());
    return TG_OK;
}

static void add_quality(struct tg_sampler_quality *to, const struct tg_sampler_quality *from) {
    to->taken_count += from->taken_count;
    to->rested_count += from->rested_count;
    to->idle_count += from->idle_count;
    to->stopped_count += from->stopped_count;
    to->displaced_count += from->displaced_count;
    to->interrupted_count += from->interrupted_count;
    to->lost_count += from->lost_count;
    for (size_t i = 0; i < TG_WALK_RESULTS; i++) {
        to->lost[i] += from->lost[i];
        to->trouble[i] += from->trouble[i];
    }
    to->thread_count += from->thread_count;
    to->left_out_count += from->left_out_count;
    to->listing_count += from->listing_count;
    to->preempted_ns += from->preempted_ns;
}

static void close_member(struct tg_family_member *member) {
    if (member->is_open) {
        struct tg_sampler_quality quality = tg_sampler_quality(&member->sampler);
        add_quality(&member->family->quality, &quality);
        tg_sampler_close(&member->sampler);
        member->is_open = false;
    }
}

void tg_family_close(struct tg_family *family) {
    for (size_t i = 0; i < family->count; i++) {
        close_member(family->members[i]);
    }
}

static void free_member(struct tg_family_member *member) {
    close_member(member);
    if (member->process_fd >= 0) {
        close(member->process_fd);
    }
    free(member);
}

void tg_family_release(struct tg_family *family) {
    if (!family) {
        return;
    }
    for (size_t i = 0; i < family->count; i++) {
        free_member(family->members[i]);
    }
    tg_displacer_end(&family->displacer);
    tg_instant_end(&family->instant);
    free(family->members);
    if (family->end_fd > 0) {
        close(family->end_fd);
    }
    *family = (struct tg_family){.end_fd = -1};
}

static void tell(void *context, const struct tg_sample *sample) {
    const struct tg_family_member *member = context;
    member->family->options.sink(member->family->options.context, member->pid, sample);
}

static enum tg_status open_member(struct tg_family_member *member, struct tg_error *err) {
    struct tg_family *family = member->family;
    struct tg_sampler_options options = {
        .rate_hz = family->options.rate_hz,
        .mode = family->options.mode,
        .tells_idle = family->options.tells_idle,
        .sink = tell,
        .sink_context = member,
        .instant = &family->instant,
        .displacer = &family->displacer,
    };
    enum tg_status status = tg_sampler_open(&member->sampler, member->pid, &options, family->symbols, err);
    if (status == TG_OK) {
        member->is_open = true;
        member->blind_ns = 0;
        tg_foreign_note(&member->foreign, member->pid, TG_OK, tg_clock_monotonic_ns(), &family->foreign);
        family->sampled_count += !member->was_open;
        member->was_open = true;
    }
    return status;
}

static enum tg_status new_member(struct tg_family *family, pid_t pid, struct tg_family_member **made,
                                 struct tg_error *err) {
    if (family->count >= TG_FAMILY_MAX) {
        family->left_out_count++;
        return tg_error_set(err, TG_ERROR_FULL, "more than %zu processes", TG_FAMILY_MAX);
    }
    if (family->count == family->capacity) {
        size_t capacity = family->capacity ? family->capacity * 2 : FIRST_MEMBERS;
        struct tg_family_member **members = realloc(family->members, capacity * sizeof *members);
        if (!members) {
            return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to sample another process");
        }
        family->members = members;
        family->capacity = capacity;
    }
    struct tg_family_member *member = calloc(1, sizeof *member);
    if (!member) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to sample another process");
    }
    member->family = family;
    member->pid = pid;
    member->patience_ns = PATIENCE_MIN;
    member->process_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    family->members[family->count++] = member;
    *made = member;
    return TG_OK;
}

enum tg_status tg_family_expect(struct tg_family *family, pid_t pid, struct tg_error *err) {
    struct tg_family_member *member;
    return new_member(family, pid, &member, err);
}

enum tg_status tg_family_add(struct tg_family *family, pid_t pid, struct tg_error *err) {
    struct tg_family_member *member;
    enum tg_status status = new_member(family, pid, &member, err);
    if (status == TG_OK) {
        status = open_member(member, err);
        member->is_gone = status != TG_OK;
    }
    return status;
}

/* Whether it has ended: also a zombie has. */
static bool has_ended(const struct tg_family_member *member) {
    struct pollfd process = {.fd = member->process_fd, .events = POLLIN};
    return member->process_fd < 0 ? kill(member->pid, 0) != 0 && errno == ESRCH : poll(&process, 1, 0) > 0;
}

/* A member cannot be sampled, now or ever: that is told, and what it runs is no foreign program. It may still execute
 * another one, and start processes. */
static void refuse(struct tg_family_member *member, const struct tg_error *why) {
    struct tg_family *family = member->family;
    family->refused_count += !member->was_refused;
    family->refusal = *why;
    member->is_refused = member->was_refused = true;
    tg_foreign_drop(&member->foreign);
}

/* What the first member runs, for when it has ended without having become a Python; cut off where it is long. */
static void note_program(struct tg_family *family, const struct tg_family_member *member, enum tg_status opening) {
    char exe[32];
    char program[4096];
    if (member != family->members[0] || opening == TG_ERROR_NOT_FOUND) {
        return;
    }
    family->ran[0] = '\0';
    snprintf(exe, sizeof exe, "/proc/%ld/exe", (long)member->pid);
    ssize_t length = opening == TG_ERROR_INVALID ? readlink(exe, program, sizeof program - 1) : -1;
    if (length > 0) {
        program[length] = '\0';
        const char *slash = strrchr(program, '/');
        snprintf(family->ran, sizeof family->ran, "%.63s", slash ? slash + 1 : program);
    }
}

/* A member whose Python is not there (any more) is given time. */
static void try_member(struct tg_family_member *member, tg_ns now_ns) {
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = open_member(member, &err);
    /* It is in the midst of executing another program; or all but its first thread live on. */
    bool is_changing = status == TG_ERROR_NOT_FOUND && member->process_fd >= 0 && !has_ended(member);
    bool may_change = status == TG_ERROR_INVALID || status == TG_ERROR_BUSY || is_changing;
    member->try_ns = now_ns + member->patience_ns;
    member->patience_ns = member->patience_ns * 2 > PATIENCE_MAX ? PATIENCE_MAX : member->patience_ns * 2;
    note_program(member->family, member, status);
    if (status != TG_OK) {
        member->family->said = err;
        tg_foreign_note(&member->foreign, member->pid, status, now_ns, &member->family->foreign);
    }
    if (status == TG_ERROR_NOT_FOUND && !may_change) {
        member->is_gone = true;
    } else if (status != TG_OK && !may_change) {
        refuse(member, &err);
    } else {
        member->is_refused = false;
    }
}

static bool is_known(const struct tg_family *family, pid_t pid) {
    for (size_t i = 0; i < family->count; i++) {
        if (family->members[i]->pid == pid && !family->members[i]->is_gone) {
            return true;
        }
    }
    return false;
}

static void found_child(void *context, pid_t child) {
    struct tg_family *family = context;
    if (!is_known(family, child)) {
        struct tg_family_member *member;
        (void)!new_member(family, child, &member, NULL); /* what did not fit is counted */
    }
}

static void forget_gone(struct tg_family *family) {
    size_t kept = 0;
    for (size_t i = 0; i < family->count; i++) {
        if (family->members[i]->is_gone) {
            free_member(family->members[i]);
        } else {
            family->members[kept++] = family->members[i];
        }
    }
    family->count = kept;
}

struct tg_foreign_time tg_family_foreign(const struct tg_family *family, tg_ns now_ns) {
    struct tg_foreign_time time = family->foreign;
    for (size_t i = 0; i < family->count; i++) {
        tg_foreign_add(&family->members[i]->foreign, now_ns, &time);
    }
    return time;
}

/* Children are looked for before their parents are forgotten. */
static void look_after(struct tg_family *family, tg_ns now_ns) {
    size_t count = family->options.follows && now_ns >= family->look_ns ? family->count : 0;
    for (size_t i = 0; i < count; i++) {
        tg_descendants_children(family->members[i]->pid, found_child, family);
    }
    family->look_ns = count ? now_ns + LOOK_NS : family->look_ns;
    for (size_t i = 0; i < family->count; i++) {
        struct tg_family_member *member = family->members[i];
        if (has_ended(member)) {
            member->is_gone = true;
            tg_foreign_end(&member->foreign, now_ns, &family->foreign);
        } else if (!member->is_open && now_ns >= member->try_ns) {
            try_member(member, now_ns);
        }
    }
    forget_gone(family);
    tg_stop_look_after();
}

/* A member that cannot be read executes another program, or ends. */
static void go_blind(struct tg_family_member *member, tg_ns now_ns) {
    member->blind_ns = member->blind_ns ? member->blind_ns : now_ns;
    if (tg_foreign_runs_another(&member->foreign, member->pid) || now_ns - member->blind_ns > BLIND_NS) {
        close_member(member);
        member->patience_ns = PATIENCE_MIN;
        member->try_ns = now_ns;
    }
}

/* One sample of every member. */
static void tick(struct tg_family *family, tg_ns now_ns) {
    tg_ns wall_ns = tg_pace_take(&family->pace, now_ns);
    bool any_read = false;
    family->quality.tick_count++;
    for (size_t i = 0; i < family->count; i++) {
        struct tg_family_member *member = family->members[i];
        if (!member->is_open) {
            continue;
        }
        bool was_read = tg_sampler_tick(&member->sampler, now_ns, wall_ns, family->pace.late_ns);
        family->look_count += was_read;
        any_read = any_read || was_read;
        if (was_read) {
            member->blind_ns = 0;
        } else {
            go_blind(member, now_ns);
        }
    }
    family->quality.watched_ns += any_read ? wall_ns : 0;
    tg_pace_end(&family->pace, tg_clock_monotonic_ns());
}

static tg_ns next_ns(const struct tg_family *family, tg_ns until_ns) {
    tg_ns next = until_ns ? until_ns : INT64_MAX;
    bool any_open = false;
    for (size_t i = 0; i < family->count; i++) {
        const struct tg_family_member *member = family->members[i];
        any_open = any_open || member->is_open;
        next = !member->is_open && member->try_ns < next ? member->try_ns : next;
    }
    next = any_open && family->pace.due_ns < next ? family->pace.due_ns : next;
    return family->options.follows && family->look_ns < next ? family->look_ns : next;
}

tg_ns tg_family_settle(struct tg_family *family, tg_ns deadline_ns) {
    for (size_t i = 0; i < family->count; i++) {
        struct tg_family_member *member = family->members[i];
        deadline_ns = member->is_open ? tg_sampler_settle(&member->sampler, deadline_ns) : deadline_ns;
    }
    return deadline_ns;
}

/* Waits until then, or until a member ends. False: the end was asked for. */
static bool wait_until(const struct tg_family *family, tg_ns deadline_ns) {
    struct pollfd waited[TG_FAMILY_MAX + 1];
    nfds_t count = 0;
    waited[count++] = (struct pollfd){.fd = family->end_fd, .events = POLLIN};
    for (size_t i = 0; i < family->count; i++) {
        waited[count++] = (struct pollfd){.fd = family->members[i]->process_fd, .events = POLLIN};
    }
    tg_ns left_ns = deadline_ns - tg_clock_monotonic_ns();
    left_ns = left_ns > 0 ? left_ns : 0;
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    ppoll(waited, count, &left, NULL);
    return !(waited[0].revents & POLLIN);
}

/* Whether there is nothing left to be sampled: who was refused is waited for only if his children may be. */
static bool is_over(const struct tg_family *family) {
    bool any = false;
    for (size_t i = 0; i < family->count && !any; i++) {
        any = family->options.follows || !family->members[i]->is_refused;
    }
    return !any;
}

static bool any_is_open(const struct tg_family *family) {
    for (size_t i = 0; i < family->count; i++) {
        if (family->members[i]->is_open) {
            return true;
        }
    }
    return false;
}

/* Whether this process was suspended since it was asked last, or is just about to be. */
static bool was_suspended(struct tg_family *family) {
    unsigned now = atomic_load(&family->suspensions);
    bool changed = now != family->suspensions_seen || now % 2;
    family->suspensions_seen = now;
    return changed;
}

/* Nothing is said of what members did from when we wanted to go on until now. */
static void go_on(struct tg_family *family) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    tg_ns away_ns = family->wait_ns && now_ns > family->wait_ns ? now_ns - family->wait_ns : 0;
    family->suspended_ns += away_ns;
    family->wait_ns += away_ns;
    for (size_t i = 0; i < family->count; i++) {
        struct tg_family_member *member = family->members[i];
        tg_foreign_shift(&member->foreign, away_ns);
        member->blind_ns += member->blind_ns ? away_ns : 0;
    }
    tg_pace_set(&family->pace, family->options.rate_hz, now_ns);
}

static enum tg_sampler_ending run(struct tg_family *family, tg_ns until_ns) {
    for (;;) {
        if (was_suspended(family)) {
            go_on(family);
        }
        tg_ns now_ns = tg_clock_monotonic_ns();
        look_after(family, now_ns);
        if (is_over(family)) {
            return TG_SAMPLER_EXITED;
        }
        if (until_ns && now_ns >= until_ns) {
            return TG_SAMPLER_GOES_ON;
        }
        if (!any_is_open(family)) {
            family->is_pacing = false;
        } else if (!family->is_pacing) { /* nothing was missed while there was nobody to look at */
            tg_pace_set(&family->pace, family->options.rate_hz, now_ns);
            family->is_pacing = true;
        } else if (now_ns >= family->pace.due_ns) {
            tick(family, now_ns);
        }
        family->wait_ns = next_ns(family, until_ns);
        if (!wait_until(family, tg_family_settle(family, family->wait_ns))) {
            uint64_t asked;
            (void)!read(family->end_fd, &asked, sizeof asked);
            return TG_SAMPLER_ASKED;
        }
    }
}

enum tg_sampler_ending tg_family_run(struct tg_family *family, tg_ns until_ns) {
    int slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1); /* fifty microseconds otherwise */
    enum tg_sampler_ending ending = run(family, until_ns);
    prctl(PR_SET_TIMERSLACK, slack_ns > 0 ? slack_ns : 0);
    return ending;
}

void tg_family_end(struct tg_family *family) {
    int error = errno;
    uint64_t one = 1;
    (void)!write(family->end_fd, &one, sizeof one);
    errno = error;
}

void tg_family_rest(struct tg_family *family) {
    family->is_pacing = false;
    family->wait_ns = 0;
}

void tg_family_suspend(struct tg_family *family, bool begins) {
    unsigned before = atomic_load(&family->suspensions);
    if (before % 2 != begins) { /* one that begins begins once */
        atomic_fetch_add(&family->suspensions, 1);
    }
}

void tg_family_resumed(struct tg_family *family) {
    atomic_fetch_add(&family->suspensions, 2);
}

struct tg_sampler_quality tg_family_quality(const struct tg_family *family) {
    struct tg_sampler_quality quality = family->quality;
    for (size_t i = 0; i < family->count; i++) {
        if (family->members[i]->is_open) {
            struct tg_sampler_quality of_member = tg_sampler_quality(&family->members[i]->sampler);
            add_quality(&quality, &of_member);
        }
    }
    quality.missed_count = family->pace.missed;
    quality.unwatched_ns = family->pace.unwatched_ns;
    return quality;
}
