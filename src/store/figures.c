/* figures: see figures.h. */
#include "store/figures.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_FIRST 64U

void tg_sums_init(struct tg_store_sums *sums) {
    *sums = (struct tg_store_sums){.first_iteration = INT64_MAX, .last_iteration = INT64_MIN};
}

static bool has_origin(const struct tg_store_sums *sums) {
    return sums->first_iteration <= sums->last_iteration;
}

/* `sign` is 1 or -1. */
static void add_point(struct tg_store_sums *sums, int64_t x, double y, int sign) {
    double dx = (double)x - sums->origin_x;
    double dy = y - sums->origin_y;
    sums->iteration_count += sign;
    sums->sum_x += sign * dx;
    sums->sum_y += sign * dy;
    sums->sum_xx += sign * dx * dx;
    sums->sum_xy += sign * dx * dy;
    sums->sum_yy += sign * dy * dy;
}

static void extend(struct tg_store_sums *sums, int64_t first, int64_t last) {
    sums->first_iteration = first < sums->first_iteration ? first : sums->first_iteration;
    sums->last_iteration = last > sums->last_iteration ? last : sums->last_iteration;
}

void tg_sums_add(struct tg_store_sums *sums, int64_t x, double y) {
    if (!has_origin(sums)) {
        sums->origin_x = (double)x;
        sums->origin_y = y;
    }
    extend(sums, x, x);
    add_point(sums, x, y, 1);
}

void tg_sums_remove(struct tg_store_sums *sums, int64_t x, double y) {
    add_point(sums, x, y, -1);
}

void tg_sums_merge(struct tg_store_sums *sums, const struct tg_store_sums *other) {
    if (!has_origin(other)) {
        return;
    }
    if (!has_origin(sums)) {
        *sums = *other;
        return;
    }
    double n = (double)other->iteration_count;
    double dx = other->origin_x - sums->origin_x;
    double dy = other->origin_y - sums->origin_y;
    sums->iteration_count += other->iteration_count;
    sums->sum_x += other->sum_x + n * dx;
    sums->sum_y += other->sum_y + n * dy;
    sums->sum_xx += other->sum_xx + 2 * dx * other->sum_x + n * dx * dx;
    sums->sum_xy += other->sum_xy + dx * other->sum_y + dy * other->sum_x + n * dx * dy;
    sums->sum_yy += other->sum_yy + 2 * dy * other->sum_y + n * dy * dy;
    extend(sums, other->first_iteration, other->last_iteration);
}

void tg_figures_init(struct tg_figures *figures, bool with_histograms) {
    *figures = (struct tg_figures){.with_histograms = with_histograms};
}

void tg_figures_release(struct tg_figures *figures) {
    if (!figures) {
        return;
    }
    for (size_t i = 0; i < figures->count; i++) {
        free(figures->items[i].histogram);
    }
    free(figures->items);
    free(figures->places);
    tg_figures_init(figures, figures->with_histograms);
}

static size_t place_of(const struct tg_figures *figures, int64_t function_id) {
    size_t place = ((uint64_t)function_id * UINT64_C(0x9e3779b97f4a7c15) >> 32U) & (figures->place_count - 1);
    while (figures->places[place] && figures->items[figures->places[place] - 1].id != function_id) {
        place = (place + 1) & (figures->place_count - 1);
    }
    return place;
}

/* Makes twice the room, with places at most half full. */
static bool grow(struct tg_figures *figures) {
    assert(figures->items || figures->count == 0);
    size_t capacity = figures->capacity ? figures->capacity * 2 : PLACES_FIRST / 2;
    struct tg_store_function *items = capacity < UINT32_MAX ? realloc(figures->items, capacity * sizeof *items) : NULL;
    if (!items) {
        return false;
    }
    figures->items = items;
    uint32_t *places = calloc(capacity * 2, sizeof *places);
    if (!places) {
        return false;
    }
    free(figures->places);
    figures->places = places;
    figures->place_count = capacity * 2;
    figures->capacity = capacity;
    for (size_t i = 0; i < figures->count; i++) {
        places[place_of(figures, items[i].id)] = (uint32_t)i + 1;
    }
    return true;
}

struct tg_store_function *tg_figures_find(const struct tg_figures *figures, int64_t function_id) {
    if (figures->place_count == 0) {
        return NULL;
    }
    uint32_t place = figures->places[place_of(figures, function_id)];
    return place ? &figures->items[place - 1] : NULL;
}

struct tg_store_function *tg_figures_get(struct tg_figures *figures, int64_t function_id) {
    /* Rows come by function, iteration after iteration in the same order. */
    struct tg_store_function *function = figures->next < figures->count ? &figures->items[figures->next] : NULL;
    if (!function || function->id != function_id) {
        function = tg_figures_find(figures, function_id);
    }
    if (!function) {
        if (figures->count == figures->capacity && !grow(figures)) {
            return NULL;
        }
        assert(figures->items);
        function = &figures->items[figures->count++];
        *function = (struct tg_store_function){.id = function_id, .minimum_ns = UINT64_MAX};
        tg_sums_init(&function->sums);
        figures->places[place_of(figures, function_id)] = (uint32_t)figures->count;
    }
    size_t index = (size_t)(function - figures->items);
    figures->next = index + 1 < figures->count ? index + 1 : 0;
    return function;
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to add up the history");
}

static enum tg_status add_histogram(struct tg_store_function *function, struct tg_bytes bytes, struct tg_error *err) {
    struct tg_histogram histogram;
    enum tg_status status = tg_histogram_decode(&histogram, (const uint8_t *)bytes.data, bytes.length, err);
    if (status != TG_OK) {
        return status;
    }
    if (!function->histogram && !(function->histogram = calloc(1, sizeof *function->histogram))) {
        return no_memory(err);
    }
    /* A bucket that is full stays full. */
    status = tg_histogram_merge(function->histogram, &histogram);
    return status == TG_ERROR_FULL ? TG_OK : status;
}

static enum tg_status add(const struct tg_figures *figures, struct tg_store_function *function,
                          const struct tg_figures_row *row, struct tg_error *err) {
    function->call_count = saturating_add(function->call_count, row->call_count);
    function->error_count = saturating_add(function->error_count, row->error_count);
    function->total_ns = saturating_add(function->total_ns, row->total_ns);
    function->cumulative_ns = saturating_add(function->cumulative_ns, row->cumulative_ns);
    function->self_ns = saturating_add(function->self_ns, row->self_ns);
    function->active_ns = saturating_add(function->active_ns, row->active_ns);
    function->minimum_ns = row->minimum_ns < function->minimum_ns ? row->minimum_ns : function->minimum_ns;
    function->maximum_ns = row->maximum_ns > function->maximum_ns ? row->maximum_ns : function->maximum_ns;
    return figures->with_histograms && row->histogram.length > 0 ? add_histogram(function, row->histogram, err) : TG_OK;
}

enum tg_status tg_figures_add(struct tg_figures *figures, const struct tg_figures_row *row, struct tg_error *err) {
    struct tg_store_function *function = tg_figures_get(figures, row->function_id);
    return function ? add(figures, function, row, err) : no_memory(err);
}

void tg_figures_end_points(struct tg_figures *figures) {
    if (figures->point_call_count > 0) {
        tg_sums_add(&figures->items[figures->point_index].sums, figures->point_iteration,
                    (double)figures->point_total_ns / (double)figures->point_call_count);
    }
    figures->point_call_count = 0;
    figures->point_total_ns = 0;
}

enum tg_status tg_figures_add_with_point(struct tg_figures *figures, const struct tg_figures_row *row,
                                         struct tg_error *err) {
    if (figures->point_function_id != row->function_id || figures->point_iteration != row->iteration) {
        tg_figures_end_points(figures);
        figures->point_function_id = row->function_id;
        figures->point_iteration = row->iteration;
    }
    struct tg_store_function *function = tg_figures_get(figures, row->function_id);
    if (!function) {
        return no_memory(err);
    }
    figures->point_index = (size_t)(function - figures->items);
    figures->point_call_count = saturating_add(figures->point_call_count, row->call_count);
    figures->point_total_ns = saturating_add(figures->point_total_ns, row->total_ns);
    return add(figures, function, row, err);
}

void tg_figures_merge(struct tg_store_function *function, const struct tg_store_function *other) {
    function->call_count = saturating_add(function->call_count, other->call_count);
    function->error_count = saturating_add(function->error_count, other->error_count);
    function->total_ns = saturating_add(function->total_ns, other->total_ns);
    function->cumulative_ns = saturating_add(function->cumulative_ns, other->cumulative_ns);
    function->self_ns = saturating_add(function->self_ns, other->self_ns);
    function->active_ns = saturating_add(function->active_ns, other->active_ns);
    function->minimum_ns = other->minimum_ns < function->minimum_ns ? other->minimum_ns : function->minimum_ns;
    function->maximum_ns = other->maximum_ns > function->maximum_ns ? other->maximum_ns : function->maximum_ns;
    tg_sums_merge(&function->sums, &other->sums);
}
