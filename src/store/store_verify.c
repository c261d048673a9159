/*
 * store_verify: whether a history is whole. See store.h.
 *
 * Asks the engine about its files, then checks what the tables promise each other: every row belongs to an interval and
 * a function, every interval has its rows, no batch of a process is missing, and function_sums says what the rows say.
 * Every row is read, histograms too: a history that is whole answers all questions.
 */
#include "store/dialect.h"
#include "store/function_rows.h"
#include "store/store_state.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

/* One check: whatever is wrong becomes a line. */
struct verifying {
    struct tg_store *store;
    struct tg_strbuf *report;
    size_t problem_count;
};

static void note(struct verifying *verifying) {
    tg_strbuf_append_char(verifying->report, '\n');
    verifying->problem_count++;
}

static enum tg_status check_rows(struct verifying *verifying, enum tg_query query, size_t columns,
                                 void (*show)(struct verifying *, const struct tg_sql_value *), struct tg_error *err) {
    struct tg_sql_value values[4];
    bool found = false;
    enum tg_status status = tg_store_run(verifying->store, query, NULL, 0, err);
    while (status == TG_OK) {
        status = tg_store_fetch(verifying->store, query, values, columns, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        show(verifying, values);
    }
    tg_store_reset(verifying->store, query);
    return status;
}

/* Table, operation, kind of message, message. */
#define ENGINE_COLUMNS 4

static void take_engine(void *context, size_t count, char **values) {
    struct verifying *verifying = context;
    const char *kind = count == ENGINE_COLUMNS && values[2] ? values[2] : "";
    const char *text = count == ENGINE_COLUMNS && values[3] ? values[3] : "";
    if (strcasecmp(text, "ok") != 0 && strcasecmp(kind, "note") != 0) {
        tg_strbuf_printf(verifying->report, "%s: %s", count > 0 && values[0] ? values[0] : "", text);
        note(verifying);
    }
}

/* Not prepared: MySQL refuses to prepare a CHECK TABLE. */
static enum tg_status check_engine(struct verifying *verifying, struct tg_error *err) {
    const struct tg_sql_driver *driver = verifying->store->driver;
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_dialect_expand(&text, driver->dialect, "$check_engine");
    enum tg_status status = tg_strbuf_status(&text);
    if (status == TG_OK) {
        status = driver->list(verifying->store->sql, tg_strbuf_text(&text), take_engine, verifying, err);
    } else {
        status = tg_error_set(err, status, "not enough memory to verify the history");
    }
    tg_strbuf_release(&text);
    return status;
}

static void show_seq_gap(struct verifying *verifying, const struct tg_sql_value *values) {
    struct tg_bytes host = tg_value_to_bytes(&values[1]);
    int64_t count = tg_value_to_integer(&values[2]);
    int64_t last = tg_value_to_integer(&values[3]);
    tg_strbuf_printf(verifying->report, "process %lld on %.*s: %lld of its first %lld batches are missing",
                     (long long)tg_value_to_integer(&values[0]), (int)host.length, host.data, (long long)(last - count),
                     (long long)last);
    note(verifying);
}

static void show_row_gap(struct verifying *verifying, const struct tg_sql_value *values) {
    tg_strbuf_printf(verifying->report, "interval %lld in iteration %lld: has %lld functions, not %lld",
                     (long long)tg_value_to_integer(&values[0]), (long long)tg_value_to_integer(&values[1]),
                     (long long)tg_value_to_integer(&values[3]), (long long)tg_value_to_integer(&values[2]));
    note(verifying);
}

static void show_lost_rows(struct verifying *verifying, const struct tg_sql_value *values) {
    int64_t count = tg_value_to_integer(&values[0]);
    if (count > 0) {
        tg_strbuf_printf(verifying->report, "%lld figures belong to no interval or function", (long long)count);
        note(verifying);
    }
}

static void show_lost_trees(struct verifying *verifying, const struct tg_sql_value *values) {
    int64_t count = tg_value_to_integer(&values[0]);
    if (count > 0) {
        tg_strbuf_printf(verifying->report, "%lld call trees belong to no interval", (long long)count);
        note(verifying);
    }
}

static void show_lost_exceptions(struct verifying *verifying, const struct tg_sql_value *values) {
    struct tg_bytes what = tg_value_to_bytes(&values[0]);
    int64_t count = tg_value_to_integer(&values[1]);
    if (count > 0) {
        tg_strbuf_printf(verifying->report, "%lld %.*s", (long long)count, (int)what.length, what.data);
        note(verifying);
    }
}

/* A service's row, read before others are asked for. */
struct bounds {
    int64_t id;
    int64_t folded_until;
    int64_t unfolded_count;
    char *name; /* owned */
};

static bool is_close(double a, double b, double scale) {
    return fabs(a - b) <= 1e-6 * (fabs(a) + fabs(b) + scale);
}

/* Both hold the same points, so once they have one origin they are equal, but for rounding. */
static bool are_same_sums(const struct tg_store_sums *kept, const struct tg_store_sums *made) {
    struct tg_store_sums moved = {
        .first_iteration = kept->first_iteration,
        .last_iteration = kept->last_iteration,
        .origin_x = kept->origin_x,
        .origin_y = kept->origin_y,
    };
    tg_sums_merge(&moved, made);
    double n = (double)(kept->iteration_count > 0 ? kept->iteration_count : 1);
    double x = sqrt(fabs(moved.sum_xx) * n);
    double y = sqrt(fabs(moved.sum_yy) * n);
    return kept->iteration_count == made->iteration_count && kept->first_iteration == made->first_iteration
           && kept->last_iteration == made->last_iteration && is_close(kept->sum_x, moved.sum_x, x)
           && is_close(kept->sum_y, moved.sum_y, y) && is_close(kept->sum_xx, moved.sum_xx, 0)
           && is_close(kept->sum_xy, moved.sum_xy, x * y / n) && is_close(kept->sum_yy, moved.sum_yy, 1);
}

static bool are_same(const struct tg_store_function *kept, const struct tg_store_function *made) {
    return kept->call_count == made->call_count && kept->error_count == made->error_count
           && kept->total_ns == made->total_ns && kept->cumulative_ns == made->cumulative_ns
           && kept->self_ns == made->self_ns && kept->active_ns == made->active_ns
           && kept->minimum_ns == made->minimum_ns && kept->maximum_ns == made->maximum_ns
           && are_same_sums(&kept->sums, &made->sums);
}

/* What is wrong with a service's rows themselves. */
struct row_check {
    size_t bad_histogram_count;
    struct tg_figures_row first_bad; /* without its histogram */
};

static void check_histogram(struct row_check *check, const struct tg_figures_row *row) {
    struct tg_histogram histogram;
    struct tg_bytes bytes = row->histogram;
    if (bytes.length > 0 && tg_histogram_decode(&histogram, (const uint8_t *)bytes.data, bytes.length, NULL) != TG_OK) {
        if (check->bad_histogram_count++ == 0) {
            check->first_bad = *row;
        }
    }
}

/* Reads the rows between two iterations, with all that questions read. They are added to `figures`, unless that is
 * NULL. */
static enum tg_status read_rows(struct tg_store *store, const struct tg_sql_value range[3], struct row_check *check,
                                struct tg_figures *figures, int64_t *count, struct tg_error *err) {
    struct tg_function_rows rows;
    struct tg_figures_row row;
    bool found = true;
    enum tg_status status = tg_function_rows_run(&rows, store, TG_QUERY_ROWS_WITH_HISTOGRAMS, range, 3, err);
    *count = 0;
    while (status == TG_OK && found) {
        status = tg_function_rows_next(&rows, &row, &found, err);
        if (status == TG_OK && found) {
            (*count)++;
            check_histogram(check, &row);
            status = figures ? tg_figures_add_with_point(figures, &row, err) : TG_OK;
        }
    }
    tg_function_rows_end(&rows);
    return status;
}

/* Compares the rows that are in the sums with them. */
static enum tg_status compare_sums(struct verifying *verifying, const struct bounds *bounds,
                                   const struct tg_figures *figures, struct tg_error *err) {
    struct tg_sql_value values[TG_SUMS_COLUMNS];
    const struct tg_sql_value key = tg_value_integer(bounds->id);
    bool found = false;
    size_t with_rows = 0;
    size_t wrong = 0;
    enum tg_status status = tg_store_run(verifying->store, TG_QUERY_SUMS, &key, 1, err);
    while (status == TG_OK) {
        status = tg_store_fetch(verifying->store, TG_QUERY_SUMS, values, TG_SUMS_COLUMNS, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        struct tg_store_function kept = tg_store_sums_of(values);
        const struct tg_store_function *made = tg_figures_find(figures, kept.id);
        wrong += !made || !are_same(&kept, made);
        with_rows += made != NULL;
    }
    tg_store_reset(verifying->store, TG_QUERY_SUMS);
    wrong += figures->count - with_rows; /* rows without a sum */
    if (status == TG_OK && wrong > 0) {
        tg_strbuf_printf(verifying->report, "service %s: the sums of %zu functions are not those of their rows",
                         bounds->name, wrong);
        note(verifying);
    }
    return status;
}

static enum tg_status check_folded(struct verifying *verifying, const struct bounds *bounds, struct row_check *check,
                                   struct tg_error *err) {
    const struct tg_sql_value range[] = {tg_value_integer(bounds->id), tg_value_integer(INT64_MIN),
                                         tg_value_integer(bounds->folded_until)};
    struct tg_figures figures;
    int64_t count = 0;
    tg_figures_init(&figures, false);
    enum tg_status status = read_rows(verifying->store, range, check, &figures, &count, err);
    tg_figures_end_points(&figures);
    if (status == TG_OK) {
        status = compare_sums(verifying, bounds, &figures, err);
    }
    tg_figures_release(&figures);
    return status;
}

static enum tg_status check_unfolded(struct verifying *verifying, const struct bounds *bounds, struct row_check *check,
                                     struct tg_error *err) {
    bool is_all = bounds->folded_until == INT64_MAX;
    const struct tg_sql_value range[] = {tg_value_integer(bounds->id),
                                         tg_value_integer(is_all ? INT64_MAX : bounds->folded_until + 1),
                                         tg_value_integer(is_all ? INT64_MIN : INT64_MAX)};
    int64_t count = 0;
    enum tg_status status = read_rows(verifying->store, range, check, NULL, &count, err);
    if (status == TG_OK && count != bounds->unfolded_count) {
        tg_strbuf_printf(verifying->report, "service %s: %lld rows are not in the sums, not %lld", bounds->name,
                         (long long)count, (long long)bounds->unfolded_count);
        note(verifying);
    }
    return status;
}

/* What cannot be read is damage like any other: it becomes a line, and the rest is looked at. */
static enum tg_status note_damage(struct verifying *verifying, const struct bounds *bounds, enum tg_status status,
                                  struct tg_error *why, struct tg_error *err) {
    if (status == TG_ERROR_FORMAT) {
        tg_strbuf_printf(verifying->report, "service %s: %s", bounds->name, why->message);
        note(verifying);
        return TG_OK;
    }
    return status == TG_OK ? TG_OK : tg_error_set(err, status, "%s", why->message);
}

static enum tg_status check_service(struct verifying *verifying, const struct bounds *bounds, struct tg_error *err) {
    struct row_check check = {.bad_histogram_count = 0};
    struct tg_error why = TG_ERROR_INIT;
    enum tg_status status = check_folded(verifying, bounds, &check, &why);
    status = note_damage(verifying, bounds, status, &why, err);
    if (status == TG_OK) {
        status = check_unfolded(verifying, bounds, &check, &why);
        status = note_damage(verifying, bounds, status, &why, err);
    }
    if (check.bad_histogram_count > 0) {
        tg_strbuf_printf(verifying->report,
                         "service %s: %zu histograms cannot be read, first that of function %lld in iteration %lld",
                         bounds->name, check.bad_histogram_count, (long long)check.first_bad.function_id,
                         (long long)check.first_bad.iteration);
        note(verifying);
    }
    return status;
}

static enum tg_status check_services(struct verifying *verifying, struct tg_error *err) {
    struct tg_sql_value values[4];
    bool found = true;
    enum tg_status status = tg_store_run(verifying->store, TG_QUERY_BOUNDS, NULL, 0, err);
    while (status == TG_OK) {
        status = tg_store_fetch(verifying->store, TG_QUERY_BOUNDS, values, 4, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        struct bounds bounds = {
            .id = tg_value_to_integer(&values[0]),
            .name = tg_value_to_text(&values[1]),
            .folded_until = tg_value_to_integer(&values[2]),
            .unfolded_count = tg_value_to_integer(&values[3]),
        };
        status = bounds.name ? check_service(verifying, &bounds, err)
                             : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to verify the history");
        free(bounds.name);
    }
    tg_store_reset(verifying->store, TG_QUERY_BOUNDS);
    return status;
}

static enum tg_status check_tables(struct verifying *verifying, struct tg_error *err) {
    enum tg_status status = check_rows(verifying, TG_QUERY_LOST_ROWS, 1, show_lost_rows, err);
    if (status == TG_OK) {
        status = check_rows(verifying, TG_QUERY_LOST_TREES, 1, show_lost_trees, err);
    }
    if (status == TG_OK) {
        status = check_rows(verifying, TG_QUERY_LOST_EXCEPTIONS, 2, show_lost_exceptions, err);
    }
    if (status == TG_OK) {
        status = check_rows(verifying, TG_QUERY_ROW_GAPS, 4, show_row_gap, err);
    }
    if (status == TG_OK) {
        status = check_rows(verifying, TG_QUERY_SEQ_GAPS, 4, show_seq_gap, err);
    }
    return status == TG_OK ? check_services(verifying, err) : status;
}

enum tg_status tg_store_verify(struct tg_store *store, struct tg_strbuf *report, struct tg_error *err) {
    struct verifying verifying = {.store = store, .report = report};
    enum tg_status status = check_engine(&verifying, err);
    if (status == TG_OK && verifying.problem_count == 0) {
        status = tg_store_begin_reading(store, err);
        if (status == TG_OK) {
            status = tg_store_end_reading(store, check_tables(&verifying, err), err);
        }
    }
    if (status == TG_OK && tg_strbuf_status(report) != TG_OK) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to verify the history");
    }
    if (status == TG_OK && verifying.problem_count > 0) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the history is damaged in %zu places", verifying.problem_count);
    }
    return status;
}
