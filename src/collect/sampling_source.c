/* sampling_source: see sampling_source.h. */
#include "collect/sampling_source.h"

#include <stdatomic.h>

static const struct tg_sampling_source *_Atomic current;

void tg_sampling_source_set(const struct tg_sampling_source *source) {
    atomic_store(&current, source);
}

const struct tg_sampling_source *tg_sampling_source(void) {
    return atomic_load(&current);
}
