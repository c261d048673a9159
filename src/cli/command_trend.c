/* `tachograph trend`: which functions get slower, and how fast. See commands.h. */
#include "analyze/rank.h"
#include "cli/commands.h"
#include "cli/function_name.h"
#include "cli/history_command.h"
#include "cli/history_period.h"
#include "cli/message.h"
#include "cli/percent.h"
#include "cli/trend_view.h"

#include <stdlib.h>

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

/* The function that is meant, of all that were ever called. */
static enum tg_status find_function(struct tg_history_question *question, const char *wanted,
                                    struct tg_store_functions *functions, const struct tg_store_function **found,
                                    struct tg_error *err) {
    const struct tg_store_selection everything = {
        .service_id = question->history.service->id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
    };
    enum tg_status status = tg_store_functions(question->history.store, &everything, NULL, false, functions, err);
    return status == TG_OK ? tg_function_name_find(functions, wanted, found, err) : status;
}

static uint64_t count_calls(const struct tg_store_series *series) {
    uint64_t count = 0;
    for (size_t i = 0; i < series->count; i++) {
        count += series->items[i].call_count;
    }
    return count;
}

static enum tg_status answer_one(struct tg_history_question *question, const struct settings *settings,
                                 const struct tg_rank_evidence *evidence, struct tg_error *err) {
    struct tg_trend_one one = {.evidence = evidence, .limit = limit_of(settings)};
    struct tg_store_functions functions = {.items = NULL};
    enum tg_status status = tg_history_select(&question->history, question->options, &one.selection, err);
    if (status == TG_OK) {
        status = find_function(question, settings->function, &functions, &one.function, err);
    }
    if (status == TG_OK) {
        status = tg_store_series(question->history.store, &one.selection, one.function->name, 0, &one.series, err);
    }
    if (status == TG_OK) {
        status = tg_trend_of_points(&one.row.trend, one.series.items, one.series.count, err);
    }
    if (status == TG_OK) {
        struct tg_store_function selected = *one.function; /* its calls in the selection, not in all of the history */
        selected.call_count = count_calls(&one.series);
        one.row.function = &selected;
        tg_rank_trends(&one.row, 1, evidence);
        tg_trend_one_print(question, &one);
    }
    tg_store_series_release(&one.series);
    tg_store_functions_release(&functions);
    return status;
}

/* The points of what looks evident by its sums, because outliers may do that, too. */
static enum tg_status look_closer(struct tg_history_question *question, struct tg_trend_all *all,
                                  struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < all->functions.count && status == TG_OK && all->rows[i].evident; i++) {
        struct tg_rank_trend *row = &all->rows[i];
        struct tg_store_series *series = &all->series[row->function - all->functions.items];
        status = tg_store_series(question->history.store, &all->selection, row->function->name, 0, series, err);
        if (status == TG_OK) {
            status = tg_trend_of_points(&row->trend, series->items, series->count, err);
        }
    }
    if (status == TG_OK) {
        tg_rank_trends(all->rows, all->functions.count, all->evidence);
    }
    return status;
}

static enum tg_status rank_all(struct tg_history_question *question, struct tg_trend_all *all, struct tg_error *err) {
    size_t count = all->functions.count;
    all->rows = calloc(count + 1, sizeof *all->rows);
    all->series = calloc(count + 1, sizeof *all->series);
    if (!all->rows || !all->series) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the trends of %zu functions", count);
    }
    for (size_t i = 0; i < count; i++) {
        all->rows[i].function = &all->functions.items[i];
        tg_trend_of_sums(&all->rows[i].trend, &all->functions.items[i].sums);
    }
    tg_rank_trends(all->rows, count, all->evidence);
    return look_closer(question, all, err);
}

static enum tg_status answer_all(struct tg_history_question *question, const struct settings *settings,
                                 const struct tg_rank_evidence *evidence, struct tg_error *err) {
    struct tg_trend_all all = {.evidence = evidence, .limit = limit_of(settings)};
    enum tg_status status = tg_history_select(&question->history, question->options, &all.selection, err);
    if (status == TG_OK) {
        status = tg_store_functions(question->history.store, &all.selection, NULL, false, &all.functions, err);
    }
    if (status == TG_OK) {
        status = rank_all(question, &all, err);
    }
    if (status == TG_OK) {
        tg_trend_all_print(question, &all);
    }
    for (size_t i = 0; all.series && i < all.functions.count; i++) {
        tg_store_series_release(&all.series[i]);
    }
    free(all.series);
    free(all.rows);
    tg_store_functions_release(&all.functions);
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
        "A trend stands out from noise when the function was called 10 times or more, the line changes by 100 ns and "
        "5 % at least, a line that outliers do not bend (Theil-Sen) goes the same way, and chance gives such a slope "
        "in less than 5 % of cases; with --all, of the trends shown less than 5 % are chance.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done, with a trend or without; 1 there is no history or no such function, or it cannot be read; "
                  "2 wrong usage",
    .run = run,
};
