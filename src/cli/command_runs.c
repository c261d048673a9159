/* `tachograph runs`: the runs that a history has, for diff, rank and trend to look at. See commands.h. */
#include "analyze/run_list.h"
#include "analyze/run_name.h"
#include "answer/runs_json.h"
#include "base/humanize.h"
#include "cli/change.h"
#include "cli/commands.h"
#include "cli/fact.h"
#include "cli/history_command.h"
#include "cli/history_head.h"
#include "cli/history_period.h"
#include "cli/message.h"
#include "cli/table.h"

#define ROWS          10 /* of the text, unless told otherwise */
#define PROGRAM_LEAST 16
#define HOST_LEAST    8

struct settings {
    struct tg_history_options history;
    size_t limit;
};

static const struct tg_option options[] = {
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the last N runs; without it 10, and all as JSON",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph runs -n 20", "the last runs of this project, the newest first"},
    {"tachograph diff run:previous run:latest", "what the last one changed"},
    {"tachograph rank --run 3f2a91bc", "the functions of one of them"},
    {NULL, NULL},
};

static void add_row(struct tg_table *table, const struct tg_run_row *row) {
    const struct tg_store_run *run = row->run;
    const char *end = tg_run_list_end(run);
    struct tg_strbuf time = TG_STRBUF_INIT;
    tg_history_append_wall_time(&time, run->started_wall_ns);
    tg_table_add_bytes(table, run->id, TG_RUN_NAME_DIGITS);
    tg_table_add_bytes(table, tg_strbuf_text(&time), time.length);
    tg_table_add(table, tg_humanize_duration(run->ended_wall_ns - run->started_wall_ns).text);
    tg_table_add(table, end ? end : "-");
    tg_table_add(table, run->version[0] ? run->version : "-");
    tg_table_add(table, tg_humanize_count(row->call_count).text);
    tg_table_add(table, tg_change_level(row->self_ns).text);
    tg_table_add(table, tg_humanize_count((uint64_t)run->process_count).text);
    tg_table_add(table, run->host);
    tg_table_add(table, run->program);
    tg_strbuf_release(&time);
}

static void print_text(struct tg_history_question *question, const struct tg_run_list *list) {
    static const struct tg_table_column columns[] = {
        {.title = "run", .left = true},
        {.title = "started", .left = true, .drop = 2},
        {.title = "lasted"},
        {.title = "end", .left = true, .drop = 4},
        {.title = "version", .left = true, .drop = 1},
        {.title = "calls", .drop = 5},
        {.title = "total", .drop = 3},
        {.title = "processes", .drop = 6},
        {.title = "host", .left = true, .dim = true, .least = HOST_LEAST, .drop = 8},
        {.title = "program", .left = true, .dim = true, .least = PROGRAM_LEAST, .path = true, .drop = 7},
    };
    struct tg_table table;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < list->row_count; i++) {
        add_row(&table, &list->rows[i]);
    }
    tg_history_print_head(question);
    tg_strbuf_append_char(&question->out, '\n');
    tg_table_print(&table, &question->terminal, &question->out);
    tg_table_append_hidden(&table, &question->terminal, &hidden);
    size_t cut = list->runs.count - list->row_count;
    tg_strbuf_append(&question->out, hidden.length || cut ? "\n" : "");
    tg_fact_append_hidden(&question->out, &question->terminal, &hidden, TG_HISTORY_REMEDY);
    tg_history_print_cut(question, cut, "run");
    tg_strbuf_release(&hidden);
    tg_table_release(&table);
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_scope *scope = &question->history.scope;
    struct tg_store_selection selection;
    struct tg_run_list list = {.rows = NULL};
    size_t limit = settings->limit || settings->history.json ? settings->limit : ROWS;
    enum tg_status status = tg_history_select(question, &selection, err);
    if (status == TG_OK) {
        status = tg_run_list_read(&list, scope, &selection, limit, err);
    }
    if (status == TG_OK && settings->history.json) {
        tg_runs_json_append(&question->out, scope, &list);
    } else if (status == TG_OK && list.row_count == 0) {
        tg_history_print_head(question);
        tg_strbuf_append_char(&question->out, '\n');
        tg_history_print_nothing(question, &selection);
    } else if (status == TG_OK) {
        print_text(question, &list);
    }
    tg_run_list_release(&list);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.limit = 0};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error(
            "runs: there is nothing to name: '%s'; for the functions of one run 'tachograph rank --run %s'", words[0],
            words[0]);
        return TG_EXIT_USAGE;
    }
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_runs = {
    .name = "runs",
    .summary = "list the runs that a history has",
    .usage = usage,
    .description =
        "Lists the runs of a service, the newest first: when each began and how long it lasted, whether it ended by "
        "itself or was killed (-: it goes on, or nobody has said), and what its timed functions took, without what "
        "they called. The first column names a run for diff (run:3f2a91bc) and for --run of rank and trend; fewer "
        "digits will do where no other begins alike, and so will latest and previous.\n"
        "A run is what 'tachograph run' started, with all its processes; a process that began to keep a history by "
        "itself, with tachograph.start(), is one of its own.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 there is no history, or it cannot be read; 2 wrong usage",
    .run = run,
};
