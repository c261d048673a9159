/* report_page: see report_page.h. */
#include "cli/report_page.h"

#include "cli/output.h"
#include "serve/saved_page.h"
#include "settings/settings.h"
#include "store/store_url.h"

#include <stdlib.h>

static struct tg_scope_words words_of(const struct tg_history_options *options, const char *run) {
    struct tg_scope_words words = tg_history_words(options);
    if (run) {
        words.run = run;
    } else if (!words.since && !words.until && !words.version && !words.run) {
        words.run = "latest";
    }
    return words;
}

static enum tg_status make_page(struct tg_strbuf *page, const struct tg_history_options *options, const char *run,
                                const char *service, struct tg_error *err) {
    struct tg_strbuf url = TG_STRBUF_INIT;
    struct tg_strbuf place = TG_STRBUF_INIT;
    enum tg_status status = tg_history_locate(options->store, service, &url, NULL, err);
    if (status == TG_OK) {
        status = tg_store_url_append_place(&place, tg_strbuf_text(&url), err);
    }
    if (status == TG_OK) {
        const struct tg_saved_page_options page_options = {
            .url = tg_strbuf_text(&url),
            .place = tg_strbuf_text(&place),
            .service = service,
            .service_was_named = options->service != NULL,
            .words = words_of(options, run),
        };
        status = tg_saved_page_append(page, &page_options, err);
    }
    tg_strbuf_release(&place);
    tg_strbuf_release(&url);
    return status;
}

enum tg_status tg_report_page_write(const char *path, const struct tg_history_options *options, const char *run,
                                    struct tg_error *err) {
    struct tg_strbuf page = TG_STRBUF_INIT;
    char *own = NULL;
    enum tg_status status = tg_output_check(path, err);
    if (status == TG_OK && !options->service) {
        status = tg_settings_find_service(&own, err);
    }
    if (status == TG_OK) {
        status = make_page(&page, options, run, options->service ? options->service : own, err);
    }
    if (status == TG_OK) {
        status = tg_output_replace(path, tg_strbuf_text(&page), page.length, err);
    }
    tg_strbuf_release(&page);
    free(own);
    return status;
}
