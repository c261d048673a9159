#include "sample/own_memory.h"

#include "sample/process_maps.h"

#include <link.h>
#include <unistd.h>

#if defined(__x86_64__)
#define CAN_BE_LOADED true
#else
#define CAN_BE_LOADED false
#endif

struct search {
    uint64_t variable;
    struct tg_own_range *data;
};

/* The segment that may be written and has the variable. */
static int look_into(struct dl_phdr_info *library, size_t size, void *context) {
    struct search *search = context;
    (void)size;
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &library->dlpi_phdr[i];
        struct tg_own_range range = {.begin = library->dlpi_addr + segment->p_vaddr};
        range.end = range.begin + segment->p_memsz;
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_W && tg_own_range_has(&range, search->variable, 1)) {
            *search->data = range;
            return 1;
        }
    }
    return 0;
}

bool tg_own_data_find(struct tg_own_range *data, uint64_t variable) {
    struct search search = {.variable = variable, .data = data};
    return CAN_BE_LOADED && dl_iterate_phdr(look_into, &search) == 1;
}

bool tg_own_memory_find(struct tg_own_memory *own, uint64_t runtime) {
    *own = (struct tg_own_memory){.pid = getpid()};
    if (!tg_own_data_find(&own->data, runtime)) {
        return false;
    }
    tg_process_maps_find_stack(own->pid, &own->stack.begin, &own->stack.end); /* else none of it is loaded */
    return true;
}

/* By the processor's own instructions, as the system does it: to compilers, and what they check, it is no access. */
void tg_own_memory_copy(void *bytes, uint64_t address, size_t count) {
#if defined(__x86_64__)
    size_t words = count / sizeof(uint64_t), rest = count % sizeof(uint64_t);
    __asm__ volatile("rep movsq" : "+D"(bytes), "+S"(address), "+c"(words) : : "memory");
    if (rest) {
        __asm__ volatile("rep movsb" : "+D"(bytes), "+S"(address), "+c"(rest) : : "memory");
    }
#else
    (void)bytes, (void)address, (void)count;
#endif
}

uint64_t tg_own_memory_word(uint64_t address) {
    uint64_t word = 0;
#if defined(__x86_64__)
    __asm__ volatile("movq (%1), %0" : "=r"(word) : "r"(address) : "memory");
#else
    (void)address;
#endif
    return word;
}
