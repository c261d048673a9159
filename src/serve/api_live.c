/* api_live: what processes do now. See api.h. */
#include "serve/api.h"

#define ROWS     100 /* unless asked otherwise */
#define ROWS_MAX 1000

const struct tg_api_parameter tg_api_processes_parameters[] = {
    {.name = "by", .kind = TG_API_CHOICE, .choices = tg_live_group_names},
    {.name = "sort", .kind = TG_API_CHOICE, .choices = tg_live_sort_names},
    {.name = "filter", .kind = TG_API_TEXT},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = ROWS_MAX},
    {.name = NULL},
};

enum tg_status tg_api_processes(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_live_query query = {
        .group = (enum tg_live_group)tg_api_choice(call, "by", tg_live_group_names, TG_LIVE_PROCESSES),
        .sort = (enum tg_live_sort)tg_api_choice(call, "sort", tg_live_sort_names, TG_LIVE_SORT_SELF),
        .filter = tg_api_text(call, "filter"),
    };
    return tg_live_source_append_json(call->live, call->out, &query, tg_api_number(call, "limit", ROWS), err);
}
