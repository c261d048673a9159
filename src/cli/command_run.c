/*
 * `tachograph run`: starts a program with its functions timed, and reports when it has ended. See commands.h.
 *
 * The program is the plain interpreter with the user's words; that it is to be timed stands in its environment
 * (TACHOGRAPH_RUN and what follows it below), where the package's start-up hook reads it. Its recordings are found
 * afterwards by the run's uuid. From the start of the program on, nothing that happens here changes how it ends.
 */
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/own_name.h"
#include "cli/pattern_option.h"
#include "cli/printable.h"
#include "cli/program.h"
#include "cli/report.h"
#include "cli/run_dashboard.h"
#include "cli/run_figures.h"
#include "cli/run_history.h"
#include "cli/run_notes.h"
#include "measure/clock.h"
#include "record/catalog.h"
#include "record/runtime.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define EXIT_FAILED         125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define NOT_GIVEN           (-1)
#define UUID_DIGITS         32
#define HELPERS_NS          300000000 /* that children which outlive the program are waited for, */
#define HELPERS_LOOKS       30        /* and how often they are looked at meanwhile */

struct settings {
    struct tg_report_options report;
    struct tg_text_list time;
    struct tg_text_list exclude;
    struct tg_text_list exceptions;
    const char *service;
    const char *version;
    const char *store;
    const char *interval;
    const char *sample_hz;
    const char *python;
    const char *module;
    const char *code;
    const char *serve_port;
    struct tg_run_usual usual;
    int clock;
    bool serve;
    bool no_report;
    bool no_history;
    bool no_subprocesses;
};

static const char *const clocks[] = {"auto", "tsc", "monotonic", "cpu", NULL};

static const struct tg_option options[] = {
    {.name = "time",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .help = "time the functions that PATTERN matches: 'shop' a module, 'shop.*' with its submodules, "
             "'shop.cart::Cart.*' by name; may be repeated; without it those of the program's own project",
     .offset = offsetof(struct settings, time),
     .check = tg_pattern_validate},
    TG_EXCLUDE_OPTION(struct settings),
    {.name = "exceptions",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .help = "record exceptions that leave the functions that PATTERN matches, with their arguments, and time these "
             "too; may be repeated; 'tachograph exceptions' lists them",
     .offset = offsetof(struct settings, exceptions),
     .check = tg_pattern_validate},
    {.name = "service",
     .kind = TG_OPTION_TEXT,
     .value = "NAME",
     .help = "call the program NAME in reports",
     .offset = offsetof(struct settings, service)},
    {.name = "version",
     .kind = TG_OPTION_TEXT,
     .value = "VERSION",
     .help = "the program's version, for reports, and to compare with others later",
     .offset = offsetof(struct settings, version)},
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "URL",
     .help = "keep the history there: a path, 'sqlite:///PATH' or 'mysql://USER@HOST/DATABASE'; without it in a file "
             "of the service's name under ~/.local/share/tachograph",
     .offset = offsetof(struct settings, store),
     .check = tg_setting_check_store},
    {.name = "interval",
     .kind = TG_OPTION_TEXT,
     .value = "SECONDS",
     .help = "add to the history so often (10)",
     .offset = offsetof(struct settings, interval),
     .check = tg_setting_check_interval},
    {.name = "sample-hz",
     .kind = TG_OPTION_TEXT,
     .value = "HZ",
     .help = "look at the stacks of all threads so often in a second, too (0)",
     .offset = offsetof(struct settings, sample_hz),
     .check = tg_setting_check_hz},
    {.name = "no-history",
     .kind = TG_OPTION_FLAG,
     .help = "keep none: the recording and the report are all",
     .offset = offsetof(struct settings, no_history)},
    {.name = "no-subprocesses",
     .kind = TG_OPTION_FLAG,
     .help = "time the program's first process only: those that it starts or forks run plain",
     .offset = offsetof(struct settings, no_subprocesses)},
    {.name = "clock",
     .kind = TG_OPTION_CHOICE,
     .value = "CLOCK",
     .help = "measure with this clock; without it the fastest that is safe here",
     .offset = offsetof(struct settings, clock),
     .choices = clocks},
    {.name = "python",
     .kind = TG_OPTION_TEXT,
     .value = "PATH",
     .help = "run it with this Python; without it that of the active virtual environment, else the one that "
             "tachograph is installed in, else python3 on PATH",
     .offset = offsetof(struct settings, python)},
    {.name = NULL,
     .letter = 'm',
     .kind = TG_OPTION_TEXT,
     .last = true,
     .value = "MODULE",
     .help = "run a module, as python -m does; what follows is for the program",
     .offset = offsetof(struct settings, module)},
    {.name = NULL,
     .letter = 'c',
     .kind = TG_OPTION_TEXT,
     .last = true,
     .value = "CODE",
     .help = "run code, as python -c does; what follows is for the program",
     .offset = offsetof(struct settings, code)},
    {.name = "serve",
     .kind = TG_OPTION_FLAG,
     .help =
         "show it in the browser while it runs, and at a terminal until Ctrl-C after that; the address goes to stderr",
     .offset = offsetof(struct settings, serve)},
    {.name = "serve-port",
     .kind = TG_OPTION_TEXT,
     .value = "PORT",
     .help = "with --serve: listen on this port; without it any that is free",
     .offset = offsetof(struct settings, serve_port),
     .check = tg_option_check_port},
    TG_REPORT_OPTIONS(struct settings),
    {.name = "no-report",
     .kind = TG_OPTION_FLAG,
     .help = "only record, and say where; 'tachograph report' shows it later",
     .offset = offsetof(struct settings, no_report)},
    {.name = NULL},
};

static const char *const usage[] = {
    "[OPTION]... SCRIPT [ARGUMENT]...",
    "[OPTION]... -m MODULE [ARGUMENT]...",
    "[OPTION]... [--] COMMAND [ARGUMENT]...",
    NULL,
};

static const struct tg_example examples[] = {
    {"tachograph run app.py --port 8000", "time every function of app.py's project"},
    {"tachograph run --time 'shop.*' -m shop.worker", "time the functions of the package shop, in its worker"},
    {"tachograph run -o report.txt --sort self pytest -q", "a command on PATH that is a Python program"},
    {"tachograph run --json -o report.json app.py", "for other programs to read"},
    {"tachograph run --serve --interval 1 app.py", "with a dashboard to watch it by"},
    {NULL, NULL},
};

/* The environment of a timed program, and what its texts need. */
struct environment {
    struct tg_variable variables[16];
    char run[UUID_DIGITS + 1];
    uint8_t run_uuid[16];
    int64_t started_wall_ns;
    bool is_new_store;
    struct tg_strbuf store; /* that was named, for processes in whichever directory; empty: none was */
    struct tg_strbuf time;
    struct tg_strbuf exclude;
    struct tg_strbuf exceptions;
    struct tg_strbuf python_path;
};

static void make_uuid(struct environment *environment) {
    uint8_t *uuid = environment->run_uuid;
    if (getrandom(uuid, 16, 0) != 16) {
        uint64_t now[2] = {(uint64_t)tg_clock_wall_ns(), (uint64_t)getpid() << 32U ^ (uint64_t)tg_clock_monotonic_ns()};
        memcpy(uuid, now, sizeof now);
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0FU) | 0x40U); /* version 4: random */
    uuid[8] = (uint8_t)((uuid[8] & 0x3FU) | 0x80U);
    for (size_t i = 0; i < 16; i++) {
        snprintf(environment->run + 2 * i, 3, "%02x", uuid[i]);
    }
}

/* Sets a variable only where the command line says something: the environment has said the rest. */
static void set(struct environment *environment, size_t *count, const char *name, const char *value) {
    if (value) {
        environment->variables[(*count)++] = (struct tg_variable){.name = name, .value = value};
    }
}

static const char *join_lines(struct tg_strbuf *out, const struct tg_text_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        tg_strbuf_append(out, i ? "\n" : "");
        tg_strbuf_append(out, list->items[i]);
    }
    return list->count ? tg_strbuf_text(out) : NULL;
}

static const char *inject(struct tg_strbuf *python_path, const struct tg_interpreter *interpreter) {
    if (!interpreter->injected[0]) {
        return NULL;
    }
    tg_interpreter_append_path(python_path, interpreter);
    return tg_strbuf_text(python_path);
}

static enum tg_status prepare(struct environment *environment, const struct settings *settings,
                              const struct tg_interpreter *interpreter, struct tg_error *err) {
    size_t count = 0;
    *environment = (struct environment){
        .started_wall_ns = tg_clock_wall_ns(),
        .is_new_store = !settings->no_history && tg_run_history_is_new(settings->store),
    };
    make_uuid(environment);
    set(environment, &count, "TACHOGRAPH_RUN", environment->run);
    set(environment, &count, "TACHOGRAPH_TIME", join_lines(&environment->time, &settings->time));
    set(environment, &count, "TACHOGRAPH_EXCLUDE", join_lines(&environment->exclude, &settings->exclude));
    set(environment, &count, "TACHOGRAPH_EXCEPTIONS", join_lines(&environment->exceptions, &settings->exceptions));
    set(environment, &count, "TACHOGRAPH_SERVICE", settings->service);
    set(environment, &count, "TACHOGRAPH_SERVICE_VERSION", settings->version);
    const char *store = settings->store ? settings->store : tg_settings_store_of_environment();
    if (store && !settings->no_history && tg_store_url_anchor(&environment->store, store, err) != TG_OK) {
        return TG_ERROR_INVALID;
    }
    store = environment->store.length ? tg_strbuf_text(&environment->store) : NULL;
    set(environment, &count, "TACHOGRAPH_STORE", settings->no_history ? TG_NO_STORE : store);
    set(environment, &count, "TACHOGRAPH_INTERVAL", settings->interval);
    set(environment, &count, "TACHOGRAPH_SAMPLE_HZ", settings->sample_hz);
    set(environment, &count, "TACHOGRAPH_CLOCK", settings->clock == NOT_GIVEN ? NULL : clocks[settings->clock]);
    /* Of a run that this one may be part of, they say nothing. */
    const char *alone = settings->no_subprocesses ? "1" : NULL;
    environment->variables[count++] = (struct tg_variable){.name = "TACHOGRAPH_RUN_ALONE", .value = alone};
    environment->variables[count++] = (struct tg_variable){.name = "TACHOGRAPH_RUN_PROJECTS", .value = NULL};
    set(environment, &count, "PYTHONPATH", inject(&environment->python_path, interpreter));
    enum tg_status status = tg_strbuf_status(&environment->time);
    status = status == TG_OK ? tg_strbuf_status(&environment->exclude) : status;
    status = status == TG_OK ? tg_strbuf_status(&environment->exceptions) : status;
    status = status == TG_OK ? tg_strbuf_status(&environment->python_path) : status;
    return status == TG_OK ? TG_OK : tg_error_set(err, status, "not enough memory for the program's environment");
}

static void release_environment(struct environment *environment) {
    tg_strbuf_release(&environment->store);
    tg_strbuf_release(&environment->time);
    tg_strbuf_release(&environment->exclude);
    tg_strbuf_release(&environment->exceptions);
    tg_strbuf_release(&environment->python_path);
}

/* The paths of the run's recordings: the program's own process first, then as they began. */
static size_t find_recordings(const struct tg_catalog *catalog, const struct environment *environment, uint64_t pid,
                              const char **paths) {
    size_t count = 0;
    for (int own = 1; own >= 0; own--) {
        for (size_t i = catalog->count; i-- > 0;) {
            const struct tg_catalog_entry *entry = &catalog->entries[i];
            if (tg_catalog_is_of_run(entry, environment->run_uuid) && (entry->pid == pid) == own) {
                paths[count++] = entry->path;
            }
        }
    }
    return count;
}

static void write_stderr(const struct tg_strbuf *text) {
    (void)!tg_output_write(STDERR_FILENO, tg_strbuf_text(text), text->length);
}

/* To the file named, or to stderr. A stderr that nobody reads is no failure: the program has ended as it has. (SIGPIPE
 * still waits, like all signals since the program began.) */
static enum tg_status write_out(const struct settings *settings, const struct tg_strbuf *text, struct tg_error *err) {
    enum tg_status status = tg_strbuf_status(text);
    if (status != TG_OK) {
        return tg_error_set(err, status, "not enough memory to print the report");
    }
    if (settings->report.output) {
        return tg_output_replace(settings->report.output, tg_strbuf_text(text), text->length, err);
    }
    write_stderr(text);
    return TG_OK;
}

/* What a report in a file or none at all leaves to be said. */
static void say_next(const struct settings *settings, const struct environment *environment,
                     const struct tg_program *program, const char *const *paths, size_t count) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    if (!settings->no_report) {
        tg_strbuf_printf(&text, "%-10s", "report");
        tg_printable_append(&text, settings->report.output, strlen(settings->report.output));
        tg_strbuf_append_char(&text, '\n');
    }
    if (count == 0) {
        tg_run_notes_no_recording(&text, program);
    }
    tg_run_notes_next(&text, paths, count, environment->run);
    write_stderr(&text);
    tg_strbuf_release(&text);
}

static enum tg_status report_paths(const struct settings *settings, const struct environment *environment,
                                   const struct tg_program *program, const struct tg_child_end *end,
                                   const char *const *paths, size_t count, struct tg_error *err) {
    struct tg_report report;
    enum tg_status status = tg_report_open(&report, paths, count, &settings->report, err);
    if (status != TG_OK) {
        return status;
    }
    report.end = end;
    report.program = program->name;
    if (count == 0) {
        tg_run_notes_no_recording(&report.notes, program);
    } else if (report.totals.row_count == 0) {
        tg_run_notes_no_function(&report.notes, &report, &settings->time);
        tg_strbuf_append_char(&report.notes, '\n');
    }
    tg_run_notes_next(&report.notes, paths, count, environment->run);
    bool to_file = settings->report.output != NULL;
    struct tg_terminal terminal = to_file ? TG_TERMINAL_NONE : tg_terminal_of(STDERR_FILENO);
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, to_file || settings->report.json ? "" : "\n"); /* apart from the program's own words */
    tg_report_print(&report, &settings->report, &terminal, &text);
    tg_report_close(&report);
    status = write_out(settings, &text, err);
    tg_strbuf_release(&text);
    if (status != TG_OK && count > 0) {
        struct tg_strbuf word = TG_STRBUF_INIT;
        tg_own_name_append(&word);
        tg_strbuf_append(&word, " report ");
        tg_printable_append_word(&word, paths[0]);
        tg_error_prefix(err, "the report is lost, but not the recording (%s)", tg_strbuf_text(&word));
        tg_strbuf_release(&word);
    } else if (status == TG_OK && to_file) {
        say_next(settings, environment, program, paths, count);
    }
    return status;
}

/* After the report, because a store that does not answer is waited for. */
static void finish_history(const struct settings *settings, const struct environment *environment,
                           const char *recording) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    const char *interval = getenv("TACHOGRAPH_INTERVAL"); /* also that of a file, by now */
    const char *store = environment->store.length ? tg_strbuf_text(&environment->store) : NULL;
    const struct tg_run_history run = {.usual = &settings->usual,
                                       .store = store,
                                       .run_uuid = environment->run_uuid,
                                       .recording = recording,
                                       .has_figures = tg_run_has_figures(environment->run_uuid),
                                       .has_failures = tg_run_has_failures(environment->run_uuid),
                                       .has_samples = tg_run_has_samples(environment->run_uuid),
                                       .is_new = environment->is_new_store,
                                       .interval_was_chosen = settings->interval || (interval && interval[0])};
    tg_run_history_finish(&text, &run);
    if (!settings->report.json || settings->report.output) { /* what is on stderr is for a program to read */
        write_stderr(&text);
    }
    tg_strbuf_release(&text);
}

static bool is_going_on(const struct tg_catalog *catalog, const struct environment *environment) {
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->entries[i].alive && tg_catalog_is_of_run(&catalog->entries[i], environment->run_uuid)) {
            return true;
        }
    }
    return false;
}

/* What helped the program, as the server of multiprocessing's forks, ends a moment after it, and belongs to it. */
static enum tg_status read_ended(struct tg_catalog *catalog, const struct environment *environment, int64_t since_ns,
                                 struct tg_error *err) {
    const struct timespec pause = {.tv_nsec = HELPERS_NS / HELPERS_LOOKS};
    enum tg_status status = tg_catalog_read(catalog, since_ns, err);
    for (int i = 0; i < HELPERS_LOOKS && status == TG_OK && is_going_on(catalog, environment); i++) {
        nanosleep(&pause, NULL);
        tg_catalog_release(catalog);
        status = tg_catalog_read(catalog, since_ns, err);
    }
    return status;
}

static enum tg_status report_run(const struct settings *settings, const struct environment *environment,
                                 const struct tg_program *program, const struct tg_child_end *end,
                                 struct tg_error *err) {
    struct tg_catalog catalog;
    /* No recording of the run is older than its start, also by a clock that has been set back meanwhile. */
    int64_t counted_back_ns = tg_clock_wall_ns() - end->duration_ns;
    int64_t since_ns = environment->started_wall_ns < counted_back_ns ? environment->started_wall_ns : counted_back_ns;
    enum tg_status status = read_ended(&catalog, environment, since_ns, err);
    if (status != TG_OK) {
        return status;
    }
    const char **paths = calloc(catalog.count + 1, sizeof *paths);
    if (paths) {
        size_t count = find_recordings(&catalog, environment, end->pid, paths);
        if (settings->no_report) {
            say_next(settings, environment, program, paths, count);
        } else {
            status = report_paths(settings, environment, program, end, paths, count, err);
        }
        if (count > 0) {
            finish_history(settings, environment, paths[0]);
        }
    } else {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the recordings");
    }
    free(paths);
    tg_catalog_release(&catalog);
    return status;
}

/* The exit code for an interpreter that would not start. */
static int exit_code_of(enum tg_status status) {
    return status == TG_ERROR_NOT_FOUND ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* A server of the history that the run is going to write. */
static enum tg_status start_dashboard(struct tg_run_dashboard *dashboard, const struct settings *settings,
                                      const struct environment *environment, struct tg_error *err) {
    const char *service = settings->service ? settings->service : getenv("TACHOGRAPH_SERVICE");
    struct tg_strbuf usual = TG_STRBUF_INIT;
    struct tg_run_dashboard_options wanted = {.service = service, .port = settings->serve_port};
    enum tg_status status = TG_OK;
    if (!wanted.port) {
        wanted.port = "0";
    }
    if (environment->store.length) {
        wanted.store = tg_strbuf_text(&environment->store);
    } else {
        status = tg_store_url_default(&usual, service, err);
        wanted.store = tg_strbuf_text(&usual);
    }
    if (status == TG_OK) {
        status = tg_run_dashboard_start(dashboard, &wanted, err);
    }
    if (status == TG_OK) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        tg_strbuf_printf(&line, "dashboard %s\n", tg_strbuf_text(&dashboard->address));
        write_stderr(&line);
        tg_strbuf_release(&line);
    }
    tg_strbuf_release(&usual);
    return status;
}

/* Runs and reports; returns only when the program could not be started. */
static int run_timed(const struct settings *settings, const struct tg_program *program, struct tg_error *err) {
    struct environment environment;
    struct tg_run_dashboard dashboard = TG_RUN_DASHBOARD_INIT;
    struct tg_child_end end;
    int exit_code = EXIT_FAILED;
    enum tg_status status = prepare(&environment, settings, &program->interpreter, err);
    if (status == TG_OK && settings->serve) {
        status = start_dashboard(&dashboard, settings, &environment, err);
    }
    if (status == TG_OK) {
        status = tg_child_run(program->interpreter.path, program->argv, environment.variables, &end, err);
        exit_code = exit_code_of(status);
    }
    if (status != TG_OK) {
        tg_run_dashboard_end(&dashboard);
        release_environment(&environment);
        return exit_code;
    }
    status = report_run(settings, &environment, program, &end, err);
    release_environment(&environment);
    if (status != TG_OK) {
        tg_message_error("%s", err->message);
    }
    if (!end.interrupted) {
        tg_run_dashboard_stay(&dashboard);
    }
    tg_run_dashboard_end(&dashboard);
    tg_child_end_alike(&end);
}

/* What can be known to fail, before the program has done hours of work. */
static enum tg_status check(const struct settings *settings, struct tg_error *err) {
    const char *obstacle = settings->clock == TG_CLOCK_TSC ? tg_clock_tsc_obstacle() : NULL;
    if (obstacle) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED, "the clock tsc is not safe here (%s); leave --clock out",
                            obstacle);
    }
    enum tg_status status =
        settings->report.output && !settings->no_report ? tg_output_check(settings->report.output, err) : TG_OK;
    const char *set = getenv("TACHOGRAPH_STORE"); /* also that of a file, by now */
    const char *store = settings->store ? settings->store : set;
    if (settings->serve && store && strcmp(store, TG_NO_STORE) == 0) {
        return tg_error_set(
            err, TG_ERROR_INVALID,
            "--serve shows the history as it grows, and none is kept, because the store is set to '%s': "
            "give one with --store",
            TG_NO_STORE);
    }
    bool is_kept = store && store[0] && !settings->no_history && strcmp(store, TG_NO_STORE) != 0;
    return status == TG_OK && is_kept ? tg_store_check_place(store, err) : status;
}

/* Whether programs are to run plain, and what is to be said about that. */
static bool is_plain(struct tg_error *note) {
    char path[TG_RUNTIME_PATH_SIZE];
    if (tg_setting_disabled(note)) {
        return true;
    }
    if (!tg_runtime_is_off(path)) {
        return false;
    }
    tg_error_set(note, TG_ERROR_INVALID, "nothing is timed, because there is a file '%s'; remove it to time again",
                 path);
    return true;
}

/* Returns only when nothing was started. */
static int start(const struct settings *settings, const struct tg_program_request *request, struct tg_error *err) {
    struct tg_program program;
    int exit_code = EXIT_FAILED;
    if (tg_program_plan(&program, request, &exit_code, err) != TG_OK) {
        tg_program_release(&program);
        return exit_code;
    }
    struct tg_error note = TG_ERROR_INIT;
    if (is_plain(&note)) {
        if (note.status != TG_OK) {
            tg_message_warning("%s", note.message);
        }
        execv(program.interpreter.path, program.argv);
        exit_code = exit_code_of(tg_error_set_errno(err, errno, "cannot execute '%s'", program.interpreter.path));
    } else if (check(settings, err) == TG_OK) {
        enum tg_status status = tg_interpreter_probe(&program.interpreter, err);
        exit_code = status == TG_OK         ? run_timed(settings, &program, err)
                    : status == TG_ERROR_IO ? EXIT_NOT_EXECUTABLE
                                            : EXIT_FAILED;
    }
    tg_program_release(&program);
    return exit_code;
}

/* What is set for the program's project becomes the environment of all that follows. A program that is to run plain
 * runs, whatever the settings are. */
static enum tg_status apply(const struct tg_settings *known, enum tg_status status, struct tg_error *err) {
    size_t at = 0;
    struct tg_error note = TG_ERROR_INIT;
    if (status != TG_OK && is_plain(&note)) {
        tg_message_warning("%s", err->message);
        return TG_OK;
    }
    while (tg_setting_next_misspelt(&at, &note)) {
        tg_message_warning("%s", note.message);
    }
    if (tg_settings_check_words(known, &note) != TG_OK) {
        tg_message_warning("%s", note.message);
    }
    return status == TG_OK ? tg_settings_export(known, err) : status;
}

/* For the dashboard, which is started before the program: as the package would name it. */
static bool name_service(const struct settings *settings, const struct tg_program_request *request,
                         const struct tg_settings *known, struct tg_error *err) {
    struct tg_strbuf name = TG_STRBUF_INIT;
    bool is_named = settings->service || tg_settings_get(known, TG_SETTING_SERVICE);
    if (!is_named) {
        tg_program_append_service(&name, request, known->project.name);
        is_named = tg_strbuf_status(&name) == TG_OK && setenv("TACHOGRAPH_SERVICE", tg_strbuf_text(&name), 1) == 0;
        if (!is_named) {
            (void)tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to name the service");
        }
    }
    tg_strbuf_release(&name);
    return is_named;
}

static int start_with_settings(const struct settings *settings, char **words, struct tg_error *err) {
    struct tg_program_request request = {.python = {.name = settings->python, .origin = "--python"},
                                         .module = settings->module,
                                         .code = settings->code,
                                         .words = words};
    struct tg_settings known;
    struct tg_strbuf origin = TG_STRBUF_INIT;
    int exit_code = TG_EXIT_USAGE;
    if (apply(&known, tg_settings_read(&known, tg_program_script(&request), err), err) == TG_OK) {
        tg_settings_append_origin(&known, TG_SETTING_PYTHON, &origin);
        request.setting = (struct tg_interpreter_wish){.name = tg_settings_get(&known, TG_SETTING_PYTHON),
                                                       .origin = tg_strbuf_text(&origin)};
        if (settings->serve && !name_service(settings, &request, &known, err)) {
            exit_code = EXIT_FAILED;
        } else {
            exit_code = start(settings, &request, err);
        }
    }
    tg_settings_release(&known);
    tg_strbuf_release(&origin);
    return exit_code;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.report.sort = TG_RUN_SORT_TOTAL, .clock = NOT_GIVEN};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_USAGE;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        goto done;
    }
    exit_code = TG_EXIT_USAGE;
    if (settings.serve && settings.no_history) {
        tg_error_set(&err, TG_ERROR_INVALID, "--serve shows the history as it grows: leave out --no-history");
    } else if (settings.serve && settings.report.json && !settings.report.output) {
        tg_error_set(&err, TG_ERROR_INVALID, "--serve says its address where --json writes: add -o FILE");
    } else if (settings.serve_port && !settings.serve) {
        tg_error_set(&err, TG_ERROR_INVALID, "--serve-port is the port of a dashboard: add --serve, which starts one");
    } else if (!settings.module && !settings.code && !words[0]) {
        tg_error_set(&err, TG_ERROR_INVALID,
                     "nothing to run; give a script, -m MODULE or -c CODE, as in 'tachograph "
                     "run app.py'");
    } else {
        tg_run_usual_read(&settings.usual);
        exit_code = start_with_settings(&settings, words, &err);
    }
    tg_message_error("%s", err.message);
done:
    tg_run_usual_release(&settings.usual);
    tg_text_list_release(&settings.time);
    tg_text_list_release(&settings.exclude);
    tg_text_list_release(&settings.exceptions);
    return exit_code;
}

const struct tg_command tg_command_run = {
    .name = "run",
    .summary = "run a Python program with its functions timed, then report",
    .usage = usage,
    .description =
        "Runs the program as python would: the same arguments, input and output, exit code and signals. Each call of "
        "each timed function is measured. When the program has ended, in whatever way, the report goes to stderr or to "
        "a file, and the recording stays for 'tachograph report'.\n"
        "What is not given here is taken from the environment, then from [tool.tachograph] in the nearest "
        "pyproject.toml from the script's directory upwards, or for modules and commands from the current one: "
        "'tachograph help settings' lists variables and keys. With TACHOGRAPH_DISABLE=1 in the environment it runs "
        "plain.",
    .options = options,
    .examples = examples,
    .exit_codes =
        "Those of the program, 0 to 255; when a signal ends it, tachograph ends by the same one. Of tachograph "
        "itself, before the program starts: 2 wrong usage, or no such script; 125 it failed, also where the report or "
        "the history could not be written; 126 the interpreter cannot be executed, or what was named is no "
        "Python program; 127 the interpreter is not found. A report that cannot be written later is said, and lies in "
        "the recording: it changes no exit code",
    .program = true,
    .run = run,
};
