/*
 * function_registry: the functions of a process, by name, in the process's own memory.
 *
 * A function's id is its index in the recording's function table. The registry outlives a recording: a forked child
 * writes the same functions, with the same ids, into its own. Names that differ only in file or line are one
 * function: the first registration's place is kept.
 *
 * Threads: not safe by itself; the tracer's lock covers it.
 */
#ifndef TG_FUNCTION_REGISTRY_H
#define TG_FUNCTION_REGISTRY_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/recording.h"

#include <stddef.h>
#include <stdint.h>

/* Takes the calls of functions past the limits. */
#define TG_FUNCTION_OVERFLOW      0
#define TG_FUNCTION_OVERFLOW_NAME "tachograph::(functions past the limit)"

struct tg_function_source {
    const char *name; /* "module::qualname" */
    size_t name_bytes;
    const char *file; /* may be NULL */
    size_t file_bytes;
    uint32_t line;
    uint64_t code_hash; /* 0: not known */
};

struct tg_function; /* one registered function */

struct tg_function_registry {
    struct tg_function **functions; /* by id */
    uint32_t count;
    uint32_t capacity;
    uint32_t published_count; /* of the first so many the recording has the names */
    uint32_t slot_count;
    uint32_t *slots; /* open addressing: id + 1, or 0 */
};

void tg_function_registry_init(struct tg_function_registry *registry);
void tg_function_registry_release(struct tg_function_registry *registry);

/* The id of the function of that name, registered now if it is new. TG_FUNCTION_OVERFLOW when the table is full or
 * memory is short. */
uint32_t tg_function_registry_add(struct tg_function_registry *registry, const struct tg_function_source *source);

/* The function of that name has new code: hash and line, here and in the recording (NULL: there is none). Nothing
 * happens where there is no such function. */
void tg_function_registry_change(struct tg_function_registry *registry, const struct tg_recording *recording,
                                 const struct tg_function_source *source);

/* The id, or TG_FUNCTION_OVERFLOW when no function has that name. */
uint32_t tg_function_registry_find(const struct tg_function_registry *registry, const char *name, size_t name_bytes);

/* Writes the functions that are not yet in the recording into it. Those for which there is no space now stay without a
 * name there until a later try. For a new recording, set published_count to 0 first. */
void tg_function_registry_publish(struct tg_function_registry *registry, struct tg_recording *recording);

#endif
