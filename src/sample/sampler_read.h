/*
 * sampler_read: the part of a sample that reads stacks; for sampler.c alone.
 */
#ifndef TG_SAMPLER_READ_H
#define TG_SAMPLER_READ_H

#include "sample/sampler.h"

/* Reads the stacks that may have changed since the last sample. Afterwards threads that are not `is_read` are lost, and
 * `result` is why. False: the threads cannot be listed. */
bool tg_sampler_read(struct tg_sampler *sampler);

#endif
