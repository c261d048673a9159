/*
 * outside_stop: how a thread of another process is read that runs while it is read: at rest. As a rule a thread of ours
 * takes its processor for that moment (displace.h); where that does not do, it is stopped by ptrace (stop.h), which
 * costs it twice as much, but is certain, and gives the time to read more than the stack.
 *
 * Threads: the sampler's.
 */
#ifndef TG_OUTSIDE_STOP_H
#define TG_OUTSIDE_STOP_H

#include "sample/sampler.h"

/* The context is the sampler itself. */
extern const struct tg_stop_ops tg_stop_from_outside;

#endif
