/* See history_part.h. */
#include "history_part.h"

#include "base/strbuf.h"

#include <stdint.h>
#include <string.h>

void tg_history_part_release(struct tg_history_part *part) {
    if (part) {
        tg_store_versions_release(&part->versions);
        tg_store_services_release(&part->services);
        part->service = NULL;
    }
}

static const char version_prefix[] = "version:";

/* Names are added one by one to a message that begins with `words`. */
static void name_one(struct tg_strbuf *words, const char *name) {
    bool is_first = words->length > 0 && words->data[words->length - 1] == ':';
    tg_strbuf_printf(words, "%s \"%s\"", is_first ? "" : ",", name);
}

static enum tg_status refuse_service(const struct tg_history_part *part, const char *name, struct tg_error *err) {
    enum tg_status status = name ? TG_ERROR_NOT_FOUND : TG_ERROR_INVALID;
    struct tg_strbuf words = TG_STRBUF_INIT;
    if (name) {
        tg_strbuf_printf(&words, "the history has no service \"%s\"; it has:", name);
    } else {
        tg_strbuf_append(&words, "the history has several services, name one of them:");
    }
    for (size_t i = 0; i < part->services.count; i++) {
        name_one(&words, part->services.items[i].name);
    }
    status = tg_error_set(err, status, "%s", tg_strbuf_text(&words));
    tg_strbuf_release(&words);
    return status;
}

static enum tg_status find_service(struct tg_history_part *part, const char *name, struct tg_error *err) {
    const struct tg_store_services *services = &part->services;
    if (services->count == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "nothing has been stored in this history yet: a program's first figures are when one "
                            "interval is over, or when it ends");
    }
    for (size_t i = 0; i < services->count; i++) {
        if (name ? strcmp(services->items[i].name, name) == 0 : services->count == 1) {
            part->service = &services->items[i];
            return TG_OK;
        }
    }
    return refuse_service(part, name, err);
}

static enum tg_status find_version(const struct tg_history_part *part, const char *name,
                                   const struct tg_store_version **version, struct tg_error *err) {
    struct tg_strbuf words = TG_STRBUF_INIT;
    tg_strbuf_printf(&words, "service \"%s\" has no version \"%s\"; it has:", part->service->name, name);
    for (size_t i = 0; i < part->versions.count; i++) {
        if (strcmp(part->versions.items[i].version, name) == 0) {
            *version = &part->versions.items[i];
            tg_strbuf_release(&words);
            return TG_OK;
        }
        name_one(&words, part->versions.items[i].version);
    }
    enum tg_status status = tg_error_set(err, TG_ERROR_NOT_FOUND, "%s", tg_strbuf_text(&words));
    tg_strbuf_release(&words);
    return status;
}

/* Not said: `*iteration` stays. */
static enum tg_status find_moment(const struct tg_history_part *part, const char *text, bool is_end, int64_t *iteration,
                                  struct tg_error *err) {
    const size_t prefix_length = sizeof version_prefix - 1;
    if (!text) {
        return TG_OK;
    }
    if (strncmp(text, version_prefix, prefix_length) != 0) {
        return tg_store_iteration_of(part->service, text, tg_clock_wall_ns(), iteration, err);
    }
    const struct tg_store_version *version = NULL;
    enum tg_status status = find_version(part, text + prefix_length, &version, err);
    if (status == TG_OK) {
        *iteration = is_end ? version->last_iteration : version->first_iteration;
    }
    return status;
}

static enum tg_status select_words(struct tg_history_part *part, const struct tg_history_words *words,
                                   struct tg_error *err) {
    const struct tg_store_version *version = NULL;
    struct tg_store_selection *selection = &part->selection;
    *selection = (struct tg_store_selection){
        .service_id = part->service->id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
        .version = words->version,
        .run = words->run,
    };
    enum tg_status status = find_moment(part, words->since, false, &selection->first_iteration, err);
    if (status == TG_OK) {
        status = find_moment(part, words->until, true, &selection->last_iteration, err);
    }
    if (status == TG_OK && selection->first_iteration > selection->last_iteration) {
        status = tg_error_set(err, TG_ERROR_INVALID, "the period ends before it begins: from \"%s\" to \"%s\"",
                              words->since, words->until);
    }
    if (status == TG_OK && words->version) {
        status = find_version(part, words->version, &version, err);
    }
    return status;
}

enum tg_status tg_history_part_find(struct tg_history_part *part, struct tg_store *store,
                                    const struct tg_history_words *words, struct tg_error *err) {
    *part = (struct tg_history_part){.service = NULL};
    enum tg_status status = tg_store_services(store, &part->services, err);
    if (status == TG_OK) {
        status = find_service(part, words->service, err);
    }
    if (status == TG_OK) {
        status = tg_store_versions(store, part->service->id, &part->versions, err);
    }
    if (status == TG_OK) {
        status = select_words(part, words, err);
    }
    if (status != TG_OK) {
        tg_history_part_release(part);
    }
    return status;
}
