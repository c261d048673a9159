/* export: see export.h. */
#include "export/export.h"

#include <stddef.h>
#include <string.h>

const struct tg_export_format *const tg_export_formats[] = {
    &tg_export_flamegraph,
    &tg_export_speedscope,
    &tg_export_folded,
    NULL,
};

const struct tg_export_format *tg_export_find(const char *name) {
    for (size_t i = 0; tg_export_formats[i]; i++) {
        if (strcmp(tg_export_formats[i]->name, name) == 0) {
            return tg_export_formats[i];
        }
    }
    return NULL;
}

const struct tg_export_format *tg_export_of_path(const char *path) {
    const struct tg_export_format *found = NULL;
    size_t length = strlen(path);
    for (size_t i = 0; tg_export_formats[i]; i++) {
        const char *suffix = tg_export_formats[i]->suffix;
        size_t bytes = strlen(suffix);
        if (bytes < length && strcmp(path + length - bytes, suffix) == 0 && (!found || bytes > strlen(found->suffix))) {
            found = tg_export_formats[i];
        }
    }
    return found;
}

const char *const tg_export_measure_names[] = {"wall", "cpu", "gil", NULL};

uint64_t tg_export_measure_of(const struct tg_weight *weight, enum tg_export_measure measure) {
    switch (measure) {
    case TG_EXPORT_WALL:
        return weight->wall_ns;
    case TG_EXPORT_CPU:
        return weight->cpu_ns;
    case TG_EXPORT_GIL:
        return weight->gil_ns;
    }
    return 0;
}

enum tg_status tg_export_choose(const struct tg_export_format **format, const char *name, const char *path,
                                struct tg_error *err) {
    const char *dot = path ? strrchr(path, '.') : NULL;
    *format = name ? tg_export_find(name) : path ? tg_export_of_path(path) : NULL;
    if (!*format && dot && !strchr(dot, '/')) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "'%s' does not say its format: end it in .html, .json or .folded, or say -f", path);
    }
    return TG_OK;
}
