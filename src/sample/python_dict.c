#include "sample/python_dict.h"

#include "sample/python_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A dict of more entries is no list of modules, names or threads. */
#define MAX_ENTRIES ((uint64_t)1 << 16)

#define WORD_BYTES 8

/* Entries of two kinds: {hash, key, value}, and {key, value} where all keys are str. */
#define GENERAL_WORDS 3
#define TEXT_WORDS    2

/* A word takes three digits of 30 bits at most. */
#define DIGIT_BITS 30
#define MAX_DIGITS 3

/* --- Dicts --- */

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

/* Where the entries of some keys are. */
struct place {
    uint64_t first;
    size_t count;
    size_t words; /* of each */
};

static bool find_entries(const struct tg_python_process *process, uint64_t keys, struct place *place) {
    const struct tg_layout_dict_keys *layout = &process->layout.dict_keys;
    unsigned char header[TG_LAYOUT_MAX_READ_BYTES];
    uint64_t count;
    if (!tg_memory_read(&process->memory, keys, header, layout->index)) {
        return false;
    }
    memcpy(&count, header + layout->entry_count, sizeof count);
    unsigned log2_index_bytes = header[layout->log2_index_bytes];
    if (count > MAX_ENTRIES || log2_index_bytes > 24) {
        return false;
    }
    *place = (struct place){.first = keys + layout->index + ((uint64_t)1 << log2_index_bytes),
                            .count = (size_t)count,
                            .words = header[layout->kind] == 0 ? GENERAL_WORDS : TEXT_WORDS};
    return true;
}

/* Reads the entries, by way of as much space as they take there. */
static bool read_entries(const struct tg_python_process *process, const struct place *place, uint64_t *copy,
                         struct tg_python_entry *items) {
    if (!tg_memory_read(&process->memory, place->first, copy, place->count * place->words * WORD_BYTES)) {
        return false;
    }
    for (size_t i = 0; i < place->count; i++) {
        const uint64_t *end = copy + (i + 1) * place->words;
        items[i] = (struct tg_python_entry){.key = end[-2], .value = end[-1]};
    }
    return true;
}

bool tg_python_entries_read(const struct tg_python_process *process, uint64_t keys, struct tg_python_entries *entries) {
    struct place place;
    if (!find_entries(process, keys, &place)) {
        return false;
    }
    uint64_t *copy = malloc(place.count * place.words * WORD_BYTES + 1);
    struct tg_python_entry *items = malloc(place.count * sizeof *items + 1);
    if (!copy || !items || !read_entries(process, &place, copy, items)) {
        free(copy);
        free(items);
        return false;
    }
    free(copy);
    *entries = (struct tg_python_entries){.items = items, .count = place.count};
    return true;
}

size_t tg_python_entries_copy(const struct tg_python_process *process, uint64_t keys, struct tg_python_entry *items,
                              size_t capacity) {
    uint64_t copy[TG_PYTHON_ENTRIES_COPIED_MAX * GENERAL_WORDS];
    struct place place;
    assert(capacity <= TG_PYTHON_ENTRIES_COPIED_MAX);
    bool is_read =
        find_entries(process, keys, &place) && place.count <= capacity && read_entries(process, &place, copy, items);
    return is_read ? place.count : 0;
}

/* Where the entry with that str as its key is; false: nowhere, or it cannot be read. */
static bool find_key(const struct tg_python_process *process, uint64_t keys, const char *name, size_t *index,
                     uint64_t *value) {
    struct tg_python_entries entries;
    bool found = false;
    if (!tg_python_entries_read(process, keys, &entries)) {
        return false;
    }
    for (size_t i = 0; i < entries.count && !found; i++) {
        char text[32];
        if (entries.items[i].key
            && tg_python_text_read(&process->memory, &process->layout, entries.items[i].key, text, sizeof text)
            && strcmp(text, name) == 0) {
            *index = i;
            *value = entries.items[i].value;
            found = true;
        }
    }
    free(entries.items);
    return found;
}

/* The value of a key, by the keys and, where they are apart, the values. */
static bool find_value(const struct tg_python_process *process, uint64_t keys, uint64_t values, const char *name,
                       uint64_t *value) {
    size_t index;
    if (!find_key(process, keys, name, &index, value)) {
        return false;
    }
    if (values) {
        uint64_t first = values + process->layout.instance.values;
        return read_at(process, first + index * WORD_BYTES, value) && *value;
    }
    return *value != 0;
}

bool tg_python_dict_find(const struct tg_python_process *process, uint64_t dict, const char *name, uint64_t *value) {
    uint64_t keys, values;
    return read_at(process, dict + process->layout.dict.keys, &keys)
           && read_at(process, dict + process->layout.dict.values, &values)
           && find_value(process, keys, values, name, value);
}

/* --- Instances --- */

/* Where the values of an instance without a dict are; 0: it has none. */
static uint64_t values_of(const struct tg_python_process *process, uint64_t object, uint64_t type, uint64_t before) {
    const struct tg_layout *layout = &process->layout;
    uint64_t word = 0, flags = 0;
    if (before & 1) {
        return before + 1;
    }
    if (layout->instance.values_before != TG_LAYOUT_NONE) {
        return read_at(process, object - layout->instance.values_before, &word) ? word : 0;
    }
    if (layout->instance.inline_flag == TG_LAYOUT_NONE || !read_at(process, type + layout->type.flags, &flags)
        || !(flags & layout->instance.inline_flag) || !read_at(process, type + layout->type.basic_size, &word)) {
        return 0;
    }
    return object + word;
}

bool tg_python_attribute_find(const struct tg_python_process *process, uint64_t object, const char *name,
                              uint64_t *value) {
    const struct tg_layout *layout = &process->layout;
    uint64_t type, before, keys;
    if (!read_at(process, object + layout->object.type, &type)
        || !read_at(process, object - layout->instance.dict_before, &before)) {
        return false;
    }
    if (before && !(before & 1)) {
        return tg_python_dict_find(process, before, name, value);
    }
    uint64_t values = values_of(process, object, type, before);
    return values && read_at(process, type + layout->type.cached_keys, &keys)
           && find_value(process, keys, values, name, value);
}

bool tg_python_module_find(const struct tg_python_process *process, const char *module, const char *name,
                           uint64_t *value) {
    const struct tg_layout *layout = &process->layout;
    uint64_t interpreter, modules, found, dict;
    return read_at(process, process->runtime + layout->runtime.interpreters_main, &interpreter) && interpreter
           && read_at(process, interpreter + layout->interpreter.modules, &modules)
           && tg_python_dict_find(process, modules, module, &found)
           && read_at(process, found + layout->module.dict, &dict) && tg_python_dict_find(process, dict, name, value);
}

/* --- Integers --- */

/* How many digits there are: up to 3.11 as a number that is negative for a negative int, then behind two bits which say
 * 0 for a positive one and 2 for a negative one. */
static uint64_t count_digits(const struct tg_layout_integer *layout, uint64_t word, bool *negative) {
    *negative = layout->count_shift ? (word & 3) == 2 : (int64_t)word < 0;
    return layout->count_shift ? word >> layout->count_shift : *negative ? -word : word;
}

/* What an int of these digits is; false: larger than a word. */
static bool add_digits(const uint32_t *digits, uint64_t count, uint64_t *value) {
    if (count > MAX_DIGITS || (count == MAX_DIGITS && digits[MAX_DIGITS - 1] >> (64 - 2 * DIGIT_BITS))) {
        return false;
    }
    *value = 0;
    for (size_t i = (size_t)count; i > 0; i--) {
        *value = *value << DIGIT_BITS | digits[i - 1];
    }
    return true;
}

bool tg_python_integer_read(const struct tg_python_process *process, uint64_t object, uint64_t *value, bool *negative) {
    const struct tg_layout_integer *layout = &process->layout.integer;
    uint32_t digits[MAX_DIGITS];
    uint64_t word;
    if (!read_at(process, object + layout->count, &word)) {
        return false;
    }
    uint64_t count = count_digits(layout, word, negative);
    return count <= MAX_DIGITS
           && tg_memory_read(&process->memory, object + layout->digits, digits, (size_t)count * sizeof digits[0])
           && add_digits(digits, count, value);
}

/* So many at once. */
#define BATCH         256
#define INTEGER_BYTES 64 /* more than each needs */

/* From the count to the last digit that is looked at. */
static size_t integer_bytes(const struct tg_layout_integer *layout) {
    return layout->digits - layout->count + MAX_DIGITS * sizeof(uint32_t);
}

static bool parse_integer(const struct tg_layout_integer *layout, const unsigned char *bytes,
                          struct tg_python_integer *integer) {
    uint32_t digits[MAX_DIGITS];
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    memcpy(digits, bytes + (layout->digits - layout->count), sizeof digits);
    return add_digits(digits, count_digits(layout, word, &integer->is_negative), &integer->value);
}

static void read_some(const struct tg_python_process *process, const uint64_t *objects, size_t count,
                      struct tg_python_integer *integers) {
    const struct tg_layout_integer *layout = &process->layout.integer;
    unsigned char bytes[BATCH * INTEGER_BYTES];
    struct iovec pieces[BATCH];
    size_t each = integer_bytes(layout), piece_count = 0, taken = 0;
    if (each > INTEGER_BYTES) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (objects[i]) {
            pieces[piece_count++] = tg_memory_piece(objects[i] + layout->count, each);
        }
    }
    size_t read_count = piece_count ? tg_memory_read_batch(&process->memory, pieces, piece_count, bytes) / each : 0;
    for (size_t i = 0; i < count && (!objects[i] || taken < read_count); i++) {
        integers[i].is_read = objects[i] && parse_integer(layout, bytes + each * taken, &integers[i]);
        taken += objects[i] != 0;
    }
}

void tg_python_integers_read(const struct tg_python_process *process, const uint64_t *objects, size_t count,
                             struct tg_python_integer *integers) {
    for (size_t first = 0; first < count; first += BATCH) {
        read_some(process, objects + first, count - first < BATCH ? count - first : BATCH, integers + first);
    }
}
