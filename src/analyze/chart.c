/* chart: see chart.h. */
#include "analyze/chart.h"

#include <stdlib.h>
#include <string.h>

const char *const tg_chart_column_names[] = {"average", "total", "cumulative", "self", "calls", "errors", NULL};

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a chart: ask for a shorter period");
}

/* Where a function's points go; by function id. */
struct place {
    int64_t function_id;
    size_t line; /* in the chart, or while choosing: in `functions` */
};

/* A point that was looked at, to be drawn: what takes longest is reading them. */
struct kept_point {
    int64_t function_id;
    struct tg_chart_point point;
};

struct drawing {
    struct tg_chart *chart;
    const struct tg_chart_question *question;
    struct place *places;
    size_t place_count;
    size_t capacity;               /* points of a line */
    struct tg_store_series series; /* of the one function that is asked for */
    size_t next;                   /* in places: most likely the one that is asked for next */
    struct kept_point *kept;       /* all that were looked at, in their order */
    size_t kept_count;
    size_t kept_capacity;
    bool are_too_many; /* to be kept: they are read again */
};

static int by_function_id(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    return (a->function_id > b->function_id) - (a->function_id < b->function_id);
}

/* Rows of an iteration come by function, so the next is mostly right behind. */
static struct place *find_place(struct drawing *drawing, int64_t function_id) {
    const struct place key = {.function_id = function_id};
    struct place *found = drawing->next < drawing->place_count ? &drawing->places[drawing->next] : NULL;
    if (!found || found->function_id != function_id) {
        found =
            drawing->places ? bsearch(&key, drawing->places, drawing->place_count, sizeof key, by_function_id) : NULL;
    }
    if (found) {
        drawing->next = (size_t)(found - drawing->places) + 1;
    }
    return found;
}

static uint64_t amount_of(const struct tg_store_point *point, enum tg_chart_column column) {
    switch (column) {
    case TG_CHART_CUMULATIVE:
        return point->cumulative_ns;
    case TG_CHART_SELF:
        return point->self_ns;
    case TG_CHART_CALLS:
        return point->call_count;
    case TG_CHART_ERRORS:
        return point->error_count;
    case TG_CHART_AVERAGE:
    case TG_CHART_TOTAL:
    default:
        return point->total_ns;
    }
}

double tg_chart_value(const struct tg_chart_point *point, enum tg_chart_column column) {
    if (column != TG_CHART_AVERAGE) {
        return (double)point->amount;
    }
    return point->call_count ? (double)point->amount / (double)point->call_count : 0;
}

int64_t tg_chart_step(int64_t first_iteration, int64_t last_iteration, size_t points) {
    uint64_t span = (uint64_t)last_iteration - (uint64_t)first_iteration;
    if (span < points) {
        return 1;
    }
    /* Steps begin at their multiples, so that a period may touch one more than it fills. */
    uint64_t step = (span - 1) / (points - 1) + 1;
    return (int64_t)(step < INT64_MAX ? step : INT64_MAX);
}

int64_t tg_chart_start_of_step(int64_t iteration, int64_t step) {
    int64_t rest = iteration % step;
    return iteration - (rest < 0 ? rest + step : rest);
}

static void keep(struct drawing *drawing, int64_t function_id, const struct tg_chart_point *point) {
    size_t most = drawing->question->kept ? drawing->question->kept : TG_CHART_KEPT;
    if (drawing->kept_count == drawing->kept_capacity && !drawing->are_too_many) {
        size_t capacity = drawing->kept_capacity ? 2 * drawing->kept_capacity : TG_CHART_POINTS;
        capacity = capacity < most ? capacity : most;
        struct kept_point *kept =
            capacity > drawing->kept_capacity ? realloc(drawing->kept, capacity * sizeof *kept) : NULL;
        drawing->are_too_many = kept == NULL;
        drawing->kept = kept ? kept : drawing->kept;
        drawing->kept_capacity = kept ? capacity : drawing->kept_capacity;
    }
    if (!drawing->are_too_many) {
        drawing->kept[drawing->kept_count++] = (struct kept_point){.function_id = function_id, .point = *point};
    }
}

/* Choosing: the figures of each function stand in a line of its own, without points. */
static enum tg_status look_at_point(void *context, int64_t function_id, const struct tg_store_point *point,
                                    struct tg_error *err) {
    struct drawing *drawing = context;
    struct tg_chart *chart = drawing->chart;
    struct place *place = find_place(drawing, function_id);
    (void)err;
    if (!place) {
        return TG_OK; /* came while we read */
    }
    struct tg_chart_line *line = &chart->lines[place->line];
    const struct tg_chart_point whole = {point->iteration, point->call_count,
                                         amount_of(point, drawing->question->column)};
    double value = tg_chart_value(&whole, drawing->question->column);
    keep(drawing, function_id, &whole);
    line->largest = value > line->largest ? value : line->largest;
    line->sum += whole.amount;
    line->count++;
    chart->largest = value > chart->largest ? value : chart->largest;
    return TG_OK;
}

/* Their points: only what was found to be there is drawn. */
static bool is_shown(const struct tg_chart_line *line, double minimum) {
    return line->count > 0 && line->largest > minimum;
}

static double rank_of(const struct tg_chart_line *line, bool by_sum) {
    return by_sum ? (double)line->sum : line->largest;
}

static int by_name(const struct tg_chart_line *a, const struct tg_chart_line *b) {
    return strcmp(a->function->name, b->function->name);
}

static int by_largest(const void *left, const void *right) {
    const struct tg_chart_line *a = left;
    const struct tg_chart_line *b = right;
    double x = rank_of(a, false);
    double y = rank_of(b, false);
    return x == y ? by_name(a, b) : (x < y) - (x > y);
}

static int by_sum(const void *left, const void *right) {
    const struct tg_chart_line *a = left;
    const struct tg_chart_line *b = right;
    double x = rank_of(a, true);
    double y = rank_of(b, true);
    return x == y ? by_name(a, b) : (x < y) - (x > y);
}

static enum tg_status find_functions(struct drawing *drawing, struct tg_store *store, struct tg_error *err) {
    struct tg_chart *chart = drawing->chart;
    /* Of everything, because its sums are kept: what was not called in the selection has no points. */
    const struct tg_store_selection everything = {.service_id = drawing->question->selection.service_id,
                                                  .first_iteration = INT64_MIN,
                                                  .last_iteration = INT64_MAX};
    enum tg_status status =
        tg_store_functions(store, &everything, drawing->question->function, false, &chart->functions, err);
    if (status != TG_OK) {
        return status;
    }
    size_t count = chart->functions.count;
    drawing->places = calloc(count + 1, sizeof *drawing->places);
    chart->lines = calloc(count + 1, sizeof *chart->lines);
    if (!drawing->places || !chart->lines) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        drawing->places[i] = (struct place){.function_id = chart->functions.items[i].id, .line = i};
        chart->lines[i].function = &chart->functions.items[i];
    }
    drawing->place_count = count;
    qsort(drawing->places, count, sizeof *drawing->places, by_function_id);
    return TG_OK;
}

/* Keeps the lines that are shown, and one for all others behind them. */
static void choose_lines(struct drawing *drawing) {
    struct tg_chart *chart = drawing->chart;
    const struct tg_chart_question *question = drawing->question;
    size_t count = 0;
    size_t called_count = 0;
    for (size_t i = 0; i < chart->functions.count; i++) {
        called_count += chart->lines[i].count > 0;
        if (is_shown(&chart->lines[i], question->minimum)) {
            chart->lines[count++] = chart->lines[i];
        }
    }
    qsort(chart->lines, count, sizeof *chart->lines, question->by_sum ? by_sum : by_largest);
    chart->matching_count = count;
    chart->line_count = count < question->limit ? count : question->limit;
    chart->has_others = question->with_others && chart->line_count < called_count;
    if (chart->has_others) {
        chart->lines[chart->line_count++] = (struct tg_chart_line){.function = NULL};
    }
}

static size_t capacity_of(const struct tg_chart_question *question) {
    const struct tg_store_selection *selection = &question->selection;
    int64_t first = tg_chart_start_of_step(selection->first_iteration, question->step);
    return question->last ? question->last : (size_t)((selection->last_iteration - first) / question->step) + 1;
}

static enum tg_status make_room(struct drawing *drawing, struct tg_error *err) {
    struct tg_chart *chart = drawing->chart;
    size_t others = chart->has_others ? chart->line_count - 1 : SIZE_MAX;
    size_t place_count = 0;
    drawing->capacity = capacity_of(drawing->question);
    for (size_t i = 0; i < chart->line_count; i++) {
        chart->lines[i].count = 0;
        chart->lines[i].sum = 0;
        chart->lines[i].points = calloc(drawing->capacity, sizeof *chart->lines[i].points);
        if (!chart->lines[i].points) {
            return no_memory(err);
        }
    }
    for (size_t i = 0; i < drawing->place_count; i++) {
        size_t line = 0;
        while (line < chart->line_count && chart->lines[line].function
               && chart->lines[line].function->id != drawing->places[i].function_id) {
            line++;
        }
        line = line == chart->line_count ? others : line;
        if (line != SIZE_MAX) {
            drawing->places[place_count++] = (struct place){drawing->places[i].function_id, line};
        }
    }
    drawing->place_count = place_count;
    drawing->next = 0;
    return TG_OK;
}

/* The latest points, in a ring: that of the n-th is n modulo the capacity. */
static void draw_one(struct drawing *drawing, int64_t function_id, const struct tg_chart_point *point) {
    struct place *place = find_place(drawing, function_id);
    if (!place) {
        return;
    }
    struct tg_chart_line *line = &drawing->chart->lines[place->line];
    int64_t iteration = tg_chart_start_of_step(point->iteration, drawing->question->step);
    size_t last = line->count ? (line->count - 1) % drawing->capacity : 0;
    if (line->count == 0 || line->points[last].iteration != iteration) {
        last = line->count++ % drawing->capacity;
        line->points[last] = (struct tg_chart_point){.iteration = iteration};
    }
    line->points[last].call_count += point->call_count;
    line->points[last].amount += point->amount;
    line->sum += point->amount;
}

static enum tg_status draw_point(void *context, int64_t function_id, const struct tg_store_point *point,
                                 struct tg_error *err) {
    struct drawing *drawing = context;
    const struct tg_chart_point whole = {point->iteration, point->call_count,
                                         amount_of(point, drawing->question->column)};
    (void)err;
    draw_one(drawing, function_id, &whole);
    return TG_OK;
}

static enum tg_status unroll(struct tg_chart_line *line, size_t capacity, struct tg_error *err) {
    if (line->count <= capacity) {
        return TG_OK;
    }
    size_t first = line->count % capacity;
    struct tg_chart_point *points = calloc(capacity, sizeof *points);
    if (!points) {
        return no_memory(err);
    }
    memcpy(points, line->points + first, (capacity - first) * sizeof *points);
    memcpy(points + capacity - first, line->points, first * sizeof *points);
    free(line->points);
    line->points = points;
    line->count = capacity;
    return TG_OK;
}

typedef enum tg_status point_taker(void *context, int64_t function_id, const struct tg_store_point *point,
                                   struct tg_error *err);

/* One function's points are found without looking at all others', and read once. */
static enum tg_status read_series(struct drawing *drawing, struct tg_store *store, struct tg_error *err) {
    const struct tg_chart_question *question = drawing->question;
    return question->function && drawing->place_count
               ? tg_store_series(store, &question->selection, question->function, question->last, &drawing->series, err)
               : TG_OK;
}

static enum tg_status read_points(struct drawing *drawing, struct tg_store *store, point_taker *take,
                                  struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (!drawing->question->function) {
        return tg_store_points(store, &drawing->question->selection, take, drawing, err);
    }
    for (size_t i = 0; i < drawing->series.count && status == TG_OK; i++) {
        status = take(drawing, drawing->chart->functions.items[0].id, &drawing->series.items[i], err);
    }
    return status;
}

/* Of those that were kept, else of all as they are now. */
static enum tg_status draw_points(struct drawing *drawing, struct tg_store *store, struct tg_error *err) {
    if (drawing->are_too_many) {
        return read_points(drawing, store, draw_point, err);
    }
    for (size_t i = 0; i < drawing->kept_count; i++) {
        draw_one(drawing, drawing->kept[i].function_id, &drawing->kept[i].point);
    }
    return TG_OK;
}

static enum tg_status draw(struct drawing *drawing, struct tg_store *store, struct tg_error *err) {
    enum tg_status status = find_functions(drawing, store, err);
    if (status == TG_OK) {
        status = read_series(drawing, store, err);
    }
    if (status == TG_OK) {
        status = read_points(drawing, store, look_at_point, err);
    }
    if (status != TG_OK) {
        return status;
    }
    choose_lines(drawing);
    status = make_room(drawing, err);
    if (status == TG_OK && drawing->chart->line_count > 0) {
        status = draw_points(drawing, store, err);
    }
    for (size_t i = 0; i < drawing->chart->line_count && status == TG_OK; i++) {
        status = unroll(&drawing->chart->lines[i], drawing->capacity, err);
    }
    return status;
}

enum tg_status tg_chart_read(struct tg_chart *chart, struct tg_store *store, const struct tg_chart_question *question,
                             struct tg_error *err) {
    struct drawing drawing = {.chart = chart, .question = question};
    *chart = (struct tg_chart){.lines = NULL};
    enum tg_status status = draw(&drawing, store, err);
    tg_store_series_release(&drawing.series);
    free(drawing.places);
    free(drawing.kept);
    return status;
}

void tg_chart_release(struct tg_chart *chart) {
    for (size_t i = 0; chart && i < chart->line_count; i++) {
        free(chart->lines[i].points);
    }
    if (chart) {
        free(chart->lines);
        tg_store_functions_release(&chart->functions);
        *chart = (struct tg_chart){.lines = NULL};
    }
}
