/* function_name: see function_name.h. */
#include "cli/function_name.h"

#include "base/nearest.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <string.h>

#define NAMED_MAX 3

static bool is_boundary(char c) {
    return c == '.' || c == ':';
}

/* "search" ends "Orders.search", but not "research". */
static bool ends_with(const char *name, const char *end) {
    size_t name_length = strlen(name);
    size_t end_length = strlen(end);
    return end_length > 0 && end_length < name_length && is_boundary(name[name_length - end_length - 1])
           && strcmp(name + name_length - end_length, end) == 0;
}

/* The whole name and every end of it that could be typed. */
static void offer_ends(struct tg_nearest *nearest, const char *name) {
    tg_nearest_offer(nearest, name);
    for (const char *at = name; *at; at++) {
        if (is_boundary(*at) && at[1] && !is_boundary(at[1])) {
            tg_nearest_offer(nearest, at + 1);
        }
    }
}

static enum tg_status refuse(const struct tg_store_functions *functions, const char *wanted, struct tg_error *err) {
    struct tg_nearest nearest;
    struct tg_strbuf names = TG_STRBUF_INIT;
    tg_nearest_init(&nearest, wanted);
    for (size_t i = 0; i < functions->count; i++) {
        offer_ends(&nearest, functions->items[i].name);
    }
    for (size_t i = 0; i < nearest.count; i++) {
        tg_strbuf_printf(&names, "%s'%s'", i ? " or " : "", nearest.names[i]);
    }
    if (nearest.count > 0) {
        tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no function '%s'; did you mean %s?", wanted,
                     tg_strbuf_text(&names));
    } else {
        tg_error_set(err, TG_ERROR_NOT_FOUND,
                     "there is no function '%s'; 'tachograph rank -n 100' shows the names there are", wanted);
    }
    tg_strbuf_release(&names);
    return TG_ERROR_NOT_FOUND;
}

static enum tg_status refuse_several(const struct tg_store_functions *functions, const char *wanted, size_t count,
                                     struct tg_error *err) {
    struct tg_strbuf names = TG_STRBUF_INIT;
    size_t named = 0;
    for (size_t i = 0; i < functions->count && named < NAMED_MAX; i++) {
        if (ends_with(functions->items[i].name, wanted)) {
            tg_strbuf_printf(&names, "%s'%s'", named++ ? ", " : "", functions->items[i].name);
        }
    }
    tg_error_set(err, TG_ERROR_INVALID, "the names of %zu functions end in '%s'; name one of %s%s", count, wanted,
                 tg_strbuf_text(&names), count > NAMED_MAX ? " and others" : "");
    tg_strbuf_release(&names);
    return TG_ERROR_INVALID;
}

enum tg_status tg_function_name_find(const struct tg_store_functions *functions, const char *wanted,
                                     const struct tg_store_function **found, struct tg_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < functions->count; i++) {
        const struct tg_store_function *function = &functions->items[i];
        if (strcmp(function->name, wanted) == 0) {
            *found = function;
            return TG_OK;
        }
        if (ends_with(function->name, wanted)) {
            *found = function;
            count++;
        }
    }
    if (count == 1) {
        return TG_OK;
    }
    return count == 0 ? refuse(functions, wanted, err) : refuse_several(functions, wanted, count, err);
}
