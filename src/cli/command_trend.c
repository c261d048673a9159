/* `tachograph trend`: which functions get slower, and how fast. See commands.h. */
#include "analyze/rank.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/percent.h"
#include "cli/trend_view.h"

#include <string.h>

#define ROWS 10 /* of the text, unless told otherwise */

struct settings {
    struct tg_history_options history;
    const char *function;
    const char *minimum;
    size_t limit;
    bool all;
};

static const struct tg_option options[] = {
    {.name = "all",
     .kind = TG_OPTION_FLAG,
     .help = "all functions with a trend, by how much they changed",
     .offset = offsetof(struct settings, all)},
    {.name = "minimum",
     .kind = TG_OPTION_TEXT,
     .value = "PERCENT",
     .help = "less change than this is no trend; without it 5%",
     .offset = offsetof(struct settings, minimum),
     .check = tg_percent_check},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "show the last N iterations, or with --all the first N functions; without it 10, and all as JSON",
     .offset = offsetof(struct settings, limit)},
    TG_HISTORY_OPTIONS(struct settings),
    TG_HISTORY_VERSION_OPTION(struct settings),
    TG_HISTORY_RUN_OPTION(struct settings),
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... FUNCTION", "[OPTION]... --all", NULL};

static const struct tg_example examples[] = {
    {"tachograph trend --all", "what gets slower, and what faster"},
    {"tachograph trend Orders.search", "its last ten iterations, and whether it gets slower"},
    {"tachograph trend shop.orders::Orders.search --since -1d --json", "the points of a day, as JSON"},
    {NULL, NULL},
};

static size_t limit_of(const struct settings *settings) {
    return settings->limit || settings->history.json ? settings->limit : ROWS;
}

/* Of the whole selection, as the verdict is, however few of its iterations are shown. */
static enum tg_status read_events(struct tg_history_question *question, struct tg_trend_one_view *view,
                                  struct tg_error *err) {
    if (view->one.series.count == 0 || question->options->json) {
        return TG_OK;
    }
    return tg_store_events(question->history.scope.store, &view->selection, &view->events, err);
}

static enum tg_status answer_one(struct tg_history_question *question, const struct settings *settings,
                                 const struct tg_rank_evidence *evidence, struct tg_error *err) {
    struct tg_trend_one_view view = {.evidence = evidence, .limit = limit_of(settings)};
    enum tg_status status = tg_history_select(question, &view.selection, err);
    if (status == TG_OK) {
        status = tg_trend_one_read(&view.one, &question->history.scope, &view.selection, settings->function, 0,
                                   evidence, err);
    }
    if (status == TG_OK) {
        status = read_events(question, &view, err);
    }
    if (status == TG_OK) {
        tg_trend_one_print(question, &view);
    }
    tg_store_events_release(&view.events);
    tg_trend_one_release(&view.one);
    return status;
}

static enum tg_status answer_all(struct tg_history_question *question, const struct settings *settings,
                                 const struct tg_rank_evidence *evidence, struct tg_error *err) {
    struct tg_trend_all_view view = {.evidence = evidence, .limit = limit_of(settings)};
    enum tg_status status = tg_history_select(question, &view.selection, err);
    if (status == TG_OK) {
        status = tg_trends_read(&view.trends, &question->history.scope, &view.selection, evidence, err);
    }
    if (status == TG_OK) {
        tg_trend_all_print(question, &view);
    }
    tg_trends_release(&view.trends);
    return status;
}

static enum tg_status answer(struct tg_history_question *question, const void *given, struct tg_error *err) {
    const struct settings *settings = given;
    struct tg_rank_evidence evidence = tg_rank_evidence_default;
    enum tg_status status = TG_OK;
    if (settings->minimum) {
        status = tg_percent_parse(settings->minimum, &evidence.minimum_relative_change, err);
    }
    if (status != TG_OK) {
        return status;
    }
    return settings->all ? answer_all(question, settings, &evidence, err)
                         : answer_one(question, settings, &evidence, err);
}

static int refuse_words(char **words, bool all) {
    if (!words[0]) {
        tg_message_error("trend: name a function, or --all for all with a trend; see 'tachograph trend --help'");
    } else if (all) {
        tg_message_error("trend: --all means all functions: leave out '%s', or --all", words[0]);
    } else {
        tg_message_error("trend: one function at a time: '%s' is one too many", words[1]);
    }
    return TG_EXIT_USAGE;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.all = false};
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (settings.all ? words[0] != NULL : !words[0] || words[1]) {
        return refuse_words(words, settings.all);
    }
    if (words[0] && strpbrk(words[0], "*?")) {
        tg_message_error("trend: '%s' is a pattern, and a trend is of one function: --all shows all that have one, "
                         "'tachograph rank' lists their names",
                         words[0]);
        return TG_EXIT_USAGE;
    }
    settings.function = words[0];
    return tg_history_command_run(command, &settings.history, answer, &settings);
}

const struct tg_command tg_command_trend = {
    .name = "trend",
    .summary = "show whether functions get slower",
    .usage = usage,
    .description =
        "Fits a straight line through a function's average time in each iteration (one interval of the history), and "
        "says whether it rises or falls by more than noise. FUNCTION is a name as rank shows it, or an end of one that "
        "is no other's: Orders.search for shop.orders::Orders.search.\n"
        "From and to are averages as they were measured, of the first and of the last quarter of the iterations, and "
        "the change is that between them; the slope is the line's.\n"
        "A trend stands out from noise when the function was called 10 times or more, these averages differ by 100 ns "
        "and 5 % at least, a line that outliers do not bend (Theil-Sen) goes the same way, and chance gives such a "
        "slope in less than 5 % of cases; with --all, of the trends shown less than 5 % are chance.\n"
        "Where the version changed, or the function's code, the averages before and after may say more than a line "
        "(Schwarz's criterion): then the step is shown, and with what it came. A trend within a version that steps "
        "between versions hide "
        "is found with --version.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done, with a trend or without; 1 there is no history or no such function, or it cannot be read; "
                  "2 wrong usage",
    .run = run,
};
