/* percent: see percent.h. */
#include "cli/percent.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum tg_status tg_percent_parse(const char *text, double *ratio, struct tg_error *err) {
    char *end = NULL;
    bool is_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '.';
    double percent = is_number ? strtod(text, &end) : 0;
    *ratio = 0;
    if (!end || end == text || (*end && strcmp(end, "%") != 0) || !isfinite(percent)) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no percentage: write it as 20%%", text);
    }
    *ratio = percent / 100;
    return TG_OK;
}

enum tg_status tg_percent_check(const char *text, struct tg_error *err) {
    double ratio = 0;
    return tg_percent_parse(text, &ratio, err);
}
