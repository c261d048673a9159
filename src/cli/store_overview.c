/* store_overview: see store_overview.h. */
#include "cli/store_overview.h"

#include "base/humanize.h"
#include "cli/fact.h"
#include "cli/history_command.h"
#include "cli/history_period.h"
#include "cli/json_member.h"
#include "cli/table.h"
#include "collect/orphans.h"
#include "store/store_url.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_LEAST 12
#define VERSION_LEAST 8
#define VERSIONS_MAX  3 /* named one by one */

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
                                      struct tg_error *err) {
    *overview = (struct tg_store_overview){.waiting_count = count_waiting(url)};
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

static void append_count(struct tg_strbuf *out, int64_t count, const char *one, const char *several) {
    tg_strbuf_printf(out, "%s%s %s", out->length ? ", " : "", tg_humanize_count((uint64_t)count).text,
                     count == 1 ? one : several);
}

static void print_head(const struct tg_store_overview *overview, const struct tg_terminal *terminal,
                       struct tg_strbuf *out) {
    const struct tg_store_status *status = &overview->status;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_fact_append(out, terminal, "history", overview->place, strlen(overview->place));
    if (overview->other_files->length) {
        tg_strbuf_printf(&line, "there are others, written to before: %s", tg_strbuf_text(overview->other_files));
        tg_fact_append(out, terminal, "", tg_strbuf_text(&line), line.length);
        tg_strbuf_truncate(&line, 0);
    }
    tg_strbuf_printf(&line, "%s, tables of version %" PRId64, status->engine, status->schema_version);
    tg_fact_append(out, terminal, "engine", tg_strbuf_text(&line), line.length);
    tg_strbuf_truncate(&line, 0);
    if (status->size_bytes >= 0) {
        tg_strbuf_append(&line, tg_humanize_bytes((uint64_t)status->size_bytes).text);
    }
    append_count(&line, status->process_count, "process", "processes");
    append_count(&line, status->function_count, "function", "functions");
    append_count(&line, status->interval_count, "interval", "intervals");
    append_count(&line, status->row_count, "row of figures", "rows of figures");
    tg_fact_append(out, terminal, "size", tg_strbuf_text(&line), line.length);
    if (overview->waiting_count) {
        tg_strbuf_truncate(&line, 0);
        append_count(&line, (int64_t)overview->waiting_count, "ended process", "ended processes");
        tg_strbuf_append(&line, " may have figures that are not in there yet: tachograph collect");
        tg_fact_append(out, terminal, "waiting", tg_strbuf_text(&line), line.length);
    }
    tg_strbuf_release(&line);
}

static void append_versions(struct tg_strbuf *out, const struct tg_store_versions *versions) {
    for (size_t i = 0; i < versions->count && i < VERSIONS_MAX; i++) { /* the newest first */
        const char *version = versions->items[versions->count - 1 - i].version;
        tg_strbuf_printf(out, "%s%s", i ? ", " : "", version[0] ? version : "-");
    }
    if (versions->count > VERSIONS_MAX) {
        tg_strbuf_printf(out, " and %zu more", versions->count - VERSIONS_MAX);
    }
}

/* The first iteration that anything was stored of. */
static int64_t first_iteration(const struct tg_store_versions *versions) {
    int64_t first = versions->count ? versions->items[0].first_iteration : 0;
    for (size_t i = 1; i < versions->count; i++) {
        first = versions->items[i].first_iteration < first ? versions->items[i].first_iteration : first;
    }
    return first;
}

static void add_service(struct tg_table *table, const struct tg_store_service *service,
                        const struct tg_store_versions *versions) {
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_table_add(table, service->name);
    tg_strbuf_printf(&cell, "%" PRId64 " to %" PRId64, first_iteration(versions), service->last_iteration);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_table_add(table, tg_humanize_duration(service->base_interval_ns).text);
    tg_strbuf_truncate(&cell, 0);
    tg_history_append_time(&cell, service, first_iteration(versions));
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_strbuf_truncate(&cell, 0);
    tg_history_append_time(&cell, service, service->last_iteration + 1);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_table_add(table, tg_humanize_count((uint64_t)service->process_count).text);
    tg_strbuf_truncate(&cell, 0);
    append_versions(&cell, versions);
    tg_table_add_bytes(table, tg_strbuf_text(&cell), cell.length);
    tg_strbuf_release(&cell);
}

void tg_store_overview_print_text(const struct tg_store_overview *overview, const struct tg_terminal *terminal,
                                  struct tg_strbuf *out) {
    static const struct tg_table_column columns[] = {
        {.title = "service", .left = true, .least = SERVICE_LEAST},
        {.title = "iterations", .late = 1},
        {.title = "each", .drop = 2},
        {.title = "from", .left = true, .drop = 4},
        {.title = "to", .left = true, .drop = 1},
        {.title = "processes", .drop = 3},
        {.title = "versions", .left = true, .least = VERSION_LEAST},
    };
    struct tg_table table;
    struct tg_strbuf hidden = TG_STRBUF_INIT;
    print_head(overview, terminal, out);
    tg_strbuf_append_char(out, '\n');
    if (overview->services.count == 0) {
        tg_strbuf_append(out, "nothing has been stored yet\n");
        return;
    }
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    for (size_t i = 0; i < overview->services.count; i++) {
        add_service(&table, &overview->services.items[i], &overview->versions[i]);
    }
    tg_table_print(&table, terminal, out);
    tg_table_append_hidden(&table, terminal, &hidden);
    tg_strbuf_append(out, hidden.length ? "\n" : "");
    tg_fact_append_hidden(out, terminal, &hidden, TG_HISTORY_REMEDY);
    tg_strbuf_release(&hidden);
    tg_table_release(&table);
}

void tg_store_overview_begin_json(struct tg_strbuf *out, struct tg_json *json, const char *schema, const char *place) {
    tg_json_init(json, out);
    tg_json_begin_object(json);
    tg_json_member_text(json, "schema", schema);
    tg_json_member_uint(json, "schema_version", TG_HISTORY_JSON_VERSION);
    tg_json_member_text(json, "tachograph_version", TG_VERSION);
    tg_json_member_text(json, "store", place);
}

static void write_service(struct tg_json *json, const struct tg_store_service *service,
                          const struct tg_store_versions *versions) {
    tg_json_begin_object(json);
    tg_json_key(json, "name");
    tg_json_string(json, service->name);
    tg_json_member_int(json, "interval_ns", service->base_interval_ns);
    tg_json_member_int(json, "started_unix_ns", tg_history_time_ns(service, 0));
    tg_json_member_int(json, "first_iteration", first_iteration(versions));
    tg_json_member_int(json, "last_iteration", service->last_iteration);
    tg_json_member_int(json, "last_ended_unix_ns", service->last_ended_ns);
    tg_json_member_int(json, "process_count", service->process_count);
    tg_json_key(json, "versions");
    tg_json_begin_array(json);
    for (size_t i = 0; i < versions->count; i++) {
        tg_json_begin_object(json);
        tg_json_key(json, "version");
        tg_json_string(json, versions->items[i].version);
        tg_json_member_int(json, "first_iteration", versions->items[i].first_iteration);
        tg_json_member_int(json, "last_iteration", versions->items[i].last_iteration);
        tg_json_member_int(json, "process_count", versions->items[i].process_count);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
    tg_json_end_object(json);
}

void tg_store_overview_print_json(const struct tg_store_overview *overview, struct tg_strbuf *out) {
    const struct tg_store_status *status = &overview->status;
    struct tg_json json;
    tg_store_overview_begin_json(out, &json, "tachograph-store-status", overview->place);
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
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
