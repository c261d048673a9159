/* age: see age.h. */
#include "base/age.h"

#include <stdlib.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t seconds_of_unit(char unit) {
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

bool tg_age_parse(const char *text, int64_t *ns) {
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    long long count = strtoll(text, &end, 10);
    int64_t unit_s = seconds_of_unit(*end);
    return unit_s != 0 && !end[1] && !__builtin_mul_overflow(count, unit_s * NS_PER_S, ns);
}
