/*
 * The one JSON writer. It streams into a strbuf: no tree, no allocation of its own, no white space.
 *
 *     struct tg_json json;
 *     tg_json_init(&json, &buf);
 *     tg_json_begin_object(&json);
 *     tg_json_key(&json, "count");
 *     tg_json_uint(&json, 3);
 *     tg_json_end_object(&json);             -> {"count":3}
 *
 * Commas are placed by the writer. Keys and nesting are the caller's duty, and asserted. Output is always
 * valid UTF-8 and valid JSON: control characters are escaped, invalid UTF-8 becomes U+FFFD (one for each
 * byte that cannot be read), a double that JSON cannot express becomes null. The locale has no influence.
 * Failure to allocate shows in tg_strbuf_status() of the buffer.
 */
#ifndef TG_JSON_H
#define TG_JSON_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_json {
    struct tg_strbuf *out; /* borrowed */
    unsigned depth;        /* of open objects and arrays */
    bool need_comma;       /* a value stands before this place */
    bool after_key;        /* a value must follow */
};

/* `out` is borrowed for as long as the writer is used; the text is appended to what it holds. */
void tg_json_init(struct tg_json *json, struct tg_strbuf *out);

void tg_json_begin_object(struct tg_json *json);
void tg_json_end_object(struct tg_json *json);
void tg_json_begin_array(struct tg_json *json);
void tg_json_end_array(struct tg_json *json);

/* The name of the member whose value comes next. */
void tg_json_key(struct tg_json *json, const char *key);

void tg_json_string(struct tg_json *json, const char *text);
void tg_json_string_bytes(struct tg_json *json, const char *bytes, size_t length); /* may hold NULs */
void tg_json_int(struct tg_json *json, int64_t value);
void tg_json_uint(struct tg_json *json, uint64_t value);
/* The shortest digits that read back as the same double. */
void tg_json_double(struct tg_json *json, double value);
void tg_json_bool(struct tg_json *json, bool value);
void tg_json_null(struct tg_json *json);
/* A value that is JSON already. */
void tg_json_verbatim(struct tg_json *json, const char *text, size_t length);

/* Appends JSON to an element of a page of HTML: a `<` in it is written as an escape, so that no text can end it. */
void tg_json_append_in_page(struct tg_strbuf *out, const char *json, size_t length);

#endif
