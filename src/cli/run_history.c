/* run_history: see run_history.h. */
#include "cli/run_history.h"

#include "analyze/run_name.h"
#include "base/humanize.h"
#include "cli/gather.h"
#include "cli/own_name.h"
#include "cli/printable.h"
#include "record/reader.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE_CALL_NS INT64_C(10000000000)

/* The store in the words of a command line, where it must be said because it is not the default one. */
static void append_option(struct tg_strbuf *out, const struct tg_header *header) {
    struct tg_strbuf usual = TG_STRBUF_INIT;
    bool is_usual = tg_store_url_default(&usual, header->service, NULL) == TG_OK
                    && strcmp(tg_strbuf_text(&usual), header->store_url) == 0;
    tg_strbuf_release(&usual);
    if (!is_usual) {
        tg_strbuf_append(out, " --store ");
        tg_printable_append_word(out, header->store_url);
    }
}

bool tg_run_history_is_new(const char *store) {
    struct tg_store_url url = {.path = NULL};
    store = store ? store : tg_settings_store_of_environment();
    bool is_new = store && tg_store_url_parse(&url, store, NULL) == TG_OK && url.path && access(url.path, F_OK) != 0;
    tg_store_url_release(&url);
    return is_new;
}

/* How long the iterations of the service are; 0: not known. */
static int64_t base_interval_ns(const char *store, const char *service) {
    static const struct tg_store_options reading = {.read_only = true, .timeout_ns = STORE_CALL_NS};
    struct tg_store *opened = NULL;
    struct tg_store_services services = {.items = NULL};
    int64_t base_ns = 0;
    if (tg_store_open(&opened, store, &reading, NULL) == TG_OK && tg_store_services(opened, &services, NULL) == TG_OK) {
        for (size_t i = 0; i < services.count; i++) {
            base_ns = strcmp(services.items[i].name, service) == 0 ? services.items[i].base_interval_ns : base_ns;
        }
    }
    tg_store_services_release(&services);
    tg_store_close(opened);
    return base_ns;
}

/* The service's first interval is the grain of its history for good (ADR 7). */
static void append_interval(struct tg_strbuf *out, const struct tg_run_history *run, const struct tg_header *header) {
    const char *store = run->store ? run->store : tg_settings_store_of_environment();
    int64_t base_ns = base_interval_ns(store ? store : header->store_url, header->service);
    if (base_ns > 0 && base_ns != header->interval_ns) {
        tg_strbuf_printf(out, "interval  stored every %s; an iteration of '",
                         tg_humanize_duration(header->interval_ns).text);
        tg_printable_append(out, header->service, strlen(header->service));
        tg_strbuf_printf(out, "' stays %s, as it began (another --service begins anew)\n",
                         tg_humanize_duration(base_ns).text);
    }
}

void tg_run_history_finish(struct tg_strbuf *out, const struct tg_run_history *run) {
    struct tg_header header;
    bool alive;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_gathered gathered;
    if (tg_reader_peek(run->recording, &header, &alive) != TG_OK || !header.store_url[0]) {
        return;
    }
    header.store_url[sizeof header.store_url - 1] = '\0';
    header.service[sizeof header.service - 1] = '\0';
    struct tg_gather_options options = {.store = run->store ? run->store : tg_settings_store_of_environment(),
                                        .run_uuid = run->run_uuid};
    enum tg_status status = tg_gather(&options, &gathered, &err);
    if (status == TG_OK && !gathered.waiting_count && !run->has_figures) {
        tg_gathered_release(&gathered);
        return;
    }
    tg_strbuf_append(out, "history   ");
    tg_printable_append(out, header.store_url, strlen(header.store_url));
    tg_strbuf_append(out, run->is_new ? ", a new one\n" : "\n");
    if (status != TG_OK || gathered.waiting_count) {
        const char *why = gathered.waiting_store_count ? gathered.waiting[0].err.message : err.message;
        tg_strbuf_append(out, "          not all of it is there: ");
        tg_printable_append(out, why, strlen(why));
        tg_strbuf_append(out, "\n          the rest waits; store it with: ");
        tg_own_name_append(out);
        tg_strbuf_append(out, " collect\n");
    } else {
        tg_strbuf_append(out, "this run  run:");
        for (size_t i = 0; i < TG_RUN_NAME_DIGITS / 2; i++) {
            tg_strbuf_printf(out, "%02x", run->run_uuid[i]);
        }
        tg_strbuf_append(out, " (a side of tachograph diff)\ntrend     ");
        tg_own_name_append(out);
        tg_strbuf_append(out, " trend --all");
        append_option(out, &header);
        tg_strbuf_append_char(out, '\n');
        if (run->has_failures) {
            tg_strbuf_append(out, "failed    ");
            tg_own_name_append(out);
            tg_strbuf_append(out, " exceptions");
            append_option(out, &header);
            tg_strbuf_append_char(out, '\n');
        }
        if (run->interval_was_chosen) {
            append_interval(out, run, &header);
        }
    }
    tg_gathered_release(&gathered);
}
