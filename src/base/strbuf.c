/*
 * Growth by doubling. The invariant: length < capacity, or both 0 and no data.
 */
#include "base/strbuf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_CAPACITY = 64 };

void tg_strbuf_init(struct tg_strbuf *buf) {
    *buf = (struct tg_strbuf)TG_STRBUF_INIT;
}

void tg_strbuf_release(struct tg_strbuf *buf) {
    if (buf) {
        free(buf->data);
        tg_strbuf_init(buf);
    }
}

/* Makes room for `more` bytes and a NUL. False when there is none, now or before. */
static bool reserve(struct tg_strbuf *buf, size_t more) {
    if (buf->failed) {
        return false;
    }
    if (more < buf->capacity - buf->length) { /* capacity 0: length is 0 too */
        return true;
    }
    if (more >= SIZE_MAX / 2 - buf->length) {
        buf->failed = true;
        return false;
    }
    size_t needed = buf->length + more + 1;
    size_t capacity = buf->capacity ? buf->capacity : SMALLEST_CAPACITY;
    while (capacity < needed) {
        capacity *= 2;
    }
    char *data = realloc(buf->data, capacity);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void tg_strbuf_append_bytes(struct tg_strbuf *buf, const void *bytes, size_t length) {
    if (!reserve(buf, length)) {
        return;
    }
    if (length > 0) { /* memcpy wants a pointer even for nothing */
        memcpy(buf->data + buf->length, bytes, length);
    }
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void tg_strbuf_append(struct tg_strbuf *buf, const char *text) {
    tg_strbuf_append_bytes(buf, text, strlen(text));
}

void tg_strbuf_append_char(struct tg_strbuf *buf, char c) {
    tg_strbuf_append_bytes(buf, &c, 1);
}

void tg_strbuf_append_repeated(struct tg_strbuf *buf, char c, size_t count) {
    if (!reserve(buf, count)) {
        return;
    }
    memset(buf->data + buf->length, c, count);
    buf->length += count;
    buf->data[buf->length] = '\0';
}

void tg_strbuf_vprintf(struct tg_strbuf *buf, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    if (length < 0) {
        buf->failed = true;
    } else if (reserve(buf, (size_t)length)) {
        vsnprintf(buf->data + buf->length, (size_t)length + 1, format, again);
        buf->length += (size_t)length;
    }
    va_end(again);
}

void tg_strbuf_printf(struct tg_strbuf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tg_strbuf_vprintf(buf, format, args);
    va_end(args);
}

void tg_strbuf_truncate(struct tg_strbuf *buf, size_t length) {
    assert(length <= buf->length);
    buf->length = length;
    buf->failed = false;
    if (buf->data) {
        buf->data[length] = '\0';
    }
}

const char *tg_strbuf_text(const struct tg_strbuf *buf) {
    return buf->data ? buf->data : "";
}

enum tg_status tg_strbuf_status(const struct tg_strbuf *buf) {
    return buf->failed ? TG_ERROR_MEMORY : TG_OK;
}
