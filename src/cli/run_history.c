/* run_history: see run_history.h. */
#include "cli/run_history.h"

#include "analyze/run_name.h"
#include "cli/gather.h"
#include "cli/own_name.h"
#include "cli/printable.h"
#include "record/reader.h"
#include "settings/settings.h"
#include "store/store_url.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

void tg_run_history_finish(struct tg_strbuf *out, const char *store, const uint8_t run_uuid[16], const char *recording,
                           bool has_figures) {
    struct tg_header header;
    bool alive;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_gathered gathered;
    if (tg_reader_peek(recording, &header, &alive) != TG_OK || !header.store_url[0]) {
        return;
    }
    header.store_url[sizeof header.store_url - 1] = '\0';
    header.service[sizeof header.service - 1] = '\0';
    struct tg_gather_options options = {.store = store ? store : tg_settings_store_of_environment(),
                                        .run_uuid = run_uuid};
    enum tg_status status = tg_gather(&options, &gathered, &err);
    if (status == TG_OK && !gathered.waiting_count && !has_figures) {
        tg_gathered_release(&gathered);
        return;
    }
    tg_strbuf_append(out, "history   ");
    tg_printable_append(out, header.store_url, strlen(header.store_url));
    tg_strbuf_append_char(out, '\n');
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
            tg_strbuf_printf(out, "%02x", run_uuid[i]);
        }
        tg_strbuf_append(out, " (a side of tachograph diff)\ntrend     ");
        tg_own_name_append(out);
        tg_strbuf_append(out, " trend --all");
        append_option(out, &header);
        tg_strbuf_append_char(out, '\n');
    }
    tg_gathered_release(&gathered);
}
