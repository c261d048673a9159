/* store_text: see store_text.h. */
#include "cli/store_text.h"

#include "base/humanize.h"
#include "cli/fact.h"
#include "cli/history_command.h"
#include "cli/history_period.h"
#include "cli/table.h"

#include <inttypes.h>
#include <string.h>

#define SERVICE_LEAST 12
#define VERSION_LEAST 8
#define VERSIONS_MAX  3 /* named one by one */

static void append_count(struct tg_strbuf *out, int64_t count, const char *one, const char *several) {
    tg_strbuf_printf(out, "%s%s %s", out->length ? ", " : "", tg_humanize_count((uint64_t)count).text,
                     count == 1 ? one : several);
}

static void print_head(const struct tg_store_overview *overview, const struct tg_strbuf *other_files,
                       const struct tg_terminal *terminal, struct tg_strbuf *out) {
    const struct tg_store_status *status = &overview->status;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_fact_append(out, terminal, "history", overview->place, strlen(overview->place));
    if (other_files->length) {
        tg_strbuf_printf(&line, "there are others, written to before: %s", tg_strbuf_text(other_files));
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
static void add_service(struct tg_table *table, const struct tg_store_service *service,
                        const struct tg_store_versions *versions) {
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_table_add(table, service->name);
    tg_strbuf_printf(&cell, "%" PRId64 " to %" PRId64, tg_store_overview_first_iteration(versions),
                     service->last_iteration);
    tg_table_add(table, tg_strbuf_text(&cell));
    tg_table_add(table, tg_humanize_duration(service->base_interval_ns).text);
    tg_strbuf_truncate(&cell, 0);
    tg_history_append_time(&cell, service, tg_store_overview_first_iteration(versions));
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

void tg_store_text_append(struct tg_strbuf *out, const struct tg_store_overview *overview,
                          const struct tg_strbuf *other_files, const struct tg_terminal *terminal) {
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
    print_head(overview, other_files, terminal, out);
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
