/* store_state: see store_state.h. */
#include "store/store_state.h"

#include "base/utf8.h"
#include "store/dialect.h"

#include <stdlib.h>
#include <string.h>

static enum tg_status prepare(struct tg_store *store, enum tg_query query, struct tg_error *err) {
    if (store->statements[query]) {
        return TG_OK;
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_dialect_expand(&text, store->driver->dialect, tg_query_texts[query]);
    enum tg_status status = tg_strbuf_status(&text);
    if (status == TG_OK) {
        status = store->driver->prepare(&store->statements[query], store->sql, tg_strbuf_text(&text), err);
    } else {
        status = tg_error_set(err, status, "not enough memory for the history");
    }
    tg_strbuf_release(&text);
    return status;
}

enum tg_status tg_store_run(struct tg_store *store, enum tg_query query, const struct tg_sql_value *parameters,
                            size_t count, struct tg_error *err) {
    enum tg_status status = prepare(store, query, err);
    return status == TG_OK ? store->driver->run(store->statements[query], parameters, count, err) : status;
}

enum tg_status tg_store_run_rows(struct tg_store *store, enum tg_query query, const struct tg_sql_value *parameters,
                                 size_t count, size_t rows, struct tg_error *err) {
    if (rows == 0) {
        return TG_OK;
    }
    enum tg_status status = prepare(store, query, err);
    return status == TG_OK ? store->driver->run_rows(store->statements[query], parameters, count, rows, err) : status;
}

enum tg_status tg_store_fetch(struct tg_store *store, enum tg_query query, struct tg_sql_value *values, size_t count,
                              bool *found, struct tg_error *err) {
    return store->driver->fetch(store->statements[query], values, count, found, err);
}

void tg_store_reset(struct tg_store *store, enum tg_query query) {
    if (store->statements[query]) {
        store->driver->reset(store->statements[query]);
    }
}

enum tg_status tg_store_begin_reading(struct tg_store *store, struct tg_error *err) {
    return store->driver->begin_reading(store->sql, err);
}

enum tg_status tg_store_end_reading(struct tg_store *store, enum tg_status status, struct tg_error *err) {
    if (status == TG_OK) {
        status = store->driver->commit(store->sql, err);
    }
    if (status != TG_OK) {
        store->driver->rollback(store->sql);
    }
    return status;
}

int64_t tg_value_to_integer(const struct tg_sql_value *value) {
    if (value->kind == TG_SQL_REAL) {
        return value->real >= -9.2e18 && value->real <= 9.2e18 ? (int64_t)value->real : 0;
    }
    return value->kind == TG_SQL_INTEGER ? value->integer : 0;
}

uint64_t tg_value_to_figure(const struct tg_sql_value *value) {
    int64_t integer = tg_value_to_integer(value);
    return integer > 0 ? (uint64_t)integer : 0;
}

uint64_t tg_value_to_minimum(const struct tg_sql_value *value) {
    uint64_t figure = tg_value_to_figure(value);
    return figure < TG_STORE_FIGURE_MAX ? figure : UINT64_MAX;
}

double tg_value_to_real(const struct tg_sql_value *value) {
    return value->kind == TG_SQL_REAL ? value->real : (double)tg_value_to_integer(value);
}

struct tg_bytes tg_value_to_bytes(const struct tg_sql_value *value) {
    if (value->kind != TG_SQL_TEXT && value->kind != TG_SQL_BLOB) {
        return (struct tg_bytes){.data = "", .length = 0};
    }
    return (struct tg_bytes){.data = value->bytes ? value->bytes : "", .length = value->length};
}

char *tg_value_to_text(const struct tg_sql_value *value) {
    struct tg_bytes bytes = tg_value_to_bytes(value);
    return strndup(bytes.data, bytes.length);
}

void tg_store_put_range(struct tg_sql_value *parameters, const struct tg_store_selection *selection) {
    parameters[0] = tg_value_integer(selection->service_id);
    parameters[1] = tg_value_integer(selection->first_iteration);
    parameters[2] = tg_value_integer(selection->last_iteration);
}

bool tg_store_is_chosen(const struct tg_store_selection *selection) {
    return selection->version || selection->run[0];
}

static bool read_digit(char c, uint8_t *value) {
    static const char digits[] = "0123456789abcdef";
    const char *place = c ? strchr(digits, c) : NULL;
    *value = place ? (uint8_t)(place - digits) : 0;
    return place != NULL;
}

static bool read_uuid(const char text[TG_RUN_ID_SIZE], uint8_t uuid[16]) {
    uint8_t digit = 0;
    for (size_t i = 0; i < TG_RUN_ID_SIZE - 1; i++) {
        if (!read_digit(text[i], &digit)) {
            return false;
        }
        uuid[i / 2] = (uint8_t)(i % 2 ? uuid[i / 2] << 4U | digit : digit);
    }
    return text[TG_RUN_ID_SIZE - 1] == '\0';
}

enum tg_status tg_store_put_chosen(struct tg_sql_value *parameters, const struct tg_store_selection *selection,
                                   uint8_t run_uuid[16], struct tg_error *err) {
    const char *version = selection->version ? selection->version : "";
    memset(run_uuid, 0, 16);
    if (selection->run[0] && !read_uuid(selection->run, run_uuid)) {
        return tg_error_set(err, TG_ERROR_INVALID, "\"%s\" is no run: its id has 32 hexadecimal digits",
                            selection->run);
    }
    parameters[0] = tg_value_integer(selection->version != NULL);
    parameters[1] = tg_value_text((struct tg_bytes){.data = version, .length = strlen(version)});
    parameters[2] = tg_value_integer(selection->run[0] != 0);
    parameters[3] = tg_value_blob(run_uuid, 16);
    parameters[4] = parameters[3];
    return TG_OK;
}

/* How many of the first bytes can stay as they are. */
static size_t clean_prefix(struct tg_bytes text) {
    size_t at = 0;
    uint32_t character = 0;
    while (at < text.length) {
        size_t taken = tg_utf8_decode(text.data + at, text.length - at, &character);
        if (taken == 0 || character == 0) {
            break;
        }
        at += taken;
    }
    return at;
}

struct tg_bytes tg_store_clean_text(struct tg_bytes text, size_t limit, struct tg_strbuf *out) {
    size_t clean = clean_prefix(text);
    if (clean == text.length && text.length <= limit) {
        return (struct tg_bytes){.data = text.data ? text.data : "", .length = text.length};
    }
    tg_strbuf_truncate(out, 0);
    while (text.length > 0 && out->length < limit && tg_strbuf_status(out) == TG_OK) {
        tg_strbuf_append_bytes(out, text.data, clean);
        text.data += clean;
        text.length -= clean;
        if (text.length > 0) {
            tg_strbuf_append(out, "\xef\xbf\xbd"); /* U+FFFD */
            text.data++;
            text.length--;
        }
        clean = clean_prefix(text);
    }
    return (struct tg_bytes){.data = tg_strbuf_text(out),
                             .length = tg_utf8_cut(tg_strbuf_text(out), out->length, limit)};
}

struct tg_figures_row tg_store_row_of(const struct tg_sql_value *values, bool with_histogram) {
    return (struct tg_figures_row){
        .iteration = tg_value_to_integer(&values[0]),
        .function_id = tg_value_to_integer(&values[1]),
        .call_count = tg_value_to_figure(&values[2]),
        .error_count = tg_value_to_figure(&values[3]),
        .total_ns = tg_value_to_figure(&values[4]),
        .cumulative_ns = tg_value_to_figure(&values[5]),
        .self_ns = tg_value_to_figure(&values[6]),
        .active_ns = tg_value_to_figure(&values[7]),
        .minimum_ns = tg_value_to_minimum(&values[8]),
        .maximum_ns = tg_value_to_figure(&values[9]),
        .histogram = with_histogram ? tg_value_to_bytes(&values[TG_ROW_COLUMNS]) : (struct tg_bytes){.data = NULL},
    };
}

struct tg_store_function tg_store_sums_of(const struct tg_sql_value *values) {
    return (struct tg_store_function){
        .id = tg_value_to_integer(&values[0]),
        .sums = {.iteration_count = tg_value_to_integer(&values[1]),
                 .first_iteration = tg_value_to_integer(&values[2]),
                 .last_iteration = tg_value_to_integer(&values[3]),
                 .origin_x = tg_value_to_real(&values[4]),
                 .origin_y = tg_value_to_real(&values[5]),
                 .sum_x = tg_value_to_real(&values[6]),
                 .sum_y = tg_value_to_real(&values[7]),
                 .sum_xx = tg_value_to_real(&values[8]),
                 .sum_xy = tg_value_to_real(&values[9]),
                 .sum_yy = tg_value_to_real(&values[10])},
        .call_count = tg_value_to_figure(&values[11]),
        .error_count = tg_value_to_figure(&values[12]),
        .total_ns = tg_value_to_figure(&values[13]),
        .cumulative_ns = tg_value_to_figure(&values[14]),
        .self_ns = tg_value_to_figure(&values[15]),
        .active_ns = tg_value_to_figure(&values[16]),
        .minimum_ns = tg_value_to_minimum(&values[17]),
        .maximum_ns = tg_value_to_figure(&values[18]),
    };
}

int64_t tg_store_slot_of(int64_t wall_ns, int64_t base_interval_ns) {
    int64_t slot = wall_ns / base_interval_ns;
    return wall_ns % base_interval_ns < 0 ? slot - 1 : slot;
}

void *tg_store_grow(void *items, size_t count, size_t item_bytes) {
    /* At the powers of two. */
    if (count > 0 && (count & (count - 1)) != 0) {
        return items;
    }
    return realloc(items, (count ? count * 2 : 1) * item_bytes);
}
