/* profile_codec: a profile as bytes, and back. The form is specified in profile.h. */
#include "profile/profile.h"

#include "base/cursor.h"
#include "base/varint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The fewest bytes of a symbol, a thread and a node. */
#define SYMBOL_BYTES_LEAST 3
#define THREAD_BYTES_LEAST 8
#define NODE_BYTES_LEAST   2

/* Numbers here and as they are written. */
struct numbering {
    uint32_t *numbers; /* of each thing, as it is written; 0: does not occur */
    uint32_t *order;   /* of those that occur, the number here */
    uint32_t count;
};

struct encoder {
    const struct tg_profile *profile;
    struct tg_strbuf *out;
    struct numbering symbols;
    struct numbering texts;
};

static bool prepare(struct numbering *numbering, size_t count) {
    numbering->numbers = calloc(count + 1, sizeof *numbering->numbers);
    numbering->order = calloc(count + 1, sizeof *numbering->order);
    return numbering->numbers && numbering->order;
}

static void release(struct numbering *numbering) {
    free(numbering->numbers);
    free(numbering->order);
}

/* Number 0 means the same on both sides. */
static void take(struct numbering *numbering, uint32_t number) {
    if (number != 0 && numbering->numbers[number] == 0) {
        numbering->order[numbering->count++] = number;
        numbering->numbers[number] = numbering->count;
    }
}

static void number_all(struct encoder *encoder) {
    for (size_t i = 0; i < encoder->profile->thread_count; i++) {
        const struct tg_calltree *tree = &encoder->profile->threads[i]->tree;
        for (uint32_t j = 1; j < tree->count; j++) {
            take(&encoder->symbols, tree->nodes[j].frame.symbol);
        }
    }
    for (uint32_t i = 0; i < encoder->symbols.count; i++) {
        const struct tg_symbol_entry *entry = &encoder->profile->symbols.entries[encoder->symbols.order[i]];
        take(&encoder->texts, entry->name);
        take(&encoder->texts, entry->file);
    }
}

static void put_text(struct tg_strbuf *out, const char *text) {
    size_t length = strlen(text);
    tg_varint_append(out, length);
    tg_strbuf_append_bytes(out, text, length);
}

static void put_weight(struct tg_strbuf *out, const struct tg_weight *weight) {
    tg_varint_append(out, weight->sample_count);
    tg_varint_append(out, weight->wall_ns);
    tg_varint_append(out, weight->cpu_ns);
    tg_varint_append(out, weight->gil_ns);
}

static bool is_nothing(const struct tg_weight *weight) {
    return (weight->sample_count | weight->wall_ns | weight->cpu_ns | weight->gil_ns) == 0;
}

static void put_head(const struct encoder *encoder) {
    const struct tg_profile *profile = encoder->profile;
    const struct tg_profile_quality *quality = &profile->quality;
    struct tg_strbuf *out = encoder->out;
    tg_varint_append(out, TG_PROFILE_VERSION);
    tg_varint_append(out, profile->by_line);
    tg_varint_append(out, (uint64_t)(profile->began_wall_ns > 0 ? profile->began_wall_ns : 0));
    tg_varint_append(out, profile->duration_ns);
    tg_varint_append(out, profile->period_ns);
    tg_varint_append(out, tg_profile_refused_count(profile));
    tg_varint_append(out, quality->taken_count);
    tg_varint_append(out, quality->missed_count);
    tg_varint_append(out, quality->torn_count);
    tg_varint_append(out, quality->preempted_count);
    put_weight(out, &profile->homeless);
}

static void put_symbols(const struct encoder *encoder) {
    const struct tg_symbols *symbols = &encoder->profile->symbols;
    tg_varint_append(encoder->out, encoder->texts.count);
    for (uint32_t i = 0; i < encoder->texts.count; i++) {
        put_text(encoder->out, tg_text_pool_get(&symbols->texts, encoder->texts.order[i]));
    }
    tg_varint_append(encoder->out, encoder->symbols.count);
    for (uint32_t i = 0; i < encoder->symbols.count; i++) {
        const struct tg_symbol_entry *entry = &symbols->entries[encoder->symbols.order[i]];
        tg_varint_append(encoder->out, encoder->texts.numbers[entry->name]);
        tg_varint_append(encoder->out, encoder->texts.numbers[entry->file]);
        tg_varint_append(encoder->out, entry->first_line);
    }
}

static void put_tree(const struct encoder *encoder, const struct tg_calltree *tree) {
    struct tg_strbuf *out = encoder->out;
    put_weight(out, &tree->lost);
    tg_varint_append(out, tree->count);
    if (tree->count > 0) {
        put_weight(out, &tree->nodes[TG_CALLTREE_ROOT].self);
    }
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct tg_calltree_node *node = &tree->nodes[i];
        bool is_inner = is_nothing(&node->self);
        tg_varint_append(out, (uint64_t)(i - node->parent) * 2 + !is_inner);
        tg_varint_append(out, encoder->symbols.numbers[node->frame.symbol]);
        if (tree->by_line) {
            tg_varint_append(out, node->frame.line);
        }
        if (!is_inner) {
            put_weight(out, &node->self);
        }
    }
}

static void put_threads(const struct encoder *encoder) {
    const struct tg_profile *profile = encoder->profile;
    struct tg_strbuf *out = encoder->out;
    tg_varint_append(out, profile->thread_count);
    for (size_t i = 0; i < profile->thread_count; i++) {
        const struct tg_profile_thread *thread = profile->threads[i];
        tg_varint_append(out, thread->process_id);
        tg_varint_append(out, thread->thread_id);
        put_text(out, thread->name);
        put_tree(encoder, &thread->tree);
    }
}

enum tg_status tg_profile_encode(const struct tg_profile *profile, struct tg_strbuf *out, struct tg_error *err) {
    struct encoder encoder = {.profile = profile, .out = out};
    bool prepared = prepare(&encoder.symbols, tg_symbols_count(&profile->symbols));
    prepared = prepare(&encoder.texts, profile->symbols.texts.count) && prepared;
    if (prepared) {
        number_all(&encoder);
        put_head(&encoder);
        put_symbols(&encoder);
        put_threads(&encoder);
    }
    release(&encoder.symbols);
    release(&encoder.texts);
    if (!prepared || tg_strbuf_status(out) != TG_OK) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write a profile");
    }
    return TG_OK;
}

struct decoder {
    struct tg_profile *profile;
    struct tg_cursor cursor;
    struct tg_bytes *texts; /* the first is the empty one */
    size_t text_count;
    uint32_t *symbols; /* as they were written, to their numbers here; the first stands for TG_SYMBOL_UNKNOWN */
    size_t symbol_count;
    bool is_full; /* the budget was too small */
};

static struct tg_weight get_weight(struct tg_cursor *cursor) {
    struct tg_weight weight;
    weight.sample_count = tg_cursor_number(cursor);
    weight.wall_ns = tg_cursor_number(cursor);
    weight.cpu_ns = tg_cursor_number(cursor);
    weight.gil_ns = tg_cursor_number(cursor);
    return weight;
}

static void get_head(struct decoder *decoder) {
    struct tg_profile *profile = decoder->profile;
    struct tg_cursor *cursor = &decoder->cursor;
    uint64_t by_line = tg_cursor_number(cursor);
    uint64_t began_ns = tg_cursor_number(cursor);
    if (by_line > 1 || began_ns > INT64_MAX) {
        tg_cursor_fail(cursor);
    }
    profile->by_line = by_line == 1;
    profile->began_wall_ns = (int64_t)(began_ns & INT64_MAX);
    profile->duration_ns = tg_cursor_number(cursor);
    profile->period_ns = tg_cursor_number(cursor);
    profile->refused_count = tg_cursor_number(cursor);
    profile->quality.taken_count = tg_cursor_number(cursor);
    profile->quality.missed_count = tg_cursor_number(cursor);
    profile->quality.torn_count = tg_cursor_number(cursor);
    profile->quality.preempted_count = tg_cursor_number(cursor);
    profile->homeless = get_weight(cursor);
}

/* A text of ours: no longer than we write, and without a zero byte. */
static struct tg_bytes get_text(struct decoder *decoder, size_t limit) {
    struct tg_bytes text = tg_cursor_bytes(&decoder->cursor);
    if (text.length > limit || memchr(text.data, '\0', text.length)) {
        tg_cursor_fail(&decoder->cursor);
    }
    return text;
}

static enum tg_status get_texts(struct decoder *decoder) {
    size_t count = tg_cursor_count(&decoder->cursor, 2);
    decoder->texts = calloc(count + 1, sizeof *decoder->texts);
    if (!decoder->texts) {
        return TG_ERROR_MEMORY;
    }
    decoder->text_count = count + 1;
    decoder->texts[0] = (struct tg_bytes){.data = ""};
    for (size_t i = 1; i <= count; i++) {
        decoder->texts[i] = get_text(decoder, TG_SYMBOL_TEXT_MAX_BYTES);
        if (decoder->texts[i].length == 0) {
            tg_cursor_fail(&decoder->cursor);
        }
    }
    return TG_OK;
}

static struct tg_bytes text_of(struct decoder *decoder, uint64_t number) {
    if (number >= decoder->text_count) {
        tg_cursor_fail(&decoder->cursor);
        number = 0;
    }
    return decoder->texts[number];
}

static enum tg_status get_symbols(struct decoder *decoder) {
    size_t count = tg_cursor_count(&decoder->cursor, SYMBOL_BYTES_LEAST);
    decoder->symbols = calloc(count + 1, sizeof *decoder->symbols);
    if (!decoder->symbols) {
        return TG_ERROR_MEMORY;
    }
    decoder->symbol_count = count + 1;
    for (size_t i = 1; i <= count; i++) {
        struct tg_bytes name = text_of(decoder, tg_cursor_number(&decoder->cursor));
        struct tg_bytes file = text_of(decoder, tg_cursor_number(&decoder->cursor));
        uint32_t first_line = tg_cursor_small(&decoder->cursor);
        if (decoder->cursor.failed) {
            return TG_ERROR_FORMAT;
        }
        struct tg_symbols *symbols = &decoder->profile->symbols;
        uint32_t number = tg_symbols_intern(symbols, name.data, name.length, file.data, file.length, first_line);
        decoder->is_full = number == TG_SYMBOL_UNKNOWN;
        if (number != i) { /* or it is there twice */
            return TG_ERROR_FORMAT;
        }
        decoder->symbols[i] = number;
    }
    return TG_OK;
}

/* The node that must become number `place` of the tree. */
static bool get_node(struct decoder *decoder, struct tg_calltree *tree, uint32_t place) {
    struct tg_cursor *cursor = &decoder->cursor;
    uint64_t tag = tg_cursor_number(cursor);
    uint64_t distance = tag / 2;
    uint32_t symbol = tg_cursor_small(cursor);
    struct tg_frame frame = {.line = tree->by_line ? tg_cursor_small(cursor) : 0};
    struct tg_weight weight = {.sample_count = 0};
    if (tag % 2 == 1) {
        weight = get_weight(cursor);
    }
    if (cursor->failed || distance == 0 || distance > place || symbol >= decoder->symbol_count
        || (tag % 2 == 1 && is_nothing(&weight))) {
        return false;
    }
    frame.symbol = decoder->symbols[symbol];
    uint32_t node = tg_calltree_child(tree, place - (uint32_t)distance, frame);
    decoder->is_full = node == 0;
    if (node != place) { /* or a parent has the same child twice */
        return false;
    }
    tree->nodes[node].self = weight;
    return true;
}

static bool get_tree(struct decoder *decoder, struct tg_calltree *tree) {
    struct tg_cursor *cursor = &decoder->cursor;
    tree->lost = get_weight(cursor);
    size_t count = tg_cursor_count(cursor, NODE_BYTES_LEAST);
    if (cursor->failed || count == 0) {
        return !cursor->failed;
    }
    struct tg_weight of_root = get_weight(cursor);
    tg_calltree_add(tree, NULL, 0, &of_root);
    decoder->is_full = tree->count == 0;
    if (decoder->is_full || count > UINT32_MAX) {
        return false;
    }
    for (uint32_t i = 1; i < count; i++) {
        if (!get_node(decoder, tree, i)) {
            return false;
        }
    }
    return true;
}

static enum tg_status get_threads(struct decoder *decoder) {
    struct tg_cursor *cursor = &decoder->cursor;
    size_t count = tg_cursor_count(cursor, THREAD_BYTES_LEAST);
    for (size_t i = 0; i < count; i++) {
        uint64_t process_id = tg_cursor_number(cursor);
        uint64_t thread_id = tg_cursor_number(cursor);
        struct tg_bytes text = get_text(decoder, TG_PROFILE_THREAD_NAME_BYTES);
        char name[TG_PROFILE_THREAD_NAME_BYTES + 1] = "";
        if (cursor->failed) {
            return TG_ERROR_FORMAT;
        }
        memcpy(name, text.data, text.length);
        size_t known = decoder->profile->thread_count;
        struct tg_profile_thread *thread = tg_profile_thread(decoder->profile, process_id, thread_id, name);
        if (!thread) {
            return TG_ERROR_MEMORY;
        }
        if (decoder->profile->thread_count == known || !get_tree(decoder, &thread->tree)) {
            return TG_ERROR_FORMAT;
        }
    }
    return cursor->failed || cursor->length > 0 ? TG_ERROR_FORMAT : TG_OK;
}

static enum tg_status decode(struct decoder *decoder) {
    get_head(decoder);
    enum tg_status status = get_texts(decoder);
    if (status == TG_OK) {
        status = get_symbols(decoder);
    }
    if (status == TG_OK) {
        status = get_threads(decoder);
    }
    free(decoder->texts);
    free(decoder->symbols);
    return status;
}

enum tg_status tg_profile_decode(struct tg_profile *profile, size_t limit_bytes, const void *bytes, size_t length,
                                 struct tg_error *err) {
    struct decoder decoder = {.profile = profile, .cursor = {.bytes = bytes, .length = length}};
    tg_profile_init(profile, limit_bytes, false);
    uint64_t version = tg_cursor_number(&decoder.cursor);
    if (!decoder.cursor.failed && version != TG_PROFILE_VERSION) {
        return tg_error_set(err, TG_ERROR_VERSION,
                            "the profile has version %llu, and this build reads version %d: "
                            "read it with the tachograph that wrote it, or a newer one",
                            (unsigned long long)version, TG_PROFILE_VERSION);
    }
    enum tg_status status = decode(&decoder);
    if (status == TG_OK) {
        return TG_OK;
    }
    tg_profile_release(profile);
    if (decoder.is_full) {
        return tg_error_set(err, TG_ERROR_FULL, "the profile takes more than %zu bytes of memory", limit_bytes);
    }
    if (status == TG_ERROR_MEMORY) {
        return tg_error_set(err, status, "not enough memory to read a profile");
    }
    return tg_error_set(err, TG_ERROR_FORMAT, "the profile is damaged: it is not what tachograph writes");
}
