/* See history_part.h. */
#include "history_part.h"

#include "base/strbuf.h"

#include <stdint.h>
#include <string.h>

void tg_history_part_release(struct tg_history_part *part) {
    if (part) {
        tg_store_services_release(&part->services);
        part->service = NULL;
    }
}

/* Says which services there are. */
static enum tg_status refuse(const struct tg_store_services *services, enum tg_status status, const char *words,
                             struct tg_error *err) {
    struct tg_strbuf names = TG_STRBUF_INIT;
    for (size_t i = 0; i < services->count; i++) {
        tg_strbuf_printf(&names, "%s\"%s\"", i ? ", " : "", services->items[i].name);
    }
    status = tg_error_set(err, status, "%s: %s", words, tg_strbuf_text(&names));
    tg_strbuf_release(&names);
    return status;
}

static enum tg_status find_service(struct tg_history_part *part, const char *name, struct tg_error *err) {
    const struct tg_store_services *services = &part->services;
    if (services->count == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "the history is empty: it begins at the end of a service's first interval");
    }
    if (!name && services->count > 1) {
        return refuse(services, TG_ERROR_INVALID, "the history has several services, name one of them", err);
    }
    for (size_t i = 0; i < services->count; i++) {
        if (!name || strcmp(services->items[i].name, name) == 0) {
            part->service = &services->items[i];
            return TG_OK;
        }
    }
    struct tg_strbuf words = TG_STRBUF_INIT;
    tg_strbuf_printf(&words, "the history has no service \"%s\", but", name);
    enum tg_status status = refuse(services, TG_ERROR_NOT_FOUND, tg_strbuf_text(&words), err);
    tg_strbuf_release(&words);
    return status;
}

static enum tg_status select_words(struct tg_history_part *part, const struct tg_history_words *words,
                                   struct tg_error *err) {
    tg_ns now_ns = tg_clock_wall_ns();
    struct tg_store_selection *selection = &part->selection;
    *selection = (struct tg_store_selection){
        .service_id = part->service->id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
        .version = words->version,
        .run = words->run,
    };
    enum tg_status status = TG_OK;
    if (words->since) {
        status = tg_store_iteration_of(part->service, words->since, now_ns, &selection->first_iteration, err);
    }
    if (status == TG_OK && words->until) {
        status = tg_store_iteration_of(part->service, words->until, now_ns, &selection->last_iteration, err);
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
        status = select_words(part, words, err);
    }
    if (status != TG_OK) {
        tg_history_part_release(part);
    }
    return status;
}
