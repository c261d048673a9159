/* command_words: see command_words.h. */
#include "failure/command_words.h"

#include "failure/redact.h"

#include <stdbool.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* How much of `NAME=VALUE` is to be seen, if it is one whose name is secret: up to the sign; else 0. */
static size_t shown_of_assignment(const char *word, size_t length) {
    size_t name = 0;
    for (size_t i = 0; i < length && !is_blank(word[i]); i++) {
        if (word[i] == '=' && tg_redact_is_secret_name(word + name, i - name)) {
            return i + 1;
        }
        name = word[i] == '=' ? i + 1 : name;
    }
    return 0;
}

/* Returns whether the next word is a secret. */
static bool append_word(struct tg_strbuf *out, const char *word, size_t length, bool is_secret) {
    bool is_option = length > 1 && word[0] == '-';
    size_t shown = shown_of_assignment(word, length);
    if (is_secret && length > 0 && !(is_option && word[1] == '-')) {
        tg_strbuf_append(out, TG_REDACTED);
        return false;
    }
    if (shown > 0 && shown < length) {
        tg_strbuf_append_bytes(out, word, shown);
        tg_strbuf_append(out, TG_REDACTED);
        return false;
    }
    tg_redact_text(word, length, out, NULL);
    return is_option && tg_redact_is_secret_name(word, length);
}

void tg_command_words_append(struct tg_strbuf *out, const char *words, size_t length) {
    bool is_secret = false;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(words + at, '\0', length - at);
        size_t count = end ? (size_t)(end - words) - at : length - at;
        is_secret = append_word(out, words + at, count, is_secret);
        at += count + 1;
        if (at < length) {
            tg_strbuf_append_char(out, ' ');
        }
    }
}
