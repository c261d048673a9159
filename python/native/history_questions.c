/* See history_questions.h. */
#include "history_questions.h"

#include "analyze/diff.h"
#include "analyze/function_name.h"
#include "analyze/trends.h"
#include "history.h"
#include "history_rows.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1e9

/* A question and its answer. Each kind uses the fields it needs; what is zero needs no release. */
struct asking {
    const char *service;
    struct tg_scope_words words;
    const char *function;
    size_t limit; /* 0: all */
    enum tg_rank_key key;
    struct tg_rank_evidence evidence;
    struct tg_scope_words sides[2]; /* of a comparison, with the next: NULL, or as tg_diff_side_read() has it */
    const char *side_words[2];
    enum tg_diff_unit unit;

    struct tg_scope scope;
    struct tg_store_selection selection;
    struct tg_store_functions functions;
    struct tg_store_series series;
    struct tg_store_events events;
    struct tg_ranking ranking;
    struct tg_trend_one one;
    struct tg_trends trends;
    struct tg_diff diff;
    struct tg_store_runs runs;
};

static void release(struct asking *asking) {
    tg_store_runs_release(&asking->runs);
    tg_diff_release(&asking->diff);
    tg_trends_release(&asking->trends);
    tg_trend_one_release(&asking->one);
    tg_ranking_release(&asking->ranking);
    tg_store_events_release(&asking->events);
    tg_store_series_release(&asking->series);
    tg_store_functions_release(&asking->functions);
    tg_scope_release(&asking->scope);
}

/* Which service is meant, and which part of its history. */
static enum tg_status find_part(struct asking *asking, struct tg_store *store, const char *place,
                                struct tg_error *err) {
    enum tg_status status = tg_scope_init(&asking->scope, store, place, err);
    if (status == TG_OK) {
        status = tg_scope_choose_only(&asking->scope, asking->service, err);
    }
    return status == TG_OK ? tg_scope_select(&asking->scope, &asking->words, &asking->selection, err) : status;
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

static enum tg_status ask_services(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    return tg_scope_init(&asking->scope, store, place, err);
}

static PyObject *service_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_service(&asking->scope.services.items[i]);
}

/* services() -> list */
PyObject *tg_history_services(PyObject *reader, PyObject *Py_UNUSED(ignored)) {
    struct asking asking = {.limit = 0};
    return answer(reader, ask_services, &asking, &asking.scope.services.count, service_row);
}

static enum tg_status ask_functions(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status == TG_OK) {
        status =
            tg_store_functions(store, &asking->selection, NULL, asking->key == TG_RANK_P99, &asking->functions, err);
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
    struct tg_scope_words *words = &asking.words;
    if (!PyArg_ParseTuple(args, "zzzzz:functions", &asking.service, &words->since, &words->until, &words->version,
                          &words->run)) {
        return NULL;
    }
    return answer(reader, ask_functions, &asking, &asking.functions.count, function_row);
}

static enum tg_status ask_rank(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = ask_functions(store, place, context, err);
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
    PyErr_Format(PyExc_ValueError, "functions are ranked by average, total, self, calls, p99 or errors, not by \"%s\"",
                 name);
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
    struct tg_scope_words *words = &asking.words;
    const char *by;
    if (!PyArg_ParseTuple(args, "zzzzzsO&:rank", &asking.service, &words->since, &words->until, &words->version,
                          &words->run, &by, parse_limit, &asking.limit)
        || !parse_key(by, &asking.key)) {
        return NULL;
    }
    return answer(reader, ask_rank, &asking, &asking.ranking.count, ranked_row);
}

static enum tg_status ask_series(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_series(store, &asking->selection, asking->function, asking->limit, &asking->series, err);
    if (status != TG_ERROR_NOT_FOUND) {
        return status;
    }
    /* No function has that whole name. An end of one takes a look at all of them. */
    status = tg_function_name_read(&asking->one.function, &asking->scope, asking->function, err);
    return status == TG_OK ? tg_store_series(store, &asking->selection, asking->one.function.name, asking->limit,
                                             &asking->series, err)
                           : status;
}

static PyObject *point_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_point(&asking->series.items[i], asking->scope.service);
}

static bool parse_series(struct asking *asking, PyObject *args) {
    struct tg_scope_words *words = &asking->words;
    return PyArg_ParseTuple(args, "zzzzzsO&", &asking->service, &words->since, &words->until, &words->version,
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

/* Of one function, through its points. */
static enum tg_status ask_trend(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status == TG_OK) {
        status = tg_trend_one_read(&asking->one, &asking->scope, &asking->selection, asking->function, asking->limit,
                                   &tg_rank_evidence_default, err);
    }
    return status;
}

/* trend(service, since, until, version, run, function, limit) -> tuple */
PyObject *tg_history_trend(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    if (!parse_series(&asking, args)) {
        return NULL;
    }
    PyObject *row =
        tg_history_ask(reader, ask_trend, &asking) ? tg_row_of_trend(&asking.one.row, asking.scope.service) : NULL;
    release(&asking);
    return row;
}

/* Of all functions. */
static enum tg_status ask_trends(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status == TG_OK) {
        status = tg_trends_read(&asking->trends, &asking->scope, &asking->selection, &asking->evidence, err);
    }
    return status;
}

static PyObject *trend_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_trend(&asking->trends.rows[i], asking->scope.service);
}

/* trends(service, since, until, version, run, minimum_change) -> list; a minimum_change of None: the usual one */
PyObject *tg_history_trends(PyObject *reader, PyObject *args) {
    struct asking asking = {.evidence = tg_rank_evidence_default};
    struct tg_scope_words *words = &asking.words;
    PyObject *minimum;
    if (!PyArg_ParseTuple(args, "zzzzzO:trends", &asking.service, &words->since, &words->until, &words->version,
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
    return answer(reader, ask_trends, &asking, &asking.trends.functions.count, trend_row);
}

static enum tg_status ask_diff(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status == TG_OK) {
        status = tg_diff_read(&asking->diff, &asking->scope, asking->sides, asking->side_words, asking->unit, err);
    }
    return status;
}

static PyObject *change_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_change(tg_diff_row(&asking->diff, i));
}

static PyObject *diff_row(const struct asking *asking) {
    const struct tg_diff *diff = &asking->diff;
    const struct tg_compare_row *worst = diff->worst; /* of those that take part, which come first */
    PyObject *worst_place = worst ? PyLong_FromSsize_t((Py_ssize_t)(worst - diff->compare.rows)) : Py_NewRef(Py_None);
    return Py_BuildValue("(sLLLLddNN)", tg_diff_unit_names[diff->unit], (long long)diff->a.iteration_count,
                         (long long)diff->b.iteration_count, (long long)diff->a.run_count, (long long)diff->b.run_count,
                         diff->compare.before_ns / NS_PER_S, diff->compare.after_ns / NS_PER_S,
                         list_of(tg_diff_row_count(diff), change_row, asking), worst_place);
}

/* Of what figures of a comparison are; None: whichever fits. For PyArg_ParseTuple(). */
static int parse_unit(PyObject *value, void *unit) {
    for (int i = 0; value != Py_None && tg_diff_unit_names[i]; i++) {
        if (PyUnicode_Check(value) && PyUnicode_CompareWithASCIIString(value, tg_diff_unit_names[i]) == 0) {
            *(enum tg_diff_unit *)unit = (enum tg_diff_unit)i;
            return 1;
        }
    }
    *(enum tg_diff_unit *)unit = TG_DIFF_ANY;
    if (value != Py_None) {
        PyErr_Format(PyExc_ValueError, "sides are compared per \"run\" or \"iteration\", or None, not %R", value);
    }
    return value == Py_None;
}

/* diff(service, (since, until, version, run, word), likewise, per) -> tuple */
PyObject *tg_history_diff(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_scope_words *before = &asking.sides[0];
    struct tg_scope_words *after = &asking.sides[1];
    if (!PyArg_ParseTuple(args, "z(zzzzz)(zzzzz)O&:diff", &asking.service, &before->since, &before->until,
                          &before->version, &before->run, &asking.side_words[0], &after->since, &after->until,
                          &after->version, &after->run, &asking.side_words[1], parse_unit, &asking.unit)) {
        return NULL;
    }
    PyObject *row = tg_history_ask(reader, ask_diff, &asking) ? diff_row(&asking) : NULL;
    release(&asking);
    return row;
}

static enum tg_status ask_runs(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    return status == TG_OK ? tg_store_runs(store, &asking->selection, &asking->runs, err) : status;
}

static PyObject *run_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_run(&asking->runs.items[i]);
}

/* runs(service, since, until, version) -> list */
PyObject *tg_history_runs(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    struct tg_scope_words *words = &asking.words;
    if (!PyArg_ParseTuple(args, "zzzz:runs", &asking.service, &words->since, &words->until, &words->version)) {
        return NULL;
    }
    return answer(reader, ask_runs, &asking, &asking.runs.count, run_row);
}

static enum tg_status ask_versions(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    return find_part(context, store, place, err);
}

static PyObject *version_row(const void *context, size_t i) {
    const struct asking *asking = context;
    return tg_row_of_version(&asking->scope.versions.items[i]);
}

/* versions(service) -> list */
PyObject *tg_history_versions(PyObject *reader, PyObject *args) {
    struct asking asking = {.limit = 0};
    if (!PyArg_ParseTuple(args, "z:versions", &asking.service)) {
        return NULL;
    }
    return answer(reader, ask_versions, &asking, &asking.scope.versions.count, version_row);
}

static enum tg_status ask_events(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    struct asking *asking = context;
    enum tg_status status = find_part(asking, store, place, err);
    if (status == TG_OK) {
        status = tg_store_events(store, &asking->selection, &asking->events, err);
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
    struct tg_scope_words *words = &asking.words;
    if (!PyArg_ParseTuple(args, "zzzzz:events", &asking.service, &words->since, &words->until, &words->version,
                          &words->run)) {
        return NULL;
    }
    return answer(reader, ask_events, &asking, &asking.events.count, event_row);
}

static enum tg_status ask_status(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    (void)place;
    return tg_store_status(store, context, err);
}

/* status() -> tuple */
PyObject *tg_history_status(PyObject *reader, PyObject *Py_UNUSED(ignored)) {
    struct tg_store_status status;
    return tg_history_ask(reader, ask_status, &status) ? tg_row_of_status(&status) : NULL;
}

/* What is wrong is the answer here, and no failure to give one. */
static enum tg_status ask_verify(struct tg_store *store, const char *place, void *context, struct tg_error *err) {
    (void)place;
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
