/*
 * name_index: the functions of a recording by name: where a batch that was written earlier, perhaps by another process,
 * says a name, which function is meant.
 *
 * Names are borrowed from the recording. Threads: values belong to their owner.
 */
#ifndef TG_NAME_INDEX_H
#define TG_NAME_INDEX_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/reader.h"
#include "store/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_name_index_entry {
    struct tg_bytes name;
    uint32_t function;
};

struct tg_name_index {
    struct tg_name_index_entry *entries; /* by name */
    size_t count;
    size_t capacity;
};

/* The functions that have been called. */
TG_NODISCARD enum tg_status tg_name_index_build(struct tg_name_index *index, const struct tg_view *view,
                                                struct tg_error *err);
/* False: no function called has that name. */
bool tg_name_index_find(const struct tg_name_index *index, struct tg_bytes name, uint32_t *function);
/* NULL and a second call are fine. */
void tg_name_index_release(struct tg_name_index *index);

#endif
