/* store_time: points in time as people write them. See tg_store_iteration_of() in store.h. */
#include "store/store_state.h"

#include "base/age.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

static enum tg_status not_understood(const char *text, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_INVALID,
                        "\"%s\" is no point in time: write -1h (s, m, h, d, w), 2026-11-21T10:00, 2026-11-21, "
                        "iteration:120, version:1.4.2 or now",
                        text);
}

/* Exactly `digits` of them. */
static bool read_number(const char **text, size_t digits, int *number) {
    *number = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        *number = *number * 10 + (c - '0');
    }
    *text += digits;
    return true;
}

static bool read_char(const char **text, char c) {
    if (**text != c) {
        return false;
    }
    (*text)++;
    return true;
}

static bool read_date(const char **text, struct tm *time) {
    bool read = read_number(text, 4, &time->tm_year) && read_char(text, '-') && read_number(text, 2, &time->tm_mon)
                && read_char(text, '-') && read_number(text, 2, &time->tm_mday);
    time->tm_year -= 1900;
    time->tm_mon -= 1;
    return read;
}

/* After the date: "T10:00" or "T10:00:30"; a space will do for the T. */
static bool read_clock(const char **text, struct tm *time) {
    if (!read_char(text, 'T') && !read_char(text, ' ')) {
        return false;
    }
    if (!read_number(text, 2, &time->tm_hour) || !read_char(text, ':') || !read_number(text, 2, &time->tm_min)) {
        return false;
    }
    return !read_char(text, ':') || read_number(text, 2, &time->tm_sec);
}

/* "Z", "+01:00", "-0500" or nothing, which is local time. */
static bool read_zone(const char **text, bool *is_local, int *offset_s) {
    int hours = 0;
    int minutes = 0;
    *is_local = false;
    *offset_s = 0;
    if (read_char(text, 'Z')) {
        return true;
    }
    int sign = **text == '-' ? -1 : 1;
    if (!read_char(text, '+') && !read_char(text, '-')) {
        *is_local = true;
        return true;
    }
    if (!read_number(text, 2, &hours)) {
        return false;
    }
    read_char(text, ':');
    if (!read_number(text, 2, &minutes) || hours > 14 || minutes > 59) {
        return false;
    }
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool is_real(const struct tm *time) {
    return time->tm_mon >= 0 && time->tm_mon < 12 && time->tm_mday >= 1 && time->tm_mday <= 31 && time->tm_hour < 24
           && time->tm_min < 60 && time->tm_sec < 60;
}

static bool read_calendar(const char *text, tg_ns *wall_ns) {
    struct tm time = {.tm_isdst = -1};
    bool is_local = true;
    int offset_s = 0;
    if (!read_date(&text, &time)) {
        return false;
    }
    if (*text && (!read_clock(&text, &time) || !read_zone(&text, &is_local, &offset_s))) {
        return false;
    }
    int day = time.tm_mday;
    if (*text || !is_real(&time)) {
        return false;
    }
    time_t seconds = is_local ? mktime(&time) : timegm(&time);
    /* The 31st of a month without one has become the 1st of the next. */
    if (time.tm_mday != day || seconds < -NS_PER_S * 8 || seconds > NS_PER_S * 8) {
        return false;
    }
    *wall_ns = ((tg_ns)seconds - offset_s) * NS_PER_S;
    return true;
}

/* "-1h" */
static bool read_age(const char *text, tg_ns now_wall_ns, tg_ns *wall_ns) {
    int64_t age_ns = 0;
    return text[0] == '-' && tg_age_parse(text + 1, &age_ns) && !__builtin_sub_overflow(now_wall_ns, age_ns, wall_ns);
}

static bool read_iteration(const char *text, int64_t *iteration) {
    static const char prefix[] = "iteration:";
    if (strncmp(text, prefix, strlen(prefix)) != 0) {
        return false;
    }
    const char *digits = text + strlen(prefix);
    char *end = NULL;
    *iteration = strtoll(digits, &end, 10);
    return end != digits && !*end && (*digits == '-' || (*digits >= '0' && *digits <= '9'));
}

enum tg_status tg_store_iteration_of(const struct tg_store_service *service, const char *text, tg_ns now_wall_ns,
                                     int64_t *iteration, struct tg_error *err) {
    tg_ns wall_ns = now_wall_ns;
    if (read_iteration(text, iteration)) {
        return TG_OK;
    }
    if (strcmp(text, "now") != 0 && !read_age(text, now_wall_ns, &wall_ns) && !read_calendar(text, &wall_ns)) {
        return not_understood(text, err);
    }
    int64_t base = service->base_interval_ns > 0 ? service->base_interval_ns : 1;
    *iteration = tg_store_slot_of(wall_ns, base) - service->first_slot;
    return TG_OK;
}
