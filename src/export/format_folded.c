/*
 * format_folded: folded stacks, as flamegraph.pl, inferno, speedscope and many others read them: a line for each stack,
 * frames separated by semicolons, the outermost first, a blank, and microseconds.
 *
 *     <module> (shop.py:90);main (shop.py:70);Cart.add (shop/cart.py:12) 4310000
 *
 * The format has no escapes: a semicolon in a name becomes a colon, and what is no printable character a blank.
 */
#include "base/utf8.h"
#include "export/export.h"
#include "export/export_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_US 1000U

static void append_word(struct tg_strbuf *out, const char *text) {
    size_t length = strlen(text);
    size_t at = 0;
    while (at < length) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(text + at, length - at, &character);
        if (taken == 0 || character < ' ' || character == 0x7FU) {
            tg_strbuf_append_char(out, ' ');
            taken = 1;
        } else if (character == ';') {
            tg_strbuf_append_char(out, ':');
        } else {
            tg_strbuf_append_bytes(out, text + at, taken);
        }
        at += taken;
    }
}

static void append_frame(struct tg_strbuf *out, const struct tg_profile *profile, struct tg_frame frame) {
    struct tg_symbol symbol = tg_symbols_get(&profile->symbols, frame.symbol);
    uint32_t line = tg_export_line(&symbol, frame);
    append_word(out, symbol.name);
    if (symbol.file[0]) {
        tg_strbuf_append(out, " (");
        append_word(out, tg_export_short_file(symbol.file));
        if (line) {
            tg_strbuf_printf(out, ":%" PRIu32, line);
        }
        tg_strbuf_append_char(out, ')');
    }
}

/* Everything before the first function. */
static void append_group(struct tg_strbuf *out, const struct tg_export_group *group) {
    const char *const labels[] = {group->process, group->thread};
    for (size_t i = 0; i < 2; i++) {
        if (labels[i][0]) {
            append_word(out, labels[i]);
            tg_strbuf_append_char(out, ';');
        }
    }
}

static void append_value(struct tg_strbuf *out, uint64_t value_ns) {
    uint64_t value_us = value_ns / NS_PER_US;
    tg_strbuf_printf(out, " %" PRIu64 "\n", value_us ? value_us : 1);
}

static void append_pseudo(struct tg_strbuf *out, const struct tg_export_group *group, const char *name,
                          uint64_t value_ns) {
    if (value_ns) {
        append_group(out, group);
        tg_strbuf_append(out, name);
        append_value(out, value_ns);
    }
}

static void write_group(const struct tg_profile *profile, const struct tg_export_group *group,
                        enum tg_export_measure measure, uint32_t *path, struct tg_strbuf *out) {
    const struct tg_calltree *tree = group->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        uint64_t value_ns = tg_export_measure_of(&tree->nodes[i].self, measure);
        if (!value_ns) {
            continue;
        }
        uint32_t depth = 0;
        for (uint32_t node = i; node != TG_CALLTREE_ROOT; node = tree->nodes[node].parent) {
            path[depth++] = node;
        }
        append_group(out, group);
        while (depth > 0) {
            append_frame(out, profile, tree->nodes[path[--depth]].frame);
            if (depth > 0) {
                tg_strbuf_append_char(out, ';');
            }
        }
        append_value(out, value_ns);
    }
    if (tree->count > 0) {
        uint64_t value_ns = tg_export_measure_of(&tree->nodes[TG_CALLTREE_ROOT].self, measure);
        append_pseudo(out, group, TG_EXPORT_NO_FRAME, value_ns);
    }
    append_pseudo(out, group, TG_EXPORT_LOST, tg_export_measure_of(&tree->lost, measure));
}

static enum tg_status write_folded(const struct tg_profile *profile, const struct tg_export_options *options,
                                   struct tg_strbuf *out, struct tg_error *err) {
    struct tg_export_groups groups;
    enum tg_status status = tg_export_groups_make(&groups, profile, options->by_thread, err);
    for (size_t i = 0; i < groups.count && status == TG_OK; i++) {
        uint32_t *path = malloc(((size_t)groups.items[i].tree->count + 1) * sizeof *path);
        if (path) {
            write_group(profile, &groups.items[i], options->measure, path, out);
        }
        status = path ? tg_strbuf_status(out) : TG_ERROR_MEMORY;
        free(path);
    }
    tg_export_groups_release(&groups);
    return status == TG_OK ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write folded stacks");
}

const struct tg_export_format tg_export_folded = {
    .name = "folded",
    .summary = "a line of text for each stack, in microseconds",
    .suffix = ".folded",
    .write = write_folded,
};
