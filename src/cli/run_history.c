/* run_history: see run_history.h. */
#include "cli/run_history.h"

#include "cli/gather.h"
#include "cli/printable.h"
#include "collect/collector.h"
#include "record/reader.h"
#include "store/sql.h"
#include "store/store_url.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S 1e9

enum tg_status tg_run_history_check_store(const char *store, struct tg_error *err) {
    struct tg_store_url url;
    const struct tg_sql_driver *driver;
    if (strcmp(store, TG_NO_STORE) == 0) {
        return TG_OK;
    }
    enum tg_status status = tg_store_url_parse(&url, store, err);
    if (status == TG_OK) {
        status = tg_sql_driver_of(&driver, &url, err);
        tg_store_url_release(&url);
    }
    return status;
}

enum tg_status tg_run_history_check_interval(const char *interval, struct tg_error *err) {
    char *end;
    double seconds = strtod(interval, &end);
    if (end == interval || *end || !isfinite(seconds) || seconds * NS_PER_S < (double)TG_COLLECTOR_INTERVAL_MIN_NS
        || seconds * NS_PER_S > (double)TG_COLLECTOR_INTERVAL_MAX_NS) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no interval: give seconds, from 0.01 to 86400", interval);
    }
    return TG_OK;
}

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

void tg_run_history_finish(struct tg_strbuf *out, const char *store, const uint8_t run_uuid[16],
                           const char *recording) {
    struct tg_header header;
    bool alive;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_gathered gathered;
    if (tg_reader_peek(recording, &header, &alive) != TG_OK || !header.store_url[0]) {
        return;
    }
    header.store_url[sizeof header.store_url - 1] = '\0';
    header.service[sizeof header.service - 1] = '\0';
    struct tg_gather_options options = {.store = store, .run_uuid = run_uuid};
    enum tg_status status = tg_gather(&options, &gathered, &err);
    tg_strbuf_append(out, "history   ");
    tg_printable_append(out, header.store_url, strlen(header.store_url));
    tg_strbuf_append_char(out, '\n');
    if (status != TG_OK || gathered.waiting_count) {
        const char *why = status == TG_OK ? gathered.waiting_for : err.message;
        tg_strbuf_append(out, "          not all of it is there: ");
        tg_printable_append(out, why, strlen(why));
        tg_strbuf_append(out, "\n          the rest waits on disk; store it with: tachograph collect\n");
        return;
    }
    tg_strbuf_append(out, "trend     tachograph trend --all");
    append_option(out, &header);
    tg_strbuf_append_char(out, '\n');
}
