#include "sample/line_table.h"

enum kind {
    KIND_ONE_LINE = 10, /* and the two after it */
    KIND_NO_COLUMNS = 13,
    KIND_LONG = 14,
    KIND_NONE = 15,
};

/* Bytes of columns behind the first byte of a short entry, and behind one that goes 0 to 2 lines on. */
#define SHORT_BYTES    1
#define ONE_LINE_BYTES 2

/* Six pieces of six bits hold 32. */
#define MAX_NUMBER_BITS 36

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool is_torn;
};

/* Bytes inside an entry have bit 7 clear. */
static uint8_t next_byte(struct cursor *cursor) {
    if (cursor->at == cursor->end || *cursor->at & 0x80) {
        cursor->is_torn = true;
        return 0;
    }
    return *cursor->at++;
}

static uint64_t next_number(struct cursor *cursor) {
    uint64_t number = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = next_byte(cursor);
        number |= (uint64_t)(byte & 0x3f) << shift;
        shift += 6;
    } while (byte & 0x40 && shift < MAX_NUMBER_BITS);
    cursor->is_torn |= (byte & 0x40) != 0;
    return number;
}

static int64_t next_signed(struct cursor *cursor) {
    uint64_t number = next_number(cursor);
    return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

/* What an entry of the kind says about the line; the cursor goes behind it. */
static int64_t next_line_delta(struct cursor *cursor, unsigned kind) {
    int64_t delta = 0;
    unsigned columns = 0;
    if (kind < KIND_ONE_LINE) {
        columns = SHORT_BYTES;
    } else if (kind < KIND_NO_COLUMNS) {
        delta = kind - KIND_ONE_LINE;
        columns = ONE_LINE_BYTES;
    } else if (kind != KIND_NONE) {
        delta = next_signed(cursor);
    }
    if (kind == KIND_LONG) {
        next_number(cursor);
        next_number(cursor);
        next_number(cursor);
    }
    while (columns-- > 0) {
        next_byte(cursor);
    }
    return delta;
}

bool tg_line_table_decode(const uint8_t *table, size_t bytes, int32_t first_line, uint32_t unit_count,
                          struct tg_line_run *runs, size_t *run_count) {
    struct cursor cursor = {.at = table, .end = table + bytes};
    int64_t line = first_line;
    uint64_t unit = 0;
    size_t count = 0;
    while (cursor.at < cursor.end && unit < unit_count) {
        uint8_t first = *cursor.at++;
        unsigned kind = first >> 3 & 15;
        line += next_line_delta(&cursor, kind);
        if (!(first & 0x80) || cursor.is_torn) {
            return false;
        }
        uint32_t shown = kind == KIND_NONE || line <= 0 || line > INT32_MAX ? 0 : (uint32_t)line;
        if (count == 0 || runs[count - 1].line != shown) {
            runs[count++] = (struct tg_line_run){.first_unit = (uint32_t)unit, .line = shown};
        }
        unit += (first & 7) + 1;
    }
    *run_count = count;
    return true;
}

uint32_t tg_line_runs_find(const struct tg_line_run *runs, size_t run_count, uint32_t unit) {
    size_t low = 0, high = run_count; /* the run is in [low, high) */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].first_unit <= unit) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return run_count ? runs[low].line : 0;
}
