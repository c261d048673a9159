/* run_name: see run_name.h. */
#include "analyze/run_name.h"

#include <string.h>

static const char prefix[] = "run:";

/* The digits of a beginning of an id, without the dashes of a uuid; false: it is none. */
static bool read_digits(const char *name, char digits[TG_RUN_ID_SIZE]) {
    size_t count = 0;
    for (; *name; name++) {
        char c = (char)(*name >= 'A' && *name <= 'F' ? *name - 'A' + 'a' : *name);
        if (c == '-') {
            continue;
        }
        if (!strchr("0123456789abcdef", c) || count == TG_RUN_ID_SIZE - 1) {
            return false;
        }
        digits[count++] = c;
    }
    digits[count] = '\0';
    return count > 0;
}

/* The one that began last, or so many before it. */
static enum tg_status find_recent(const struct tg_scope *scope, const struct tg_store_runs *runs, size_t before,
                                  const struct tg_store_run **run, struct tg_error *err) {
    if (runs->count <= before) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "service '%s' has %s in its history", scope->service->name,
                            runs->count ? "one run only" : "no run");
    }
    *run = &runs->items[runs->count - 1 - before];
    return TG_OK;
}

static enum tg_status find_digits(const struct tg_scope *scope, const struct tg_store_runs *runs, const char *name,
                                  const struct tg_store_run **run, struct tg_error *err) {
    char digits[TG_RUN_ID_SIZE];
    size_t found = 0;
    if (!read_digits(name, digits)) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "'%s' names no run: write latest, previous, or the first digits of an id that 'tachograph "
                            "runs' lists",
                            name);
    }
    for (size_t i = 0; i < runs->count; i++) {
        if (strncmp(runs->items[i].id, digits, strlen(digits)) == 0) {
            *run = &runs->items[i];
            found++;
        }
    }
    if (found > 1) {
        return tg_error_set(err, TG_ERROR_INVALID, "the ids of %zu runs begin with '%s': write more of the one meant",
                            found, name);
    }
    return found ? TG_OK
                 : tg_error_set(err, TG_ERROR_NOT_FOUND, "service '%s' has no run '%s'; 'tachograph runs' lists them",
                                scope->service->name, name);
}

static void narrow(struct tg_store_selection *selection, const struct tg_store_run *run) {
    memcpy(selection->run, run->id, sizeof selection->run);
    if (run->first_iteration > selection->first_iteration) {
        selection->first_iteration = run->first_iteration;
    }
    if (run->last_iteration < selection->last_iteration) {
        selection->last_iteration = run->last_iteration;
    }
}

enum tg_status tg_run_name_select(const struct tg_scope *scope, const char *name, struct tg_store_selection *selection,
                                  struct tg_error *err) {
    const struct tg_store_selection everything = tg_scope_everything(scope);
    struct tg_store_runs runs;
    const struct tg_store_run *run = NULL;
    name += strncmp(name, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0;
    enum tg_status status = tg_store_runs(scope->store, &everything, &runs, err);
    if (status != TG_OK) {
        return status;
    }
    if (strcmp(name, "latest") == 0 || strcmp(name, "previous") == 0) {
        status = find_recent(scope, &runs, strcmp(name, "previous") == 0, &run, err);
    } else {
        status = find_digits(scope, &runs, name, &run, err);
    }
    if (status == TG_OK) {
        narrow(selection, run);
    }
    tg_store_runs_release(&runs);
    return status;
}
