/* secret_values: see secret_values.h. */
#include "failure/secret_values.h"

#include "failure/redact.h"

#include <string.h>

void tg_secret_values_release(struct tg_secret_values *values) {
    if (values) {
        tg_strbuf_release(&values->bytes);
        values->count = 0;
    }
}

static bool is_around(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '"' || c == '\'' || c == '\\';
}

static bool is_known(const struct tg_secret_values *values, const char *text, size_t length, bool is_cut) {
    for (size_t i = 0; i < values->count; i++) {
        if (values->values[i].length == length && values->values[i].is_cut == is_cut
            && memcmp(tg_strbuf_text(&values->bytes) + values->values[i].begin, text, length) == 0) {
            return true;
        }
    }
    return false;
}

void tg_secret_values_add(struct tg_secret_values *values, const char *text, size_t length, bool is_cut) {
    while (length > 0 && is_around(*text)) {
        text++;
        length--;
    }
    while (length > 0 && is_around(text[length - 1]) && !is_cut) {
        length--;
    }
    size_t begin = values->bytes.length;
    size_t room = TG_SECRET_VALUES_BYTES - begin;
    size_t known = length < room ? length : room;
    if (known < TG_SECRET_VALUE_LEAST || values->count == TG_SECRET_VALUES
        || is_known(values, text, known, is_cut || known < length)) {
        return;
    }
    tg_strbuf_append_bytes(&values->bytes, text, known);
    if (!values->bytes.failed) {
        values->values[values->count].begin = begin;
        values->values[values->count].length = known;
        values->values[values->count++].is_cut = is_cut || known < length;
    }
}

struct text {
    const char *bytes;
    size_t length;
    bool is_cut;
};

static bool is_escape(const struct text *text, size_t at, char wanted) {
    return text->bytes[at] == '\\' && at + 1 < text->length && text->bytes[at + 1] == wanted
           && (wanted == '\\' || wanted == '"' || wanted == '\'');
}

/* Behind the value that stands at `at`, escaped or as it is; `at`: it does not. */
static size_t end_of_value(const struct text *text, size_t at, const char *value, size_t length, bool is_escaped) {
    size_t end = at;
    for (size_t i = 0; i < length; i++, end++) {
        if (end == text->length) {
            return text->is_cut && i >= TG_SECRET_VALUE_LEAST ? end : at;
        }
        end += is_escaped && is_escape(text, end, value[i]);
        if (text->bytes[end] != value[i]) {
            return at;
        }
    }
    return end;
}

/* Behind the longest of the values that stand at `at`. */
static size_t end_of_longest(const struct tg_secret_values *values, const struct text *text, size_t at) {
    size_t longest = at;
    for (size_t i = 0; i < values->count; i++) {
        const char *value = tg_strbuf_text(&values->bytes) + values->values[i].begin;
        size_t plain = end_of_value(text, at, value, values->values[i].length, false);
        size_t escaped = end_of_value(text, at, value, values->values[i].length, true);
        size_t end = plain > escaped ? plain : escaped;
        end = end > at && values->values[i].is_cut ? text->length : end;
        longest = end > longest ? end : longest;
    }
    return longest;
}

void tg_secret_values_take_out(const struct tg_secret_values *values, const char *bytes, size_t length, bool is_cut,
                               struct tg_strbuf *out) {
    const struct text text = {.bytes = bytes, .length = length, .is_cut = is_cut};
    size_t plain = 0;
    for (size_t at = 0; values->count > 0 && at < length;) {
        size_t end = end_of_longest(values, &text, at);
        if (end == at) {
            at++;
            continue;
        }
        tg_strbuf_append_bytes(out, bytes + plain, at - plain);
        tg_strbuf_append(out, TG_REDACTED);
        plain = at = end;
    }
    tg_strbuf_append_bytes(out, bytes + plain, length - plain);
}
