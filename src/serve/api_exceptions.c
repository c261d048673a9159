/* api_exceptions: what failed, and with which arguments. See api.h. */
#include "analyze/chart.h"
#include "analyze/exception_list.h"
#include "answer/exceptions_json.h"
#include "serve/api.h"

#define ROWS        50 /* unless asked otherwise */
#define ROWS_MAX    200
#define SAMPLES     10
#define SAMPLES_MAX 100
#define POINTS      100

const struct tg_api_parameter tg_api_exceptions_parameters[] = {
    {.name = "function", .kind = TG_API_TEXT},
    {.name = "filter", .kind = TG_API_TEXT},
    {.name = "sort", .kind = TG_API_CHOICE, .choices = tg_exception_sort_names},
    {.name = "points", .kind = TG_API_NUMBER, .least = 2, .most = TG_CHART_POINTS},
    {.name = "offset", .kind = TG_API_NUMBER, .least = 0, .most = INT32_MAX},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = ROWS_MAX},
    {.name = NULL},
};

enum tg_status tg_api_exceptions(struct tg_api_call *call, struct tg_error *err) {
    struct tg_exception_question question = {
        .function = tg_api_text(call, "function"),
        .filter = tg_api_text(call, "filter"),
        .sort = (enum tg_exception_sort)tg_api_choice(call, "sort", tg_exception_sort_names, TG_EXCEPTION_SORT_COUNT),
        .points = tg_api_number(call, "points", POINTS),
        .offset = tg_api_number(call, "offset", 0),
        .limit = tg_api_number(call, "limit", ROWS),
        .sample_limit = 1,
    };
    struct tg_exception_list list = {.rows = NULL};
    enum tg_status status = tg_api_select(call, &question.selection, err);
    if (status == TG_OK) {
        status = tg_exception_list_read(&list, &call->scope, &question, err);
    }
    if (status == TG_OK) {
        tg_exceptions_json_append(call->out, &call->scope, &question.selection, &list);
    }
    tg_exception_list_release(&list);
    return status;
}

const struct tg_api_parameter tg_api_exception_parameters[] = {
    {.name = "id", .kind = TG_API_NUMBER, .required = true, .least = 1, .most = INT64_MAX},
    {.name = "points", .kind = TG_API_NUMBER, .least = 2, .most = TG_CHART_POINTS},
    {.name = "offset", .kind = TG_API_NUMBER, .least = 0, .most = INT32_MAX},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = SAMPLES_MAX},
    {.name = NULL},
};

enum tg_status tg_api_exception(struct tg_api_call *call, struct tg_error *err) {
    struct tg_exception_question question = {
        .id = (int64_t)tg_api_number(call, "id", 0),
        .points = tg_api_number(call, "points", POINTS),
        .sample_offset = tg_api_number(call, "offset", 0),
        .sample_limit = tg_api_number(call, "limit", SAMPLES),
    };
    struct tg_exception_list list = {.rows = NULL};
    enum tg_status status = tg_api_select(call, &question.selection, err);
    if (status == TG_OK) {
        status = tg_exception_list_read_one(&list, &call->scope, &question, err);
        call->blamed = status == TG_ERROR_NOT_FOUND ? "id" : NULL;
    }
    if (status == TG_OK) {
        tg_exceptions_json_append_one(call->out, &call->scope, &question.selection, &list);
    }
    tg_exception_list_release(&list);
    return status;
}
