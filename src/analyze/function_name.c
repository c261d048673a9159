/* function_name: see function_name.h. */
#include "analyze/function_name.h"

#include "base/nearest.h"
#include "base/pattern.h"

#include <stdbool.h>
#include <stdlib.h>
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

/* "__main__::main", as reports call it, means "backup.py::main" of /srv/backup.py. */
static bool is_of_main(const struct tg_store_function *function, const char *wanted) {
    static const char main_module[] = "__main__";
    const size_t length = sizeof main_module - 1;
    const char *rest = strstr(function->name, "::");
    size_t module_length = rest ? (size_t)(rest - function->name) : 0;
    size_t file_length = function->file ? strlen(function->file) : 0;
    if (!module_length || file_length < module_length || strncmp(wanted, main_module, length) != 0
        || strcmp(rest, wanted + length) != 0) {
        return false;
    }
    const char *tail = function->file + file_length - module_length;
    return memcmp(tail, function->name, module_length) == 0 && (tail == function->file || tail[-1] == '/');
}

static bool is_meant(const struct tg_store_function *function, const char *wanted) {
    return ends_with(function->name, wanted) || is_of_main(function, wanted);
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

static enum tg_status refuse(const struct tg_store_functions *functions, const struct tg_scope *scope,
                             const char *wanted, struct tg_error *err) {
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
        tg_error_set(err, TG_ERROR_NOT_FOUND, "service '%s' has no function '%s'; did you mean %s?",
                     scope->service->name, wanted, tg_strbuf_text(&names));
    } else {
        tg_error_set(err, TG_ERROR_NOT_FOUND,
                     "service '%s' has no function '%s'; 'tachograph rank -n 100' shows the names there are",
                     scope->service->name, wanted);
    }
    tg_strbuf_release(&names);
    return TG_ERROR_NOT_FOUND;
}

static enum tg_status refuse_several(const struct tg_store_functions *functions, const char *wanted, size_t count,
                                     struct tg_error *err) {
    struct tg_strbuf names = TG_STRBUF_INIT;
    size_t named = 0;
    for (size_t i = 0; i < functions->count && named < NAMED_MAX; i++) {
        if (is_meant(&functions->items[i], wanted)) {
            tg_strbuf_printf(&names, "%s'%s'", named++ ? ", " : "", functions->items[i].name);
        }
    }
    tg_error_set(err, TG_ERROR_INVALID, "the names of %zu functions end in '%s'; name one of %s%s", count, wanted,
                 tg_strbuf_text(&names), count > NAMED_MAX ? " and others" : "");
    tg_strbuf_release(&names);
    return TG_ERROR_INVALID;
}

enum tg_status tg_function_name_find(const struct tg_store_functions *functions, const struct tg_scope *scope,
                                     const char *wanted, const struct tg_store_function **found, struct tg_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < functions->count; i++) {
        const struct tg_store_function *function = &functions->items[i];
        if (strcmp(function->name, wanted) == 0) {
            *found = function;
            return TG_OK;
        }
        if (is_meant(function, wanted)) {
            *found = function;
            count++;
        }
    }
    if (count == 1) {
        return TG_OK;
    }
    return count == 0 ? refuse(functions, scope, wanted, err) : refuse_several(functions, wanted, count, err);
}

static bool names_any(const struct tg_store_functions *functions, const char *pattern) {
    bool any = strpbrk(pattern, "*?[") != NULL;
    for (size_t i = 0; i < functions->count && !any; i++) {
        any = tg_pattern_match(pattern, functions->items[i].name);
    }
    return any;
}

enum tg_status tg_function_name_append_pattern(struct tg_strbuf *out, const struct tg_scope *scope, const char *wanted,
                                               struct tg_error *err) {
    const struct tg_store_selection everything = tg_scope_everything(scope);
    struct tg_store_functions functions = {.items = NULL};
    const struct tg_store_function *found = NULL;
    enum tg_status status = tg_store_functions(scope->store, &everything, NULL, false, &functions, err);
    bool is_pattern = status == TG_OK && names_any(&functions, wanted);
    if (status == TG_OK && !is_pattern) {
        status = tg_function_name_find(&functions, scope, wanted, &found, err);
    }
    if (status == TG_OK) {
        tg_strbuf_append(out, is_pattern ? wanted : found->name);
    }
    tg_store_functions_release(&functions);
    return status;
}

enum tg_status tg_function_name_read(struct tg_store_function *function, const struct tg_scope *scope,
                                     const char *wanted, struct tg_error *err) {
    const struct tg_store_selection everything = tg_scope_everything(scope);
    struct tg_store_functions functions = {.items = NULL};
    const struct tg_store_function *found = NULL;
    *function = (struct tg_store_function){.name = NULL};
    enum tg_status status = tg_store_functions(scope->store, &everything, NULL, false, &functions, err);
    if (status == TG_OK) {
        status = tg_function_name_find(&functions, scope, wanted, &found, err);
    }
    if (status == TG_OK) { /* its strings are taken out of the list */
        struct tg_store_function *taken = &functions.items[found - functions.items];
        *function = *taken;
        taken->name = NULL;
        taken->file = NULL;
        taken->histogram = NULL;
    }
    tg_store_functions_release(&functions);
    return status;
}

void tg_function_name_release(struct tg_store_function *function) {
    if (function) {
        free(function->name);
        free(function->file);
        free(function->histogram);
        *function = (struct tg_store_function){.name = NULL};
    }
}
