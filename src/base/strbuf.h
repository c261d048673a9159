/*
 * A growing string: append, then look at `text` once.
 *
 * Running out of memory is remembered instead of returned: appending to a failed buffer does nothing, and
 * tg_strbuf_status() tells at the end. So a writer of a hundred lines checks once.
 *
 * The contents may hold any bytes; they are always followed by a NUL. One buffer belongs to one thread.
 */
#ifndef TG_STRBUF_H
#define TG_STRBUF_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct tg_strbuf {
    char *data; /* NULL until the first append: read it through tg_strbuf_text() */
    size_t length;
    size_t capacity; /* bytes allocated, the NUL included */
    bool failed;
};

#define TG_STRBUF_INIT                                                                                                 \
    { .data = NULL }

void tg_strbuf_init(struct tg_strbuf *buf);
/* Frees the contents; the buffer is then as after init. NULL and a second call are fine. */
void tg_strbuf_release(struct tg_strbuf *buf);

void tg_strbuf_append(struct tg_strbuf *buf, const char *text);
void tg_strbuf_append_bytes(struct tg_strbuf *buf, const void *bytes, size_t length);
void tg_strbuf_append_char(struct tg_strbuf *buf, char c);
/* `count` times the same character: padding, rulers. */
void tg_strbuf_append_repeated(struct tg_strbuf *buf, char c, size_t count);
void tg_strbuf_printf(struct tg_strbuf *buf, const char *format, ...) TG_PRINTF(2, 3);
void tg_strbuf_vprintf(struct tg_strbuf *buf, const char *format, va_list args) TG_PRINTF(2, 0);

/* Forgets everything after the first `length` bytes and keeps the memory; 0 starts over. Also forgets a
 * failure. `length` must not be beyond the end. */
void tg_strbuf_truncate(struct tg_strbuf *buf, size_t length);

/* The contents, NUL-terminated, never NULL. Borrowed until the next change of the buffer. */
const char *tg_strbuf_text(const struct tg_strbuf *buf);
/* TG_OK, or TG_ERROR_MEMORY when any append since init or truncate failed. */
TG_NODISCARD enum tg_status tg_strbuf_status(const struct tg_strbuf *buf);

#endif
