/* See history_questions.h. */
#include "history_questions.h"

#include "history.h"
#include "history_part.h"
#include "history_rows.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1e9

/* A question and its answer. Each kind uses the fields it needs; what is zero needs no release. */
struct asking {
    struct tg_history_words words;
    struct tg_history_words words_after; /* of the other side of a comparison */
    const char *function;
    size_t limit; /* 0: all */
    enum tg_rank_key key;
    struct tg_rank_evidence evidence;

    struct tg_history_part part;
    struct tg_history_part part_after;
    struct tg_store_functions functions;
    struct tg_store_functions functions_after;
    struct tg_store_series series;
    struct tg_store_events events;
    struct tg_store_versions versions;
    struct tg_store_function whole; /* of the series; its strings are borrowed */
    struct tg_ranking ranking;
    struct tg_rank_trend *trends;
    size_t trend_count;
    struct tg_compare compare;
    int64_t length; /* iterations of each side */
    int64_t length_after;
};

static void release(struct asking *asking) {
    tg_compare_release(&asking->compare);
    free(asking->trends);
    tg_ranking_release(&asking->ranking);
    tg_store_versions_release(&asking->versions);
    tg_store_events_release(&asking->events);
    tg_store_series_release(&asking->series);
    tg_store_functions_release(&asking->functions_after);
    tg_store_functions_release(&asking->functions);
    tg_history_part_release(&asking->part_after);
    tg_history_part_release(&asking->part);
}

/* A list of `count` rows, each made by row(context, i). */
typedef PyObject *row_maker(const void *context, size_t i);

static PyObject *list_of(size_t count, row_maker *row, const void *context) {
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *item = row(context, i);
        if (!item) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, item);
        }
    }
    return list;
}

/* Asks, makes a list of the `*count` rows of the answer, and releases it. */
static PyObject *answer(PyObject *reader, tg_history_query *question, struct asking *asking, const size_t *count,
                        row_maker *row) {
    PyObject *list = tg_history_ask(reader, question, asking) ? list_of(*count, row, asking) : NULL;
    release(asking);
    return list;
}

static enum tg_status ask_services(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    return tg_store_services(store, &asking->part.services, err);
}

static PyObject *service_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_service(&asking->part.services.items[i]);
}

/* services() -> list */
PyObject *tg_history_services(PyObject *reader, PyObject *Py_UNUSED(ignored)) {
    struct asking asking = {.limit = 0};
    return answer(reader, ask_services, &asking, &asking.part.services.count, service_row);
}

static enum tg_status ask_functions(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = tg_history_part_find(&asking->part, store, &asking->words, err);
    if (status == TG_OK) {
        status = tg_store_functions(store, &asking->part.selection, NULL, asking->key == TG_RANK_P99,
                                    &asking->functions, err);
    }
    return status;
}

static PyObject *function_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_function(&asking->functions.items[i]);
}

/* functions(service, since, until, version, run) -> list */
PyObject *tg_history_functions(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_history_words *words = &asking.words;
    if (!PyArg_ParseTuple(args, "zzzzz:functions", &words->service, &words->since, &words->until, &words->version,
                          &words->run)) {
        return NULL;
    }
    return answer(reader, ask_functions, &asking, &asking.functions.count, function_row);
}

static enum tg_status ask_rank(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = ask_functions(store, context, err);
    if (status == TG_OK) {
        status = tg_rank_functions(&asking->ranking, asking->functions.items, asking->functions.count, asking->key,
                                   asking->limit, err);
    }
    return status;
}

static PyObject *ranked_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_ranked(&asking->ranking.items[i], asking->key);
}

/* False with an exception set. */
static bool parse_key(const char *name, enum tg_rank_key *key) {
    for (int i = 0; tg_rank_key_names[i]; i++) {
        if (strcmp(tg_rank_key_names[i], name) == 0) {
            *key = (enum tg_rank_key)i;
            return true;
        }
    }
    PyErr_Format(PyExc_ValueError, "functions are ranked by average, total, calls, p99 or errors, not by \"%s\"", name);
    return false;
}

/* How many are wanted: 1 or more, None: all. For PyArg_ParseTuple(). */
static int parse_limit(PyObject *value, void *limit) {
    *(size_t *)limit = 0;
    if (value == Py_None) {
        return 1;
    }
    Py_ssize_t count = PyNumber_AsSsize_t(value, NULL);
    if (count == -1 && PyErr_Occurred()) {
        return 0;
    }
    if (count < 1) {
        PyErr_Format(PyExc_ValueError, "how many is 1 or more, or None for all, not %R", value);
        return 0;
    }
    *(size_t *)limit = (size_t)count;
    return 1;
}

/* rank(service, since, until, version, run, by, limit) -> list */
PyObject *tg_history_rank(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_history_words *words = &asking.words;
    const char *by;
    if (!PyArg_ParseTuple(args, "zzzzzsO&:rank", &words->service, &words->since, &words->until, &words->version,
                          &words->run, &by, parse_limit, &asking.limit)
        || !parse_key(by, &asking.key)) {
        return NULL;
    }
    return answer(reader, ask_rank, &asking, &asking.ranking.count, ranked_row);
}

static enum tg_status ask_series(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = tg_history_part_find(&asking->part, store, &asking->words, err);
    if (status == TG_OK) {
        status = tg_store_series(store, &asking->part.selection, asking->function, asking->limit, &asking->series, err);
    }
    return status;
}

static PyObject *point_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_point(&asking->series.items[i], asking->part.service);
}

static bool parse_series(struct asking *asking, PyObject *args) {
    struct tg_history_words *words = &asking->words;
    return PyArg_ParseTuple(args, "zzzzzsO&", &words->service, &words->since, &words->until, &words->version,
                            &words->run, &asking->function, parse_limit, &asking->limit);
}

/* series(service, since, until, version, run, function, limit) -> list */
PyObject *tg_history_series(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    if (!parse_series(&asking, args)) {
        return NULL;
    }
    return answer(reader, ask_series, &asking, &asking.series.count, point_row);
}

static enum tg_status make_trends(struct asking *asking, size_t count, struct tg_error *err) {
    asking->trends = calloc(count + 1, sizeof *asking->trends);
    if (!asking->trends) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the trends");
    }
    asking->trend_count = count;
    return TG_OK;
}

/* Of one function, through its points. */
static enum tg_status ask_trend(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = ask_series(store, context, err);
    if (status == TG_OK) {
        status = make_trends(asking, 1, err);
    }
    if (status == TG_OK) {
        status = tg_trend_of_points(&asking->trends->trend, asking->series.items, asking->series.count, err);
    }
    if (status == TG_OK) {
        for (size_t i = 0; i < asking->series.count; i++) {
            asking->whole.call_count += asking->series.items[i].call_count;
        }
        asking->trends->function = &asking->whole;
        tg_rank_trends(asking->trends, 1, &tg_rank_evidence_default);
    }
    return status;
}

/* trend(service, since, until, version, run, function, limit) -> tuple */
PyObject *tg_history_trend(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    if (!parse_series(&asking, args)) {
        return NULL;
    }
    asking.whole.name = (char *)asking.function;
    PyObject *row =
        tg_history_ask(reader, ask_trend, &asking) ? tg_row_of_trend(asking.trends, asking.part.service) : NULL;
    release(&asking);
    return row;
}

/* What looks evident by its sums may be the doing of a few outliers: its points tell. */
static enum tg_status look_closer(struct tg_store *store, struct asking *asking, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < asking->trend_count && status == TG_OK && asking->trends[i].evident; i++) {
        struct tg_rank_trend *row = &asking->trends[i];
        status = tg_store_series(store, &asking->part.selection, row->function->name, 0, &asking->series, err);
        if (status == TG_OK) {
            status = tg_trend_of_points(&row->trend, asking->series.items, asking->series.count, err);
        }
        tg_store_series_release(&asking->series);
    }
    if (status == TG_OK) {
        tg_rank_trends(asking->trends, asking->trend_count, &asking->evidence);
    }
    return status;
}

/* Of all functions. */
static enum tg_status ask_trends(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = ask_functions(store, context, err);
    if (status == TG_OK) {
        status = make_trends(asking, asking->functions.count, err);
    }
    for (size_t i = 0; status == TG_OK && i < asking->functions.count; i++) {
        asking->trends[i].function = &asking->functions.items[i];
        tg_trend_of_sums(&asking->trends[i].trend, &asking->functions.items[i].sums);
    }
    if (status == TG_OK) {
        tg_rank_trends(asking->trends, asking->trend_count, &asking->evidence);
        status = look_closer(store, asking, err);
    }
    return status;
}

static PyObject *trend_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_trend(&asking->trends[i], asking->part.service);
}

/* trends(service, since, until, version, run, minimum_change) -> list; a minimum_change of None: the usual one */
PyObject *tg_history_trends(PyObject *reader, PyObject *args) {
    struct asking asking = {.evidence = tg_rank_evidence_default};
    struct tg_history_words *words = &asking.words;
    PyObject *minimum;
    if (!PyArg_ParseTuple(args, "zzzzzO:trends", &words->service, &words->since, &words->until, &words->version,
                          &words->run, &minimum)) {
        return NULL;
    }
    if (minimum != Py_None) {
        double change = PyFloat_AsDouble(minimum);
        if (change == -1.0 && PyErr_Occurred()) {
            return NULL;
        }
        if (!(change >= 0.0)) {
            return PyErr_Format(PyExc_ValueError, "a minimum change is 0 or more, not %R", minimum);
        }
        asking.evidence.minimum_relative_change = change;
    }
    return answer(reader, ask_trends, &asking, &asking.trend_count, trend_row);
}

/* In how many iterations a side ran: as many as the function that was called in most. */
static enum tg_status measure(const struct tg_store_functions *functions, int64_t *length, struct tg_error *err) {
    *length = 0;
    for (size_t i = 0; i < functions->count; i++) {
        int64_t count = functions->items[i].sums.iteration_count;
        *length = count > *length ? count : *length;
    }
    return functions->count > 0
               ? TG_OK
               : tg_error_set(err, TG_ERROR_NOT_FOUND,
                              "nothing was called in one of the two parts: see versions() and events() "
                              "for those there are");
}

static enum tg_status ask_sides(struct tg_store *store, struct asking *asking, struct tg_error *err) {
    enum tg_status status = ask_functions(store, asking, err);
    if (status == TG_OK) {
        status = measure(&asking->functions, &asking->length, err);
    }
    if (status == TG_OK) {
        status = tg_history_part_find(&asking->part_after, store, &asking->words_after, err);
    }
    if (status == TG_OK) {
        status = tg_store_functions(store, &asking->part_after.selection, NULL, false, &asking->functions_after, err);
    }
    return status == TG_OK ? measure(&asking->functions_after, &asking->length_after, err) : status;
}

/* Of two runs all is compared, else what one iteration has. */
static enum tg_status ask_diff(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = ask_sides(store, asking, err);
    if (status == TG_OK) {
        bool whole = asking->words.run && asking->words_after.run;
        const struct tg_compare_side before = {asking->functions.items, asking->functions.count,
                                               whole ? 1 : (double)asking->length};
        const struct tg_compare_side after = {asking->functions_after.items, asking->functions_after.count,
                                              whole ? 1 : (double)asking->length_after};
        status = tg_compare_sides(&asking->compare, &before, &after, err);
    }
    return status;
}

static PyObject *change_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_change(&asking->compare.rows[i]);
}

static PyObject *diff_row(const struct asking *asking) {
    const struct tg_compare_row *worst = tg_compare_worst(&asking->compare, &tg_compare_limits_default);
    PyObject *worst_place = worst ? PyLong_FromSsize_t((Py_ssize_t)(worst - asking->compare.rows)) : Py_NewRef(Py_None);
    return Py_BuildValue("(LLddNN)", (long long)asking->length, (long long)asking->length_after,
                         asking->compare.before_ns / NS_PER_S, asking->compare.after_ns / NS_PER_S,
                         list_of(asking->compare.row_count, change_row, asking), worst_place);
}

/* diff(service, (since, until, version, run), (since, until, version, run)) -> tuple */
PyObject *tg_history_diff(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_history_words *before = &asking.words;
    struct tg_history_words *after = &asking.words_after;
    if (!PyArg_ParseTuple(args, "z(zzzz)(zzzz):diff", &before->service, &before->since, &before->until,
                          &before->version, &before->run, &after->since, &after->until, &after->version, &after->run)) {
        return NULL;
    }
    after->service = before->service;
    PyObject *row = tg_history_ask(reader, ask_diff, &asking) ? diff_row(&asking) : NULL;
    release(&asking);
    return row;
}

static enum tg_status ask_versions(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = tg_history_part_find(&asking->part, store, &asking->words, err);
    if (status == TG_OK) {
        status = tg_store_versions(store, asking->part.service->id, &asking->versions, err);
    }
    return status;
}

static PyObject *version_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_version(&asking->versions.items[i]);
}

/* versions(service) -> list */
PyObject *tg_history_versions(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    if (!PyArg_ParseTuple(args, "z:versions", &asking.words.service)) {
        return NULL;
    }
    return answer(reader, ask_versions, &asking, &asking.versions.count, version_row);
}

static enum tg_status ask_events(struct tg_store *store, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = tg_history_part_find(&asking->part, store, &asking->words, err);
    if (status == TG_OK) {
        status = tg_store_events(store, &asking->part.selection, &asking->events, err);
    }
    return status;
}

static PyObject *event_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_event(&asking->events.items[i]);
}

/* events(service, since, until, version, run) -> list */
PyObject *tg_history_events(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_history_words *words = &asking.words;
    if (!PyArg_ParseTuple(args, "zzzzz:events", &words->service, &words->since, &words->until, &words->version,
                          &words->run)) {
        return NULL;
    }
    return answer(reader, ask_events, &asking, &asking.events.count, event_row);
}

static enum tg_status ask_status(struct tg_store *store, void *context, struct tg_error *err) {
    return tg_store_status(store, context, err);
}

/* status() -> tuple */
PyObject *tg_history_status(PyObject *reader, PyObject *Py_UNUSED(ignored)) {
    struct tg_store_status status;
    return tg_history_ask(reader, ask_status, &status) ? tg_row_of_status(&status) : NULL;
}

/* What is wrong is the answer here, and no failure to give one. */
static enum tg_status ask_verify(struct tg_store *store, void *context, struct tg_error *err) {
    struct tg_strbuf *report = context;
    enum tg_status status = tg_store_verify(store, report, err);
    return status == TG_ERROR_FORMAT && report->length > 0 ? TG_OK : status;
}

/* verify() -> str, with a line for each thing that is wrong */
PyObject *tg_history_verify(PyObject *reader, PyObject *Py_UNUSED(ignored)) {
    struct tg_strbuf report = TG_STRBUF_INIT;
    PyObject *text = NULL;
    if (tg_history_ask(reader, ask_verify, &report)) {
        text = PyUnicode_DecodeUTF8(tg_strbuf_text(&report), (Py_ssize_t)report.length, "backslashreplace");
    }
    tg_strbuf_release(&report);
    return text;
}
