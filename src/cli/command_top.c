/* `tachograph top`: what goes on now. See commands.h. */
#include "answer/live_json.h"
#include "base/pattern.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/process_id.h"
#include "cli/top.h"
#include "cli/top_interactive.h"
#include "cli/top_sampled.h"
#include "sample/sampler.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S     1e9
#define SAMPLE_HZ    100
#define INTERVAL_MIN 0.1 /* seconds */
#define INTERVAL_MAX 3600.0

struct settings {
    struct tg_text_list pids;
    struct tg_text_list only;
    const char *interval;
    int sort;     /* enum tg_live_sort */
    int by;       /* enum tg_live_group */
    size_t limit; /* 0: not said */
    bool once;
    bool json;
    bool ended;
    size_t rate_hz; /* 0: not said */
    bool sample;
    bool follows;
    bool idle;
    bool no_bpf;
};

/* What recordings can be sorted by, and behind it what only samples have. */
static const char *const sort_names[] = {"calls", "average", "p99", "self", "running", "errors",
                                         "name",  "total",   "cpu", "gil",  "ever",    NULL};
static_assert(TG_LIVE_SORTS == 7, "sort_names begins with tg_live_sort_names");

static enum tg_status check_interval(const char *text, struct tg_error *err) {
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end || !isfinite(seconds) || seconds < INTERVAL_MIN || seconds > INTERVAL_MAX) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no interval: give seconds, from 0.1 to 3600", text);
    }
    return TG_OK;
}

static bool is_number(const char *word) {
    return word[0] && word[strspn(word, "0123456789")] == '\0';
}

static const struct tg_option options[] = {
    {.name = "pid",
     .letter = 'p',
     .kind = TG_OPTION_LIST,
     .value = "PID",
     .help = "only this process; may be repeated",
     .offset = offsetof(struct settings, pids),
     .check = tg_process_id_check},
    {.name = "interval",
     .letter = 'd',
     .kind = TG_OPTION_TEXT,
     .value = "SECONDS",
     .help = "look so often; without it every second",
     .offset = offsetof(struct settings, interval),
     .check = check_interval},
    {.name = "sort",
     .kind = TG_OPTION_CHOICE,
     .value = "KEY",
     .help = "largest first by KEY; without it by self",
     .offset = offsetof(struct settings, sort),
     .choices = sort_names},
    {.name = "by",
     .kind = TG_OPTION_CHOICE,
     .value = "WHAT",
     .help = "a line for each; without it for each function, of all processes together",
     .offset = offsetof(struct settings, by),
     .choices = tg_live_group_names},
    {.name = "only",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .help = "only functions that PATTERN matches, as with run --time; may be repeated",
     .offset = offsetof(struct settings, only),
     .check = tg_pattern_validate},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the first N lines; without it 30, or all on a terminal and as JSON",
     .offset = offsetof(struct settings, limit)},
    {.name = "ended",
     .kind = TG_OPTION_FLAG,
     .help = "also all processes that have ended and left a recording",
     .offset = offsetof(struct settings, ended)},
    {.name = "sample",
     .kind = TG_OPTION_FLAG,
     .help = "with -p: sample the process from outside, also where it has a recording",
     .offset = offsetof(struct settings, sample)},
    {.name = "rate",
     .letter = 'r',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "sample so often a second (100), at most 20,000",
     .offset = offsetof(struct settings, rate_hz),
     .most = TG_SAMPLER_HZ_MAX},
    {.name = "subprocesses",
     .letter = 's',
     .kind = TG_OPTION_FLAG,
     .help = "sample the processes that it starts, too",
     .offset = offsetof(struct settings, follows)},
    {.name = "idle",
     .kind = TG_OPTION_FLAG,
     .help = "sample threads that wait, too",
     .offset = offsetof(struct settings, idle)},
    {.name = "no-bpf",
     .kind = TG_OPTION_FLAG,
     .help =
         "load no BPF program, which root would: threads that call all the time are displaced or stopped for each look",
     .offset = offsetof(struct settings, no_bpf)},
    {.name = "once",
     .kind = TG_OPTION_FLAG,
     .help = "print the figures of one interval, and end",
     .offset = offsetof(struct settings, once)},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "write a line of JSON for each interval (docs/formats/top-json.md)",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... [PID | RECORDING | DIRECTORY]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph top", "which functions the time goes into, now"},
    {"tachograph top -p 4711 --once --sort p99 -n 5", "the five functions of a process with the slowest calls"},
    {"tachograph top -p 4711 --sample", "the same process by samples, also what is not timed"},
    {"tachograph top --json -d 10", "every ten seconds a line for another program"},
    {NULL, NULL},
};

/* What to look at, from the words of the command line. */
struct choice {
    const char **paths; /* the arrays are owned */
    size_t path_count;
    uint64_t *pids;
    size_t pid_count;
};

static void release_choice(struct choice *choice) {
    free(choice->paths);
    free(choice->pids);
}

static enum tg_status choose(struct choice *choice, const struct settings *settings, char **words,
                             struct tg_error *err) {
    size_t count = 0;
    while (words[count]) {
        count++;
    }
    *choice = (struct choice){
        .paths = calloc(count + 1, sizeof *choice->paths),
        .pids = calloc(count + settings->pids.count + 1, sizeof *choice->pids),
    };
    if (!choice->paths || !choice->pids) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory");
    }
    for (size_t i = 0; i < settings->pids.count; i++) {
        choice->pids[choice->pid_count++] = (uint64_t)tg_process_id_of(settings->pids.items[i]);
    }
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        if (is_number(words[i]) && access(words[i], F_OK) != 0) {
            status = tg_process_id_check(words[i], err);
            choice->pids[choice->pid_count++] = (uint64_t)tg_process_id_of(words[i]);
        } else {
            choice->paths[choice->path_count++] = words[i];
        }
    }
    return status;
}

/* Adds to what has failed who may read what was named. */
static enum tg_status explain(enum tg_status status, const struct choice *choice, struct tg_error *err) {
    if (status != TG_ERROR_PERMISSION || !choice->path_count || geteuid() == 0) {
        return status;
    }
    struct tg_error reason = *err;
    struct tg_strbuf path = TG_STRBUF_INIT;
    tg_printable_append_word(&path, choice->paths[0]);
    tg_error_set(err, status, "%s; its owner may, and root: sudo tachograph top %s", reason.message,
                 tg_strbuf_text(&path));
    tg_strbuf_release(&path);
    return status;
}

/* Whether a process is among those that are timed. */
static bool has_recording(const struct tg_live *live, uint64_t pid) {
    for (size_t i = 0; i < live->process_count; i++) {
        if (live->processes[i]->pid == pid) {
            return true;
        }
    }
    return false;
}

/* Whether the process is to be sampled: it is the only one, lives, and has no recording, or nobody asked for that. */
static bool is_to_be_sampled(const struct settings *settings, const struct choice *choice, const struct tg_live *live) {
    bool is_alone = choice->pid_count == 1 && choice->path_count == 0;
    return is_alone && (settings->sample || !has_recording(live, choice->pids[0]));
}

/* What has no meaning for samples, and what to do instead. */
static enum tg_status refuse_timed_options(const struct settings *settings, struct tg_error *err) {
    static const enum tg_live_sort only_timed[] = {TG_LIVE_SORT_CALLS, TG_LIVE_SORT_AVERAGE, TG_LIVE_SORT_P99,
                                                   TG_LIVE_SORT_RUNNING, TG_LIVE_SORT_ERRORS};
    if (settings->json) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "samples are not written as JSON here; 'tachograph record -f "
                            "speedscope' does, and 'tachograph dump --json'");
    }
    if (settings->only.count) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "--only is for timed functions, and the process is sampled: on a terminal the key / asks "
                            "what names or files must have in them, or start the program with 'tachograph run --time "
                            "PATTERN'");
    }
    if (settings->by == TG_LIVE_PROCESSES) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "samples are not summed up by process: '--by thread' says of each thread which process it "
                            "is of");
    }
    if (settings->ended) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "--ended is for recordings, and the process is sampled while it lives: leave it out");
    }
    for (size_t i = 0; i < sizeof only_timed / sizeof only_timed[0]; i++) {
        if (settings->sort == (int)only_timed[i]) {
            return tg_error_set(err, TG_ERROR_INVALID,
                                "samples count no calls: sort by self, total, cpu, gil, ever or "
                                "name, or start the program with 'tachograph run'");
        }
    }
    return TG_OK;
}

static bool lives(uint64_t pid) {
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

/* Of a process that is not there, that is what is said, elsewhere. */
static enum tg_status refuse_options(const struct settings *settings, const struct choice *choice, bool is_sampled,
                                     struct tg_error *err) {
    if (is_sampled) {
        return lives(choice->pids[0]) ? refuse_timed_options(settings, err) : TG_OK;
    }
    if (settings->sample || settings->rate_hz || settings->follows || settings->idle || settings->no_bpf) {
        return tg_error_set(
            err, TG_ERROR_INVALID,
            "--sample, --rate, --subprocesses, --idle and --no-bpf are for one process that is sampled: "
            "'tachograph top -p PID --sample'");
    }
    if (settings->sort >= TG_LIVE_SORTS) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "'%s' is a figure of samples alone: 'tachograph top -p PID --sample'",
                            sort_names[settings->sort]);
    }
    return TG_OK;
}

static enum tg_sampled_sort sampled_sort(int sort) {
    for (int i = 0; tg_sampled_sort_names[i]; i++) {
        if (strcmp(tg_sampled_sort_names[i], sort_names[sort]) == 0) {
            return (enum tg_sampled_sort)i;
        }
    }
    return TG_SAMPLED_SELF;
}

static enum tg_status sample(const struct settings *settings, uint64_t pid, const struct tg_top *top, bool interactive,
                             struct tg_error *err) {
    struct tg_sampled_options how = {
        .pid = (pid_t)pid,
        .rate_hz = (double)(settings->rate_hz ? settings->rate_hz : SAMPLE_HZ),
        .follows = settings->follows,
        .no_bpf = settings->no_bpf,
        .with_idle = settings->idle,
        .interval_ns = top->interval_ns,
        .sort = sampled_sort(settings->sort),
        .by_thread = settings->by == TG_LIVE_THREADS,
        .limit = top->limit,
    };
    bool can_sample = false;
    enum tg_status status = tg_sampled_top(&how, interactive, settings->once, &can_sample, err);
    if (!can_sample && status != TG_ERROR_NOT_FOUND && !settings->sample) {
        struct tg_error reason = *err;
        (void)tg_process_id_refuse((pid_t)pid, "top", err);
        struct tg_error no_recording = *err;
        tg_error_set(err, status, "%s; nor can it be sampled: %s", no_recording.message, reason.message);
    }
    return status;
}

/* Why a process of several cannot be shown. */
static enum tg_status refuse_pid(uint64_t pid, bool is_alone, struct tg_error *err) {
    enum tg_status status = tg_process_id_refuse((pid_t)pid, "top", err);
    if (is_alone || status != TG_ERROR_NOT_FOUND || !lives(pid)) {
        return status;
    }
    return tg_error_set(err, status,
                        "process %ld has no recording, and only one process at a time can be sampled: 'tachograph top "
                        "-p %ld', with --subprocesses those that it starts, too",
                        (long)pid, (long)pid);
}

static enum tg_status check_pids(const struct tg_live *live, const struct choice *choice, struct tg_error *err) {
    for (size_t i = 0; i < choice->pid_count; i++) {
        if (!has_recording(live, choice->pids[i])) {
            return refuse_pid(choice->pids[i], choice->pid_count == 1, err);
        }
    }
    return TG_OK;
}

static enum tg_status refresh(struct tg_live *live, struct tg_error *err) {
    return tg_live_refresh(live, tg_clock_monotonic_ns(), tg_clock_wall_ns(), err);
}

/* False: whoever reads has gone, and there is nothing to wait for. */
static bool wait_until(tg_ns deadline_ns) {
    for (;;) {
        tg_ns left_ns = deadline_ns - tg_clock_monotonic_ns();
        struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
        struct pollfd output = {.fd = STDOUT_FILENO};
        if (left_ns <= 0) {
            return true;
        }
        if (ppoll(&output, 1, &left, NULL) > 0) {
            return false;
        }
    }
}

/* Writes what there is now. A reader that has seen enough (`| head`) is no failure, but the end: `*ended`. */
static enum tg_status print(struct tg_top *top, const struct settings *settings, const struct tg_live *live,
                            bool *ended, struct tg_error *err) {
    struct tg_live_view view;
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
    enum tg_status status = tg_live_view_make(&view, live, &top->query, err);
    if (status != TG_OK) {
        return status;
    }
    if (settings->json) {
        tg_live_json_append(&text, live, &view, &top->query, top->limit, true);
    } else {
        tg_top_print_text(top, live, &view, &terminal, &text);
        tg_strbuf_append(&text, settings->once ? "" : "\n");
    }
    tg_live_view_release(&view);
    status = tg_strbuf_status(&text);
    int error = status == TG_OK ? tg_output_write(STDOUT_FILENO, tg_strbuf_text(&text), text.length) : 0;
    tg_strbuf_release(&text);
    *ended = error != 0;
    if (status != TG_OK) {
        return tg_error_set(err, status, "not enough memory to print the figures");
    }
    return error && error != EPIPE ? tg_error_set_errno(err, error, "cannot write to standard output") : TG_OK;
}

static bool any_lives(const struct tg_live *live) {
    for (size_t i = 0; i < live->process_count; i++) {
        if (live->processes[i]->alive) {
            return true;
        }
    }
    return false;
}

/* One interval after the other, or one; none where nothing lives whose figures could change. */
static enum tg_status print_all(struct tg_top *top, const struct settings *settings, struct tg_live *live,
                                struct tg_error *err) {
    enum tg_status status = TG_OK;
    tg_ns deadline_ns = tg_clock_monotonic_ns();
    bool ended = false;
    signal(SIGPIPE, SIG_IGN);
    if (settings->once && !any_lives(live)) {
        return print(top, settings, live, &ended, err);
    }
    while (status == TG_OK && !ended) {
        deadline_ns += top->interval_ns;
        if (!wait_until(deadline_ns)) {
            break;
        }
        status = refresh(live, err);
        if (status == TG_OK) {
            status = print(top, settings, live, &ended, err);
        }
        ended = ended || settings->once;
    }
    return status;
}

/* `*exit_code`: of a failure. */
static enum tg_status show(const struct settings *settings, const struct choice *choice, int *exit_code,
                           struct tg_error *err) {
    struct tg_live live;
    struct tg_top top;
    bool interactive =
        !settings->once && !settings->json && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && tg_terminal_can_move();
    tg_top_init(&top);
    top.query.sort = (enum tg_live_sort)settings->sort;
    top.query.group = (enum tg_live_group)settings->by;
    top.query.only = settings->only.items;
    top.query.only_count = settings->only.count;
    top.has_cursor = top.query.group != TG_LIVE_FUNCTIONS;
    top.limit = settings->limit || interactive || settings->json ? settings->limit : TG_TOP_ROWS;
    top.interval_ns = (tg_ns)((settings->interval ? strtod(settings->interval, NULL) : 1) * NS_PER_S);
    tg_live_init(&live, &(struct tg_live_options){.paths = choice->paths,
                                                  .path_count = choice->path_count,
                                                  .pids = choice->pids,
                                                  .pid_count = choice->pid_count,
                                                  .with_ended = settings->ended});
    enum tg_status status = explain(refresh(&live, err), choice, err);
    bool is_sampled = status == TG_OK && is_to_be_sampled(settings, choice, &live);
    if (status == TG_OK) {
        status = refuse_options(settings, choice, is_sampled, err);
        *exit_code = status == TG_OK ? TG_EXIT_FAILED : TG_EXIT_USAGE;
    }
    if (status == TG_OK && !is_sampled) {
        status = check_pids(&live, choice, err);
    }
    if (status == TG_OK && is_sampled) {
        status = sample(settings, choice->pids[0], &top, interactive, err);
    } else if (status == TG_OK) {
        status = interactive ? tg_top_interact(&top, &live, err) : print_all(&top, settings, &live, err);
    }
    tg_live_release(&live);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.sort = TG_LIVE_SORT_SELF, .by = TG_LIVE_FUNCTIONS};
    struct tg_error err = TG_ERROR_INIT;
    struct choice choice = {.paths = NULL};
    int exit_code = TG_EXIT_OK;
    if (tg_commands_parse(command, words, &settings, &exit_code)) {
        enum tg_status status = choose(&choice, &settings, words, &err);
        int failure = status == TG_ERROR_INVALID ? TG_EXIT_USAGE : TG_EXIT_FAILED;
        if (status == TG_OK) {
            status = show(&settings, &choice, &failure, &err);
        }
        if (status != TG_OK) {
            tg_message_error("top: %s", err.message);
            exit_code = failure;
        }
    }
    release_choice(&choice);
    tg_text_list_release(&settings.pids);
    tg_text_list_release(&settings.only);
    return exit_code;
}

const struct tg_command tg_command_top = {
    .name = "top",
    .summary = "what the timed programs do now, refreshed every second",
    .usage = usage,
    .description =
        "Shows the functions of all timed processes of this user, and what each of them did in the last interval. It "
        "only reads their recordings: nothing is asked of the processes, and none is slowed down.\n"
        "On a terminal it fills the screen: h says what the keys and the columns are, q ends it. Elsewhere each "
        "interval is printed, as a table or with --json on a line.\n"
        "A process that is named with -p and has no recording is sampled from outside instead, as with 'tachograph "
        "record': "
        "shares of time by function or thread, on a processor, with the interpreter's lock.\n"
        "Processes that end meanwhile stay, until their recording is gone. Those that had ended before are shown with "
        "a run that goes on, or when nothing else is; --ended shows all. A directory or a recording that is named is "
        "read whoever owns it.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 what was named cannot be read, or nothing can be written; 2 wrong usage",
    .run = run,
};
