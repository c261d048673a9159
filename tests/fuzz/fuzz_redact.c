/*
 * Hostile bytes as what a program was called with: what is captured of them is bounded, is UTF-8, and what is redacted
 * once has no secret left.
 */
#include "base/utf8.h"
#include "failure/capture.h"
#include "failure/command_words.h"
#include "failure/redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_utf8(const struct tg_strbuf *text) {
    for (size_t i = 0, taken = 0; i < text->length; i += taken) {
        uint32_t character = 0;
        taken = tg_utf8_decode(tg_strbuf_text(text) + i, text->length - i, &character);
        check(taken > 0);
    }
}

/* Redacting takes away and puts marks in; what it leaves it leaves again. */
static void check_redaction(const char *text, size_t length) {
    struct tg_strbuf once = TG_STRBUF_INIT;
    struct tg_strbuf twice = TG_STRBUF_INIT;
    tg_redact_text(text, length, &once, NULL);
    check(once.length <= length * (sizeof TG_REDACTED));
    tg_redact_text(tg_strbuf_text(&once), once.length, &twice, NULL);
    check(once.length != 0 || length == 0);
    check(twice.length <= once.length + sizeof TG_REDACTED * 64);
    tg_strbuf_release(&twice);
    tg_strbuf_release(&once);
}

/* Words are taken away and blanks put between them. */
static void check_command(const char *words, size_t length) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_command_words_append(&line, words, length);
    check(line.length <= length * (sizeof TG_REDACTED));
    check(length == 0 || !line.data || memchr(line.data, '\0', line.length) == NULL);
    tg_strbuf_release(&line);
}

/* A list of words and bytes. */
static void capture_list(struct tg_capture *to, const char *text, size_t length) {
    if (!tg_capture_open_array(to)) {
        return;
    }
    for (size_t at = 0; at < length && tg_capture_may_add(to); at += 8) {
        size_t left = length - at < 8 ? length - at : 8;
        if (!tg_capture_item(to)) {
            continue;
        }
        if (at % 16) {
            tg_capture_bytes(to, text + at, left, left % 2);
        } else {
            tg_capture_text(to, text + at, left, left % 2);
        }
    }
    tg_capture_close(to, 0);
}

/* The bytes as a program that writes values: each one an order, texts are what follows. */
static void capture(struct tg_capture *to, const char *bytes, size_t count) {
    size_t at = 0;
    if (!tg_capture_open_object(to)) {
        return;
    }
    while (at < count && tg_capture_may_add(to)) {
        size_t length = (unsigned char)bytes[at] < count - at - 1 ? (unsigned char)bytes[at] : count - at - 1;
        const char *text = bytes + at + 1;
        at += 1 + length;
        if (!tg_capture_key(to, text, length / 2)) {
            continue;
        }
        if (length % 5 == 0) {
            capture_list(to, text, length);
        } else if (length % 3 == 0) {
            capture(to, text, length);
        } else {
            tg_capture_text(to, text, length, length % 2);
        }
    }
    tg_capture_close(to, count - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    const char *text = (const char *)bytes;
    size_t limit = TG_CAPTURE_BYTES_LEAST + (count ? bytes[0] * 16U : 0);
    struct tg_capture to;
    struct tg_strbuf message = TG_STRBUF_INIT;
    struct tg_secret_values secrets = TG_SECRET_VALUES_INIT;
    check_redaction(text, count);
    check_command(text, count);
    tg_capture_init(&to);
    to.found = &secrets;
    to.gathers = count % 2;
    tg_capture_begin(&to, limit);
    capture(&to, text, count);
    check(to.text.length <= limit && to.depth == 0 && to.json.depth == 0);
    check_utf8(&to.text);
    check(secrets.count <= TG_SECRET_VALUES && secrets.bytes.length <= TG_SECRET_VALUES_BYTES);
    tg_capture_message(&message, &secrets, text, count, count % 3, 1000);
    check(message.length <= 1000);
    tg_secret_values_release(&secrets);
    tg_strbuf_release(&message);
    tg_capture_release(&to);
    return 0;
}
