/* clean_view: see clean_view.h. */
#include "cli/clean_view.h"

#include "base/humanize.h"
#include "base/json.h"
#include "base/json_member.h"
#include "cli/fact.h"
#include "cli/own_name.h"
#include "cli/printable.h"
#include "cli/table.h"

#include <string.h>
#include <sys/stat.h>

#define NS_PER_S INT64_C(1000000000)

struct sum {
    size_t count;
    uint64_t bytes;
    uint64_t batch_count;
    int64_t oldest_s;
};

static void add(struct sum *sum, const struct tg_leftover *item) {
    sum->oldest_s = sum->count == 0 || item->changed_s < sum->oldest_s ? item->changed_s : sum->oldest_s;
    sum->count++;
    sum->bytes += item->bytes;
    sum->batch_count += item->batch_count;
}

static struct tg_human age_of(const struct tg_clean *clean, int64_t changed_s) {
    return tg_humanize_duration(clean->now_s > changed_s ? (clean->now_s - changed_s) * NS_PER_S : 0);
}

static bool is_same_group(const struct tg_clean *clean, size_t one, size_t other) {
    const struct tg_leftover *a = &clean->leftovers.items[one];
    const struct tg_leftover *b = &clean->leftovers.items[other];
    return a->directory == b->directory && a->kind == b->kind && a->state == b->state
           && clean->fates[one].goes == clean->fates[other].goes
           && clean->fates[one].removed == clean->fates[other].removed
           && strcmp(a->store_url ? a->store_url : "", b->store_url ? b->store_url : "") == 0;
}

static void append_kind(struct tg_strbuf *out, const struct tg_leftover *item) {
    static const char *const of_state[] = {
        [TG_LEFTOVER_USED] = "of processes that run",
        [TG_LEFTOVER_WAITING] = "whose figures wait for",
        [TG_LEFTOVER_KEPT] = "that this tachograph cannot read",
        [TG_LEFTOVER_DONE] = "of ended processes",
    };
    switch (item->kind) {
    case TG_LEFTOVER_RECORDING:
        tg_strbuf_printf(out, "recordings %s", of_state[item->state]);
        break;
    case TG_LEFTOVER_SPOOL:
        tg_strbuf_printf(out, "spools %s",
                         item->state == TG_LEFTOVER_WAITING ? "with intervals that wait for"
                         : item->state == TG_LEFTOVER_KEPT  ? "that may still be asked how far they were stored"
                                                            : of_state[item->state]);
        break;
    case TG_LEFTOVER_UNFINISHED:
        tg_strbuf_append(out, item->state == TG_LEFTOVER_USED ? "files being made" : "files that were never finished");
        break;
    case TG_LEFTOVER_SWITCH:
        tg_strbuf_append(out, "the switch 'disable': what records here is turned off");
        break;
    }
    if (item->store_url) {
        tg_strbuf_printf(out, " %s", item->store_url);
    }
}

static void add_row(struct tg_table *table, const struct tg_clean *clean, const struct sum *sum, const char *fate,
                    const char *what, const char *where) {
    tg_table_add(table, tg_humanize_count(sum->count).text);
    tg_table_add(table, tg_humanize_bytes(sum->bytes).text);
    tg_table_add(table, age_of(clean, sum->oldest_s).text);
    tg_table_add(table, fate);
    tg_table_add(table, what);
    tg_table_add(table, where);
}

static const char *name_fate(const struct tg_clean *clean, size_t i) {
    const struct tg_clean_fate *fate = &clean->fates[i];
    return fate->removed ? "removed" : !fate->goes ? "stays" : clean->is_done ? "in use now" : "may go";
}

static void add_groups(struct tg_table *table, const struct tg_clean *clean) {
    const struct tg_leftovers *leftovers = &clean->leftovers;
    bool *listed = calloc(leftovers->count + 1, sizeof *listed);
    for (size_t i = 0; listed && i < leftovers->count; i++) {
        struct sum sum = {.count = 0};
        for (size_t j = i; j < leftovers->count && !listed[i]; j++) {
            if (is_same_group(clean, i, j)) {
                add(&sum, &leftovers->items[j]);
                listed[j] = j > i;
            }
        }
        if (!listed[i]) {
            struct tg_strbuf what = TG_STRBUF_INIT;
            append_kind(&what, &leftovers->items[i]);
            add_row(table, clean, &sum, name_fate(clean, i), tg_strbuf_text(&what),
                    leftovers->directories[leftovers->items[i].directory].path);
            tg_strbuf_release(&what);
        }
    }
    free(listed);
}

/* One row: histories are kept for ever, so only how much they are is of interest here. */
static void add_histories(struct tg_table *table, const struct tg_clean *clean) {
    struct sum sum = {.count = 0};
    struct stat info;
    for (size_t i = 0; i < clean->histories.count; i++) {
        if (stat(clean->histories.items[i].path, &info) == 0) {
            struct tg_leftover item = {.bytes = (uint64_t)info.st_blocks * 512, .changed_s = info.st_mtime};
            add(&sum, &item);
        }
    }
    if (sum.count) {
        const char *path = clean->histories.items[0].path;
        struct tg_strbuf where = TG_STRBUF_INIT;
        tg_strbuf_append_bytes(&where, path, (size_t)(strrchr(path, '/') - path));
        add_row(table, clean, &sum, "stays", "histories", tg_strbuf_text(&where));
        tg_strbuf_release(&where);
    }
}

/* The command again, as it was given. */
static void append_command(struct tg_strbuf *out, const struct tg_clean *clean, const char *discard) {
    tg_own_name_append(out);
    tg_strbuf_append(out, " clean");
    if (clean->older_than) {
        tg_strbuf_append(out, " --older-than ");
        tg_printable_append_word(out, clean->older_than);
    }
    if (discard) {
        tg_strbuf_append(out, " --discard-waiting ");
        tg_printable_append_word(out, discard);
    }
    tg_strbuf_append(out, " --yes");
}

/* For each store for which something waits that stays. */
static void append_waiting(struct tg_strbuf *out, const struct tg_clean *clean) {
    const struct tg_leftovers *leftovers = &clean->leftovers;
    for (size_t i = 0; i < leftovers->count; i++) {
        const char *store = leftovers->items[i].store_url;
        bool is_first = store && !clean->fates[i].goes;
        for (size_t j = 0; j < i && is_first; j++) {
            const char *other = leftovers->items[j].store_url;
            is_first = !other || strcmp(other, store) != 0;
        }
        if (is_first) {
            tg_strbuf_append(out, "\nfor ");
            tg_printable_append(out, store, strlen(store));
            tg_strbuf_append(out, " figures wait\n  '");
            tg_own_name_append(out);
            tg_strbuf_append(out, " collect' stores them, '");
            append_command(out, clean, store);
            tg_strbuf_append(out, "' gives them up\n");
        }
    }
}

static void append_left_out(struct tg_strbuf *out, const struct tg_clean *clean) {
    for (size_t i = 0; i < clean->leftovers.directory_count; i++) {
        const struct tg_leftover_directory *directory = &clean->leftovers.directories[i];
        if (directory->err.status != TG_OK) {
            tg_strbuf_append(out, "left alone: ");
            tg_printable_append(out, directory->err.message, strlen(directory->err.message));
            tg_strbuf_append_char(out, '\n');
        } else if (directory->other_count) {
            tg_strbuf_printf(out, "left alone: %s file%s in ", tg_humanize_count(directory->other_count).text,
                             directory->other_count == 1 ? "" : "s");
            tg_printable_append(out, directory->path, strlen(directory->path));
            tg_strbuf_printf(out, " that tachograph has not made\n");
        }
    }
}

static struct sum sum_of_going(const struct tg_clean *clean) {
    struct sum sum = {.count = 0};
    for (size_t i = 0; i < clean->leftovers.count; i++) {
        if (clean->is_done ? clean->fates[i].removed : clean->fates[i].goes) {
            add(&sum, &clean->leftovers.items[i]);
        }
    }
    return sum;
}

void tg_clean_print_text(const struct tg_clean *clean, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    static const struct tg_table_column columns[] = {
        {.title = "files", .late = 3},
        {.title = "size", .late = 1},
        {.title = "oldest", .drop = 1},
        {.title = "", .left = true},
        {.title = "what", .left = true, .least = 20},
        {.title = "where", .left = true, .least = 12, .path = true, .late = 2},
    };
    struct tg_table table;
    struct sum going = sum_of_going(clean);
    tg_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    add_groups(&table, clean);
    add_histories(&table, clean);
    if (table.cell_count) {
        struct tg_strbuf hidden = TG_STRBUF_INIT;
        tg_table_print(&table, terminal, out);
        tg_table_append_hidden(&table, terminal, &hidden);
        tg_strbuf_append(out, hidden.length ? "\n" : "");
        tg_fact_append_hidden(out, terminal, &hidden, "a wider terminal or --json has room");
        tg_strbuf_release(&hidden);
    }
    tg_table_release(&table);
    append_waiting(out, clean);
    tg_strbuf_append(out, out->length ? "\n" : "");
    append_left_out(out, clean);
    if (clean->is_done) {
        tg_strbuf_printf(out, "removed %s file%s, %s\n", tg_humanize_count(going.count).text,
                         going.count == 1 ? "" : "s", tg_humanize_bytes(going.bytes).text);
    } else if (going.count == 0) {
        tg_strbuf_append(out, "nothing to remove\n");
    } else {
        tg_strbuf_printf(out, "nothing is removed yet; '");
        append_command(out, clean, clean->discard);
        tg_strbuf_printf(out, "' removes %s file%s, %s\n", tg_humanize_count(going.count).text,
                         going.count == 1 ? "" : "s", tg_humanize_bytes(going.bytes).text);
    }
}

static void print_file(struct tg_json *json, const struct tg_clean *clean, size_t i) {
    static const char *const kinds[] = {"recording", "spool", "unfinished", "switch"};
    static const char *const states[] = {"in use", "waiting", "kept", "done"};
    const struct tg_leftover *item = &clean->leftovers.items[i];
    struct tg_strbuf path = TG_STRBUF_INIT;
    tg_strbuf_printf(&path, "%s/%s", clean->leftovers.directories[item->directory].path, item->name);
    tg_json_begin_object(json);
    tg_json_member_text(json, "path", tg_strbuf_text(&path));
    tg_json_member_text(json, "kind", kinds[item->kind]);
    tg_json_member_text(json, "state", states[item->state]);
    tg_json_member_text(json, "store", item->store_url);
    tg_json_member_if(json, "intervals", item->kind == TG_LEFTOVER_SPOOL, item->batch_count);
    tg_json_member_if(json, "pid", item->pid != 0, item->pid);
    tg_json_member_uint(json, "bytes", item->bytes);
    tg_json_member_int(json, "age_seconds", clean->now_s - item->changed_s);
    tg_json_member_bool(json, "goes", clean->fates[i].goes);
    tg_json_member_bool(json, "removed", clean->fates[i].removed);
    tg_json_end_object(json);
    tg_strbuf_release(&path);
}

static void print_histories(struct tg_json *json, const struct tg_clean *clean) {
    struct stat info;
    tg_json_key(json, "histories");
    tg_json_begin_array(json);
    for (size_t i = 0; i < clean->histories.count; i++) {
        bool known = stat(clean->histories.items[i].path, &info) == 0;
        tg_json_begin_object(json);
        tg_json_member_text(json, "path", clean->histories.items[i].path);
        tg_json_member_if(json, "bytes", known, known ? (uint64_t)info.st_blocks * 512 : 0);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

void tg_clean_print_json(const struct tg_clean *clean, struct tg_strbuf *out) {
    struct tg_json json;
    struct sum removed = {.count = 0};
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "directories");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < clean->leftovers.directory_count; i++) {
        const struct tg_leftover_directory *directory = &clean->leftovers.directories[i];
        tg_json_begin_object(&json);
        tg_json_member_text(&json, "path", directory->path);
        tg_json_member_uint(&json, "other_files", directory->other_count);
        tg_json_member_text(&json, "left_out", directory->err.message);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_json_key(&json, "files");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < clean->leftovers.count; i++) {
        print_file(&json, clean, i);
        if (clean->fates[i].removed) {
            add(&removed, &clean->leftovers.items[i]);
        }
    }
    tg_json_end_array(&json);
    print_histories(&json, clean);
    tg_json_member_uint(&json, "removed", removed.count);
    tg_json_member_uint(&json, "removed_bytes", removed.bytes);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
