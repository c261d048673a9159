/*
 * code_cache: the function and the lines of each code object that was seen on a stack, read once and believed for as
 * long as the header at its address stays the same (struct tg_code_identity). What comes to lie in its place is read
 * anew.
 *
 * A code object is read between two readings of its header: only when both agree, and agree with the identity asked
 * for, were its name, file and lines its own. What cannot be proven is refused and counted. Where headers do not tell
 * code objects apart (code_content.h), the content is compared too: of a young one each time, of others ten times a
 * second. That is done microseconds after the walk, and not proven by another one: what would have to happen meanwhile
 * is that the function on the stack is dropped and one made in its place that is the one known from before.
 *
 * Bounded: when there is no space for one more, that one is refused and counted, and the next tick begins with an empty
 * cache; reading all live code objects again is cheap, and those that died are rid of.
 *
 * Threads: one at a time, as a rule the sampler's; a thread that looks in its place may ask whether code is old. It
 * allocates, so it is not for signal handlers.
 */
#ifndef TG_CODE_CACHE_H
#define TG_CODE_CACHE_H

#include "base/budget.h"
#include "measure/clock.h"
#include "profile/symbol.h"
#include "sample/code_content.h"
#include "sample/code_object.h"
#include "sample/line_table.h"
#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An address is used again at once or after a while; an entry that has lived that long was not a passing one. Frames of
 * a younger one should be read twice. */
#define TG_CODE_YOUNG_NS ((tg_ns)1000000000)

/* So long the content of an older one is believed, as its header is (TG_WALK_BELIEVED_NS). */
#define TG_CODE_COMPARED_NS ((tg_ns)100000000)

struct tg_code {
    struct tg_code_identity identity;
    uint32_t symbol; /* its function, in the symbols given to the cache */
    uint32_t run_count;
    struct tg_line_run *runs;
    struct tg_code_content content;
    tg_ns read_at_ns;
    tg_ns compared_ns; /* when the content was, or was read */
    struct tg_code *next_retired;
};

struct tg_code_cache_counts {
    uint64_t read_count;     /* code objects read */
    uint64_t replaced_count; /* of these, in the place of another one */
    uint64_t refused_count;  /* could not be proven */
    uint64_t full_count;     /* no space */
};

struct tg_code_cache {
    const struct tg_python_process *process; /* borrowed */
    struct tg_symbols *symbols;              /* borrowed */
    struct tg_code **slots;                  /* open addressing by address, at most half full */
    size_t slot_count;
    size_t count;
    struct tg_code *retired; /* replaced, but perhaps still held by the caller until the next tick */
    struct tg_budget budget;
    struct tg_code_cache_counts counts;
    tg_ns now_ns;
    bool is_full;
};

/* `process` and `symbols` are borrowed until the release; the cache takes at most `limit_bytes`, the symbols apart. */
void tg_code_cache_init(struct tg_code_cache *cache, const struct tg_python_process *process,
                        struct tg_symbols *symbols, size_t limit_bytes);
/* NULL and a second call are fine. */
void tg_code_cache_release(struct tg_code_cache *cache);

/* Begins a tick at `now_ns` (any clock that does not go back). What earlier ticks were given is no longer valid. */
void tg_code_cache_begin(struct tg_code_cache *cache, tg_ns now_ns);

/* The code object of an identity that was just read from its header; NULL: it cannot be proven, or there is no space.
 * Borrowed until the next tick begins. */
const struct tg_code *tg_code_cache_resolve(struct tg_code_cache *cache, const struct tg_code_identity *identity);

/* The same without reading; NULL: it is not known, or should be compared. */
const struct tg_code *tg_code_cache_find(const struct tg_code_cache *cache, const struct tg_code_identity *identity);

/* Whether the code at an address is not young: as `identity` says, or, NULL, whatever is known there. `cache` is one,
 * without its type for struct tg_walker. */
bool tg_code_cache_is_old(void *cache, uint64_t address, const struct tg_code_identity *identity);

/* Has it read anew the next time: the frame for which it was read was left meanwhile, so it may have been another's. */
void tg_code_cache_doubt(struct tg_code_cache *cache, const struct tg_code_identity *identity);

/* The line of a code unit as tg_code_unit_of() gives it; 0: none. */
uint32_t tg_code_line(const struct tg_code *code, int32_t unit);

static inline bool tg_code_is_young(const struct tg_code_cache *cache, const struct tg_code *code) {
    return cache->now_ns - code->read_at_ns < TG_CODE_YOUNG_NS;
}

#endif
