/*
 * sampling_source: where a collector finds what a sampler of its process has seen. The sampler is another layer's; what
 * runs both says so here.
 *
 * Samples lie in memory, unlike calls, which lie in the recording: those of the interval that runs die with a killed
 * process.
 */
#ifndef TG_SAMPLING_SOURCE_H
#define TG_SAMPLING_SOURCE_H

#include "base/strbuf.h"
#include "store/batch.h"

#include <stdbool.h>

/* Both are called by the collector's thread, or by whoever does its work while there is none; never by two at once. */
struct tg_sampling_source {
    /* All that was seen and has not been accepted. Its tree is put into `tree`, which is empty. False: nothing. */
    bool (*take)(struct tg_batch_sampling *sampling, struct tg_strbuf *tree);
    /* What was taken last is safe. Without this call, the next one gets it once more, and what came after. */
    void (*accept)(void);
};

/* The source of this process, borrowed for good. NULL: there is none. */
void tg_sampling_source_set(const struct tg_sampling_source *source);
const struct tg_sampling_source *tg_sampling_source(void);

#endif
