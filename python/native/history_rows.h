/*
 * The answers of a history as tuples, in the order of the fields that tachograph.history gives them (its named tuples
 * are made from these). Times are seconds, floats; wall times seconds since 1970 UTC.
 *
 * Each function gives a new reference; NULL with an exception set.
 */
#ifndef TG_HISTORY_ROWS_H
#define TG_HISTORY_ROWS_H

#include <Python.h>

#include "analyze/compare.h"
#include "analyze/rank.h"
#include "store/store.h"

PyObject *tg_row_of_service(const struct tg_store_service *service);
PyObject *tg_row_of_function(const struct tg_store_function *function);
PyObject *tg_row_of_ranked(const struct tg_ranked *ranked, enum tg_rank_key key);
PyObject *tg_row_of_point(const struct tg_store_point *point, const struct tg_store_service *service);
PyObject *tg_row_of_trend(const struct tg_rank_trend *row, const struct tg_store_service *service);
PyObject *tg_row_of_change(const struct tg_compare_row *row);
PyObject *tg_row_of_version(const struct tg_store_version *version);
PyObject *tg_row_of_run(const struct tg_store_run *run);
PyObject *tg_row_of_event(const struct tg_store_event *event);
PyObject *tg_row_of_status(const struct tg_store_status *status);

#endif
