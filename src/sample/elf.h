/*
 * elf: the addresses of symbols of an ELF object of 64 bits.
 *
 * What is exported is looked up in the memory that the object is loaded into, through its own hash table: so it makes
 * no difference whether its file has been replaced or removed, or lies in another mount namespace. What is not exported
 * is looked up in the file, which must then be at hand.
 *
 * Everything read is another process's or a file's and is checked before it is followed.
 */
#ifndef TG_ELF_H
#define TG_ELF_H

#include "base/attributes.h"
#include "sample/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `name` is given, the rest is found. */
struct tg_elf_symbol {
    const char *name;
    uint64_t address; /* in the process; 0: not found */
    uint64_t bytes;   /* its size, 0 not said */
};

/* What the start of an ELF object says. */
enum tg_elf_kind {
    TG_ELF_NONE,    /* no ELF object */
    TG_ELF_FOREIGN, /* of 32 bits, or for another processor */
    TG_ELF_NATIVE,
};

/* The kind of the file whose first bytes these are. */
enum tg_elf_kind tg_elf_kind_of(const void *bytes, size_t count);

/* Looks for those symbols whose address is 0 among what the object exports that is loaded at `base` (where its file's
 * first byte is mapped). Returns how many of all the symbols have an address now. */
size_t tg_elf_find_loaded(const struct tg_memory *memory, uint64_t base, struct tg_elf_symbol *symbols, size_t count);

/* Whether the dynamic loader is still at work on the program that is loaded at `base`, or on a library for it. */
bool tg_elf_is_loading(const struct tg_memory *memory, uint64_t base);

/* As tg_elf_find_loaded(), among all symbols in the file of the object that is loaded at `base`. */
size_t tg_elf_find_in_file(int fd, uint64_t base, struct tg_elf_symbol *symbols, size_t count);

/* Whether the object in a file has a section of that name. Who strips symbols leaves the names of sections. */
bool tg_elf_has_section(int fd, const char *name);

#endif
