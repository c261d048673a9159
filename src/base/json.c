/*
 * The writer needs no stack of containers: whether a comma is due depends only on what was written last.
 */
#include "base/json.h"

#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tg_json_init(struct tg_json *json, struct tg_strbuf *out) {
    *json = (struct tg_json){.out = out};
}

/* Whatever stands before a value: the comma between two, unless a key has placed it. */
static void begin_value(struct tg_json *json) {
    if (json->need_comma && !json->after_key) {
        tg_strbuf_append_char(json->out, ',');
    }
    json->need_comma = true;
    json->after_key = false;
}

static void begin_container(struct tg_json *json, char bracket) {
    begin_value(json);
    tg_strbuf_append_char(json->out, bracket);
    json->depth++;
    json->need_comma = false;
}

static void end_container(struct tg_json *json, char bracket) {
    assert(json->depth > 0 && !json->after_key);
    tg_strbuf_append_char(json->out, bracket);
    json->depth--;
    json->need_comma = true; /* the container was a value of the one around it */
}

void tg_json_begin_object(struct tg_json *json) {
    begin_container(json, '{');
}

void tg_json_end_object(struct tg_json *json) {
    end_container(json, '}');
}

void tg_json_begin_array(struct tg_json *json) {
    begin_container(json, '[');
}

void tg_json_end_array(struct tg_json *json) {
    end_container(json, ']');
}

static void append_escape(struct tg_strbuf *out, unsigned char c) {
    switch (c) {
    case '"':
        tg_strbuf_append(out, "\\\"");
        break;
    case '\\':
        tg_strbuf_append(out, "\\\\");
        break;
    case '\n':
        tg_strbuf_append(out, "\\n");
        break;
    case '\r':
        tg_strbuf_append(out, "\\r");
        break;
    case '\t':
        tg_strbuf_append(out, "\\t");
        break;
    default:
        tg_strbuf_printf(out, "\\u%04x", c);
        break;
    }
}

static bool needs_escape(uint32_t c) {
    return c < 0x20U || c == '"' || c == '\\' || c == 0x7FU;
}

static void append_quoted(struct tg_strbuf *out, const char *bytes, size_t length) {
    tg_strbuf_append_char(out, '"');
    size_t plain = 0; /* start of the stretch that goes out as it is */
    size_t at = 0;
    while (at < length) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(bytes + at, length - at, &character);
        if (taken > 0 && !needs_escape(character)) {
            at += taken;
            continue;
        }
        tg_strbuf_append_bytes(out, bytes + plain, at - plain);
        if (taken == 0) {
            tg_strbuf_append(out, "\xEF\xBF\xBD"); /* U+FFFD */
        } else {
            append_escape(out, (unsigned char)bytes[at]);
        }
        at++; /* what is escaped is ASCII, what is invalid is skipped by the byte */
        plain = at;
    }
    tg_strbuf_append_bytes(out, bytes + plain, at - plain);
    tg_strbuf_append_char(out, '"');
}

void tg_json_key(struct tg_json *json, const char *key) {
    assert(json->depth > 0 && !json->after_key);
    begin_value(json);
    append_quoted(json->out, key, strlen(key));
    tg_strbuf_append_char(json->out, ':');
    json->after_key = true;
}

void tg_json_string_bytes(struct tg_json *json, const char *bytes, size_t length) {
    begin_value(json);
    append_quoted(json->out, bytes, length);
}

void tg_json_string(struct tg_json *json, const char *text) {
    tg_json_string_bytes(json, text, strlen(text));
}

void tg_json_int(struct tg_json *json, int64_t value) {
    begin_value(json);
    tg_strbuf_printf(json->out, "%" PRId64, value);
}

void tg_json_uint(struct tg_json *json, uint64_t value) {
    begin_value(json);
    tg_strbuf_printf(json->out, "%" PRIu64, value);
}

/* The decimal point is the locale's, one or more bytes; JSON's is a dot. */
static void append_number(struct tg_strbuf *out, const char *digits) {
    bool in_point = false;
    for (const char *c = digits; *c; c++) {
        bool ours = (*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e';
        if (ours) {
            tg_strbuf_append_char(out, *c);
        } else if (!in_point) {
            tg_strbuf_append_char(out, '.');
        }
        in_point = !ours;
    }
}

void tg_json_double(struct tg_json *json, double value) {
    if (!isfinite(value)) {
        tg_json_null(json);
        return;
    }
    begin_value(json);
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) {
            break;
        }
    }
    append_number(json->out, digits);
}

void tg_json_bool(struct tg_json *json, bool value) {
    begin_value(json);
    tg_strbuf_append(json->out, value ? "true" : "false");
}

void tg_json_null(struct tg_json *json) {
    begin_value(json);
    tg_strbuf_append(json->out, "null");
}

void tg_json_verbatim(struct tg_json *json, const char *text, size_t length) {
    begin_value(json);
    tg_strbuf_append_bytes(json->out, text, length);
}

void tg_json_append_in_page(struct tg_strbuf *out, const char *json, size_t length) {
    size_t plain = 0;
    for (size_t i = 0; i < length; i++) {
        if (json[i] == '<') {
            tg_strbuf_append_bytes(out, json + plain, i - plain);
            tg_strbuf_append(out, "\\u003c");
            plain = i + 1;
        }
    }
    tg_strbuf_append_bytes(out, json + plain, length - plain);
}
