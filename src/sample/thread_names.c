#include "sample/thread_names.h"

#include "sample/python_dict.h"
#include "sample/python_text.h"
#include "sample/python_value.h"

#include <stdlib.h>
#include <string.h>

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

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
    uint64_t active, type;
    names->active = 0;
    if (!tg_python_module_find(process, "threading", "_active", &active) || !tg_python_is_a(process, active, "dict")
        || !read_at(process, active + process->layout.object.type, &type)) {
        return false;
    }
    names->active = active;
    names->dict_type = type;
    return true;
}

struct found {
    uint64_t ident;
    bool is_read; /* first the ident, then also the name */
    char text[TG_PYTHON_THREAD_NAME_BYTES];
};

static bool read_name(const struct tg_python_process *process, const struct tg_python_entry *entry, char *name) {
    uint64_t text, again;
    return tg_python_attribute_find(process, entry->value, "_name", &text)
           && tg_python_text_read(&process->memory, &process->layout, text, name, TG_PYTHON_THREAD_NAME_BYTES)
           && tg_python_attribute_find(process, entry->value, "_name", &again) && again == text;
}

/* Whose entries they are, and the names of those who are wanted. */
static void read_names(const struct tg_python_process *process, const struct tg_python_entries *entries,
                       struct found *found, tg_thread_name_wanted *wanted, void *context) {
    uint64_t *keys = calloc(entries->count + 1, sizeof *keys);
    struct tg_python_integer *idents = calloc(entries->count + 1, sizeof *idents);
    for (size_t i = 0; keys && idents && i < entries->count; i++) {
        keys[i] = entries->items[i].value ? entries->items[i].key : 0; /* 0: a deleted entry */
    }
    if (keys && idents) {
        tg_python_integers_read(process, keys, entries->count, idents);
    }
    for (size_t i = 0; keys && idents && i < entries->count; i++) {
        found[i].ident = idents[i].value;
        found[i].is_read = idents[i].is_read && !idents[i].is_negative && (!wanted || wanted(context, idents[i].value))
                           && read_name(process, &entries->items[i], found[i].text);
    }
    free(idents);
    free(keys);
}

size_t tg_thread_names_read(struct tg_thread_names *names, tg_thread_name_wanted *wanted, tg_thread_name_visit *visit,
                            void *context) {
    const struct tg_python_process *process = names->process;
    struct tg_python_entries before, after;
    uint64_t keys;
    size_t count = 0;
    if ((!is_known(names) && !find_active(names)) || !read_at(process, names->active + process->layout.dict.keys, &keys)
        || !tg_python_entries_read(process, keys, &before)) {
        return 0;
    }
    struct found *found = calloc(before.count + 1, sizeof *found);
    if (found) {
        read_names(process, &before, found, wanted, context);
    }
    /* Threads that ended meanwhile may have left their memory to others. */
    if (found && tg_python_entries_read(process, keys, &after)) {
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
