/*
 * signal_stop: how a thread of the sampler's own process is read that runs while it is read: it walks its own stack, in
 * a signal handler (handler.h), and runs on. Nobody waits for the sampler.
 *
 * Only the thread that has an interpreter's lock is asked. Whether it still has it is seen in the handler, before the
 * walk and after: without the lock the Python thread may be another's by then, or nobody's. A thread that has let go of
 * it is at rest, or nearly, and is read from here.
 *
 * Threads: the sampler's.
 */
#ifndef TG_SIGNAL_STOP_H
#define TG_SIGNAL_STOP_H

#include "sample/sampler.h"

/* The context is the sampler itself. The handler is to be installed before. */
extern const struct tg_stop_ops tg_stop_by_signal;

#endif
