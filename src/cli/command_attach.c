/* `tachograph attach`: begins to sample and time a process that runs, from within. See commands.h. */
#include "base/json.h"
#include "base/json_member.h"
#include "cli/attach.h"
#include "cli/borrowed_user.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/pattern_option.h"
#include "cli/process_id.h"
#include "sample/task.h"
#include "settings/setting.h"
#include "store/store.h"
#include "store/store_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLE_HZ   100
#define PATIENCE_NS INT64_C(10000000000)

struct settings {
    const char *pid;
    const char *sample_hz;
    const char *store;
    const char *service;
    struct tg_text_list time;
    struct tg_text_list exclude;
};

static const struct tg_option options[] = {
    TG_PROCESS_ID_OPTION(struct settings, "of this process"),
    {.name = "sample-hz",
     .kind = TG_OPTION_TEXT,
     .value = "HZ",
     .help = "look at the stacks of all threads so often in a second (100); 0: never",
     .offset = offsetof(struct settings, sample_hz),
     .check = tg_setting_check_hz},
    {.name = "time",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .help = "time the functions that PATTERN matches, those that run after this one call; may be repeated",
     .offset = offsetof(struct settings, time),
     .check = tg_pattern_validate},
    TG_EXCLUDE_OPTION(struct settings),
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "STORE",
     .help = "keep the history there: a path, 'sqlite:///PATH' or 'mysql://USER@HOST/DATABASE', or 'none'; without it "
             "where the program's own start() would",
     .offset = offsetof(struct settings, store),
     .check = tg_setting_check_store},
    {.name = "service",
     .kind = TG_OPTION_TEXT,
     .value = "NAME",
     .help = "whose history it is; without it the name of the program's project, or of its script",
     .offset = offsetof(struct settings, service)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... -p PID", NULL};

static const struct tg_example examples[] = {
    {"tachograph attach -p 4711", "it samples itself from now on; 'tachograph pause -p 4711' holds that"},
    {"tachograph attach -p 4711 --time 'shop.*' --store shop.db", "with exact times of a package"},
    {NULL, NULL},
};

static void put_patterns(struct tg_json *json, const char *name, const struct tg_text_list *patterns) {
    tg_json_key(json, name);
    tg_json_begin_array(json);
    for (size_t i = 0; i < patterns->count; i++) {
        tg_json_string(json, patterns->items[i]);
    }
    tg_json_end_array(json);
}

/* A path is of the directory that it was typed in, wherever the process is. */
static enum tg_status append_store(struct tg_strbuf *out, const char *store, struct tg_error *err) {
    if (!store || strcmp(store, TG_NO_STORE) == 0) {
        tg_strbuf_append(out, store ? store : "");
        return TG_OK;
    }
    return tg_store_url_anchor(out, store, err);
}

static void append_order(struct tg_strbuf *out, const struct settings *settings, const char *store, double hz,
                         pid_t pid) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "sample_hz");
    tg_json_double(&json, hz);
    put_patterns(&json, "time", &settings->time);
    put_patterns(&json, "exclude", &settings->exclude);
    if (store[0]) {
        tg_json_member_text(&json, "store", store);
    }
    if (settings->service) {
        tg_json_member_text(&json, "service", settings->service);
    }
    tg_attach_put_packages(&json, pid);
    tg_json_end_object(&json);
}

/* Splits the lines. */
static void warn(char *lines) {
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        tg_message_warning("attach: %s", line);
    }
}

/* What was begun, and what to do with it. */
static void say(const struct settings *settings, double hz, pid_t pid, struct tg_attached *attached) {
    struct tg_strbuf what = TG_STRBUF_INIT;
    tg_command_line_append(&what, pid);
    printf("process %ld%s", (long)pid, tg_strbuf_text(&what));
    if (hz > 0) {
        printf(" samples itself %g times a second", hz);
    }
    if (settings->time.count) {
        printf("%s times its functions%s", hz > 0 ? " and" : "",
               attached->unmatched[0] ? " that match, also in modules that it imports later" : "");
    }
    bool has_history = !settings->store || strcmp(settings->store, TG_NO_STORE) != 0;
    printf("%s\n", has_history ? "; the history has it with each interval" : "");
    if (settings->time.count) {
        printf("live: tachograph top -p %ld\n", (long)pid);
    }
    tg_strbuf_release(&what);
    warn(attached->unmatched);
}

static double hz_of(const struct settings *settings) {
    return settings->sample_hz ? strtod(settings->sample_hz, NULL) : SAMPLE_HZ;
}

/* A history that cannot be kept is refused here, where somebody sees it; the process would say so in its log alone. */
static enum tg_status check_store(const char *store, pid_t pid, struct tg_error *err) {
    struct tg_borrowed_user self;
    if (!store[0] || strcmp(store, TG_NO_STORE) == 0 || !tg_task_shares_files(pid)) {
        return TG_OK;
    }
    enum tg_status status = tg_borrow_user(&self, pid, err);
    if (status == TG_OK) {
        status = tg_store_check_place(store, err);
        tg_return_user(&self);
    }
    return status;
}

/* `*caught`: the signal that came while the process was waited for; 0: none. */
static enum tg_status attach(const struct settings *settings, int *caught, struct tg_error *err) {
    struct tg_strbuf order = TG_STRBUF_INIT;
    struct tg_strbuf store = TG_STRBUF_INIT;
    pid_t pid = tg_process_id_of(settings->pid);
    double hz = hz_of(settings);
    struct tg_attached attached = {.caught = 0};
    enum tg_status status = append_store(&store, settings->store, err);
    if (status == TG_OK) {
        status = check_store(tg_strbuf_text(&store), pid, err);
    }
    if (status == TG_OK) {
        append_order(&order, settings, tg_strbuf_text(&store), hz, pid);
        status = tg_strbuf_status(&order);
        status = status == TG_OK ? tg_attach(pid, tg_strbuf_text(&order), PATIENCE_NS, &attached, err)
                                 : tg_error_set(err, status, "not enough memory");
    }
    tg_strbuf_release(&store);
    tg_strbuf_release(&order);
    if (status == TG_OK) {
        say(settings, hz, pid, &attached);
    }
    *caught = attached.caught;
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.pid = NULL};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK, caught = 0;
    if (tg_commands_parse(command, words, &settings, &exit_code)) {
        words = tg_process_id_take(&settings.pid, words);
        if (settings.pid && words[0]) {
            tg_message_error("attach: unexpected '%s'; one process at a time, and it is named already", words[0]);
            exit_code = TG_EXIT_USAGE;
        } else if (!settings.pid) {
            tg_message_error("attach: say which process, as in 'tachograph attach -p 4711'");
            exit_code = TG_EXIT_USAGE;
        } else if (hz_of(&settings) <= 0 && settings.time.count == 0) {
            tg_message_error("attach: with --sample-hz 0 and without --time there is nothing to do");
            exit_code = TG_EXIT_USAGE;
        } else if (attach(&settings, &caught, &err) != TG_OK) {
            tg_message_error("attach: %s", err.message);
            exit_code = caught ? 128 + caught : TG_EXIT_FAILED;
        }
    }
    tg_text_list_release(&settings.time);
    tg_text_list_release(&settings.exclude);
    return exit_code;
}

const struct tg_command tg_command_attach = {
    .name = "attach",
    .summary = "load tachograph into a process that runs: it samples and times itself from then on",
    .usage = usage,
    .description =
        "For processes of CPython 3.14 and later, which can be asked to run a script (sys.remote_exec); yours, or with "
        "root's rights anybody's. It begins when the process runs Python code; where it does not within ten seconds, "
        "or Ctrl-C comes before, the order is taken back. A Python without tachograph is lent this program's own "
        "package, where it fits and can be read by the process.\n"
        "Nothing has to be loaded for 'tachograph record', 'top' and 'dump', which look at a process from outside.",
    .options = options,
    .examples = examples,
    .exit_codes =
        "0 it has begun; 1 the process cannot be asked, or has not answered; 2 wrong usage; 128 and its number when a "
        "signal came before, as 130 with Ctrl-C",
    .run = run,
};
