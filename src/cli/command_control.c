/* `tachograph pause`, `unpause` and `rate`: orders to the samplers of running processes. See commands.h. */
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "cli/process_id.h"
#include "record/catalog.h"
#include "record/control.h"
#include "record/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS INT64_C(2000000000)

struct settings {
    struct tg_text_list pids;
};

static const struct tg_option options[] = {
    {.name = "pid",
     .letter = 'p',
     .kind = TG_OPTION_LIST,
     .value = "PID",
     .help = "of this process; may be repeated; without it of all that sample",
     .offset = offsetof(struct settings, pids),
     .check = tg_process_id_check},
    {.name = NULL},
};

static const char *const state_names[] = {
    [TG_SAMPLER_NONE] = "samples nothing",
    [TG_SAMPLER_RUNNING] = "samples",
    [TG_SAMPLER_PAUSED] = "pauses",
};

/* Orders to several processes; what fails with one is said, and the others get theirs. */
struct giving {
    const char *name; /* of the command */
    struct tg_control_order order;
    struct tg_strbuf out;
    size_t given_count;
    size_t failed_count;
};

static void give(struct giving *giving, const struct tg_catalog_entry *entry) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sampler_status now;
    if (tg_control_give(entry->path, &giving->order, PATIENCE_NS, &now, &err) != TG_OK) {
        tg_message_error("%s: %s", giving->name, err.message);
        giving->failed_count++;
        return;
    }
    tg_strbuf_printf(&giving->out, "process %" PRIu64 " %s, %" PRIu32 " Hz\n", entry->pid, state_names[now.state],
                     now.rate_hz);
    giving->given_count++;
}

static bool samples(const struct tg_catalog_entry *entry) {
    struct tg_header header;
    bool alive = false;
    return entry->alive && tg_reader_peek(entry->path, &header, &alive) == TG_OK && alive
           && tg_control_status(&header).state != TG_SAMPLER_NONE;
}

static void give_to_all(struct giving *giving, const struct tg_catalog *catalog) {
    for (size_t i = 0; i < catalog->count; i++) {
        if (samples(&catalog->entries[i])) {
            give(giving, &catalog->entries[i]);
        }
    }
    if (giving->given_count + giving->failed_count == 0) {
        tg_message_error("%s: no process samples: one that calls tachograph.start(sample_hz=100) does, or is run with "
                         "'tachograph run --sample-hz 100'",
                         giving->name);
        giving->failed_count++;
    }
}

/* The living one comes first where a number was used again. */
static const struct tg_catalog_entry *find(const struct tg_catalog *catalog, uint64_t pid) {
    const struct tg_catalog_entry *found = NULL;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct tg_catalog_entry *entry = &catalog->entries[i];
        if (entry->pid == pid && (!found || (entry->alive && !found->alive))) {
            found = entry;
        }
    }
    return found;
}

/* "pause", "rate 50" */
static void append_words(char *typed, size_t size, const struct giving *giving) {
    bool has_rate = giving->order.kind == TG_CONTROL_RATE;
    snprintf(typed, size, has_rate ? "%s %" PRIu32 : "%s", giving->name, giving->order.rate_hz);
}

static void give_to_pids(struct giving *giving, const struct tg_catalog *catalog, const struct tg_text_list *pids) {
    for (size_t i = 0; i < pids->count; i++) {
        const struct tg_catalog_entry *entry = find(catalog, strtoull(pids->items[i], NULL, 10));
        if (entry) {
            give(giving, entry);
        } else {
            struct tg_error err = TG_ERROR_INIT;
            char typed[24];
            append_words(typed, sizeof typed, giving);
            (void)tg_process_id_refuse(tg_process_id_of(pids->items[i]), typed, &err);
            tg_message_error("%s: %s", giving->name, err.message);
            giving->failed_count++;
        }
    }
}

static int control(const struct tg_command *command, const struct settings *settings,
                   const struct tg_control_order *order) {
    struct giving giving = {.name = command->name, .order = *order, .out = TG_STRBUF_INIT};
    struct tg_catalog catalog;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_catalog_read(&catalog, 0, &err) != TG_OK) {
        tg_message_error("%s: %s", command->name, err.message);
        return TG_EXIT_FAILED;
    }
    if (settings->pids.count > 0) {
        give_to_pids(&giving, &catalog, &settings->pids);
    } else {
        give_to_all(&giving, &catalog);
    }
    tg_catalog_release(&catalog);
    if (tg_history_write(&giving.out, &err) != TG_OK) {
        tg_message_error("%s: %s", command->name, err.message);
        giving.failed_count++;
    }
    tg_strbuf_release(&giving.out);
    return giving.failed_count ? TG_EXIT_FAILED : TG_EXIT_OK;
}

static int run_simple(const struct tg_command *command, char **words, enum tg_control_kind kind) {
    struct settings settings = {.pids = {.count = 0}};
    int exit_code = TG_EXIT_OK;
    if (tg_commands_parse(command, words, &settings, &exit_code)) {
        if (words[0]) {
            tg_message_error("%s: unexpected '%s'; a process is named by -p", command->name, words[0]);
            exit_code = TG_EXIT_USAGE;
        } else {
            exit_code = control(command, &settings, &(struct tg_control_order){.kind = kind});
        }
    }
    tg_text_list_release(&settings.pids);
    return exit_code;
}

static int run_pause(const struct tg_command *command, char **words) {
    return run_simple(command, words, TG_CONTROL_PAUSE);
}

static int run_unpause(const struct tg_command *command, char **words) {
    return run_simple(command, words, TG_CONTROL_UNPAUSE);
}

/* 0: not a rate. */
static uint32_t read_rate(const char *word) {
    char *end = NULL;
    unsigned long rate = word ? strtoul(word, &end, 10) : 0;
    bool is_rate = word && *word >= '1' && *word <= '9' && *end == '\0' && rate <= TG_SAMPLER_RATE_MAX_HZ;
    return is_rate ? (uint32_t)rate : 0;
}

static int run_rate(const struct tg_command *command, char **words) {
    struct settings settings = {.pids = {.count = 0}};
    int exit_code = TG_EXIT_OK;
    if (tg_commands_parse(command, words, &settings, &exit_code)) {
        struct tg_control_order order = {.kind = TG_CONTROL_RATE, .rate_hz = read_rate(words[0])};
        if (order.rate_hz == 0 || words[1]) {
            tg_message_error("rate: give one rate from 1 to %u samples a second, as in 'tachograph rate 100 -p 4711'",
                             TG_SAMPLER_RATE_MAX_HZ);
            exit_code = TG_EXIT_USAGE;
        } else {
            exit_code = control(command, &settings, &order);
        }
    }
    tg_text_list_release(&settings.pids);
    return exit_code;
}

#define EXIT_CODES "0 all have done it, 1 a process has not, or none samples; 2 wrong usage"

static const char *const usage[] = {"[OPTION]...", NULL};
static const char *const rate_usage[] = {"[OPTION]... HZ", NULL};

static const struct tg_example pause_examples[] = {
    {"tachograph pause -p 4711", "no more samples of process 4711 until it is told otherwise"},
    {NULL, NULL},
};
static const struct tg_example unpause_examples[] = {
    {"tachograph unpause -p 4711", "go on"},
    {NULL, NULL},
};
static const struct tg_example rate_examples[] = {
    {"tachograph rate 1000 -p 4711", "look a thousand times a second"},
    {NULL, NULL},
};

const struct tg_command tg_command_pause = {
    .name = "pause",
    .summary = "hold the samplers of running processes",
    .usage = usage,
    .description = "Exact timing goes on; the file 'disable' stops that too (tachograph help settings).",
    .options = options,
    .examples = pause_examples,
    .exit_codes = EXIT_CODES,
    .run = run_pause,
};
const struct tg_command tg_command_unpause = {
    .name = "unpause",
    .summary = "let the samplers of running processes go on",
    .usage = usage,
    .description =
        "Those that 'tachograph pause' holds, and those that began paused (sample_paused). What was not sampled "
        "meanwhile is in no history.",
    .options = options,
    .examples = unpause_examples,
    .exit_codes = EXIT_CODES,
    .run = run_unpause,
};
const struct tg_command tg_command_rate = {
    .name = "rate",
    .summary = "set how often the samplers of running processes look",
    .usage = rate_usage,
    .description =
        "A sample stands for the time that its thread spent since the one before, so what was taken at different "
        "rates adds up. A higher one shows more, and costs more.",
    .options = options,
    .examples = rate_examples,
    .exit_codes = EXIT_CODES,
    .run = run_rate,
};
