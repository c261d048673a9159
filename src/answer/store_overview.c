/* store_overview: see store_overview.h. */
#include "answer/store_overview.h"

#include "answer/answer.h"
#include "base/json_member.h"
#include "collect/orphans.h"
#include "store/store_url.h"

#include <stdlib.h>
#include <string.h>

/* Processes that ended and whose figures are for this store. They are a note: not to know is no failure. */
static size_t count_waiting(const char *text) {
    struct tg_store_url url;
    struct tg_strbuf shown = TG_STRBUF_INIT;
    struct tg_orphans orphans = {.items = NULL};
    size_t count = 0;
    if (tg_store_url_parse(&url, text, NULL) != TG_OK) {
        return 0;
    }
    tg_store_url_shown(&url, &shown);
    tg_store_url_release(&url);
    if (tg_orphans_find(&orphans, NULL) == TG_OK) {
        for (size_t i = 0; i < orphans.count; i++) {
            count += strcmp(orphans.items[i].store_url, tg_strbuf_text(&shown)) == 0;
        }
    }
    tg_orphans_release(&orphans);
    tg_strbuf_release(&shown);
    return count;
}

enum tg_status tg_store_overview_read(struct tg_store_overview *overview, struct tg_store *store, const char *url,
                                      const char *place, struct tg_error *err) {
    *overview = (struct tg_store_overview){.place = place, .waiting_count = count_waiting(url)};
    enum tg_status status = tg_store_status(store, &overview->status, err);
    if (status == TG_OK) {
        status = tg_store_services(store, &overview->services, err);
    }
    if (status != TG_OK) {
        return status;
    }
    overview->versions = calloc(overview->services.count + 1, sizeof *overview->versions);
    if (!overview->versions) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to look at the history");
    }
    for (size_t i = 0; i < overview->services.count && status == TG_OK; i++) {
        status = tg_store_versions(store, overview->services.items[i].id, &overview->versions[i], err);
    }
    return status;
}

void tg_store_overview_release(struct tg_store_overview *overview) {
    for (size_t i = 0; overview->versions && i < overview->services.count; i++) {
        tg_store_versions_release(&overview->versions[i]);
    }
    free(overview->versions);
    overview->versions = NULL;
    tg_store_services_release(&overview->services);
}

int64_t tg_store_overview_first_iteration(const struct tg_store_versions *versions) {
    int64_t first = versions->count ? versions->items[0].first_iteration : 0;
    for (size_t i = 1; i < versions->count; i++) {
        first = versions->items[i].first_iteration < first ? versions->items[i].first_iteration : first;
    }
    return first;
}

static void write_service(struct tg_json *json, const struct tg_store_service *service,
                          const struct tg_store_versions *versions) {
    tg_json_begin_object(json);
    tg_json_member_string(json, "name", service->name);
    tg_json_member_int(json, "interval_ns", service->base_interval_ns);
    tg_json_member_int(json, "started_unix_ns", tg_scope_time_ns(service, 0));
    tg_json_member_int(json, "first_iteration", tg_store_overview_first_iteration(versions));
    tg_json_member_int(json, "last_iteration", service->last_iteration);
    tg_json_member_int(json, "last_ended_unix_ns", service->last_ended_ns);
    tg_json_member_int(json, "process_count", service->process_count);
    tg_json_key(json, "versions");
    tg_answer_write_versions(json, versions);
    tg_json_end_object(json);
}

void tg_store_overview_append_json(struct tg_strbuf *out, const struct tg_store_overview *overview) {
    const struct tg_store_status *status = &overview->status;
    struct tg_json json;
    tg_answer_begin(&json, out, "tachograph-store-status", overview->place);
    tg_json_member_text(&json, "engine", status->engine);
    tg_json_member_int(&json, "tables_version", status->schema_version);
    tg_json_member_int(&json, "newest_tables_version", status->newest_schema_version);
    tg_json_member_if(&json, "size_bytes", status->size_bytes >= 0, (uint64_t)status->size_bytes);
    tg_json_member_int(&json, "process_count", status->process_count);
    tg_json_member_int(&json, "function_count", status->function_count);
    tg_json_member_int(&json, "interval_count", status->interval_count);
    tg_json_member_int(&json, "row_count", status->row_count);
    tg_json_member_uint(&json, "waiting_process_count", overview->waiting_count);
    tg_json_key(&json, "services");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < overview->services.count; i++) {
        write_service(&json, &overview->services.items[i], &overview->versions[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
