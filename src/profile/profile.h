/*
 * profile: what sampling has given: the functions seen, a call tree for each thread, and how far it can be trusted.
 *
 * Threads are told apart by process, id and name: the system gives the ids of ended threads to new ones. They are
 * bounded in number; those that come later share one entry, without an id. The budget bounds functions and trees
 * together.
 *
 * Serial form, version 1. Integers are LEB128 varints (base/varint.h), texts a varint length and the bytes:
 *     version
 *     1 when by line, else 0
 *     time of the beginning, duration, period, refused functions
 *     quality    the fields of struct tg_profile_quality, in their order
 *     weight of the samples that have no thread
 *     count of texts, and each: names and files, every one once, none empty
 *     count of symbols, and for each: name and file as numbers of texts from 1 on (0: the empty text), first line
 *     count of threads, and for each:
 *         process id, id, name
 *         weight lost
 *         count of nodes, of which the root is one and comes first; an empty tree has 0
 *             root: weight
 *             others, parents before children: twice the distance to the parent's place, and one more where there are
 *             samples; symbol; line, when by line; weight, where there are samples
 * A symbol is a number from 1 on, in the order above; 0 is TG_SYMBOL_UNKNOWN. A weight is four numbers, the fields of
 * struct tg_weight. Only what occurs in a tree is written, in the order in which it does first. The end is where the
 * bytes end. Untrusted input: everything is checked.
 *
 * Units: nanoseconds; wall times since 1970 UTC. Threads: values belong to their owner.
 */
#ifndef TG_PROFILE_H
#define TG_PROFILE_H

#include "base/attributes.h"
#include "base/budget.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "profile/calltree.h"
#include "profile/symbol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_PROFILE_VERSION 1

/* Threads with a tree of their own. */
#define TG_PROFILE_THREADS_MAX ((size_t)1024)
/* Bytes of a thread's name that are kept; Linux knows 15. */
#define TG_PROFILE_THREAD_NAME_BYTES ((size_t)63)

struct tg_profile_thread {
    uint64_t process_id;
    uint64_t thread_id; /* as the system counts; 0: threads that were too many */
    char name[TG_PROFILE_THREAD_NAME_BYTES + 1];
    struct tg_calltree tree;
};

/* What became of the times at which threads should have been looked at. */
struct tg_profile_quality {
    uint64_t taken_count;     /* samples in the trees */
    uint64_t missed_count;    /* came too late, or could not be read at all */
    uint64_t torn_count;      /* read, but not provable, and left out */
    uint64_t preempted_count; /* stand for less time than passed, since the sampler itself had to wait */
};

struct tg_profile {
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_profile_thread **threads; /* owned, as what they point at, which does not move */
    size_t thread_count;
    size_t thread_capacity;
    size_t last;               /* the thread that was found last */
    bool by_line;              /* the trees are */
    int64_t began_wall_ns;     /* 0: not known */
    uint64_t duration_ns;      /* 0: not known */
    uint64_t period_ns;        /* between two samples of a thread; 0: not known */
    uint64_t refused_count;    /* of functions, when it was decoded; see tg_profile_refused_count() */
    struct tg_weight homeless; /* of threads for which there was not even an entry */
    struct tg_profile_quality quality;
};

/* A profile stays where it is initialised: what is in it points at its budget. */
void tg_profile_init(struct tg_profile *profile, size_t limit_bytes, bool by_line);
/* NULL and a second call are fine. */
void tg_profile_release(struct tg_profile *profile);

/* The entry of a thread, which is new or known; its tree is to be added to. NULL: there is not enough memory for one
 * (add to `homeless`). Fast for threads that come in the same order again and again. */
struct tg_profile_thread *tg_profile_thread(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                            const char *name);

/* The same for a task that a thread runs, as "worker, task fetch"; NULL: none. Tasks may be many, and threads are not
 * to suffer from that: when half of the entries are taken, a new task is counted as its thread. */
struct tg_profile_thread *tg_profile_task(struct tg_profile *profile, uint64_t process_id, uint64_t thread_id,
                                          const char *name, const char *task);

/* How many threads there are, their tasks being no threads. */
size_t tg_profile_count_threads(const struct tg_profile *profile);

/* Adds the trees of all threads into one, which has been initialised. */
TG_NODISCARD enum tg_status tg_profile_merge_threads(const struct tg_profile *profile, struct tg_calltree *into,
                                                     struct tg_error *err);

/* Adds all of `from`, thread by thread; durations add up. Where space runs out, what is lost is counted as ever.
 * TG_ERROR_MEMORY: nothing has been added. */
TG_NODISCARD enum tg_status tg_profile_merge(struct tg_profile *into, const struct tg_profile *from,
                                             struct tg_error *err);

/* What all samples weigh, and those among them that found no space. */
struct tg_weight tg_profile_weight(const struct tg_profile *profile);
struct tg_weight tg_profile_lost(const struct tg_profile *profile);
/* Functions that found no space, so often as they were met anew. */
uint64_t tg_profile_refused_count(const struct tg_profile *profile);

/* Appends the serial form. TG_ERROR_MEMORY. */
TG_NODISCARD enum tg_status tg_profile_encode(const struct tg_profile *profile, struct tg_strbuf *out,
                                              struct tg_error *err);
/* Reads `length` bytes, all of them, into a new profile within the limit; the bytes are not needed afterwards.
 * TG_ERROR_VERSION, TG_ERROR_FORMAT, TG_ERROR_FULL, TG_ERROR_MEMORY: there is nothing to release. */
TG_NODISCARD enum tg_status tg_profile_decode(struct tg_profile *profile, size_t limit_bytes, const void *bytes,
                                              size_t length, struct tg_error *err);

#endif
