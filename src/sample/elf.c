#include "sample/elf.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#error "name the processor's ELF machine"
#endif

/* An object of a few segments has a dozen headers; tables of symbols are a few MiB at most. */
#define MAX_PROGRAM_HEADERS 64
#define MAX_SECTIONS        4096
#define MAX_DYNAMIC         256
#define MAX_CHAIN           (1u << 16)
#define MAX_TABLE_BYTES     ((uint64_t)256 << 20)
#define MAX_NAME_BYTES      64

static const size_t page_bytes = 4096;

enum tg_elf_kind tg_elf_kind_of(const void *bytes, size_t count) {
    Elf64_Ehdr header;
    if (count < sizeof header) {
        return TG_ELF_NONE;
    }
    memcpy(&header, bytes, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
        return TG_ELF_NONE;
    }
    bool is_native = header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB
                     && header.e_machine == NATIVE_MACHINE && header.e_phentsize == sizeof(Elf64_Phdr);
    return is_native ? TG_ELF_NATIVE : TG_ELF_FOREIGN;
}

static size_t found_count(const struct tg_elf_symbol *symbols, size_t count) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += symbols[i].address != 0;
    }
    return found;
}

/* What has to be added to the addresses in the object, by its program headers. */
static uint64_t bias_of(const Elf64_Ehdr *header, const Elf64_Phdr *programs, size_t count, uint64_t base) {
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (programs[i].p_type == PT_LOAD && programs[i].p_vaddr < lowest) {
            lowest = programs[i].p_vaddr;
        }
    }
    bool is_fixed = header->e_type == ET_EXEC || lowest == UINT64_MAX;
    return is_fixed ? 0 : base - (lowest & ~(uint64_t)(page_bytes - 1));
}

/* --- In memory --- */

/* Where the tables of a loaded object are. */
struct exports {
    const struct tg_memory *memory;
    uint64_t bias;
    uint64_t symbols;
    uint64_t strings;
    uint64_t strings_bytes;
    uint64_t hash;     /* DT_HASH, or 0 */
    uint64_t gnu_hash; /* DT_GNU_HASH, or 0 */
    uint64_t debug;    /* struct r_debug of the loader, or 0; */
    bool has_debug;    /* it will be there */
};

/* The loader has added the bias to the addresses in the dynamic section, or, as musl does and in the vDSO, has not. */
static uint64_t relocated(uint64_t value, uint64_t bias) {
    return value < bias ? value + bias : value;
}

static bool read_dynamic(struct exports *exports, const Elf64_Phdr *dynamic) {
    Elf64_Dyn entries[MAX_DYNAMIC];
    size_t count = dynamic->p_memsz / sizeof entries[0];
    count = count < MAX_DYNAMIC ? count : MAX_DYNAMIC;
    if (!tg_memory_read(exports->memory, exports->bias + dynamic->p_vaddr, entries, count * sizeof entries[0])) {
        return false;
    }
    for (size_t i = 0; i < count && entries[i].d_tag != DT_NULL; i++) {
        uint64_t value = entries[i].d_un.d_val, address = relocated(value, exports->bias);
        switch (entries[i].d_tag) {
        case DT_SYMTAB:
            exports->symbols = address;
            break;
        case DT_STRTAB:
            exports->strings = address;
            break;
        case DT_STRSZ:
            exports->strings_bytes = value;
            break;
        case DT_HASH:
            exports->hash = address;
            break;
        case DT_GNU_HASH:
            exports->gnu_hash = address;
            break;
        case DT_DEBUG:
            exports->debug = value;
            exports->has_debug = true;
            break;
        default:
            break;
        }
    }
    return exports->symbols && exports->strings && (exports->hash || exports->gnu_hash);
}

static bool read_exports(struct exports *exports, const struct tg_memory *memory, uint64_t base) {
    Elf64_Ehdr header;
    Elf64_Phdr programs[MAX_PROGRAM_HEADERS];
    *exports = (struct exports){.memory = memory};
    if (!tg_memory_read(memory, base, &header, sizeof header) || tg_elf_kind_of(&header, sizeof header) != TG_ELF_NATIVE
        || header.e_phnum > MAX_PROGRAM_HEADERS
        || !tg_memory_read(memory, base + header.e_phoff, programs, header.e_phnum * sizeof programs[0])) {
        return false;
    }
    exports->bias = bias_of(&header, programs, header.e_phnum, base);
    for (size_t i = 0; i < header.e_phnum; i++) {
        if (programs[i].p_type == PT_DYNAMIC) {
            return read_dynamic(exports, &programs[i]);
        }
    }
    return false;
}

/* Takes the symbol of that number if it is defined there and has the name. */
static bool take_if_named(const struct exports *exports, uint32_t number, struct tg_elf_symbol *symbol) {
    Elf64_Sym entry;
    char name[MAX_NAME_BYTES];
    size_t bytes = strlen(symbol->name) + 1;
    if (bytes > sizeof name
        || !tg_memory_read(exports->memory, exports->symbols + (uint64_t)number * sizeof entry, &entry, sizeof entry)
        || entry.st_shndx == SHN_UNDEF || entry.st_name >= exports->strings_bytes
        || !tg_memory_read(exports->memory, exports->strings + entry.st_name, name, bytes)
        || memcmp(name, symbol->name, bytes) != 0) {
        return false;
    }
    symbol->address = exports->bias + entry.st_value;
    symbol->bytes = entry.st_size;
    return true;
}

/* The two hash functions are the ELF specification's and GNU's. */
static uint32_t hash_of(const char *name) {
    uint32_t hash = 0;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        hash = (hash << 4) + *at;
        hash ^= hash >> 24 & 0xf0;
    }
    return hash & 0x0fffffff;
}

static uint32_t gnu_hash_of(const char *name) {
    uint32_t hash = 5381;
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        hash = hash * 33 + *at;
    }
    return hash;
}

/* DT_HASH: counts of buckets and chains, the buckets, the chains. */
static void find_by_hash(const struct exports *exports, struct tg_elf_symbol *symbol) {
    uint32_t counts[2], number;
    if (!tg_memory_read(exports->memory, exports->hash, counts, sizeof counts) || counts[0] == 0) {
        return;
    }
    uint64_t buckets = exports->hash + sizeof counts, chains = buckets + (uint64_t)counts[0] * sizeof number;
    uint64_t place = buckets + hash_of(symbol->name) % counts[0] * sizeof number;
    for (uint32_t steps = 0; steps < MAX_CHAIN && tg_memory_read(exports->memory, place, &number, sizeof number)
                             && number != STN_UNDEF && number < counts[1];
         steps++) {
        if (take_if_named(exports, number, symbol)) {
            return;
        }
        place = chains + (uint64_t)number * sizeof number;
    }
}

/* DT_GNU_HASH: counts of buckets, the first symbol in it, words of a filter and its shift; the filter, the buckets, and
 * for each symbol its hash with the lowest bit set on the last of a bucket. */
static void find_by_gnu_hash(const struct exports *exports, struct tg_elf_symbol *symbol) {
    uint32_t head[4], number, hash = gnu_hash_of(symbol->name);
    if (!tg_memory_read(exports->memory, exports->gnu_hash, head, sizeof head) || head[0] == 0) {
        return;
    }
    uint64_t buckets = exports->gnu_hash + sizeof head + (uint64_t)head[2] * sizeof(uint64_t);
    uint64_t hashes = buckets + (uint64_t)head[0] * sizeof number;
    if (!tg_memory_read(exports->memory, buckets + hash % head[0] * sizeof number, &number, sizeof number)
        || number < head[1]) {
        return;
    }
    for (uint32_t steps = 0, other = 0; steps < MAX_CHAIN && !(other & 1); steps++, number++) {
        uint64_t place = hashes + (uint64_t)(number - head[1]) * sizeof other;
        if (!tg_memory_read(exports->memory, place, &other, sizeof other)
            || ((other | 1) == (hash | 1) && take_if_named(exports, number, symbol))) {
            return;
        }
    }
}

size_t tg_elf_find_loaded(const struct tg_memory *memory, uint64_t base, struct tg_elf_symbol *symbols, size_t count) {
    struct exports exports;
    if (read_exports(&exports, memory, base)) {
        for (size_t i = 0; i < count; i++) {
            if (!symbols[i].address && exports.gnu_hash) {
                find_by_gnu_hash(&exports, &symbols[i]);
            } else if (!symbols[i].address) {
                find_by_hash(&exports, &symbols[i]);
            }
        }
    }
    return found_count(symbols, count);
}

bool tg_elf_is_loading(const struct tg_memory *memory, uint64_t base) {
    struct exports exports;
    struct r_debug debug;
    if (!read_exports(&exports, memory, base) || !exports.has_debug) {
        return false;
    }
    return !exports.debug || !tg_memory_read(memory, exports.debug, &debug, sizeof debug) || !debug.r_map
           || debug.r_state != RT_CONSISTENT;
}

/* --- In a file --- */

static bool read_at(int fd, uint64_t offset, void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = pread(fd, (char *)bytes + done, count - done, (off_t)(offset + done));
        if (got <= 0) {
            return false;
        }
        done += (size_t)got;
    }
    return true;
}

/* A copy of a piece of the file with a zero byte behind it, to be freed; NULL: it is not there, or too large. */
static void *copy_of(int fd, uint64_t offset, uint64_t count) {
    char *bytes = count <= MAX_TABLE_BYTES ? malloc(count + 1) : NULL;
    if (bytes && !read_at(fd, offset, bytes, count)) {
        free(bytes);
        return NULL;
    }
    if (bytes) {
        bytes[count] = '\0';
    }
    return bytes;
}

static void find_in_table(const Elf64_Sym *entries, size_t entry_count, const char *strings, size_t strings_bytes,
                          uint64_t bias, struct tg_elf_symbol *symbols, size_t count) {
    for (size_t i = 0; i < entry_count; i++) {
        const Elf64_Sym *entry = &entries[i];
        if (entry->st_shndx == SHN_UNDEF || entry->st_name >= strings_bytes) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (!symbols[k].address && strcmp(strings + entry->st_name, symbols[k].name) == 0) {
                symbols[k].address = bias + entry->st_value;
                symbols[k].bytes = entry->st_size;
            }
        }
    }
}

static void find_in_section(int fd, const Elf64_Shdr *table, const Elf64_Shdr *names, uint64_t bias,
                            struct tg_elf_symbol *symbols, size_t count) {
    Elf64_Sym *entries = copy_of(fd, table->sh_offset, table->sh_size);
    char *strings = copy_of(fd, names->sh_offset, names->sh_size);
    if (entries && strings) {
        find_in_table(entries, table->sh_size / sizeof *entries, strings, names->sh_size, bias, symbols, count);
    }
    free(strings);
    free(entries);
}

/* The file's table of sections, to be freed; NULL: it has none, or is no object of ours. */
static Elf64_Shdr *read_sections(int fd, Elf64_Ehdr *header) {
    if (!read_at(fd, 0, header, sizeof *header) || tg_elf_kind_of(header, sizeof *header) != TG_ELF_NATIVE
        || header->e_shnum > MAX_SECTIONS || header->e_shentsize != sizeof(Elf64_Shdr)) {
        return NULL;
    }
    return copy_of(fd, header->e_shoff, (uint64_t)header->e_shnum * sizeof(Elf64_Shdr));
}

size_t tg_elf_find_in_file(int fd, uint64_t base, struct tg_elf_symbol *symbols, size_t count) {
    Elf64_Ehdr header;
    Elf64_Phdr programs[MAX_PROGRAM_HEADERS];
    Elf64_Shdr *sections = read_sections(fd, &header);
    bool is_read = sections && header.e_phnum <= MAX_PROGRAM_HEADERS
                   && read_at(fd, header.e_phoff, programs, header.e_phnum * sizeof programs[0]);
    for (size_t i = 0; is_read && i < header.e_shnum; i++) {
        const Elf64_Shdr *table = &sections[i];
        if ((table->sh_type == SHT_SYMTAB || table->sh_type == SHT_DYNSYM) && table->sh_link < header.e_shnum) {
            uint64_t bias = bias_of(&header, programs, header.e_phnum, base);
            find_in_section(fd, table, &sections[table->sh_link], bias, symbols, count);
        }
    }
    free(sections);
    return found_count(symbols, count);
}

bool tg_elf_has_section(int fd, const char *name) {
    Elf64_Ehdr header;
    Elf64_Shdr *sections = read_sections(fd, &header);
    const Elf64_Shdr *table = sections && header.e_shstrndx < header.e_shnum ? &sections[header.e_shstrndx] : NULL;
    char *names = table ? copy_of(fd, table->sh_offset, table->sh_size) : NULL;
    bool has = false;
    for (size_t i = 0; names && i < header.e_shnum && !has; i++) {
        has = sections[i].sh_name < table->sh_size && strcmp(names + sections[i].sh_name, name) == 0;
    }
    free(names);
    free(sections);
    return has;
}
