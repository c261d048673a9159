/* api_chart: what charts are drawn from. See api.h. */
#include "analyze/chart.h"
#include "analyze/function_name.h"
#include "analyze/heat.h"
#include "answer/chart_json.h"
#include "answer/heat_json.h"
#include "serve/api.h"

#define LINES     50 /* unless asked otherwise */
#define LINES_MAX 200
#define BARS      10
#define SLICES    60
#define COLUMNS   120

const struct tg_api_parameter tg_api_series_parameters[] = {
    {.name = "column", .kind = TG_API_CHOICE, .choices = tg_chart_column_names},
    {.name = "minimum", .kind = TG_API_AMOUNT},
    {.name = "function", .kind = TG_API_TEXT},
    {.name = "last", .kind = TG_API_NUMBER, .least = 1, .most = TG_CHART_POINTS},
    {.name = "points", .kind = TG_API_NUMBER, .least = 2, .most = TG_CHART_POINTS},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = LINES_MAX},
    {.name = NULL},
};

const struct tg_api_parameter tg_api_slices_parameters[] = {
    {.name = "column", .kind = TG_API_CHOICE, .choices = tg_chart_column_names},
    {.name = "width", .kind = TG_API_NUMBER, .least = 1, .most = INT32_MAX},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = LINES_MAX},
    {.name = NULL},
};

/* The part of the history that is asked for and there; where there is none, one iteration in which nothing is. */
static enum tg_status select_existing(struct tg_api_call *call, struct tg_store_selection *selection,
                                      struct tg_error *err) {
    enum tg_status status = tg_api_select(call, selection, err);
    if (status == TG_OK) {
        struct tg_period bounds = tg_scope_bounds(&call->scope, selection);
        bool any = bounds.first_iteration <= bounds.last_iteration;
        selection->first_iteration = any ? bounds.first_iteration : INT64_MAX / 4;
        selection->last_iteration = any ? bounds.last_iteration : INT64_MAX / 4;
    }
    return status;
}

static enum tg_status draw(struct tg_api_call *call, const char *schema, const struct tg_chart_question *question,
                           struct tg_error *err) {
    struct tg_chart chart;
    enum tg_status status = tg_chart_read(&chart, call->scope.store, question, err);
    if (status == TG_OK) {
        tg_chart_json_append(call->out, &call->scope, schema, &chart, question);
    }
    tg_chart_release(&chart);
    return status;
}

static enum tg_status draw_function(struct tg_api_call *call, struct tg_chart_question *question,
                                    struct tg_error *err) {
    struct tg_store_function function = {.name = NULL};
    enum tg_status status = tg_function_name_read(&function, &call->scope, tg_api_text(call, "function"), err);
    call->blamed = status == TG_ERROR_NOT_FOUND || status == TG_ERROR_INVALID ? "function" : NULL;
    if (status == TG_OK) {
        question->function = function.name;
        status = draw(call, "tachograph-series", question, err);
    }
    tg_function_name_release(&function);
    return status;
}

enum tg_status tg_api_series(struct tg_api_call *call, struct tg_error *err) {
    struct tg_chart_question question = {
        .column = (enum tg_chart_column)tg_api_choice(call, "column", tg_chart_column_names, TG_CHART_AVERAGE),
        .minimum = tg_api_amount(call, "minimum", -1),
        .limit = tg_api_number(call, "limit", LINES),
        .last = tg_api_number(call, "last", 0),
        .step = 1,
    };
    enum tg_status status = select_existing(call, &question.selection, err);
    if (status != TG_OK) {
        return status;
    }
    if (question.last && tg_api_text(call, "points")) {
        call->blamed = "points";
        return tg_error_set(err, TG_ERROR_INVALID,
                            "points cuts a period into so many, last takes them as they are: "
                            "leave out one of them");
    }
    if (!question.last) {
        question.step = tg_chart_step(question.selection.first_iteration, question.selection.last_iteration,
                                      tg_api_number(call, "points", TG_CHART_POINTS));
    }
    return tg_api_text(call, "function") ? draw_function(call, &question, err)
                                         : draw(call, "tachograph-series", &question, err);
}

enum tg_status tg_api_slices(struct tg_api_call *call, struct tg_error *err) {
    struct tg_chart_question question = {
        .column = (enum tg_chart_column)tg_api_choice(call, "column", tg_chart_column_names, TG_CHART_TOTAL),
        .minimum = -1,
        .limit = tg_api_number(call, "limit", BARS),
        .by_sum = true,
        .with_others = true,
    };
    enum tg_status status = select_existing(call, &question.selection, err);
    if (status != TG_OK) {
        return status;
    }
    if (question.column == TG_CHART_AVERAGE) {
        call->blamed = "column";
        return tg_error_set(err, TG_ERROR_INVALID, "column cannot be average: averages do not add up");
    }
    int64_t first = question.selection.first_iteration;
    int64_t last = question.selection.last_iteration;
    int64_t least = tg_chart_step(first, last, TG_CHART_POINTS);
    question.step = (int64_t)tg_api_number(call, "width", (uint64_t)tg_chart_step(first, last, SLICES));
    if (question.step < least) {
        call->blamed = "width";
        return tg_error_set(err, TG_ERROR_INVALID,
                            "width is too small: %d slices are the most; take a shorter period, or slices of %lld "
                            "iterations",
                            TG_CHART_POINTS, (long long)least);
    }
    return draw(call, "tachograph-slices", &question, err);
}

const struct tg_api_parameter tg_api_latency_parameters[] = {
    {.name = "function", .kind = TG_API_TEXT, .required = true},
    {.name = "points", .kind = TG_API_NUMBER, .least = 2, .most = TG_HEAT_COLUMNS},
    {.name = NULL},
};

enum tg_status tg_api_latency(struct tg_api_call *call, struct tg_error *err) {
    struct tg_store_selection selection;
    struct tg_store_function function = {.name = NULL};
    struct tg_heat heat = {.columns = NULL};
    enum tg_status status = select_existing(call, &selection, err);
    if (status == TG_OK) {
        status = tg_function_name_read(&function, &call->scope, tg_api_text(call, "function"), err);
        call->blamed = status == TG_ERROR_NOT_FOUND || status == TG_ERROR_INVALID ? "function" : NULL;
    }
    if (status == TG_OK) {
        status = tg_heat_read(&heat, call->scope.store, &selection, function.name,
                              tg_api_number(call, "points", COLUMNS), err);
    }
    if (status == TG_OK) {
        tg_heat_json_append(call->out, &call->scope, &selection, function.name, &heat);
    }
    tg_heat_release(&heat);
    tg_function_name_release(&function);
    return status;
}
