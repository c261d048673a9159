/* `tachograph report`: shows what recordings hold. See commands.h. */
#include "base/pattern.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/report_page.h"
#include "record/catalog.h"
#include "record/reader.h"
#include "record/runtime.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMED_MAX 3 /* recordings that a message lists */

struct settings {
    struct tg_report_options report;
    const char *html;
    struct tg_history_options history; /* of the page */
};

static const struct tg_option options[] = {
    TG_REPORT_OPTIONS(struct settings),
    {.name = "by-thread",
     .kind = TG_OPTION_FLAG,
     .help = "a line for each thread of a function",
     .offset = offsetof(struct settings, report.by_thread)},
    {.name = "only",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .help = "only functions that PATTERN matches, as with run --time; may be repeated",
     .offset = offsetof(struct settings, report.only),
     .check = tg_pattern_validate},
    {.name = "html",
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .help = "write a run of the history, or the part of it that the options below choose, to FILE: the dashboard as "
             "one page, which opens without a server; replaced only when it is whole",
     .offset = offsetof(struct settings, html)},
    TG_HISTORY_SELECTION_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    TG_HISTORY_RUN_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... [RECORDING | PID | RUN]...", "--html FILE [OPTION]... [RUN]", NULL};

static const struct tg_example examples[] = {
    {"tachograph report", "what the latest program did, also when it was killed or still runs"},
    {"tachograph report 4711 --sort p99 -n 10", "the ten functions of process 4711 with the slowest calls"},
    {"tachograph report --only 'shop.*' --json a.tgr", "the functions of shop in a recording, as JSON"},
    {"tachograph report --html shop.html", "the latest run as a page of its own"},
    {"tachograph report --html week.html --since -7d", "the last week of the history"},
    {NULL, NULL},
};

/* What to read: paths to recordings, from the command line or from the catalog. */
struct choice {
    const char **paths; /* the array is owned; the texts are the command line's or the catalog's */
    size_t count;
    struct tg_catalog catalog;
};

static enum tg_status choose(struct choice *choice, const char *path, struct tg_error *err) {
    const char **paths = realloc(choice->paths, (choice->count + 1) * sizeof *paths);
    if (!paths) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the recordings");
    }
    choice->paths = paths;
    choice->paths[choice->count++] = path;
    return TG_OK;
}

/* All of a run, the process that began first coming first. */
static enum tg_status choose_run(struct choice *choice, const uint8_t run_uuid[16], struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = choice->catalog.count; i-- > 0 && status == TG_OK;) {
        if (tg_catalog_is_of_run(&choice->catalog.entries[i], run_uuid)) {
            status = choose(choice, choice->catalog.entries[i].path, err);
        }
    }
    return status;
}

/* Why there is none, where TACHOGRAPH_RUNTIME_DIR may be the reason. */
static enum tg_status refuse_newest(struct tg_error *err) {
    const char *chosen = getenv("TACHOGRAPH_RUNTIME_DIR");
    enum tg_status status = tg_runtime_check_chosen(err);
    if (status != TG_OK) {
        return status;
    }
    if (!chosen || !chosen[0]) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "there is no recording yet; 'tachograph run SCRIPT' makes one, or name a file");
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "there is no recording in '%s', which TACHOGRAPH_RUNTIME_DIR names; unset it for those that "
                        "lie elsewhere, or name a file",
                        chosen);
}

/* The newest recording, with the others of its run: of all, or where TACHOGRAPH_RUNTIME_DIR says. */
static enum tg_status choose_newest(struct choice *choice, struct tg_error *err) {
    const struct tg_catalog_entry *newest = NULL;
    for (size_t i = 0; i < choice->catalog.count && !newest; i++) {
        newest = choice->catalog.entries[i].chosen ? &choice->catalog.entries[i] : NULL;
    }
    if (!newest) {
        return refuse_newest(err);
    }
    enum tg_status status = choose_run(choice, newest->run_uuid, err);
    return status == TG_OK && choice->count == 0 ? choose(choice, newest->path, err) : status;
}

/* Process ids are used again, and those of containers that share a directory are often the same: the one that lives is
 * meant, else the one that began last. */
static enum tg_status choose_pid(struct choice *choice, const char *word, struct tg_error *err) {
    uint64_t pid = strtoull(word, NULL, 10);
    const struct tg_catalog_entry *found = NULL;
    for (size_t i = 0; i < choice->catalog.count; i++) {
        const struct tg_catalog_entry *entry = &choice->catalog.entries[i];
        if (entry->pid != pid) {
            continue;
        }
        if (found && found->alive && entry->alive) {
            return tg_error_set(err, TG_ERROR_INVALID,
                                "several processes that run have the id %s, in containers that share a directory; name "
                                "a recording: %s, %s",
                                word, found->path, entry->path);
        }
        found = !found || (entry->alive && !found->alive) ? entry : found;
    }
    if (!found) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no recording of a process %s, and no file of that name",
                            word);
    }
    return choose(choice, found->path, err);
}

/* Reads the 32 digits of a run's uuid. */
static bool read_uuid(const char *word, uint8_t uuid[16]) {
    static const char digits[] = "0123456789abcdef";
    if (strlen(word) != 32 || strspn(word, digits) != 32) {
        return false;
    }
    for (size_t i = 0; i < 16; i++) {
        const char *high = strchr(digits, word[2 * i]);
        const char *low = strchr(digits, word[2 * i + 1]);
        uuid[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static enum tg_status refuse_directory(const char *path, struct tg_error *err) {
    struct tg_catalog inside;
    enum tg_status status = tg_catalog_read_directory(&inside, path, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_strbuf names = TG_STRBUF_INIT;
    for (size_t i = 0; i < inside.count && i < NAMED_MAX; i++) {
        tg_strbuf_printf(&names, "%s%s", i ? ", " : "", inside.entries[i].path);
    }
    if (inside.count > NAMED_MAX) {
        tg_strbuf_printf(&names, " and %zu older ones", inside.count - NAMED_MAX);
    }
    if (inside.count) {
        status = tg_error_set(err, TG_ERROR_INVALID, "'%s' is a directory; name a recording in it: %s", path,
                              tg_strbuf_text(&names));
    } else {
        status = tg_error_set(err, TG_ERROR_INVALID, "'%s' is a directory, and no recording lies in it", path);
    }
    tg_strbuf_release(&names);
    tg_catalog_release(&inside);
    return status;
}

static enum tg_status choose_word(struct choice *choice, const char *word, struct tg_error *err) {
    struct stat info;
    uint8_t run_uuid[16];
    if (stat(word, &info) == 0) {
        return S_ISDIR(info.st_mode) ? refuse_directory(word, err) : choose(choice, word, err);
    }
    if (read_uuid(word, run_uuid)) {
        size_t before = choice->count;
        enum tg_status status = choose_run(choice, run_uuid, err);
        return status != TG_OK || choice->count > before
                   ? status
                   : tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no recording of a run %s", word);
    }
    if (word[0] && word[strspn(word, "0123456789")] == '\0') {
        return choose_pid(choice, word, err);
    }
    return choose(choice, word, err); /* opening it says what is wrong */
}

static enum tg_status choose_all(struct choice *choice, char **words, struct tg_error *err) {
    *choice = (struct choice){.paths = NULL};
    enum tg_status status = tg_catalog_read(&choice->catalog, 0, err);
    if (status == TG_OK && !words[0]) {
        status = choose_newest(choice, err);
    }
    for (; *words && status == TG_OK; words++) {
        status = choose_word(choice, *words, err);
    }
    return status;
}

static void release_choice(struct choice *choice) {
    free(choice->paths);
    tg_catalog_release(&choice->catalog);
}

/* To the file named, or to standard output. */
static enum tg_status write_out(const struct tg_report_options *report, const struct tg_strbuf *text,
                                struct tg_error *err) {
    enum tg_status status = tg_strbuf_status(text);
    if (status != TG_OK) {
        return tg_error_set(err, status, "not enough memory to print the report");
    }
    if (report->output) {
        return tg_output_replace(report->output, tg_strbuf_text(text), text->length, err);
    }
    return tg_output_print(tg_strbuf_text(text), text->length, err);
}

static enum tg_status show(const struct settings *settings, const struct choice *choice, struct tg_error *err) {
    struct tg_report report;
    enum tg_status status = tg_report_open(&report, choice->paths, choice->count, &settings->report, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_terminal terminal = settings->report.output ? TG_TERMINAL_NONE : tg_terminal_of(STDOUT_FILENO);
    tg_report_print(&report, &settings->report, &terminal, &text);
    tg_report_close(&report);
    status = write_out(&settings->report, &text, err);
    tg_strbuf_release(&text);
    return status;
}

/* The run that a word names: a recording or a process leads to its own, anything else the history knows. */
static enum tg_status read_run(const char *word, struct tg_strbuf *run, struct tg_error *err) {
    struct choice choice = {.paths = NULL};
    struct tg_header header;
    bool alive = false;
    enum tg_status status = tg_catalog_read(&choice.catalog, 0, err);
    bool is_recording = status == TG_OK && choose_word(&choice, word, NULL) == TG_OK && choice.count > 0
                        && tg_reader_peek(choice.paths[0], &header, &alive) == TG_OK;
    if (is_recording) {
        for (size_t i = 0; i < sizeof header.run_uuid; i++) {
            tg_strbuf_printf(run, "%02x", header.run_uuid[i]);
        }
    } else {
        tg_strbuf_append(run, word);
    }
    release_choice(&choice);
    return status == TG_OK && tg_strbuf_status(run) != TG_OK
               ? tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to find the run")
               : status;
}

static int write_page(const struct tg_command *command, const struct settings *settings, char **words) {
    const struct tg_report_options *report = &settings->report;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf run = TG_STRBUF_INIT;
    if (report->output || report->json || report->limit || report->all || report->by_thread || report->only.count
        || report->sort != TG_RUN_SORT_TOTAL) {
        tg_message_error("report: --html is a page of everything: leave out -o, --json, -n, --all, --sort, --by-thread "
                         "and --only");
        return TG_EXIT_USAGE;
    }
    if (words[0] && (words[1] || settings->history.run)) {
        tg_message_error("report: --html is of one run: leave out '%s'", words[1] ? words[1] : words[0]);
        return TG_EXIT_USAGE;
    }
    enum tg_status status = words[0] ? read_run(words[0], &run, &err) : TG_OK;
    if (status == TG_OK) {
        status = tg_report_page_write(settings->html, &settings->history, words[0] ? tg_strbuf_text(&run) : NULL, &err);
    }
    tg_strbuf_release(&run);
    return status == TG_OK ? TG_EXIT_OK : tg_history_fail(command, &err);
}

static bool chooses_history(const struct tg_history_options *chosen) {
    return chosen->store || chosen->service || chosen->since || chosen->until || chosen->version || chosen->run;
}

static int print(const struct settings *settings, char **words) {
    struct tg_error err = TG_ERROR_INIT;
    struct choice choice;
    if (chooses_history(&settings->history)) {
        tg_message_error("report: --store, --service, --since, --until, --version and --run choose what --html shows; "
                         "without it name a run, a process or a recording");
        return TG_EXIT_USAGE;
    }
    enum tg_status status = choose_all(&choice, words, &err);
    if (status == TG_OK) {
        status = show(settings, &choice, &err);
    }
    release_choice(&choice);
    if (status != TG_OK) {
        tg_message_error("%s", err.message);
    }
    return status == TG_OK ? TG_EXIT_OK : TG_EXIT_FAILED;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.report.sort = TG_RUN_SORT_TOTAL};
    int exit_code = TG_EXIT_OK;
    if (tg_commands_parse(command, words, &settings, &exit_code)) {
        exit_code = settings.html ? write_page(command, &settings, words) : print(&settings, words);
    }
    tg_text_list_release(&settings.report.only);
    return exit_code;
}

const struct tg_command tg_command_report = {
    .name = "report",
    .summary = "show the timings of a program that ran, runs or was killed",
    .usage = usage,
    .description =
        "Shows what recordings hold: the exact timings of each function. A recording is named by its file, by the "
        "process that wrote it, or by the run that it belongs to; without a name it is the latest, with all processes "
        "of its run. Several are summed up, function by function.\n"
        "The columns are total: the sum of all calls; self: without the timed functions called from there; average: "
        "total by calls; "
        "p50 and p99: the time that 50 % and 99 % of the calls did not exceed (within 6.25 %); errors: calls that "
        "ended with an exception; running: calls that have not ended.\n"
        "With --html it is of the history: a run, the latest unless another is named, or a part of it.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 a recording cannot be read, or the report cannot be written; 2 wrong usage",
    .run = run,
};
