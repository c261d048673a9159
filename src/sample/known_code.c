#include "sample/known_code.h"

/* Fibonacci hashing; Knuth, The Art of Computer Programming, volume 3, 6.4. */
static uint64_t place_of(uint64_t address) {
    return ((address / 16 * UINT64_C(0x9E3779B97F4A7C15)) >> 32) % TG_KNOWN_CODE_COUNT;
}

void tg_known_code_keep(struct tg_known_code *known, const struct tg_code_header *header, uint64_t freed_count,
                        tg_ns now_ns) {
    known->headers[place_of(header->identity.address)] =
        (struct tg_known_header){.header = *header, .freed_count = freed_count, .read_ns = now_ns};
}

bool tg_known_code_find(const struct tg_known_code *known, uint64_t address, uint64_t freed_count, tg_ns now_ns,
                        struct tg_code_header *header) {
    const struct tg_known_header *found = &known->headers[place_of(address)];
    if (found->header.identity.address != address || found->freed_count != freed_count
        || now_ns - found->read_ns >= TG_KNOWN_CODE_NS) {
        return false;
    }
    *header = found->header;
    return true;
}
