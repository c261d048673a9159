/* `tachograph diff`: what two parts of a history spent, and what made the difference. See commands.h. */
#include "cli/commands.h"
#include "cli/diff_view.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/percent.h"

#define ROWS 10 /* of the text, unless told otherwise */

struct settings {
    struct tg_history_options history;
    const char *a;
    const char *b;
    const char *fail_over;
    size_t limit;
    int per; /* enum tg_diff_unit */
};

static const struct tg_option options[] = {
    {.name = "fail-over",
     .kind = TG_OPTION_TEXT,
     .value = "PERCENT",
     .help = "end with exit code 3 when the average of a function got slower by more than this; of functions with at "
             "least 1 % of the time and 10 calls on both sides",
     .offset = offsetof(struct settings, fail_over),
     .check = tg_percent_check},
    {.name = "per",
     .kind = TG_OPTION_CHOICE,
     .value = "UNIT",
     .help =
         "compare the mean run of each side, or the mean iteration; without it runs where both sides have runs that "
         "ended by themselves, else iterations",
     .offset = offsetof(struct settings, per),
     .choices = tg_diff_unit_names},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the first N functions; without it 10, and all as JSON",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... A B", NULL};

static const struct tg_example examples[] = {
    {"tachograph diff version:1.4.1 version:1.4.2", "what a new version made slower or faster"},
    {"tachograph diff run:previous run:latest", "the last run against the one before"},
    {"tachograph diff -2h..-1h -1h..now", "the last hour against the one before"},
    {"tachograph diff --fail-over 20% version:1 version:2", "to stop a release: exit code 3"},
    {NULL, NULL},
};

static enum tg_status judge(struct tg_diff_view *view, const char *limit, struct tg_error *err) {
    if (!limit) {
        return TG_OK;
    }
    const struct tg_compare_row *worst = view->diff.worst;
    view->has_limit = true;
    enum tg_status status = tg_percent_parse(limit, &view->verdict.limit_ratio, err);
    view->verdict.failed = worst && worst->average_ratio > 1 + view->verdict.limit_ratio;
    view->verdict.function = view->verdict.failed ? worst->name : NULL;
    return status;
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    const struct tg_scope_words within = tg_history_words(question->options);
    struct tg_diff_view view = {.was_chosen = settings->per != TG_DIFF_ANY,
                                .limit = settings->limit || settings->history.json ? settings->limit : ROWS};
    enum tg_status status =
        tg_diff_read(&view.diff, &question->history.scope, (const struct tg_scope_words[]){within, within},
                     (const char *const[]){settings->a, settings->b}, (enum tg_diff_unit)settings->per, err);
    if (status == TG_OK) {
        status = judge(&view, settings->fail_over, err);
    }
    if (status == TG_OK) {
        if (settings->history.json) {
            tg_diff_json_append(&question->out, &question->history.scope, &view.diff, 0, view.limit,
                                view.has_limit ? &view.verdict : NULL);
        } else {
            tg_diff_print_text(question, &view);
        }
        question->exit_code = view.verdict.failed ? TG_EXIT_SLOWER : TG_EXIT_OK;
    }
    tg_diff_release(&view.diff);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.per = TG_DIFF_ANY};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (!words[0] || !words[1] || words[2]) {
        tg_message_error("diff: name two parts of the history, such as version:1 version:2; see 'tachograph diff "
                         "--help'");
        return TG_EXIT_USAGE;
    }
    settings.a = words[0];
    settings.b = words[1];
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_diff = {
    .name = "diff",
    .summary = "compare two versions, runs or periods of a history",
    .usage = usage,
    .description =
        "Compares what the functions of a service spent in A and in B. Each of them is version:1.4.2, run:ID (of "
        "tachograph runs), run:latest, run:previous, iteration:10..20, or a range of moments such as -2h..-1h or "
        "2026-11-20..2026-11-21.\n"
        "The change is self B less self A: how much more time B spends in a function itself, without the timed "
        "functions called from there, so that all changes add up. By calls and by average add up to it: because it is "
        "called more often, and because a call takes longer. Averages are of whole calls. The largest change comes "
        "first. Where iterations are compared, functions called less than 10 times on both sides come last: the time "
        "of a main is how long the program was left running.\n"
        "A and B are rarely as long, so calls, self times and changes are means. Where both have runs that ended by "
        "themselves, as batch jobs do, they are those of a run. Of a service, which goes on, they are those of an "
        "iteration (one interval of the history). The line figures says which; --per chooses.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 there is no history, or nothing of A or B in it, or it cannot be read; 2 wrong usage; "
                  "3 a function got slower by more than --fail-over allows",
    .run = run,
};
