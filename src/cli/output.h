/*
 * output: getting a finished text out, whole.
 */
#ifndef TG_OUTPUT_H
#define TG_OUTPUT_H

#include "base/attributes.h"
#include "base/error.h"

#include <stddef.h>

/* Writes everything, however often the descriptor takes only a part or, when it does not block, nothing. 0, or the
 * errno. */
TG_NODISCARD int tg_output_write(int fd, const char *text, size_t length);

/* To standard output. A reader that has seen enough (`| head`) is no failure. */
TG_NODISCARD enum tg_status tg_output_print(const char *text, size_t length, struct tg_error *err);

/* Replaces the file: readers see the old one or the whole new one, and a failure leaves the old one. What is there and
 * no regular file (a terminal, a pipe, /dev/null) is written to instead. */
TG_NODISCARD enum tg_status tg_output_replace(const char *path, const char *text, size_t length, struct tg_error *err);

/* Whether tg_output_replace() can be expected to work: to ask before the work whose result goes there. */
TG_NODISCARD enum tg_status tg_output_check(const char *path, struct tg_error *err);

#endif
