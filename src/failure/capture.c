/*
 * capture: see capture.h. A value that proves too long is taken back: the text is cut to where it stood before, and the
 * JSON writer, which is a plain value, is put back. What is kept free below `bytes_max` is what closing all containers
 * can take.
 */
#include "failure/capture.h"

#include "base/utf8.h"
#include "failure/redact.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS       "\xE2\x80\xA6"
#define REPR_CHARACTER 0x7F
/* A bracket, a comma and the note about what was left out, for each level; and a note in the place of a value. */
#define CLOSING_BYTES ((TG_CAPTURE_DEPTH + 1) * 48)

static_assert(TG_CAPTURE_BYTES_LEAST > CLOSING_BYTES, "there is room for a value");

void tg_capture_init(struct tg_capture *capture) {
    *capture = (struct tg_capture){.text = TG_STRBUF_INIT, .scratch = TG_STRBUF_INIT};
    tg_capture_begin(capture, TG_CAPTURE_BYTES);
}

void tg_capture_release(struct tg_capture *capture) {
    if (!capture) {
        return;
    }
    tg_strbuf_release(&capture->text);
    tg_strbuf_release(&capture->scratch);
}

void tg_capture_begin(struct tg_capture *capture, size_t bytes_max) {
    assert(bytes_max >= TG_CAPTURE_BYTES_LEAST);
    tg_strbuf_truncate(&capture->text, 0);
    tg_json_init(&capture->json, &capture->text);
    capture->bytes_max = bytes_max;
    capture->is_full = false;
    capture->depth = 0;
}

void tg_capture_begin_within(struct tg_capture *capture, const struct tg_capture *outer, size_t bytes_max) {
    tg_capture_begin(capture, bytes_max);
    capture->depth = outer->depth;
}

/* Where the text stood before a value. */
struct mark {
    struct tg_json json;
    size_t length;
};

static struct mark mark_of(const struct tg_capture *capture) {
    return (struct mark){.json = capture->json, .length = capture->text.length};
}

static bool is_too_long(const struct tg_capture *capture) {
    return capture->text.length > capture->bytes_max - CLOSING_BYTES;
}

static void take_back(struct tg_capture *capture, const struct mark *mark) {
    tg_strbuf_truncate(&capture->text, mark->length);
    capture->json = mark->json;
    capture->is_full = true;
}

/* After a value has been written. */
static void check(struct tg_capture *capture, const struct mark *mark) {
    if (is_too_long(capture)) {
        take_back(capture, mark);
        tg_json_string(&capture->json, ELLIPSIS);
    }
}

void tg_capture_null(struct tg_capture *capture) {
    struct mark mark = mark_of(capture);
    tg_json_null(&capture->json);
    check(capture, &mark);
}

void tg_capture_bool(struct tg_capture *capture, bool value) {
    struct mark mark = mark_of(capture);
    tg_json_bool(&capture->json, value);
    check(capture, &mark);
}

void tg_capture_int(struct tg_capture *capture, int64_t value) {
    struct mark mark = mark_of(capture);
    tg_json_int(&capture->json, value);
    check(capture, &mark);
}

void tg_capture_double(struct tg_capture *capture, double value) {
    struct mark mark = mark_of(capture);
    if (isnan(value)) {
        tg_json_string(&capture->json, "NaN");
    } else if (isinf(value)) {
        tg_json_string(&capture->json, value > 0 ? "Infinity" : "-Infinity");
    } else {
        tg_json_double(&capture->json, value);
    }
    check(capture, &mark);
}

void tg_capture_number(struct tg_capture *capture, const char *digits, size_t length) {
    struct mark mark = mark_of(capture);
    tg_json_verbatim(&capture->json, digits, length);
    check(capture, &mark);
}

/* How many bytes the first `count` characters take; bytes that are no UTF-8 are a character each. */
static size_t bytes_of(const char *text, size_t length, size_t count) {
    size_t at = 0;
    for (; count > 0 && at < length; count--) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(text + at, length - at, &character);
        at += taken ? taken : 1;
    }
    return at;
}

/* Leaves the text in `out` without its secrets. Those that are known go first: what looks like one may end in them. */
static void clean(const struct tg_capture *capture, const char *text, size_t length, bool is_cut,
                  struct tg_strbuf *out) {
    struct tg_strbuf rest = TG_STRBUF_INIT;
    if (capture->known) {
        tg_secret_values_take_out(capture->known, text, length, is_cut, &rest);
        text = tg_strbuf_text(&rest);
        length = rest.length;
    }
    tg_strbuf_truncate(out, 0);
    tg_redact_text(text, length, out, capture->found);
    tg_strbuf_release(&rest);
}

/* Leaves the text to be shown in `scratch`. */
static void shorten(struct tg_capture *capture, const char *text, size_t length, bool is_cut) {
    struct tg_strbuf *scratch = &capture->scratch;
    if (length > TG_CAPTURE_WINDOW_BYTES) {
        length = tg_utf8_cut(text, length, TG_CAPTURE_WINDOW_BYTES);
        is_cut = true;
    }
    clean(capture, text, length, is_cut, scratch);
    size_t shown = bytes_of(tg_strbuf_text(scratch), scratch->length, TG_CAPTURE_CHARACTERS);
    if (shown < scratch->length || is_cut) {
        tg_strbuf_truncate(scratch, shown);
        tg_strbuf_append(scratch, ELLIPSIS);
    }
}

static void gather(struct tg_capture *capture, const char *text, size_t length, bool is_cut) {
    if (capture->gathers) {
        tg_secret_values_add(capture->found, text, length, is_cut);
    }
}

/* An item of an array has been written: the next one is its value, if it names a secret. */
static void look_for_name(struct tg_capture *capture, const char *text, size_t length, bool is_cut) {
    if (capture->depth > 0 && !capture->levels[capture->depth - 1].is_object && !is_cut) {
        capture->levels[capture->depth - 1].hides_next = tg_redact_is_secret_name(text, length);
    }
}

void tg_capture_text(struct tg_capture *capture, const char *text, size_t length, bool is_cut) {
    struct mark mark = mark_of(capture);
    gather(capture, text, length, is_cut);
    look_for_name(capture, text, length, is_cut);
    shorten(capture, text, length, is_cut);
    tg_json_string_bytes(&capture->json, tg_strbuf_text(&capture->scratch), capture->scratch.length);
    check(capture, &mark);
}

void tg_capture_bytes(struct tg_capture *capture, const char *bytes, size_t length, bool is_cut) {
    struct mark mark = mark_of(capture);
    struct tg_strbuf shown = TG_STRBUF_INIT;
    size_t looked_at = length < TG_CAPTURE_WINDOW_BYTES ? length : TG_CAPTURE_WINDOW_BYTES;
    gather(capture, bytes, length, is_cut);
    look_for_name(capture, bytes, length, is_cut);
    /* Before it is escaped, or quotes would not be seen. */
    clean(capture, bytes, looked_at, is_cut || looked_at < length, &capture->scratch);
    tg_strbuf_append(&shown, "b'");
    for (size_t i = 0; i < capture->scratch.length && i < TG_CAPTURE_CHARACTERS; i++) {
        unsigned char c = (unsigned char)tg_strbuf_text(&capture->scratch)[i];
        if (c >= ' ' && c < REPR_CHARACTER && c != '\'' && c != '\\') {
            tg_strbuf_append_char(&shown, (char)c);
        } else {
            tg_strbuf_printf(&shown, "\\x%02x", c);
        }
    }
    bool is_whole = !is_cut && looked_at == length && capture->scratch.length <= TG_CAPTURE_CHARACTERS;
    tg_strbuf_append(&shown, is_whole ? "'" : "");
    size_t fits = bytes_of(tg_strbuf_text(&shown), shown.length, TG_CAPTURE_CHARACTERS);
    if (!is_whole || fits < shown.length) {
        tg_strbuf_truncate(&shown, fits);
        tg_strbuf_append(&shown, ELLIPSIS);
    }
    tg_json_string_bytes(&capture->json, tg_strbuf_text(&shown), shown.length);
    tg_strbuf_release(&shown);
    check(capture, &mark);
}

void tg_capture_note(struct tg_capture *capture, const char *text) {
    struct mark mark = mark_of(capture);
    size_t length = strlen(text);
    size_t shown = bytes_of(text, length, TG_CAPTURE_CHARACTERS);
    tg_json_string_bytes(&capture->json, text, shown);
    check(capture, &mark);
}

void tg_capture_redacted(struct tg_capture *capture) {
    tg_capture_note(capture, TG_REDACTED);
}

static bool open_container(struct tg_capture *capture, bool is_object) {
    if (capture->depth == TG_CAPTURE_DEPTH || capture->is_full) {
        tg_capture_note(capture, is_object ? "{" ELLIPSIS "}" : "[" ELLIPSIS "]");
        return false;
    }
    if (is_object) {
        tg_json_begin_object(&capture->json);
    } else {
        tg_json_begin_array(&capture->json);
    }
    capture->levels[capture->depth].count = 0;
    capture->levels[capture->depth].left = 0;
    capture->levels[capture->depth].is_object = is_object;
    capture->levels[capture->depth].hides_next = false;
    capture->depth++;
    return true;
}

bool tg_capture_open_array(struct tg_capture *capture) {
    return open_container(capture, false);
}

bool tg_capture_open_object(struct tg_capture *capture) {
    return open_container(capture, true);
}

bool tg_capture_may_add(struct tg_capture *capture) {
    if (capture->is_full || is_too_long(capture) || capture->levels[capture->depth - 1].count == TG_CAPTURE_BREADTH) {
        return false;
    }
    capture->levels[capture->depth - 1].count++;
    return true;
}

bool tg_capture_key(struct tg_capture *capture, const char *key, size_t length) {
    struct mark mark = mark_of(capture);
    /* A key may be longer than what is shown of it, or be no key but a text that somebody used as one. */
    bool is_secret = tg_redact_is_secret_key(key, length);
    capture->levels[capture->depth - 1].hides_next = is_secret;
    shorten(capture, key, length, false);
    tg_json_key(&capture->json, tg_strbuf_text(&capture->scratch));
    if (is_too_long(capture)) {
        take_back(capture, &mark);
        capture->levels[capture->depth - 1].left++;
        return false;
    }
    if (is_secret) {
        tg_capture_redacted(capture);
    }
    return !is_secret;
}

bool tg_capture_is_secret(const struct tg_capture *capture) {
    return capture->levels[capture->depth - 1].hides_next;
}

bool tg_capture_item(struct tg_capture *capture) {
    bool is_hidden = capture->levels[capture->depth - 1].hides_next;
    capture->levels[capture->depth - 1].hides_next = false;
    if (is_hidden) {
        tg_capture_redacted(capture);
    }
    return !is_hidden;
}

void tg_capture_close(struct tg_capture *capture, size_t left_count) {
    assert(capture->depth > 0);
    bool is_object = capture->levels[--capture->depth].is_object;
    left_count += capture->levels[capture->depth].left;
    char note[40];
    snprintf(note, sizeof note, ELLIPSIS " %zu more", left_count);
    if (left_count > 0) {
        if (is_object) {
            tg_json_key(&capture->json, ELLIPSIS);
        }
        tg_json_string(&capture->json, note);
    }
    if (is_object) {
        tg_json_end_object(&capture->json);
    } else {
        tg_json_end_array(&capture->json);
    }
}

void tg_capture_message(struct tg_strbuf *out, const struct tg_secret_values *known, const char *text, size_t length,
                        bool is_cut, size_t bytes_max) {
    const struct tg_capture capture = {.known = known};
    struct tg_strbuf message = TG_STRBUF_INIT;
    if (length > TG_CAPTURE_WINDOW_BYTES) {
        length = tg_utf8_cut(text, length, TG_CAPTURE_WINDOW_BYTES);
        is_cut = true;
    }
    clean(&capture, text, length, is_cut, &message);
    size_t shown = tg_utf8_cut(tg_strbuf_text(&message), message.length, bytes_max - strlen(ELLIPSIS));
    tg_strbuf_append_bytes(out, tg_strbuf_text(&message), shown);
    if (shown < message.length || is_cut) {
        tg_strbuf_append(out, ELLIPSIS);
    }
    tg_strbuf_release(&message);
}
