/* change: see change.h. */
#include "cli/change.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#define NS_MAX      9.2e18
#define PERCENT_MAX 1e15

static int64_t whole(double ns) {
    return isnan(ns) ? 0 : (int64_t)llround(fmin(fmax(ns, -NS_MAX), NS_MAX));
}

struct tg_human tg_change_level(double ns) {
    return tg_humanize_duration(whole(ns));
}

struct tg_human tg_change_duration(double ns) {
    struct tg_human human;
    int64_t rounded = whole(ns);
    struct tg_human level = tg_humanize_duration(rounded);
    snprintf(human.text, sizeof human.text, "%s%.*s", rounded < 0 ? "" : "+", (int)sizeof human.text - 2, level.text);
    return human;
}

struct tg_human tg_change_percent(double relative) {
    struct tg_human human;
    double percent = isnan(relative) ? 0 : fmin(fabs(relative) * 100, PERCENT_MAX);
    const char *sign = relative < 0 ? "-" : "+";
    if (percent < 9.95) {
        unsigned tenths = (unsigned)lround(percent * 10);
        snprintf(human.text, sizeof human.text, "%s%u.%u %%", tenths ? sign : "+", tenths / 10, tenths % 10);
    } else {
        struct tg_human count = tg_humanize_count((uint64_t)llround(percent));
        snprintf(human.text, sizeof human.text, "%s%.*s %%", sign, (int)sizeof human.text - 4, count.text);
    }
    return human;
}
