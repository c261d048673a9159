/*
 * Damerau-Levenshtein distance by rows of dynamic programming, and the best three.
 */
#include "base/nearest.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

enum { ROW_SIZE = TG_NEAREST_NAME_SIZE };

void tg_nearest_init(struct tg_nearest *nearest, const char *wanted) {
    *nearest = (struct tg_nearest){.wanted = wanted};
}

static unsigned smaller(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* What remains to be done for the first `j` characters of `name` at character `i` of `wanted`, from the rows
 * of the one and two characters before it (Damerau-Levenshtein in its "optimal string alignment" form). */
static unsigned cell(const char *wanted, size_t i, const char *name, size_t j, const unsigned *before2,
                     const unsigned *before, const unsigned *row) {
    if (wanted[i] == '*') {
        return j > 0 ? smaller(before[j], row[j - 1]) : before[0];
    }
    unsigned best = before[j] + 1;
    if (j == 0) {
        return best;
    }
    bool same = wanted[i] == '?' || wanted[i] == name[j - 1];
    best = smaller(best, row[j - 1] + 1);
    best = smaller(best, before[j - 1] + (same ? 0 : 1));
    if (i > 0 && j > 1 && wanted[i] == name[j - 2] && wanted[i - 1] == name[j - 1]) {
        best = smaller(best, before2[j - 2] + 1);
    }
    return best;
}

unsigned tg_nearest_distance(const char *wanted, const char *name) {
    size_t wanted_length = strlen(wanted);
    size_t name_length = strlen(name);
    if (wanted_length >= ROW_SIZE || name_length >= ROW_SIZE) {
        return UINT_MAX;
    }
    unsigned rows[3][ROW_SIZE] = {{0}};
    unsigned *before2 = rows[0];
    unsigned *before = rows[1];
    unsigned *row = rows[2];
    for (size_t j = 0; j <= name_length; j++) {
        before[j] = (unsigned)j;
    }
    for (size_t i = 0; i < wanted_length; i++) {
        for (size_t j = 0; j <= name_length; j++) {
            row[j] = cell(wanted, i, name, j, before2, before, row);
        }
        unsigned *oldest = before2;
        before2 = before;
        before = row;
        row = oldest;
    }
    return before[name_length];
}

/* Further away than this is not near: a third of the letters, and less than all of them. */
static unsigned limit_for(const char *wanted) {
    unsigned letters = 0;
    for (const char *c = wanted; *c; c++) {
        letters += *c != '*' && *c != '?';
    }
    unsigned third = (letters + 2) / 3;
    return letters > third ? third : 0;
}

static bool is_known(const struct tg_nearest *nearest, const char *name) {
    for (size_t i = 0; i < nearest->count; i++) {
        if (strcmp(nearest->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

void tg_nearest_offer(struct tg_nearest *nearest, const char *name) {
    unsigned distance = tg_nearest_distance(nearest->wanted, name);
    if (distance > limit_for(nearest->wanted) || is_known(nearest, name)) {
        return;
    }
    size_t place = nearest->count;
    while (place > 0 && distance < nearest->distances[place - 1]) {
        place--;
    }
    if (place == TG_NEAREST_MAX) {
        return;
    }
    size_t last = nearest->count < TG_NEAREST_MAX ? nearest->count++ : TG_NEAREST_MAX - 1;
    for (size_t i = last; i > place; i--) {
        nearest->distances[i] = nearest->distances[i - 1];
        memcpy(nearest->names[i], nearest->names[i - 1], TG_NEAREST_NAME_SIZE);
    }
    nearest->distances[place] = distance;
    memcpy(nearest->names[place], name, strlen(name) + 1);
}
