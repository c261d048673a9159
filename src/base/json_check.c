/* json_check: see json_check.h. Nothing recurses: what is open is a bit for each level. */
#include "base/json_check.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

struct reader {
    const char *text; /* what is left */
    size_t length;
    uint64_t is_object; /* bit n: of the value that is open at depth n */
    unsigned depth;     /* of open objects and arrays */
};

static void skip_space(struct reader *reader) {
    while (reader->length > 0 && *reader->text && strchr(" \t\r\n", *reader->text)) {
        reader->text++;
        reader->length--;
    }
}

/* Takes the character if it is the next. */
static bool take(struct reader *reader, char c) {
    if (reader->length == 0 || *reader->text != c) {
        return false;
    }
    reader->text++;
    reader->length--;
    return true;
}

static bool take_word(struct reader *reader, const char *word) {
    size_t length = strlen(word);
    if (reader->length < length || memcmp(reader->text, word, length) != 0) {
        return false;
    }
    reader->text += length;
    reader->length -= length;
    return true;
}

static size_t take_digits(struct reader *reader) {
    size_t count = 0;
    while (reader->length > 0 && *reader->text >= '0' && *reader->text <= '9') {
        reader->text++;
        reader->length--;
        count++;
    }
    return count;
}

static bool take_number(struct reader *reader) {
    take(reader, '-');
    if (!take(reader, '0') && take_digits(reader) == 0) {
        return false;
    }
    if (take(reader, '.') && take_digits(reader) == 0) {
        return false;
    }
    if (take(reader, 'e') || take(reader, 'E')) {
        (void)(take(reader, '+') || take(reader, '-'));
        return take_digits(reader) > 0;
    }
    return true;
}

/* Behind a backslash. */
static bool take_escape(struct reader *reader) {
    static const char hex[] = "0123456789abcdefABCDEF";
    if (!take(reader, 'u')) {
        bool is_known = reader->length > 0 && *reader->text && strchr("\"\\/bfnrt", *reader->text);
        return is_known && take(reader, *reader->text);
    }
    for (int i = 0; i < 4; i++) {
        if (reader->length == 0 || !memchr(hex, *reader->text, sizeof hex - 1)) {
            return false;
        }
        take(reader, *reader->text);
    }
    return true;
}

static bool take_string(struct reader *reader) {
    if (!take(reader, '"')) {
        return false;
    }
    while (reader->length > 0) {
        uint32_t character = 0;
        size_t bytes = tg_utf8_decode(reader->text, reader->length, &character);
        if (bytes == 0 || character < 0x20) {
            return false;
        }
        reader->text += bytes;
        reader->length -= bytes;
        if (character == '"') {
            return true;
        }
        if (character == '\\' && !take_escape(reader)) {
            return false;
        }
    }
    return false;
}

static bool take_key(struct reader *reader) {
    skip_space(reader);
    bool taken = take_string(reader);
    skip_space(reader);
    return taken && take(reader, ':');
}

static bool in_object(const struct reader *reader) {
    return reader->depth > 0 && (reader->is_object >> (reader->depth - 1) & 1U) != 0;
}

static bool open_value(struct reader *reader, bool is_object) {
    if (reader->depth == TG_JSON_DEPTH_MAX) {
        return false;
    }
    uint64_t bit = UINT64_C(1) << reader->depth++;
    reader->is_object = is_object ? reader->is_object | bit : reader->is_object & ~bit;
    return true;
}

/* A scalar, or the beginning of an object or array; `*is_whole` unless something is to follow in that. */
static bool take_value(struct reader *reader, bool *is_whole) {
    skip_space(reader);
    *is_whole = true;
    bool is_object = take(reader, '{');
    if (is_object || take(reader, '[')) {
        skip_space(reader);
        if (take(reader, is_object ? '}' : ']')) {
            return reader->depth < TG_JSON_DEPTH_MAX;
        }
        *is_whole = false;
        return open_value(reader, is_object) && (!is_object || take_key(reader));
    }
    return take_word(reader, "true") || take_word(reader, "false") || take_word(reader, "null") || take_string(reader)
           || take_number(reader);
}

/* Behind a whole value: what closes, up to a comma or the end. `*goes_on`: a value is to follow. */
static bool take_end(struct reader *reader, bool *goes_on) {
    *goes_on = false;
    while (reader->depth > 0) {
        bool is_object = in_object(reader);
        skip_space(reader);
        if (take(reader, ',')) {
            *goes_on = true;
            return !is_object || take_key(reader);
        }
        if (!take(reader, is_object ? '}' : ']')) {
            return false;
        }
        reader->depth--;
    }
    skip_space(reader);
    return reader->length == 0;
}

bool tg_json_is_value(const char *text, size_t length) {
    struct reader reader = {.text = text, .length = length};
    bool goes_on = true;
    while (goes_on) {
        bool is_whole = false;
        if (!take_value(&reader, &is_whole) || (is_whole && !take_end(&reader, &goes_on))) {
            return false;
        }
    }
    return true;
}
