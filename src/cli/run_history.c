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

static char *copy(const char *text) {
    return text && text[0] && strcmp(text, TG_NO_STORE) != 0 ? strdup(text) : NULL;
}

void tg_run_usual_read(struct tg_run_usual *usual) {
    struct tg_settings found;
    *usual = (struct tg_run_usual){
        .services = {copy(getenv(tg_setting_table[TG_SETTING_SERVICE].variable))},
        .stores = {copy(tg_settings_store_of_environment())},
    };
    if (tg_settings_read(&found, "", NULL) == TG_OK) { /* else the questions say why not */
        const char *service = found.project.values[TG_SETTING_SERVICE].text;
        usual->services[1] = copy(service && service[0] ? service : found.project.name);
        usual->stores[1] = copy(found.project.values[TG_SETTING_STORE].text);
    }
    tg_settings_release(&found);
}

void tg_run_usual_release(struct tg_run_usual *usual) {
    for (size_t i = 0; usual && i < 2; i++) {
        free(usual->services[i]);
        free(usual->stores[i]);
        usual->services[i] = usual->stores[i] = NULL;
    }
}

/* Whether a store that is set is the one of a recording, where it stands without a password. */
static bool is_store(const char *set, const char *shown_url) {
    struct tg_strbuf anchored = TG_STRBUF_INIT, shown = TG_STRBUF_INIT;
    struct tg_store_url url = {.path = NULL};
    bool is_same = false;
    if (tg_store_url_anchor(&anchored, set, NULL) == TG_OK
        && tg_store_url_parse(&url, tg_strbuf_text(&anchored), NULL) == TG_OK) {
        tg_store_url_shown(&url, &shown);
        is_same = strcmp(tg_strbuf_text(&shown), shown_url) == 0;
    }
    tg_store_url_release(&url);
    tg_strbuf_release(&anchored);
    tg_strbuf_release(&shown);
    return is_same;
}

static bool finds_store(const struct tg_run_usual *usual, const struct tg_header *header) {
    const char *by_environment = usual->stores[0], *by_project = usual->stores[1];
    if (by_environment && !is_store(by_environment, header->store_url)) {
        return false;
    }
    if (by_project) {
        return is_store(by_project, header->store_url);
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    bool is_default = tg_store_url_default(&text, header->service, NULL) == TG_OK
                      && is_store(tg_strbuf_text(&text), header->store_url);
    tg_strbuf_release(&text);
    return is_default;
}

/* Where neither names one, the service that was written to last is found: this. */
static bool finds_service(const struct tg_run_usual *usual, const struct tg_header *header) {
    for (size_t i = 0; i < 2; i++) {
        if (usual->services[i] && strcmp(usual->services[i], header->service) != 0) {
            return false;
        }
    }
    return true;
}

/* A question about what has run, to be typed as it is: with what it would not find by itself. */
static void append_question(struct tg_strbuf *out, const char *label, const char *question,
                            const struct tg_run_usual *usual, const struct tg_header *header) {
    tg_strbuf_printf(out, "%-10s", label);
    tg_own_name_append(out);
    tg_strbuf_printf(out, " %s", question);
    if (!finds_store(usual, header)) {
        tg_strbuf_append(out, " --store ");
        tg_printable_append_word(out, header->store_url);
    }
    if (!finds_service(usual, header)) {
        tg_strbuf_append(out, " --service ");
        tg_printable_append_word(out, header->service);
    }
    tg_strbuf_append_char(out, '\n');
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

/* What to type next. */
static void append_questions(struct tg_strbuf *out, const struct tg_run_history *run, const struct tg_header *header) {
    if (run->has_figures) {
        tg_strbuf_append(out, "this run  run:");
        for (size_t i = 0; i < TG_RUN_NAME_DIGITS / 2; i++) {
            tg_strbuf_printf(out, "%02x", run->run_uuid[i]);
        }
        tg_strbuf_append(out, " (a side of tachograph diff)\n");
        append_question(out, "trend", "trend --all", run->usual, header);
    }
    if (run->has_samples) {
        append_question(out, "sampled", "export -o sampled.html", run->usual, header);
    }
    if (run->has_failures) {
        append_question(out, "failed", "exceptions", run->usual, header);
    }
    if (run->interval_was_chosen) {
        append_interval(out, run, header);
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
    if (status == TG_OK && !gathered.waiting_count && !run->has_figures && !run->has_samples) {
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
        append_questions(out, run, &header);
    }
    tg_gathered_release(&gathered);
}
