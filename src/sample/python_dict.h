/*
 * python_dict: dicts, attributes and ints of the profiled process, read by one word after the other. Who needs all of
 * it to be of one moment proves that himself.
 *
 * Every address and number comes from another process and may be anything: what is read is bounded, nothing is
 * followed twice.
 */
#ifndef TG_PYTHON_DICT_H
#define TG_PYTHON_DICT_H

#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_PYTHON_ENTRIES_COPIED_MAX 64

struct tg_python_entry {
    uint64_t key;
    uint64_t value;
};

/* A copy of a dict's entries, deleted ones included (their value is 0). */
struct tg_python_entries {
    struct tg_python_entry *items; /* the caller's to free */
    size_t count;
};

/* Reads the entries of the keys at `keys` whose values are beside them. */
bool tg_python_entries_read(const struct tg_python_process *process, uint64_t keys, struct tg_python_entries *entries);

/* Copies the first entries of such keys into `items`, without allocating: for signal handlers. How many; 0 where they
 * cannot be read, or are more than `capacity`, which is at most TG_PYTHON_ENTRIES_COPIED_MAX. */
size_t tg_python_entries_copy(const struct tg_python_process *process, uint64_t keys, struct tg_python_entry *items,
                              size_t capacity);

/* The value of a key that is a str. False: there is none, or it cannot be read. */
bool tg_python_dict_find(const struct tg_python_process *process, uint64_t dict, const char *name, uint64_t *value);

/* An attribute of the instance itself. */
bool tg_python_attribute_find(const struct tg_python_process *process, uint64_t object, const char *name,
                              uint64_t *value);

/* A name of a module of the main interpreter that is in sys.modules. */
bool tg_python_module_find(const struct tg_python_process *process, const char *module, const char *name,
                           uint64_t *value);

/* The absolute value of an int, and whether it is negative. False: it is none, or larger than a word. */
bool tg_python_integer_read(const struct tg_python_process *process, uint64_t object, uint64_t *value, bool *negative);

/* Likewise; of many ints at once. */
struct tg_python_integer {
    uint64_t value;
    bool is_negative;
    bool is_read;
};

/* Reads ints at these addresses; at 0 there is none. */
void tg_python_integers_read(const struct tg_python_process *process, const uint64_t *objects, size_t count,
                             struct tg_python_integer *integers);

#endif
