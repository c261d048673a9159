/*
 * `tachograph record`: samples a process that runs, or a program that it starts, into a file. See commands.h.
 *
 * A program that it starts is sampled from a second thread, since the first one waits for it and passes signals on.
 * That thread writes the file, too: with -d the program runs on after it.
 */
#include "cli/child.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/process_id.h"
#include "cli/process_state.h"
#include "cli/program.h"
#include "cli/record.h"
#include "cli/terminal.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S        1e9
#define RATE_HZ         100
#define DURATION_MAX    (366.0 * 86400)
#define TITLE_WIDTH     ((size_t)100)
#define EXIT_FAILED     125
#define EXIT_NOT_PYTHON 126
#define EXIT_NOT_FOUND  127

struct settings {
    const char *pid;
    const char *duration;
    const char *output;
    const char *format;
    const char *python;
    const char *module;
    const char *code;
    size_t rate_hz;
    bool by_thread;
    bool by_line;
    bool follows;
    bool gil;
    bool cpu;
    bool wall;
    bool idle;
    bool no_bpf;
};

static enum tg_status check_duration(const char *value, struct tg_error *err) {
    char *end = NULL;
    double seconds = strtod(value, &end);
    return end != value && !*end && isfinite(seconds) && seconds > 0 && seconds <= DURATION_MAX
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "'%s' is no duration: give seconds, as in -d 30", value);
}

static enum tg_status check_format(const char *value, struct tg_error *err) {
    if (tg_export_find(value)) {
        return TG_OK;
    }
    struct tg_strbuf names = TG_STRBUF_INIT;
    for (size_t i = 0; tg_export_formats[i]; i++) {
        tg_strbuf_printf(&names, "%s%s", i ? ", " : "", tg_export_formats[i]->name);
    }
    tg_error_set(err, TG_ERROR_INVALID, "there is no format '%s'; there are %s", value, tg_strbuf_text(&names));
    tg_strbuf_release(&names);
    return TG_ERROR_INVALID;
}

static const struct tg_option options[] = {
    TG_PROCESS_ID_OPTION(struct settings, "record this process, as it is"),
    {.name = "duration",
     .letter = 'd',
     .kind = TG_OPTION_TEXT,
     .value = "SECONDS",
     .help =
         "for so long, then write the file; a program that was started runs on, and is waited for; without it until "
         "the process ends or Ctrl-C",
     .offset = offsetof(struct settings, duration),
     .check = check_duration},
    {.name = "rate",
     .letter = 'r',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "look so often a second (100), at most 20,000",
     .offset = offsetof(struct settings, rate_hz),
     .most = TG_SAMPLER_HZ_MAX},
    {.name = "output",
     .letter = 'o',
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .help = "write to FILE, or with - to standard output; without it to tachograph-PID in the current directory",
     .offset = offsetof(struct settings, output),
     .once = "it is written to one file"},
    {.name = "format",
     .letter = 'f',
     .kind = TG_OPTION_TEXT,
     .value = "FORMAT",
     .help = "flamegraph, speedscope or folded; without it what FILE ends in says, or flamegraph",
     .offset = offsetof(struct settings, format),
     .check = check_format},
    {.name = "threads",
     .letter = 't',
     .kind = TG_OPTION_FLAG,
     .help = "keep threads apart",
     .offset = offsetof(struct settings, by_thread)},
    {.name = "subprocesses",
     .letter = 's',
     .kind = TG_OPTION_FLAG,
     .help = "record the processes that it starts, too",
     .offset = offsetof(struct settings, follows)},
    {.name = "lines",
     .letter = 'l',
     .kind = TG_OPTION_FLAG,
     .help = "keep lines of a function apart",
     .offset = offsetof(struct settings, by_line)},
    {.name = "wall",
     .kind = TG_OPTION_FLAG,
     .help = "all time of threads that do something: what is meant without --cpu and --gil",
     .offset = offsetof(struct settings, wall)},
    {.name = "cpu",
     .kind = TG_OPTION_FLAG,
     .help = "only time on a processor",
     .offset = offsetof(struct settings, cpu)},
    {.name = "gil",
     .kind = TG_OPTION_FLAG,
     .help = "only time with the interpreter's lock",
     .offset = offsetof(struct settings, gil)},
    {.name = "idle",
     .kind = TG_OPTION_FLAG,
     .help = "with --wall: threads that wait, too",
     .offset = offsetof(struct settings, idle)},
    {.name = "no-bpf",
     .kind = TG_OPTION_FLAG,
     .help =
         "load no BPF program, which root would: threads that call all the time are displaced or stopped for each look",
     .offset = offsetof(struct settings, no_bpf)},
    {.name = "python",
     .kind = TG_OPTION_TEXT,
     .value = "PATH",
     .help = "start the program with this Python; without it as 'tachograph run' does",
     .offset = offsetof(struct settings, python)},
    {.name = NULL,
     .letter = 'm',
     .kind = TG_OPTION_TEXT,
     .last = true,
     .value = "MODULE",
     .help = "start a module, as python -m does; what follows is for the program",
     .offset = offsetof(struct settings, module)},
    {.name = NULL,
     .letter = 'c',
     .kind = TG_OPTION_TEXT,
     .last = true,
     .value = "CODE",
     .help = "start code, as python -c does; what follows is for the program",
     .offset = offsetof(struct settings, code)},
    {.name = NULL},
};

static const char *const usage[] = {
    "[OPTION]... -p PID",
    "[OPTION]... SCRIPT [ARGUMENT]...",
    "[OPTION]... -m MODULE [ARGUMENT]...",
    "[OPTION]... [--] COMMAND [ARGUMENT]...",
    NULL,
};

static const struct tg_example examples[] = {
    {"tachograph record -p 4711 -d 30", "half a minute of a process, as a flame graph"},
    {"tachograph record -o profile.json -- python app.py", "a program from its start to its end, for speedscope"},
    {"tachograph record -p 4711 -s -t --gil -o lock.folded", "who holds the lock, in all its processes, by thread"},
    {NULL, NULL},
};

/* What the words say, as it is used. */
struct plan {
    struct tg_record_options options;
    char path[64]; /* where nothing was said */
};

/* Stacks as lines may be read where they are printed; what is for a browser fills the screen. */
static enum tg_status check_terminal(const struct tg_export_format *format, struct tg_error *err) {
    return format == &tg_export_folded || !isatty(STDOUT_FILENO)
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID,
                              "%s is not for a terminal: write it to a file with -o profile%s, send it on with "
                              "-o - | another-program, or take -f folded",
                              format->name, format->suffix);
}

static enum tg_status plan_output(struct plan *plan, const struct settings *settings, const char *pid,
                                  struct tg_error *err) {
    const struct tg_export_format *format;
    enum tg_status status = tg_export_choose(&format, settings->format, settings->output, err);
    if (status != TG_OK) {
        return status;
    }
    plan->options.format = format ? format : tg_export_formats[0];
    plan->options.path = settings->output;
    if (settings->output && strcmp(settings->output, "-") == 0) {
        return check_terminal(plan->options.format, err);
    }
    if (!settings->output) {
        snprintf(plan->path, sizeof plan->path, "tachograph-%s%s", pid, plan->options.format->suffix);
        plan->options.path = plan->path;
    }
    return tg_output_check(plan->options.path, err);
}

static enum tg_status make_plan(struct plan *plan, const struct settings *settings, struct tg_error *err) {
    if (settings->gil + settings->cpu + settings->wall > 1) {
        return tg_error_set(err, TG_ERROR_INVALID, "--wall, --cpu and --gil exclude each other: give one");
    }
    if (settings->idle && (settings->gil || settings->cpu)) {
        return tg_error_set(err, TG_ERROR_INVALID, "a thread that waits has no part in --%s: leave --idle out",
                            settings->gil ? "gil" : "cpu");
    }
    *plan =
        (struct plan){.options = {
                          .rate_hz = (double)(settings->rate_hz ? settings->rate_hz : RATE_HZ),
                          .measure = settings->gil   ? TG_EXPORT_GIL
                                     : settings->cpu ? TG_EXPORT_CPU
                                                     : TG_EXPORT_WALL,
                          .duration_ns = settings->duration ? (tg_ns)(strtod(settings->duration, NULL) * NS_PER_S) : 0,
                          .with_idle = settings->idle,
                          .by_thread = settings->by_thread,
                          .by_line = settings->by_line,
                          .follows = settings->follows,
                          .no_bpf = settings->no_bpf,
                      }};
    return TG_OK;
}

/* Writes the file and says so, or why not. */
static enum tg_status finish(struct tg_record *record, const char *what) {
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_record_finish(record, what, &err);
    if (status != TG_OK) {
        tg_message_error("record: %s", err.message);
        return status;
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_record_append_summary(record, what, &text);
    (void)!tg_output_write(STDERR_FILENO, tg_strbuf_text(&text), text.length);
    tg_strbuf_release(&text);
    return TG_OK;
}

static struct tg_record *interrupted; /* the one that signals end */

static void end_by_signal(int signal) {
    (void)signal;
    tg_record_end(interrupted);
}

static void go_on_by_signal(int signal) {
    (void)signal;
    tg_family_resumed(&interrupted->family);
}

static void catch_signals(struct tg_record *record) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = end_by_signal};
    struct sigaction resumption = {.sa_handler = go_on_by_signal};
    interrupted = record;
    sigaction(SIGCONT, &resumption, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before;
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
            sigaction(signals[i], &action, NULL);
        }
    }
}

/* Samples, and says where the process stands still before or after. */
static void run_watched(struct tg_record *record, pid_t pid) {
    record->is_stopped = tg_process_is_stopped(pid);
    if (record->is_stopped) {
        tg_process_warn_stopped(pid, "record"); /* at once: it can still be helped */
    }
    tg_record_run(record, isatty(STDERR_FILENO) && tg_terminal_can_move());
    if (!record->is_stopped && tg_process_is_stopped(pid)) {
        record->is_stopped = true;
        tg_process_warn_stopped(pid, "record");
    }
}

static int record_process(const struct settings *settings, struct plan *plan, struct tg_error *err) {
    struct tg_record record;
    struct tg_strbuf what = TG_STRBUF_INIT;
    pid_t pid = tg_process_id_of(settings->pid);
    bool finished = false;
    enum tg_status status = plan_output(plan, settings, settings->pid, err);
    if (status != TG_OK) {
        return TG_EXIT_USAGE;
    }
    tg_strbuf_printf(&what, "process %ld", (long)pid);
    tg_command_line_append(&what, pid);
    status = tg_record_begin(&record, &plan->options, err);
    if (status == TG_OK) {
        status = tg_family_add(&record.family, pid, err);
    }
    if (status == TG_OK) {
        catch_signals(&record);
        signal(SIGPIPE, SIG_IGN);
        run_watched(&record, pid);
        finished = finish(&record, tg_strbuf_text(&what)) == TG_OK;
    }
    tg_record_release(&record);
    tg_strbuf_release(&what);
    if (status != TG_OK) {
        return TG_EXIT_FAILED;
    }
    return finished ? TG_EXIT_OK : -1;
}

/* What the second thread does. */
struct recording {
    struct tg_record record;
    const char *what;
    pthread_t thread;
    enum tg_status status; /* what has become of the file, once the thread has ended */
    pthread_mutex_t lock;  /* of what follows */
    bool is_over;          /* the record is released */
};

static void *run_recording(void *context) {
    struct recording *recording = context;
    tg_record_run(&recording->record, false);
    recording->status = finish(&recording->record, recording->what);
    pthread_mutex_lock(&recording->lock);
    recording->is_over = true;
    tg_record_release(&recording->record); /* the program may run for days */
    pthread_mutex_unlock(&recording->lock);
    return NULL;
}

static void suspend_recording(void *context, bool begins) {
    struct recording *recording = context;
    pthread_mutex_lock(&recording->lock);
    if (!recording->is_over) {
        tg_family_suspend(&recording->record.family, begins);
    }
    pthread_mutex_unlock(&recording->lock);
}

static enum tg_status begin_recording(struct recording *recording, const struct settings *settings, struct plan *plan,
                                      pid_t program, struct tg_error *err) {
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)program);
    plan->options.is_own = true;
    enum tg_status status = plan_output(plan, settings, pid, err);
    if (status == TG_OK) {
        status = tg_record_begin(&recording->record, &plan->options, err);
    }
    if (status == TG_OK) {
        status = tg_family_expect(&recording->record.family, program, err);
    }
    if (status == TG_OK && pthread_create(&recording->thread, NULL, run_recording, recording) != 0) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "cannot start a thread");
    }
    return status;
}

/* Once the program has ended. Whether there is a file. */
static enum tg_status end_recording(struct recording *recording) {
    pthread_mutex_lock(&recording->lock);
    if (!recording->is_over) {
        tg_record_end(&recording->record);
    }
    pthread_mutex_unlock(&recording->lock);
    pthread_join(recording->thread, NULL);
    return recording->status;
}

/* "app.py --fast", "-m shop 7": what was asked for, as the title. */
static void append_words(struct tg_strbuf *out, const struct settings *settings, char *const *words) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    if (settings->module || settings->code) {
        tg_strbuf_append(&line, settings->module ? "-m " : "-c ");
        tg_printable_append_word(&line, settings->module ? settings->module : settings->code);
    }
    for (; *words; words++) {
        tg_strbuf_append(&line, line.length ? " " : "");
        tg_printable_append_word(&line, *words);
    }
    tg_printable_shorten(out, tg_strbuf_text(&line), line.length, TITLE_WIDTH);
    tg_strbuf_release(&line);
}

/* Returns only when the program could not be started, or has ended well and there is no file of it. */
static int record_program(const struct settings *settings, struct plan *plan, const struct tg_program *program,
                          const char *what, struct tg_error *err) {
    static const struct tg_variable unchanged[] = {{.name = NULL}};
    struct recording recording = {.what = what, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct tg_child child;
    struct tg_child_end end;
    enum tg_status status = tg_child_start(&child, program->interpreter.path, program->argv, unchanged, err);
    if (status != TG_OK) {
        return status == TG_ERROR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_FAILED;
    }
    struct tg_error trouble = TG_ERROR_INIT; /* the program runs, whatever becomes of the recording */
    status = begin_recording(&recording, settings, plan, child.pid, &trouble);
    if (status == TG_OK) {
        child.suspend = suspend_recording;
        child.suspend_context = &recording;
    } else {
        tg_message_error("record: %s", trouble.message);
    }
    tg_child_wait(&child, &end);
    status = status == TG_OK ? end_recording(&recording) : status;
    if (status != TG_OK && !end.by_signal && end.code == 0) {
        return EXIT_FAILED;
    }
    tg_child_end_alike(&end);
}

/* What is to be started, and whether its Python is one. */
static enum tg_status plan_program(struct tg_program *program, const struct settings *settings, char **words,
                                   int *exit_code, struct tg_error *err) {
    struct tg_program_request request = {.python = {.name = settings->python, .origin = "--python"},
                                         .module = settings->module,
                                         .code = settings->code,
                                         .words = words};
    enum tg_status status = tg_program_plan(program, &request, exit_code, err);
    if (status == TG_ERROR_NOT_FOUND && *exit_code == TG_EXIT_USAGE && tg_process_id_check(words[0], NULL) == TG_OK) {
        return tg_error_set(err, status, "there is no script '%s'; did you mean -p %s?", words[0], words[0]);
    }
    if (status == TG_OK) {
        status = tg_interpreter_try(&program->interpreter, err);
        *exit_code = status == TG_ERROR_IO ? EXIT_NOT_PYTHON : EXIT_FAILED;
    }
    return status;
}

static int start(const struct settings *settings, struct plan *plan, char **words, struct tg_error *err) {
    struct tg_program program;
    struct tg_strbuf what = TG_STRBUF_INIT;
    int exit_code = TG_EXIT_USAGE;
    if (plan_output(plan, settings, "PID", err) == TG_OK) { /* before the program has done hours of work */
        exit_code = EXIT_FAILED;
        if (plan_program(&program, settings, words, &exit_code, err) == TG_OK) {
            append_words(&what, settings, words);
            exit_code = record_program(settings, plan, &program, tg_strbuf_text(&what), err);
            tg_strbuf_release(&what);
        }
        tg_program_release(&program);
    }
    return exit_code;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.pid = NULL};
    struct tg_error err = TG_ERROR_INIT;
    struct plan plan;
    int exit_code = TG_EXIT_USAGE;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    bool has_program = settings.module || settings.code || words[0];
    exit_code = TG_EXIT_USAGE;
    if (settings.pid && has_program) {
        tg_error_set(&err, TG_ERROR_INVALID, "either -p %s or a program, not both%s", settings.pid,
                     words[0] && tg_process_id_check(words[0], NULL) == TG_OK ? "; one process at a time" : "");
    } else if (settings.pid && settings.python) {
        tg_error_set(&err, TG_ERROR_INVALID, "--python is for a program that is started here: leave it out with -p");
    } else if (!settings.pid && !has_program) {
        tg_error_set(&err, TG_ERROR_INVALID,
                     "nothing to record; give a process or a program, as in 'tachograph record -p PID' or 'tachograph "
                     "record app.py'");
    } else if (make_plan(&plan, &settings, &err) == TG_OK) {
        exit_code = settings.pid ? record_process(&settings, &plan, &err) : start(&settings, &plan, words, &err);
    }
    if (err.status != TG_OK) {
        tg_message_error("record: %s", err.message);
    }
    return exit_code < 0 ? TG_EXIT_FAILED : exit_code;
}

const struct tg_command tg_command_record = {
    .name = "record",
    .summary = "sample a process or a program into a file: a flame graph",
    .usage = usage,
    .description =
        "Looks at all threads of a Python process many times a second, from outside: nothing is loaded into it, and it "
        "is stopped only where its stack cannot be read otherwise, for microseconds. With -p it records a process that "
        "runs; else it starts the program, whose input, output, signals and exit code stay its own, and records it to "
        "its end, or for -d seconds and then waits for it.\n"
        "Another user's process can be recorded by root; your own may need a right, which the message then names. What "
        "could not be looked at, or not be proven right, is counted and said.",
    .options = options,
    .examples = examples,
    .exit_codes =
        "With -p: 0 recorded, also where no thread did what is recorded and the file is empty; 1 the process cannot be "
        "recorded, or was not once looked at, or nobody has got the file: it could not be written, or standard output "
        "was closed; 2 wrong usage. With a program those of the program where it has failed; else 0 only if there is a "
        "file, and 125 if the program was over before it could be looked at, or the file could not be written. Of "
        "tachograph itself, before the program starts, 2 wrong usage, or no such script or command; 125 it failed; 126 "
        "the interpreter cannot be executed "
        "or is no Python, or what was named is no Python program; 127 the interpreter is not found",
    .program = true,
    .run = run,
};
