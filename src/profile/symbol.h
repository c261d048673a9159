/*
 * symbol: functions as samples know them, each kept once: a qualified name, a file and the line where it begins. Two
 * functions of one name in a file, begun on different lines, are two.
 *
 * Numbers are given from 1 on and stay; texts never move. Number 0 stands for every function that there was no space
 * for: the symbols are bounded in bytes, and what did not fit is counted.
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_SYMBOL_H
#define TG_SYMBOL_H

#include "profile/text_pool.h"

#include <stddef.h>
#include <stdint.h>

/* The symbol of what there was no space for; its name says so. */
#define TG_SYMBOL_UNKNOWN UINT32_C(0)

/* Names and files are cut to so many bytes, between characters. */
#define TG_SYMBOL_TEXT_MAX_BYTES ((size_t)4096)

/* One frame of a stack. */
struct tg_frame {
    uint32_t symbol;
    uint32_t line; /* that is executed; 0: not known, or not wanted */
};

struct tg_symbol {
    const char *name; /* UTF-8 as a rule; nobody has checked it. Borrowed until the release */
    const char *file; /* likewise; "" not known */
    uint32_t first_line;
};

struct tg_symbol_entry {
    uint32_t name;
    uint32_t file;
    uint32_t first_line;
};

struct tg_symbols {
    struct tg_text_pool texts;
    struct tg_symbol_entry *entries; /* the first stands for TG_SYMBOL_UNKNOWN */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* open addressing, at most half full; 0: free */
    size_t slot_count;
    size_t taken_bytes;     /* of the budget, texts aside */
    uint64_t refused_count; /* calls of intern that found no space */
};

/* `budget` is borrowed until the release; a hundred bytes for a function are enough as a rule. */
void tg_symbols_init(struct tg_symbols *symbols, struct tg_budget *budget);
/* NULL and a second call are fine. */
void tg_symbols_release(struct tg_symbols *symbols);

/* The number of a function, which is new or known; TG_SYMBOL_UNKNOWN: there is no space. The texts need no zero byte at
 * their end. */
uint32_t tg_symbols_intern(struct tg_symbols *symbols, const char *name, size_t name_bytes, const char *file,
                           size_t file_bytes, uint32_t first_line);

/* The function of a number that these symbols have given, or of TG_SYMBOL_UNKNOWN. */
struct tg_symbol tg_symbols_get(const struct tg_symbols *symbols, uint32_t number);

/* One more than the highest number in use. */
uint32_t tg_symbols_count(const struct tg_symbols *symbols);

#endif
