#include "sample/code_cache.h"

#include "sample/python_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOT_COUNT 1024

/* A function of the most units that are believed takes less. */
#define MAX_LINE_TABLE_BYTES ((size_t)8 << 20)

/* Files have paths, functions have names of classes and functions around them. */
#define TEXT_BYTES ((size_t)4096)

void tg_code_cache_init(struct tg_code_cache *cache, const struct tg_python_process *process,
                        struct tg_symbols *symbols, size_t limit_bytes) {
    *cache = (struct tg_code_cache){.process = process, .symbols = symbols, .budget = {.limit_bytes = limit_bytes}};
}

static size_t bytes_of(const struct tg_code *code) {
    return sizeof *code + code->run_count * sizeof code->runs[0];
}

static void free_code(struct tg_code_cache *cache, struct tg_code *code) {
    tg_budget_return(&cache->budget, bytes_of(code));
    free(code->runs);
    free(code);
}

static void free_retired(struct tg_code_cache *cache) {
    while (cache->retired) {
        struct tg_code *next = cache->retired->next_retired;
        free_code(cache, cache->retired);
        cache->retired = next;
    }
}

/* Forgets all code objects and the table. */
static void empty(struct tg_code_cache *cache) {
    free_retired(cache);
    for (size_t i = 0; i < cache->slot_count; i++) {
        if (cache->slots[i]) {
            free_code(cache, cache->slots[i]);
        }
    }
    tg_budget_return(&cache->budget, cache->slot_count * sizeof cache->slots[0]);
    free(cache->slots);
    cache->slots = NULL;
    cache->slot_count = cache->count = 0;
    cache->is_full = false;
}

void tg_code_cache_release(struct tg_code_cache *cache) {
    if (cache) {
        empty(cache);
    }
}

void tg_code_cache_begin(struct tg_code_cache *cache, tg_ns now_ns) {
    cache->now_ns = now_ns;
    if (cache->is_full) {
        empty(cache);
    } else {
        free_retired(cache);
    }
}

/* --- The table --- */

/* Where the code object of that address is, or would be. */
static struct tg_code **slot_of(struct tg_code **slots, size_t slot_count, uint64_t address) {
    assert(slots);
    uint64_t hash = address / 16 * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = (size_t)(hash >> 32) & (slot_count - 1);
    while (slots[i] && slots[i]->identity.address != address) {
        i = (i + 1) & (slot_count - 1);
    }
    return &slots[i];
}

/* Makes room for one more; false: there is none. */
static bool grow(struct tg_code_cache *cache) {
    if ((cache->count + 1) * 2 <= cache->slot_count) {
        return true;
    }
    size_t slot_count = cache->slot_count ? cache->slot_count * 2 : FIRST_SLOT_COUNT;
    size_t bytes = slot_count * sizeof cache->slots[0];
    if (!tg_budget_take(&cache->budget, bytes)) {
        return false;
    }
    struct tg_code **slots = calloc(slot_count, sizeof *slots);
    if (!slots) {
        tg_budget_return(&cache->budget, bytes);
        return false;
    }
    for (size_t i = 0; cache->slots && i < cache->slot_count; i++) {
        if (cache->slots[i]) {
            *slot_of(slots, slot_count, cache->slots[i]->identity.address) = cache->slots[i];
        }
    }
    tg_budget_return(&cache->budget, cache->slot_count * sizeof cache->slots[0]);
    free(cache->slots);
    cache->slots = slots;
    cache->slot_count = slot_count;
    return true;
}

/* --- Reading --- */

/* Whether the header at the address still is the one of the identity. */
static bool is_still(const struct tg_python_process *process, const struct tg_code_identity *identity) {
    unsigned char bytes[TG_LAYOUT_MAX_READ_BYTES];
    struct tg_code_header header;
    return tg_memory_read(&process->memory, identity->address, bytes, process->layout.code.size)
           && tg_code_header_parse(&header, &process->layout, process->code_type, identity->address, bytes)
           && tg_code_identity_equal(&header.identity, identity);
}

/* The runs of lines, to be freed; NULL: the table cannot be read or is none, or there is no memory. */
static struct tg_line_run *read_lines(const struct tg_python_process *process, const struct tg_code_identity *identity,
                                      size_t *run_count) {
    uint64_t data;
    size_t bytes;
    if (!tg_python_bytes_find(&process->memory, &process->layout, identity->line_table, MAX_LINE_TABLE_BYTES, &data,
                              &bytes)) {
        return NULL;
    }
    uint8_t *table = malloc(bytes + 1);
    struct tg_line_run *runs = malloc((bytes + 1) * sizeof *runs);
    if (!table || !runs || !tg_memory_read(&process->memory, data, table, bytes)
        || !tg_line_table_decode(table, bytes, identity->first_line, identity->unit_count, runs, run_count)) {
        free(table);
        free(runs);
        return NULL;
    }
    free(table);
    struct tg_line_run *fitting = realloc(runs, (*run_count + 1) * sizeof *runs);
    return fitting ? fitting : runs;
}

/* Reads all of a code object into `code`, whose runs are then to be freed. */
static bool read_code(struct tg_code_cache *cache, const struct tg_code_identity *identity, struct tg_code *code) {
    const struct tg_python_process *process = cache->process;
    char name[TEXT_BYTES], file[TEXT_BYTES];
    size_t run_count = 0;
    if (!tg_python_text_read(&process->memory, &process->layout, identity->qualified_name, name, sizeof name)
        || !tg_python_text_read(&process->memory, &process->layout, identity->file_name, file, sizeof file)) {
        return false;
    }
    struct tg_line_run *runs = read_lines(process, identity, &run_count);
    struct tg_code_content content;
    if (!runs || !tg_code_content_read(&content, process, identity) || !is_still(process, identity)) {
        free(runs);
        return false;
    }
    uint32_t first_line = identity->first_line > 0 ? (uint32_t)identity->first_line : 0;
    *code = (struct tg_code){
        .identity = *identity,
        .symbol = tg_symbols_intern(cache->symbols, name, strlen(name), file, strlen(file), first_line),
        .run_count = (uint32_t)run_count,
        .runs = runs,
        .content = content,
        .read_at_ns = cache->now_ns,
        .compared_ns = cache->now_ns,
    };
    return true;
}

/* A copy of `code` that the cache owns, in its place; NULL: there is no space, and its runs are freed. */
static struct tg_code *keep(struct tg_code_cache *cache, const struct tg_code *code) {
    size_t bytes = bytes_of(code);
    if (!grow(cache) || !tg_budget_take(&cache->budget, bytes)) {
        free(code->runs);
        return NULL;
    }
    struct tg_code *kept = malloc(sizeof *kept);
    if (!kept) {
        tg_budget_return(&cache->budget, bytes);
        free(code->runs);
        return NULL;
    }
    *kept = *code;
    struct tg_code **slot = slot_of(cache->slots, cache->slot_count, code->identity.address);
    if (*slot) {
        (*slot)->next_retired = cache->retired;
        cache->retired = *slot;
        cache->counts.replaced_count++;
    } else {
        cache->count++;
    }
    *slot = kept;
    return kept;
}

static struct tg_code *find_at(const struct tg_code_cache *cache, uint64_t address) {
    return cache->slots ? *slot_of(cache->slots, cache->slot_count, address) : NULL;
}

static struct tg_code *find(const struct tg_code_cache *cache, const struct tg_code_identity *identity) {
    struct tg_code *code = find_at(cache, identity->address);
    return code && tg_code_identity_equal(&code->identity, identity) ? code : NULL;
}

/* Whether nobody need look whether it still says the same. */
static bool is_settled(const struct tg_code_cache *cache, const struct tg_code *code) {
    tg_ns ago_ns = cache->now_ns - code->compared_ns;
    return tg_code_identity_is_unique(&code->identity) || ago_ns == 0
           || (ago_ns < TG_CODE_COMPARED_NS && !tg_code_is_young(cache, code));
}

const struct tg_code *tg_code_cache_find(const struct tg_code_cache *cache, const struct tg_code_identity *identity) {
    const struct tg_code *code = find(cache, identity);
    return code && is_settled(cache, code) ? code : NULL;
}

bool tg_code_cache_is_old(void *cache, uint64_t address, const struct tg_code_identity *identity) {
    const struct tg_code *code = identity ? find(cache, identity) : find_at(cache, address);
    return code && code->identity.unit_count && !tg_code_is_young(cache, code);
}

void tg_code_cache_doubt(struct tg_code_cache *cache, const struct tg_code_identity *identity) {
    struct tg_code *code = find(cache, identity);
    if (code) {
        code->identity.unit_count = 0; /* as no code object's is */
    }
}

/* Whether what is known of a code object is true of the one that lies there now. */
static bool is_same(const struct tg_code_cache *cache, struct tg_code *code) {
    if (!is_settled(cache, code)) {
        if (!tg_code_content_is_still(&code->content, cache->process, &code->identity)) {
            return false;
        }
        code->compared_ns = cache->now_ns;
    }
    return true;
}

const struct tg_code *tg_code_cache_resolve(struct tg_code_cache *cache, const struct tg_code_identity *identity) {
    struct tg_code *known = find(cache, identity);
    if (known && is_same(cache, known)) {
        return known;
    }
    struct tg_code code;
    if (cache->is_full) {
        cache->counts.full_count++;
        return NULL;
    }
    if (!is_still(cache->process, identity) || !read_code(cache, identity, &code)) {
        cache->counts.refused_count++;
        return NULL;
    }
    struct tg_code *kept = keep(cache, &code);
    cache->counts.read_count += kept != NULL;
    cache->counts.full_count += kept == NULL;
    cache->is_full = kept == NULL;
    return kept;
}

uint32_t tg_code_line(const struct tg_code *code, int32_t unit) {
    if (unit >= 0) {
        return tg_line_runs_find(code->runs, code->run_count, (uint32_t)unit);
    }
    return code->identity.first_line > 0 ? (uint32_t)code->identity.first_line : 0;
}
