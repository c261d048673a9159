/* store_codes: which codes functions have had, and when. See store.h. */
#include "store/store_state.h"

#include <stdlib.h>

#define COLUMNS 5

void tg_store_codes_release(struct tg_store_codes *codes) {
    if (codes) {
        free(codes->items);
        *codes = (struct tg_store_codes){.items = NULL};
    }
}

struct tg_store_codes tg_store_codes_of(const struct tg_store_codes *codes, int64_t function_id) {
    size_t first = 0;
    size_t end = codes->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (codes->items[middle].function_id < function_id) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    while (end < codes->count && codes->items[end].function_id == function_id) {
        end++;
    }
    return (struct tg_store_codes){.items = codes->items + first, .count = end - first};
}

bool tg_store_codes_are_alike(const struct tg_store_code *one, const struct tg_store_code *other) {
    return one->python == other->python || one->python == 0 || other->python == 0;
}

const struct tg_store_code *tg_store_code_before(const struct tg_store_codes *codes, const struct tg_store_code *code) {
    for (const struct tg_store_code *other = code; other > codes->items && other[-1].function_id == code->function_id;
         other--) {
        if (tg_store_codes_are_alike(&other[-1], code)) {
            return &other[-1];
        }
    }
    return NULL;
}

static enum tg_status add_code(struct tg_store_codes *codes, const struct tg_sql_value *values, struct tg_error *err) {
    struct tg_store_code *items = tg_store_grow(codes->items, codes->count, sizeof *items);
    if (!items) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the history");
    }
    codes->items = items;
    items[codes->count] = (struct tg_store_code){
        .function_id = tg_value_to_integer(&values[0]),
        .code_hash = (uint64_t)tg_value_to_integer(&values[1]),
        .line = (uint32_t)tg_value_to_figure(&values[2]),
        .first_iteration = tg_value_to_integer(&values[3]),
        .python = (uint32_t)tg_value_to_figure(&values[4]),
    };
    /* A row that says what the one before it says is none, as of a batch that came late (commit_codes.c). */
    const struct tg_store_code *before = tg_store_code_before(codes, &items[codes->count]);
    codes->count += !before || before->code_hash != items[codes->count].code_hash;
    return TG_OK;
}

enum tg_status tg_store_codes(struct tg_store *store, int64_t service_id, int64_t function_id,
                              struct tg_store_codes *codes, struct tg_error *err) {
    const enum tg_query query = function_id ? TG_QUERY_CODES_OF_FUNCTION : TG_QUERY_CODES;
    const struct tg_sql_value parameters[] = {tg_value_integer(service_id), tg_value_integer(function_id)};
    struct tg_sql_value values[COLUMNS];
    bool found = false;
    *codes = (struct tg_store_codes){.items = NULL};
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, query, parameters, function_id ? 2 : 1, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, query, values, COLUMNS, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = add_code(codes, values, err);
    }
    tg_store_reset(store, query);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_codes_release(codes);
    }
    return status;
}
