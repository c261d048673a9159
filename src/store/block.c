/* block: see block.h. */
#include "store/block.h"

#include "store/store_state.h"

#include <assert.h>
#include <string.h>

#define DIGITS_MAX 20 /* of any number */

/* In the order of the columns. */
static const size_t figures[TG_BLOCK_FIGURES] = {
    offsetof(struct tg_figures_row, call_count), offsetof(struct tg_figures_row, error_count),
    offsetof(struct tg_figures_row, total_ns),   offsetof(struct tg_figures_row, cumulative_ns),
    offsetof(struct tg_figures_row, self_ns),    offsetof(struct tg_figures_row, active_ns),
    offsetof(struct tg_figures_row, minimum_ns), offsetof(struct tg_figures_row, maximum_ns),
};

static uint64_t figure_of(const struct tg_figures_row *row, size_t figure) {
    uint64_t value = 0;
    memcpy(&value, (const char *)row + figures[figure], sizeof value);
    return value < TG_STORE_FIGURE_MAX ? value : TG_STORE_FIGURE_MAX;
}

static void set_figure(struct tg_figures_row *row, size_t figure, uint64_t value) {
    memcpy((char *)row + figures[figure], &value, sizeof value);
}

size_t tg_block_count(const struct tg_figures_row *rows, size_t count) {
    size_t together = 0;
    while (together < count && tg_block_of(rows[together].function_id) == tg_block_of(rows[0].function_id)) {
        together++;
    }
    assert(together <= TG_BLOCK_FUNCTIONS);
    return together;
}

size_t tg_block_room(const struct tg_figures_row *rows, size_t count) {
    size_t room = (count * (TG_BLOCK_FIGURES + 1) + 1) * DIGITS_MAX;
    for (size_t i = 0; i < count; i++) {
        room += rows[i].histogram.length;
    }
    return room;
}

/* Writes numbers, all as long as the longest; returns the end. */
static char *write_numbers(const uint64_t *numbers, size_t count, char *room) {
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most = numbers[i] > most ? numbers[i] : most;
    }
    size_t digits = 1;
    for (; most >= 10; most /= 10) {
        digits++;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t rest = numbers[i];
        for (size_t k = digits; k > 0; k--) {
            room[k - 1] = (char)('0' + rest % 10);
            rest /= 10;
        }
        room += digits;
    }
    return room;
}

/* Writes a column of numbers. */
static char *encode_numbers(const uint64_t *numbers, size_t count, char *room, struct tg_sql_value *value) {
    char *end = write_numbers(numbers, count, room);
    *value = tg_value_blob(room, (size_t)(end - room));
    return end;
}

char *tg_block_encode(const struct tg_figures_row *rows, size_t count, char *room, struct tg_sql_value *values) {
    uint64_t numbers[TG_BLOCK_FUNCTIONS + 1] = {0};
    int64_t places = 0;
    for (size_t i = 0; i < count; i++) {
        places |= INT64_C(1) << (rows[i].function_id % TG_BLOCK_FUNCTIONS);
    }
    values[0] = tg_value_integer(places);
    for (size_t figure = 0; figure < TG_BLOCK_FIGURES; figure++) {
        for (size_t i = 0; i < count; i++) {
            numbers[i] = figure_of(&rows[i], figure);
        }
        room = encode_numbers(numbers, count, room, &values[1 + figure]);
    }
    numbers[0] = 0;
    for (size_t i = 0; i < count; i++) {
        numbers[i + 1] = numbers[i] + rows[i].histogram.length;
    }
    room = encode_numbers(numbers, count + 1, room, &values[1 + TG_BLOCK_FIGURES]);
    values[2 + TG_BLOCK_FIGURES] = tg_value_blob(room, numbers[count]);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].histogram.length > 0) {
            memcpy(room, rows[i].histogram.data, rows[i].histogram.length);
            room += rows[i].histogram.length;
        }
    }
    return room;
}

/* Columns of `count` numbers, of which those from `first` on are read, `wanted` of them. */
struct part {
    size_t count;
    size_t first;
    size_t wanted;
};

/* False: there are not that many numbers. */
static bool decode_numbers(const struct tg_sql_value *value, struct part part, uint64_t *numbers) {
    struct tg_bytes text = tg_value_to_bytes(value);
    size_t digits = text.length / part.count;
    if (digits == 0 || digits >= DIGITS_MAX || text.length % part.count != 0) {
        return false;
    }
    const char *at = text.data + part.first * digits;
    for (size_t i = 0; i < part.wanted; i++) {
        numbers[i] = 0;
        for (size_t k = 0; k < digits; k++, at++) {
            unsigned digit = (unsigned)(unsigned char)*at - '0';
            if (digit > 9) {
                return false;
            }
            numbers[i] = numbers[i] * 10 + digit;
        }
    }
    return true;
}

static bool decode_figures(struct tg_figures_row *rows, struct part part, const struct tg_sql_value *values) {
    uint64_t numbers[TG_BLOCK_FUNCTIONS];
    for (size_t figure = 0; figure < TG_BLOCK_FIGURES; figure++) {
        if (!decode_numbers(&values[figure], part, numbers)) {
            return false;
        }
        for (size_t i = 0; i < part.wanted; i++) {
            set_figure(&rows[i], figure, numbers[i]);
        }
    }
    for (size_t i = 0; i < part.wanted; i++) {
        struct tg_figures_row *row = &rows[i];
        row->minimum_ns = row->minimum_ns < TG_STORE_FIGURE_MAX ? row->minimum_ns : UINT64_MAX; /* no call ended */
    }
    return true;
}

static bool decode_histograms(struct tg_figures_row *rows, struct part part, const struct tg_sql_value *values) {
    uint64_t bounds[TG_BLOCK_FUNCTIONS + 1];
    struct tg_bytes histograms = tg_value_to_bytes(&values[1]);
    struct part bounding = {.count = part.count + 1, .first = part.first, .wanted = part.wanted + 1};
    if (!decode_numbers(&values[0], bounding, bounds)) {
        return false;
    }
    for (size_t i = 0; i < part.wanted; i++) {
        if (bounds[i] > bounds[i + 1] || bounds[i + 1] > histograms.length) {
            return false;
        }
        rows[i].histogram = (struct tg_bytes){.data = histograms.data + bounds[i], .length = bounds[i + 1] - bounds[i]};
    }
    return true;
}

static bool decode_rows(struct tg_figures_row *rows, struct part part, const struct tg_sql_value *values,
                        bool with_histograms) {
    return decode_figures(rows, part, values + 3)
           && (!with_histograms || decode_histograms(rows, part, values + TG_BLOCK_COLUMNS));
}

static enum tg_status damaged(const struct tg_sql_value *values, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_FORMAT, "the history is damaged: block %lld of iteration %lld cannot be read",
                        (long long)tg_value_to_integer(&values[1]), (long long)tg_value_to_integer(&values[0]));
}

/* Whether number and places can be those of a block. */
static bool is_block(int64_t number, uint64_t places) {
    return places != 0 && places >> TG_BLOCK_FUNCTIONS == 0 && number >= 0
           && number <= INT64_MAX / TG_BLOCK_FUNCTIONS - 1;
}

enum tg_status tg_block_decode(struct tg_block *block, const struct tg_sql_value *values, bool with_histograms,
                               struct tg_error *err) {
    uint64_t places = (uint64_t)tg_value_to_integer(&values[2]);
    block->iteration = tg_value_to_integer(&values[0]);
    block->number = tg_value_to_integer(&values[1]);
    block->count = 0;
    if (!is_block(block->number, places)) {
        return damaged(values, err);
    }
    for (unsigned k = 0; k < TG_BLOCK_FUNCTIONS; k++) {
        if (places >> k & 1U) {
            block->rows[block->count++] = (struct tg_figures_row){
                .iteration = block->iteration,
                .function_id = block->number * TG_BLOCK_FUNCTIONS + k,
            };
        }
    }
    struct part all = {.count = block->count, .first = 0, .wanted = block->count};
    return decode_rows(block->rows, all, values, with_histograms) ? TG_OK : damaged(values, err);
}

enum tg_status tg_block_decode_one(const struct tg_sql_value *values, int64_t function_id, struct tg_figures_row *row,
                                   bool *found, struct tg_error *err) {
    uint64_t places = (uint64_t)tg_value_to_integer(&values[2]);
    uint64_t place = UINT64_C(1) << (function_id % TG_BLOCK_FUNCTIONS);
    int64_t number = tg_value_to_integer(&values[1]);
    *row = (struct tg_figures_row){.iteration = tg_value_to_integer(&values[0]), .function_id = function_id};
    *found = false;
    if (!is_block(number, places)) {
        return damaged(values, err);
    }
    if (number != tg_block_of(function_id) || (places & place) == 0) {
        return TG_OK;
    }
    struct part one = {
        .count = (size_t)__builtin_popcountll(places),
        .first = (size_t)__builtin_popcountll(places & (place - 1)),
        .wanted = 1,
    };
    *found = decode_rows(row, one, values, true);
    return *found ? TG_OK : damaged(values, err);
}
