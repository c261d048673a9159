/* gather: see gather.h. */
#include "cli/gather.h"

#include "base/strbuf.h"
#include "cli/run_figures.h"
#include "collect/orphans.h"
#include "record/reader.h"
#include "store/store.h"
#include "store/store_url.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_CALL_NS INT64_C(10000000000)

/* The store that is open: orphans come by store, so one is enough. */
struct open_store {
    const char *url; /* of the orphans it is for; NULL: none yet */
    struct tg_store *store;
    struct tg_error err; /* why there is no store */
};

/* A spool alone does not say of which run it is. */
static bool is_wanted(const struct tg_gather_options *options, const char *shown, const struct tg_orphan *orphan) {
    return (!options->only_store || strcmp(orphan->store_url, shown) == 0)
           && (!options->run_uuid || memcmp(orphan->run_uuid, options->run_uuid, sizeof orphan->run_uuid) == 0);
}

/* The URL as it is kept in recordings: without its password. */
static enum tg_status show_url(const char *text, char *shown, size_t size, struct tg_error *err) {
    struct tg_store_url url;
    struct tg_strbuf out = TG_STRBUF_INIT;
    shown[0] = '\0';
    if (!text) {
        return TG_OK;
    }
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status == TG_OK) {
        tg_store_url_shown(&url, &out);
        tg_store_url_release(&url);
        snprintf(shown, size, "%s", tg_strbuf_text(&out));
        tg_strbuf_release(&out);
    }
    return status;
}

static void use_store(struct open_store *open, const char *url, const char *full_url) {
    if (open->url && strcmp(open->url, url) == 0) {
        return;
    }
    struct tg_store_options options = {.timeout_ns = STORE_CALL_NS, .create = true};
    tg_store_close(open->store);
    *open = (struct open_store){.url = url};
    if (tg_store_open(&open->store, full_url, &options, &open->err) != TG_OK) {
        open->store = NULL;
    }
}

/* Orphans come by store, so a store's are together. */
static struct tg_waiting *waiting_for(struct tg_gathered *gathered, const char *store_url) {
    size_t count = gathered->waiting_store_count;
    if (count && strcmp(gathered->waiting[count - 1].store_url, store_url) == 0) {
        return &gathered->waiting[count - 1];
    }
    struct tg_waiting *waiting = realloc(gathered->waiting, (count + 1) * sizeof *waiting);
    char *kept = strdup(store_url);
    gathered->waiting = waiting ? waiting : gathered->waiting;
    if (!waiting || !kept) {
        free(kept);
        return NULL;
    }
    waiting[count] = (struct tg_waiting){.store_url = kept};
    gathered->waiting_store_count++;
    return &waiting[count];
}

static void note_waiting(struct tg_gathered *gathered, const char *store_url, const struct tg_error *err) {
    struct tg_waiting *waiting = waiting_for(gathered, store_url);
    gathered->waiting_count++;
    if (waiting && waiting->process_count++ == 0) {
        waiting->err = *err;
    }
}

/* The last run that was asked about. */
struct known_run {
    uint8_t uuid[16];
    bool has_figures;
};

/* Of a run that counted nothing there is nothing to tell; of others all processes are told of, as in the report. */
static bool is_of_silent_run(struct known_run *known, struct tg_orphan *orphan) {
    if (orphan->silence != TG_ORPHAN_LEFT) {
        return false;
    }
    if (memcmp(known->uuid, orphan->run_uuid, sizeof known->uuid) != 0) {
        memcpy(known->uuid, orphan->run_uuid, sizeof known->uuid);
        known->has_figures = tg_run_has_figures(known->uuid);
    }
    orphan->silence = known->has_figures ? TG_ORPHAN_TOLD : TG_ORPHAN_FORGOTTEN;
    return !known->has_figures;
}

/* Takes leave of a process of a run that counted nothing, for which no store is made. False: there is more to it. */
static bool forget(const struct tg_orphan *orphan) {
    struct tg_header header;
    bool alive;
    size_t stored_count = 0;
    return orphan->recording && tg_orphan_collect(orphan, NULL, NULL, &stored_count, NULL) == TG_OK
           && tg_reader_peek(orphan->recording, &header, &alive) == TG_OK
           && atomic_load_explicit(&header.collected, memory_order_relaxed) != 0;
}

static void gather_one(struct tg_gathered *gathered, struct open_store *open, const struct tg_orphan *orphan) {
    struct tg_error err = TG_ERROR_INIT;
    size_t stored_count = 0;
    enum tg_status status = tg_orphan_collect(orphan, open->store, NULL, &stored_count, &err);
    gathered->batch_count += stored_count;
    if (status == TG_ERROR_BUSY && open->store) {
        return; /* somebody else is at it */
    }
    if (status != TG_OK) {
        note_waiting(gathered, orphan->store_url, &err);
    } else if (!open->store) {
        note_waiting(gathered, orphan->store_url, &open->err);
    } else {
        gathered->process_count += stored_count > 0;
    }
}

enum tg_status tg_gather(const struct tg_gather_options *options, struct tg_gathered *gathered, struct tg_error *err) {
    char shown[1024];
    struct tg_orphans orphans = {.items = NULL};
    struct open_store open = {.url = NULL};
    struct known_run known = {.has_figures = false};
    const char *full_url = options->store;
    *gathered = (struct tg_gathered){.process_count = 0};
    enum tg_status status = show_url(full_url, shown, sizeof shown, err);
    if (status == TG_OK) {
        status = tg_orphans_find(&orphans, err);
    }
    for (size_t i = 0; status == TG_OK && i < orphans.count; i++) {
        struct tg_orphan *orphan = &orphans.items[i];
        if (is_wanted(options, shown, orphan)) {
            if (is_of_silent_run(&known, orphan) && forget(orphan)) {
                continue;
            }
            use_store(&open, orphan->store_url, strcmp(orphan->store_url, shown) == 0 ? full_url : orphan->store_url);
            gather_one(gathered, &open, orphan);
        }
    }
    tg_store_close(open.store);
    tg_orphans_release(&orphans);
    return status;
}

void tg_gathered_release(struct tg_gathered *gathered) {
    if (gathered) {
        for (size_t i = 0; i < gathered->waiting_store_count; i++) {
            free(gathered->waiting[i].store_url);
        }
        free(gathered->waiting);
        gathered->waiting = NULL;
        gathered->waiting_store_count = 0;
    }
}
