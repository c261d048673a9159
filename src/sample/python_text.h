/*
 * python_text: str and bytes objects of the profiled process.
 */
#ifndef TG_PYTHON_TEXT_H
#define TG_PYTHON_TEXT_H

#include "sample/layout.h"
#include "sample/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads the str at `address` as UTF-8 into `text` of `size` bytes (at least 1), which always ends in a zero byte; what
 * does not fit is cut off between characters. A lone surrogate (a file name that is no UTF-8) becomes U+FFFD. False
 * when there is no str that could be. */
bool tg_python_text_read(const struct tg_memory *memory, const struct tg_layout *layout, uint64_t address, char *text,
                         size_t size);

/* The length of the bytes object at `address`, whose contents lie at `*data`. False when there is none, or it is longer
 * than `max`. */
bool tg_python_bytes_find(const struct tg_memory *memory, const struct tg_layout *layout, uint64_t address, size_t max,
                          uint64_t *data, size_t *count);

#endif
