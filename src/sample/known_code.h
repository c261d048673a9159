/*
 * known_code: what the headers of a process's own code objects say, so that they need not be read again while no code
 * object is freed (code_hook.h). To read one takes the system longer than all else that a thread does to look at its
 * own stack.
 *
 * What is kept was read of an object that lived, as one does whose frame is on the stack of the thread that looks: then
 * the same address is the same object for as long as the count of those freed stays. Python changes what such a header
 * says but rarely (the file's name, when a module is loaded that was moved), and it is read again after a while.
 *
 * Fixed in size; of two code objects that need the same place the later one has it. Takes no lock and allocates
 * nothing: for one thread at a time, be it in a signal handler.
 */
#ifndef TG_KNOWN_CODE_H
#define TG_KNOWN_CODE_H

#include "measure/clock.h"
#include "sample/code_object.h"

#include <stdbool.h>
#include <stdint.h>

#define TG_KNOWN_CODE_COUNT 512

/* So long what was read is believed. */
#define TG_KNOWN_CODE_NS ((tg_ns)1000000000)

/* All zero is empty. */
struct tg_known_code {
    struct tg_known_header {
        struct tg_code_header header;
        uint64_t freed_count; /* when it was read */
        tg_ns read_ns;
    } headers[TG_KNOWN_CODE_COUNT];
};

void tg_known_code_keep(struct tg_known_code *known, const struct tg_code_header *header, uint64_t freed_count,
                        tg_ns now_ns);

/* The header of the code object at an address. False: it is not known, or no longer. */
bool tg_known_code_find(const struct tg_known_code *known, uint64_t address, uint64_t freed_count, tg_ns now_ns,
                        struct tg_code_header *header);

#endif
