/* scope: see scope.h. */
#include "analyze/scope.h"

#include "analyze/run_name.h"
#include "base/nearest.h"
#include "base/strbuf.h"
#include "measure/clock.h"

#include <inttypes.h>
#include <string.h>

#define NAMED_MAX 5 /* services or versions that are listed one by one */

static const char version_prefix[] = "version:";
static const char iteration_prefix[] = "iteration:";

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

enum tg_status tg_scope_init(struct tg_scope *scope, struct tg_store *store, const char *place, struct tg_error *err) {
    *scope = (struct tg_scope){.store = store, .place = place};
    return tg_store_services(store, &scope->services, err);
}

void tg_scope_release(struct tg_scope *scope) {
    if (scope) {
        tg_store_versions_release(&scope->versions);
        tg_store_services_release(&scope->services);
        scope->service = NULL;
    }
}

static void append_services(struct tg_strbuf *out, const struct tg_scope *scope) {
    size_t count = scope->services.count;
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        tg_strbuf_printf(out, "%s'%s'", i ? ", " : "", scope->services.items[i].name);
    }
    tg_strbuf_append(out, count > NAMED_MAX ? " and more" : "");
}

static enum tg_status refuse_service(const struct tg_scope *scope, const char *name, struct tg_error *err) {
    struct tg_nearest nearest;
    struct tg_strbuf known = TG_STRBUF_INIT;
    tg_nearest_init(&nearest, name);
    for (size_t i = 0; i < scope->services.count; i++) {
        tg_nearest_offer(&nearest, scope->services.items[i].name);
    }
    if (nearest.count > 0) {
        tg_strbuf_printf(&known, "; did you mean '%s'?", nearest.names[0]);
    } else {
        tg_strbuf_append(&known, ", but ");
        append_services(&known, scope);
    }
    tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no service '%s' in %s%s", name, scope->place,
                 tg_strbuf_text(&known));
    tg_strbuf_release(&known);
    return TG_ERROR_NOT_FOUND;
}

static const struct tg_store_service *find_service(const struct tg_scope *scope, const char *name) {
    for (size_t i = 0; i < scope->services.count; i++) {
        if (!name || strcmp(scope->services.items[i].name, name) == 0) {
            return &scope->services.items[i]; /* the first is the one written to last */
        }
    }
    return NULL;
}

enum tg_status tg_scope_choose(struct tg_scope *scope, const char *service, struct tg_error *err) {
    if (scope->services.count == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "nothing has been stored in %s yet; a program's first figures are when one interval is "
                            "over (10 s, or as run --interval says) or when it ends",
                            scope->place);
    }
    scope->service = find_service(scope, service);
    tg_store_versions_release(&scope->versions);
    return scope->service ? tg_store_versions(scope->store, scope->service->id, &scope->versions, err)
                          : refuse_service(scope, service, err);
}

bool tg_scope_has(const struct tg_scope *scope, const char *service) {
    return scope->services.count > 0 && find_service(scope, service) != NULL;
}

enum tg_status tg_scope_choose_only(struct tg_scope *scope, const char *service, struct tg_error *err) {
    if (service || scope->services.count <= 1) {
        return tg_scope_choose(scope, service, err);
    }
    struct tg_strbuf known = TG_STRBUF_INIT;
    append_services(&known, scope);
    tg_error_set(err, TG_ERROR_INVALID, "%s has several services, name one of them: %s", scope->place,
                 tg_strbuf_text(&known));
    tg_strbuf_release(&known);
    return TG_ERROR_INVALID;
}

static enum tg_status refuse_version(const struct tg_scope *scope, const char *name, struct tg_error *err) {
    struct tg_strbuf known = TG_STRBUF_INIT;
    size_t count = scope->versions.count;
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) { /* the newest first */
        tg_strbuf_printf(&known, "%s'%s'", i ? ", " : "", scope->versions.items[count - 1 - i].version);
    }
    const char *service = scope->service->name;
    if (count == 1 && !scope->versions.items[0].version[0]) {
        tg_error_set(err, TG_ERROR_NOT_FOUND,
                     "service '%s' has told no version; 'tachograph run --version 1.4.2 app.py' does", service);
    } else {
        tg_error_set(err, TG_ERROR_NOT_FOUND, "service '%s' has no version '%s'; it has %s%s", service, name,
                     tg_strbuf_text(&known), count > NAMED_MAX ? " and older ones" : "");
    }
    tg_strbuf_release(&known);
    return TG_ERROR_NOT_FOUND;
}

enum tg_status tg_scope_find_version(const struct tg_scope *scope, const char *name,
                                     const struct tg_store_version **version, struct tg_error *err) {
    for (size_t i = 0; i < scope->versions.count; i++) {
        if (strcmp(scope->versions.items[i].version, name) == 0) {
            *version = &scope->versions.items[i];
            return TG_OK;
        }
    }
    return refuse_version(scope, name, err);
}

enum tg_status tg_scope_moment(const struct tg_scope *scope, const char *text, bool is_end, int64_t *iteration,
                               struct tg_error *err) {
    if (!starts_with(text, version_prefix)) {
        return tg_store_iteration_of(scope->service, text, tg_clock_wall_ns(), iteration, err);
    }
    const struct tg_store_version *version = NULL;
    enum tg_status status = tg_scope_find_version(scope, text + strlen(version_prefix), &version, err);
    if (status == TG_OK) {
        *iteration = is_end ? version->last_iteration : version->first_iteration;
    }
    return status;
}

static enum tg_status check_order(const char *begin, const char *end, const struct tg_period *period,
                                  struct tg_error *err) {
    return period->first_iteration <= period->last_iteration
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "the period ends before it begins: from '%s' to '%s'", begin, end);
}

static enum tg_status read_end(const struct tg_scope *scope, const char *begin, const char *end, int64_t *iteration,
                               struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    const char *digits = end + (*end == '-');
    bool is_number = *digits && digits[strspn(digits, "0123456789")] == '\0';
    tg_strbuf_append(&text, is_number && starts_with(begin, iteration_prefix) ? iteration_prefix : "");
    tg_strbuf_append(&text, end);
    enum tg_status status = tg_scope_moment(scope, tg_strbuf_text(&text), true, iteration, err);
    tg_strbuf_release(&text);
    return status;
}

enum tg_status tg_scope_range(const struct tg_scope *scope, const char *text, struct tg_period *period,
                              struct tg_error *err) {
    const char *dots = strstr(text, "..");
    struct tg_strbuf begin = TG_STRBUF_INIT;
    enum tg_status status = TG_OK;
    *period = (struct tg_period){INT64_MIN, INT64_MAX};
    if (!dots) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no range: write it as -2h..-1h or iteration:10..20", text);
    }
    tg_strbuf_append_bytes(&begin, text, (size_t)(dots - text));
    if (begin.length) {
        status = tg_scope_moment(scope, tg_strbuf_text(&begin), false, &period->first_iteration, err);
    }
    if (status == TG_OK && dots[2]) {
        status = read_end(scope, tg_strbuf_text(&begin), dots + 2, &period->last_iteration, err);
    }
    if (status == TG_OK) {
        status = check_order(tg_strbuf_text(&begin), dots + 2, period, err);
    }
    tg_strbuf_release(&begin);
    return status;
}

struct tg_store_selection tg_scope_everything(const struct tg_scope *scope) {
    return (struct tg_store_selection){
        .service_id = scope->service->id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
    };
}

/* Not said: `*iteration` stays. */
static enum tg_status read_word(const struct tg_scope *scope, const struct tg_scope_words *words, bool is_end,
                                int64_t *iteration, struct tg_error *err) {
    const char *text = is_end ? words->until : words->since;
    enum tg_status status = text ? tg_scope_moment(scope, text, is_end, iteration, err) : TG_OK;
    if (status != TG_OK) {
        tg_error_prefix(err, "%s%s", words->dashes ? words->dashes : "", is_end ? "until" : "since");
    }
    return status;
}

enum tg_status tg_scope_select(const struct tg_scope *scope, const struct tg_scope_words *words,
                               struct tg_store_selection *selection, struct tg_error *err) {
    struct tg_period period = {INT64_MIN, INT64_MAX};
    const struct tg_store_version *version = NULL;
    enum tg_status status = read_word(scope, words, false, &period.first_iteration, err);
    if (status == TG_OK) {
        status = read_word(scope, words, true, &period.last_iteration, err);
    }
    if (status == TG_OK && words->since && words->until) {
        status = check_order(words->since, words->until, &period, err);
    }
    if (status == TG_OK && words->version) {
        status = tg_scope_find_version(scope, words->version, &version, err);
    }
    *selection = tg_scope_everything(scope);
    selection->first_iteration = period.first_iteration;
    selection->last_iteration = period.last_iteration;
    selection->version = words->version;
    return status == TG_OK && words->run ? tg_run_name_select(scope, words->run, selection, err) : status;
}

struct tg_period tg_scope_bounds(const struct tg_scope *scope, const struct tg_store_selection *selection) {
    struct tg_period bounds = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < scope->versions.count; i++) {
        const struct tg_store_version *version = &scope->versions.items[i];
        if (!selection->version || strcmp(selection->version, version->version) == 0) {
            bounds.first_iteration =
                version->first_iteration < bounds.first_iteration ? version->first_iteration : bounds.first_iteration;
            bounds.last_iteration =
                version->last_iteration > bounds.last_iteration ? version->last_iteration : bounds.last_iteration;
        }
    }
    return (struct tg_period){
        selection->first_iteration > bounds.first_iteration ? selection->first_iteration : bounds.first_iteration,
        selection->last_iteration < bounds.last_iteration ? selection->last_iteration : bounds.last_iteration,
    };
}

int64_t tg_scope_time_ns(const struct tg_store_service *service, int64_t iteration) {
    int64_t slot = 0;
    int64_t wall_ns = 0;
    if (__builtin_add_overflow(service->first_slot, iteration, &slot)
        || __builtin_mul_overflow(slot, service->base_interval_ns, &wall_ns)) {
        return 0; /* where no history is */
    }
    return wall_ns;
}
