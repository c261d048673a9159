#include "sample/thread_names.h"

#include "sample/python_text.h"

#include <stdlib.h>
#include <string.h>

/* A dict of more entries is no list of modules, names or threads. */
#define MAX_ENTRIES ((uint64_t)1 << 16)

#define WORD_BYTES 8

/* Entries of two kinds: {hash, key, value}, and {key, value} where all keys are str. */
#define GENERAL_WORDS 3
#define TEXT_WORDS    2

/* An integer of two digits of 30 bits at least: a pthread_t. */
#define DIGIT_BITS 30
#define MAX_DIGITS 3

/* --- Dicts --- */

struct entry {
    uint64_t key;
    uint64_t value;
};

/* A copy of a dict's entries, deleted ones included. */
struct entries {
    struct entry *items;
    size_t count;
};

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

/* Reads the keys at `keys`; their values are beside them. */
static bool read_keys(const struct tg_python_process *process, uint64_t keys, struct entries *entries) {
    const struct tg_layout_dict_keys *layout = &process->layout.dict_keys;
    unsigned char header[TG_LAYOUT_MAX_READ_BYTES];
    uint64_t count;
    if (!tg_memory_read(&process->memory, keys, header, layout->index)) {
        return false;
    }
    memcpy(&count, header + layout->entry_count, sizeof count);
    unsigned log2_index_bytes = header[layout->log2_index_bytes];
    size_t words = header[layout->kind] == 0 ? GENERAL_WORDS : TEXT_WORDS;
    if (count > MAX_ENTRIES || log2_index_bytes > 24) {
        return false;
    }
    uint64_t *copy = malloc((size_t)count * words * WORD_BYTES + 1);
    struct entry *items = malloc((size_t)count * sizeof *items + 1);
    uint64_t first = keys + layout->index + ((uint64_t)1 << log2_index_bytes);
    if (!copy || !items || !tg_memory_read(&process->memory, first, copy, (size_t)count * words * WORD_BYTES)) {
        free(copy);
        free(items);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const uint64_t *end = copy + (i + 1) * words;
        items[i] = (struct entry){.key = end[-2], .value = end[-1]};
    }
    free(copy);
    *entries = (struct entries){.items = items, .count = (size_t)count};
    return true;
}

/* Where the entry with that str as its key is; false: nowhere, or it cannot be read. */
static bool find_key(const struct tg_python_process *process, uint64_t keys, const char *name, size_t *index,
                     uint64_t *value) {
    struct entries entries;
    bool found = false;
    if (!read_keys(process, keys, &entries)) {
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

static bool find_in_dict(const struct tg_python_process *process, uint64_t dict, const char *name, uint64_t *value) {
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

static bool find_attribute(const struct tg_python_process *process, uint64_t object, const char *name,
                           uint64_t *value) {
    const struct tg_layout *layout = &process->layout;
    uint64_t type, before, keys;
    if (!read_at(process, object + layout->object.type, &type)
        || !read_at(process, object - layout->instance.dict_before, &before)) {
        return false;
    }
    if (before && !(before & 1)) {
        return find_in_dict(process, before, name, value);
    }
    uint64_t values = values_of(process, object, type, before);
    return values && read_at(process, type + layout->type.cached_keys, &keys)
           && find_value(process, keys, values, name, value);
}

/* A non-negative int. */
static bool read_integer(const struct tg_python_process *process, uint64_t object, uint64_t *value) {
    const struct tg_layout_integer *layout = &process->layout.integer;
    uint32_t digits[MAX_DIGITS];
    uint64_t count;
    if (!read_at(process, object + layout->count, &count) || count >> layout->count_shift > MAX_DIGITS) {
        return false;
    }
    count >>= layout->count_shift;
    if (!tg_memory_read(&process->memory, object + layout->digits, digits, (size_t)count * sizeof digits[0])) {
        return false;
    }
    *value = 0;
    for (size_t i = (size_t)count; i > 0; i--) {
        *value = *value << DIGIT_BITS | digits[i - 1];
    }
    return true;
}

/* --- threading._active --- */

void tg_thread_names_init(struct tg_thread_names *names, const struct tg_python_process *process) {
    *names = (struct tg_thread_names){.process = process};
}

/* Whether the dict is still there: a program may shut down, or execute another. */
static bool is_known(const struct tg_thread_names *names) {
    uint64_t type;
    return names->active && read_at(names->process, names->active + names->process->layout.object.type, &type)
           && type == names->dict_type;
}

static bool find_active(struct tg_thread_names *names) {
    const struct tg_python_process *process = names->process;
    const struct tg_layout *layout = &process->layout;
    uint64_t interpreter, modules, threading, dict, active, type, other;
    names->active = 0;
    if (!read_at(process, process->runtime + layout->runtime.interpreters_main, &interpreter) || !interpreter
        || !read_at(process, interpreter + layout->interpreter.modules, &modules)
        || !read_at(process, modules + layout->object.type, &type)
        || !find_in_dict(process, modules, "threading", &threading)
        || !read_at(process, threading + layout->module.dict, &dict) || !find_in_dict(process, dict, "_active", &active)
        || !read_at(process, active + layout->object.type, &other) || other != type) {
        return false;
    }
    names->active = active;
    names->dict_type = type;
    return true;
}

static bool read_name(const struct tg_python_process *process, const struct entry *entry, uint64_t *ident, char *name) {
    uint64_t text, again;
    return read_integer(process, entry->key, ident) && find_attribute(process, entry->value, "_name", &text)
           && tg_python_text_read(&process->memory, &process->layout, text, name, TG_PYTHON_THREAD_NAME_BYTES)
           && find_attribute(process, entry->value, "_name", &again) && again == text;
}

size_t tg_thread_names_read(struct tg_thread_names *names, tg_thread_name_visit *visit, void *context) {
    const struct tg_python_process *process = names->process;
    struct entries before, after;
    uint64_t keys;
    size_t count = 0;
    if ((!is_known(names) && !find_active(names)) || !read_at(process, names->active + process->layout.dict.keys, &keys)
        || !read_keys(process, keys, &before)) {
        return 0;
    }
    struct {
        uint64_t ident;
        char text[TG_PYTHON_THREAD_NAME_BYTES];
        bool is_read;
    } *found = calloc(before.count + 1, sizeof *found);
    for (size_t i = 0; found && i < before.count; i++) {
        found[i].is_read =
            before.items[i].value && read_name(process, &before.items[i], &found[i].ident, found[i].text);
    }
    /* Threads that ended meanwhile may have left their memory to others. */
    if (found && read_keys(process, keys, &after)) {
        for (size_t i = 0; i < before.count && i < after.count; i++) {
            if (found[i].is_read && memcmp(&before.items[i], &after.items[i], sizeof before.items[i]) == 0) {
                visit(context, found[i].ident, found[i].text);
                count++;
            }
        }
        free(after.items);
    }
    free(found);
    free(before.items);
    return count;
}
