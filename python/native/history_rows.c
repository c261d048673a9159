/* See history_rows.h. */
#include "history_rows.h"

#include <stdint.h>
#include <string.h>

#define NS_PER_S 1e9

/* What a database says is text may be anything. */
static PyObject *text(const char *bytes) {
    return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)strlen(bytes), "backslashreplace");
}

static double seconds(uint64_t ns) {
    return (double)ns / NS_PER_S;
}

/* When an iteration of the service began, in seconds since 1970. */
static double wall_time(const struct tg_store_service *service, int64_t iteration) {
    long double slot = (long double)service->first_slot + (long double)iteration;
    return (double)(slot * (long double)service->base_interval_ns / (long double)NS_PER_S);
}

PyObject *tg_row_of_service(const struct tg_store_service *service) {
    return Py_BuildValue("(NddLLd)", text(service->name), (double)service->base_interval_ns / NS_PER_S,
                         wall_time(service, 0), (long long)service->last_iteration, (long long)service->process_count,
                         (double)service->last_ended_ns / NS_PER_S);
}

PyObject *tg_row_of_function(const struct tg_store_function *function) {
    return Py_BuildValue("(NNIKKdddddddLLL)", text(function->name), text(function->file), (unsigned)function->line,
                         (unsigned long long)function->call_count, (unsigned long long)function->error_count,
                         seconds(function->total_ns), tg_rank_call_average_ns(function) / NS_PER_S,
                         seconds(function->cumulative_ns), seconds(function->self_ns), seconds(function->active_ns),
                         seconds(function->call_count ? function->minimum_ns : 0), seconds(function->maximum_ns),
                         (long long)function->sums.iteration_count, (long long)function->sums.first_iteration,
                         (long long)function->sums.last_iteration);
}

PyObject *tg_row_of_ranked(const struct tg_ranked *ranked, enum tg_rank_key key) {
    bool is_count = key == TG_RANK_CALLS || key == TG_RANK_ERRORS;
    return Py_BuildValue("(dN)", is_count ? ranked->value : ranked->value / NS_PER_S,
                         tg_row_of_function(ranked->function));
}

PyObject *tg_row_of_point(const struct tg_store_point *point, const struct tg_store_service *service) {
    double call_count = point->call_count ? (double)point->call_count : 1;
    return Py_BuildValue("(LdKKddddddddd)", (long long)point->iteration, wall_time(service, point->iteration + 1),
                         (unsigned long long)point->call_count, (unsigned long long)point->error_count,
                         seconds(point->total_ns), seconds(point->total_ns) / call_count, seconds(point->cumulative_ns),
                         seconds(point->self_ns), seconds(point->active_ns),
                         seconds(point->call_count ? point->minimum_ns : 0), seconds(point->maximum_ns),
                         seconds(point->p50_ns), seconds(point->p99_ns));
}

static PyObject *figure_or_none(bool is_known, double figure) {
    return is_known ? PyFloat_FromDouble(figure) : Py_NewRef(Py_None);
}

static PyObject *step_or_none(const struct tg_rank_trend *row) {
    const struct tg_step *step = &row->step;
    if (!row->is_step) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(NLdddds)", step->version ? text(step->version->version) : Py_NewRef(Py_None),
                         (long long)step->iteration, step->before_ns / NS_PER_S, step->after_ns / NS_PER_S,
                         step->relative_change, step->probability, tg_step_kind_name(step->kind));
}

PyObject *tg_row_of_trend(const struct tg_rank_trend *row, const struct tg_store_service *service) {
    const struct tg_trend *trend = &row->trend;
    return Py_BuildValue(
        "(NKLLLddddddddddNNNNNdNN)", text(row->function->name), (unsigned long long)row->function->call_count,
        (long long)trend->iteration_count, (long long)trend->first_iteration, (long long)trend->last_iteration,
        trend->average_ns / NS_PER_S, trend->slope_ns / NS_PER_S,
        tg_trend_slope_per_hour_ns(trend, service->base_interval_ns) / NS_PER_S, trend->intercept_ns / NS_PER_S,
        trend->slope_error_ns / NS_PER_S, trend->intercept_error_ns / NS_PER_S, trend->r_squared,
        trend->start_ns / NS_PER_S, trend->end_ns / NS_PER_S, trend->relative_change,
        figure_or_none(trend->is_measured, trend->before_ns / NS_PER_S),
        figure_or_none(trend->is_measured, trend->after_ns / NS_PER_S),
        figure_or_none(trend->is_measured, trend->measured_change),
        figure_or_none(trend->has_theil_sen, trend->theil_sen_slope_ns / NS_PER_S),
        figure_or_none(trend->has_theil_sen, trend->theil_sen_intercept_ns / NS_PER_S), row->probability,
        PyBool_FromLong(row->evident), step_or_none(row));
}

static PyObject *side_or_none(const struct tg_compare_figures *figures) {
    if (!figures->function) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(ddddd)", figures->call_count, figures->total_ns / NS_PER_S, figures->self_ns / NS_PER_S,
                         figures->average_ns / NS_PER_S, figures->share);
}

PyObject *tg_row_of_change(const struct tg_compare_row *row) {
    PyObject *ratio = row->average_ratio > 0 ? PyFloat_FromDouble(row->average_ratio) : Py_NewRef(Py_None);
    return Py_BuildValue("(NNNNddd)", text(row->name), side_or_none(&row->before), side_or_none(&row->after), ratio,
                         row->change_ns / NS_PER_S, row->change_by_calls_ns / NS_PER_S,
                         row->change_by_average_ns / NS_PER_S);
}

PyObject *tg_row_of_version(const struct tg_store_version *version) {
    return Py_BuildValue("(NLLL)", text(version->version), (long long)version->first_iteration,
                         (long long)version->last_iteration, (long long)version->process_count);
}

PyObject *tg_row_of_run(const struct tg_store_run *run) {
    return Py_BuildValue("(sNddNNKNLLL)", run->id, text(run->version), (double)run->started_wall_ns / NS_PER_S,
                         (double)run->ended_wall_ns / NS_PER_S,
                         run->end ? PyUnicode_FromString(tg_store_event_kind_name(run->end)) : Py_NewRef(Py_None),
                         text(run->host), (unsigned long long)run->pid, text(run->program),
                         (long long)run->process_count, (long long)run->first_iteration,
                         (long long)run->last_iteration);
}

PyObject *tg_row_of_event(const struct tg_store_event *event) {
    return Py_BuildValue("(dLsKNNN)", (double)event->wall_ns / NS_PER_S, (long long)event->iteration,
                         tg_store_event_kind_name(event->kind), (unsigned long long)event->pid, text(event->host),
                         text(event->version), text(event->detail));
}

PyObject *tg_row_of_status(const struct tg_store_status *status) {
    PyObject *size_bytes =
        status->size_bytes < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong((long long)status->size_bytes);
    return Py_BuildValue("(NLLLLLLLN)", text(status->engine), (long long)status->schema_version,
                         (long long)status->newest_schema_version, (long long)status->service_count,
                         (long long)status->process_count, (long long)status->function_count,
                         (long long)status->interval_count, (long long)status->row_count, size_bytes);
}
