/*
 * Integers only, so that rounding is exact and no locale interferes.
 */
#include "base/humanize.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
    uint64_t size; /* in the smallest unit */
    const char *name;
};

static const struct unit duration_units[] = {{1, "ns"}, {1000, "us"}, {1000000, "ms"}, {1000000000, "s"}, {0, NULL}};

static const struct unit byte_units[] = {
    {1, "B"},
    {UINT64_C(1) << 10U, "KiB"},
    {UINT64_C(1) << 20U, "MiB"},
    {UINT64_C(1) << 30U, "GiB"},
    {UINT64_C(1) << 40U, "TiB"},
    {UINT64_C(1) << 50U, "PiB"},
    {UINT64_C(1) << 60U, "EiB"},
    {0, NULL},
};

/* value / size times `power` (a power of ten), rounded half up. In two parts, so that nothing overflows. */
static uint64_t scaled(uint64_t value, uint64_t size, uint64_t power) {
    assert(size > 0);
    uint64_t whole = value / size;
    uint64_t rest = value % size;
    if (size > UINT64_MAX / 256) { /* the largest byte unit: drop bits that no digit shows */
        rest >>= 8U;
        size >>= 8U;
    }
    return whole * power + (rest * power + size / 2) / size;
}

/* Three digits in the largest unit that leaves at least one before the point; the last unit takes any number. */
static void format_unit(struct tg_human *human, bool negative, uint64_t value, const struct unit *units) {
    const struct unit *unit = units;
    while (unit[1].name && value >= unit[1].size) {
        unit++;
    }
    /* Rounding may make 999.6 a thousand: then the next unit says it. */
    if (unit[1].name && unit->size > 1 && scaled(value, unit->size, 1) * unit->size >= unit[1].size) {
        unit++;
        value = unit->size;
    }
    const char *sign = negative ? "-" : "";
    if (unit->size == 1) {
        snprintf(human->text, sizeof human->text, "%s%" PRIu64 " %s", sign, value, unit->name);
    } else if (scaled(value, unit->size, 100) < 1000) {
        uint64_t hundredths = scaled(value, unit->size, 100);
        snprintf(human->text, sizeof human->text, "%s%" PRIu64 ".%02" PRIu64 " %s", sign, hundredths / 100,
                 hundredths % 100, unit->name);
    } else if (scaled(value, unit->size, 10) < 1000) {
        uint64_t tenths = scaled(value, unit->size, 10);
        snprintf(human->text, sizeof human->text, "%s%" PRIu64 ".%" PRIu64 " %s", sign, tenths / 10, tenths % 10,
                 unit->name);
    } else {
        snprintf(human->text, sizeof human->text, "%s%" PRIu64 " %s", sign, scaled(value, unit->size, 1), unit->name);
    }
}

struct tg_human tg_humanize_duration(int64_t ns) {
    struct tg_human human;
    bool negative = ns < 0;
    uint64_t size = negative ? 0 - (uint64_t)ns : (uint64_t)ns;
    uint64_t seconds = scaled(size, 1000000000, 1);
    const char *sign = negative ? "-" : "";
    if (scaled(size, 1000000000, 10) < 600) {
        format_unit(&human, negative, size, duration_units);
    } else if (seconds < 3600) {
        snprintf(human.text, sizeof human.text, "%s%" PRIu64 "m %02" PRIu64 "s", sign, seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        snprintf(human.text, sizeof human.text, "%s%" PRIu64 "h %02" PRIu64 "m", sign, seconds / 3600,
                 seconds / 60 % 60);
    } else {
        snprintf(human.text, sizeof human.text, "%s%" PRIu64 "d %02" PRIu64 "h", sign, seconds / 86400,
                 seconds / 3600 % 24);
    }
    return human;
}

struct tg_human tg_humanize_count(uint64_t count) {
    struct tg_human human;
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    char *out = human.text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return human;
}

struct tg_human tg_humanize_rate(uint64_t count, uint64_t interval_ns) {
    __extension__ typedef unsigned __int128 wide;
    struct tg_human human = {"0"};
    if (count == 0 || interval_ns == 0) {
        return human;
    }
    wide tenths = ((wide)count * UINT64_C(10000000000) + interval_ns / 2) / interval_ns;
    if (tenths >= 100) {
        wide whole = ((wide)count * UINT64_C(1000000000) + interval_ns / 2) / interval_ns;
        return tg_humanize_count(whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole);
    }
    if (tenths == 0) {
        return (struct tg_human){"<0.1"};
    }
    snprintf(human.text, sizeof human.text, "%u.%u", (unsigned)tenths / 10, (unsigned)tenths % 10);
    return human;
}

struct tg_human tg_humanize_share(uint64_t part, uint64_t whole) {
    __extension__ typedef unsigned __int128 wide;
    struct tg_human human;
    wide parts = whole ? ((wide)part * 1000 + whole / 2) / whole : 0;
    unsigned tenths = parts > 1000 ? 1000 : (unsigned)parts;
    snprintf(human.text, sizeof human.text, "%u.%u %%", tenths / 10, tenths % 10);
    return human;
}

struct tg_human tg_humanize_bytes(uint64_t bytes) {
    struct tg_human human;
    format_unit(&human, false, bytes, byte_units);
    return human;
}
