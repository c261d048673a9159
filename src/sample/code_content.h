/*
 * code_content: tells code objects apart whose headers say the same (struct tg_code_identity). Since 3.12 each has a
 * version of its own. Before, a header has but the addresses of a name, a file and a table of lines, and a program that
 * makes and drops functions of one pattern has them lie where those of the one before lay: then what the addresses hold
 * is looked at, too.
 *
 * Threads: any, also in a signal handler.
 */
#ifndef TG_CODE_CONTENT_H
#define TG_CODE_CONTENT_H

#include "sample/code_object.h"
#include "sample/python_process.h"

#include <stdbool.h>
#include <stdint.h>

enum { TG_CONTENT_NAME, TG_CONTENT_FILE, TG_CONTENT_LINES, TG_CONTENT_PARTS };

/* All zero where nothing has to be looked at. */
struct tg_code_content {
    uint64_t digest;
    uint16_t bytes[TG_CONTENT_PARTS]; /* so many were read of each */
};

/* Whether an identity says it all. */
static inline bool tg_code_identity_is_unique(const struct tg_code_identity *identity) {
    return identity->version != 0;
}

/* Reads what the header names, the beginning of each. False: it cannot be read. */
bool tg_code_content_read(struct tg_code_content *content, const struct tg_python_process *process,
                          const struct tg_code_identity *identity);

/* Whether it is still the same, in one system call; also no where Python has computed the hash of a name meanwhile. */
bool tg_code_content_is_still(const struct tg_code_content *content, const struct tg_python_process *process,
                              const struct tg_code_identity *identity);

#endif
