/* `tachograph clean`: what lies where, and removing it. See commands.h. */
#include "base/age.h"
#include "cli/clean_view.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "measure/clock.h"
#include "store/store_url.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S   INT64_C(1000000000)
#define ALL_STORES "all"

struct settings {
    const char *older_than;
    const char *discard;
    bool yes;
    bool json;
};

static enum tg_status check_age(const char *value, struct tg_error *err) {
    int64_t ns;
    return tg_age_parse(value, &ns)
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "'%s' is no age: write 90s, 10m, 12h, 7d or 2w", value);
}

static const struct tg_option options[] = {
    {.name = "yes",
     .letter = 'y',
     .kind = TG_OPTION_FLAG,
     .help = "remove what may go; without it only list",
     .offset = offsetof(struct settings, yes)},
    {.name = "older-than",
     .kind = TG_OPTION_TEXT,
     .value = "AGE",
     .help = "only what has not changed for so long: 10m, 12h, 7d, 2w",
     .offset = offsetof(struct settings, older_than),
     .check = check_age},
    {.name = "discard-waiting",
     .kind = TG_OPTION_TEXT,
     .value = "STORE",
     .help = "nothing but figures of ended processes that wait for this store, or for '" ALL_STORES
             "' of them: they are lost",
     .offset = offsetof(struct settings, discard)},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "the list as JSON, each file of its own",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph clean", "what there is, and what may go"},
    {"tachograph clean --older-than 7d --yes", "remove what ended processes left more than a week ago"},
    {"tachograph clean --discard-waiting sqlite:////mistyped.db --yes",
     "give up what waits for a store that never was"},
    {NULL, NULL},
};

/* Whether the store for which something waits is the one to give up; `shown` is its URL as files have it. */
static bool is_discarded(const struct tg_leftover *item, const char *shown) {
    return item->state == TG_LEFTOVER_WAITING && shown
           && (strcmp(shown, ALL_STORES) == 0 || strcmp(shown, item->store_url) == 0);
}

static void decide(struct tg_clean *clean, const char *discarded) {
    int64_t age_ns = 0;
    bool any_age = !clean->older_than || !tg_age_parse(clean->older_than, &age_ns);
    for (size_t i = 0; i < clean->leftovers.count; i++) {
        const struct tg_leftover *item = &clean->leftovers.items[i];
        bool is_old = any_age || clean->now_s - item->changed_s >= age_ns / NS_PER_S;
        clean->fates[i].goes = is_old && (discarded ? is_discarded(item, discarded) : item->state == TG_LEFTOVER_DONE);
    }
}

/* All recordings before all spools: what is left of a recording without its spool would be stored anew. */
static void remove_all(struct tg_clean *clean) {
    for (int spools = 0; spools < 2; spools++) {
        for (size_t i = 0; i < clean->leftovers.count; i++) {
            const struct tg_leftover *item = &clean->leftovers.items[i];
            if (clean->fates[i].goes && (item->kind == TG_LEFTOVER_SPOOL) == spools) {
                clean->fates[i].removed =
                    tg_leftover_remove(&clean->leftovers, item, item->state == TG_LEFTOVER_WAITING);
            }
        }
    }
}

/* The store that is named, as files name it, and that something waits for it. A mistyped one may be no URL at all. */
static enum tg_status find_discarded(const struct tg_clean *clean, struct tg_strbuf *shown, struct tg_error *err) {
    struct tg_store_url url;
    const char *known = NULL;
    bool waits = false;
    if (strcmp(clean->discard, ALL_STORES) == 0) {
        tg_strbuf_append(shown, ALL_STORES);
        return TG_OK;
    }
    if (tg_store_url_parse(&url, clean->discard, NULL) == TG_OK) {
        tg_store_url_shown(&url, shown);
        tg_store_url_release(&url);
    }
    for (size_t i = 0; i < clean->leftovers.count && !waits; i++) {
        const char *store = clean->leftovers.items[i].store_url;
        known = store ? store : known;
        waits = store && (strcmp(store, tg_strbuf_text(shown)) == 0 || strcmp(store, clean->discard) == 0);
    }
    if (waits) {
        tg_strbuf_truncate(shown, 0);
        tg_strbuf_append(shown, known);
        return TG_OK;
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        known ? "nothing waits for '%s', but for '%s'; see 'tachograph clean'"
                              : "nothing waits for '%s', nor for any other store%s",
                        clean->discard, known ? known : "");
}

static enum tg_status clean_up(struct tg_clean *clean, struct tg_error *err) {
    struct tg_strbuf discarded = TG_STRBUF_INIT;
    enum tg_status status = tg_leftovers_find(&clean->leftovers, err);
    if (status == TG_OK && tg_history_files_list(&clean->histories, NULL) != TG_OK) {
        clean->histories.count = 0; /* no home: there are none by default */
    }
    if (status == TG_OK && clean->discard) {
        status = find_discarded(clean, &discarded, err);
    }
    if (status == TG_OK) {
        clean->fates = calloc(clean->leftovers.count + 1, sizeof *clean->fates);
        status = clean->fates ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list what there is");
    }
    if (status == TG_OK) {
        decide(clean, clean->discard ? tg_strbuf_text(&discarded) : NULL);
        if (clean->is_done) {
            remove_all(clean);
        }
    }
    tg_strbuf_release(&discarded);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.yes = false};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("clean: there is nothing to name: '%s'; see 'tachograph clean --help'", words[0]);
        return TG_EXIT_USAGE;
    }
    struct tg_clean clean = {.now_s = tg_clock_wall_ns() / NS_PER_S,
                             .is_done = settings.yes,
                             .older_than = settings.older_than,
                             .discard = settings.discard};
    struct tg_strbuf out = TG_STRBUF_INIT;
    enum tg_status status = clean_up(&clean, &err);
    if (status == TG_OK && settings.json) {
        tg_clean_print_json(&clean, &out);
    } else if (status == TG_OK) {
        struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
        tg_clean_print_text(&clean, &terminal, &out);
    }
    if (status == TG_OK) {
        status = tg_history_write(&out, &err);
    }
    tg_strbuf_release(&out);
    tg_leftovers_release(&clean.leftovers);
    tg_history_files_release(&clean.histories);
    free(clean.fates);
    return status == TG_OK ? TG_EXIT_OK : tg_history_fail(command, &err);
}

const struct tg_command tg_command_clean = {
    .name = "clean",
    .summary = "list what tachograph keeps on this machine, and remove what may go",
    .usage = usage,
    .description =
        "Recordings of ended processes are bounded by themselves; this is for those who want the space at once, or "
        "leave a machine as it was. Listed are recordings, figures that wait for their store, what killed processes "
        "had half made, the file that turns hooks off, and the histories in their usual place. With "
        "TACHOGRAPH_RUNTIME_DIR set it looks at recordings in that directory alone.\n"
        "Recordings whose process runs are never removed, histories neither, nor what is in directories of others. "
        "What "
        "waits for a store goes only by --discard-waiting.",
    .options = options,
    .examples = examples,
    .run = run,
};
