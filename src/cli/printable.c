/* printable: see printable.h. */
#include "cli/printable.h"

#include "base/utf8.h"

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS       "..."
#define ELLIPSIS_WIDTH ((size_t)3)

struct range {
    uint32_t first;
    uint32_t last;
};

/* Characters that are not seen but change what is: soft hyphen, zero-width and directional marks, line and paragraph
 * separators, byte-order mark, annotations, tags. */
static const struct range unseen[] = {
    {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x180E, 0x180E}, {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}, {0, 0},
};

void tg_printable_prepare(void) {
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        setlocale(LC_CTYPE, ""); /* not there: the user's own is the best guess */
    }
}

static bool is_unseen(uint32_t character) {
    if (character < 0x20 || (character >= 0x7F && character < 0xA0)) {
        return true;
    }
    for (const struct range *range = unseen; range->last; range++) {
        if (character >= range->first && character <= range->last) {
            return true;
        }
    }
    return false;
}

/* Columns of a character; one where the C library does not know it, as terminals draw a box. */
static size_t columns(uint32_t character) {
    int width = wcwidth((wchar_t)character);
    return width < 0 ? 1 : (size_t)width;
}

static void append_escape(struct tg_strbuf *out, uint32_t character) {
    static const char short_forms[] = {'a', 'b', 't', 'n', 'v', 'f', 'r'}; /* from 0x07 on */
    if (character >= 0x07 && character <= 0x0D) {
        tg_strbuf_printf(out, "\\%c", short_forms[character - 0x07]);
    } else if (character <= 0xFF) {
        tg_strbuf_printf(out, "\\x%02x", (unsigned)character);
    } else {
        tg_strbuf_printf(out, character <= 0xFFFF ? "\\u%04x" : "\\U%08x", (unsigned)character);
    }
}

void tg_printable_append(struct tg_strbuf *out, const char *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(bytes + at, length - at, &character);
        if (taken == 0) {
            tg_strbuf_printf(out, "\\x%02x", (unsigned)(unsigned char)bytes[at]);
            taken = 1;
        } else if (is_unseen(character)) {
            append_escape(out, character);
        } else {
            tg_strbuf_append_bytes(out, bytes + at, taken);
        }
        at += taken;
    }
}

/* The character at the start of printable text; a byte that is none stands for itself. */
static size_t take(const char *text, size_t length, size_t *width) {
    uint32_t character = 0;
    size_t taken = tg_utf8_decode(text, length, &character);
    *width = taken ? columns(character) : 1;
    return taken ? taken : 1;
}

size_t tg_printable_width(const char *text, size_t length) {
    size_t width = 0;
    for (size_t at = 0; at < length;) {
        size_t one = 0;
        at += take(text + at, length - at, &one);
        width += one;
    }
    return width;
}

/* Bytes of the longest beginning that takes at most `width` columns. */
static size_t cut(const char *text, size_t length, size_t width) {
    size_t at = 0;
    while (at < length) {
        size_t one = 0;
        size_t taken = take(text + at, length - at, &one);
        if (one > width) {
            break;
        }
        width -= one;
        at += taken;
    }
    return at;
}

/* In at most `width` columns, of which `head` are for the beginning. */
static void shorten(struct tg_strbuf *out, const char *text, size_t length, size_t width, size_t head) {
    size_t whole = tg_printable_width(text, length);
    if (whole <= width) {
        tg_strbuf_append_bytes(out, text, length);
        return;
    }
    if (width <= ELLIPSIS_WIDTH) {
        tg_strbuf_append_bytes(out, ELLIPSIS, width);
        return;
    }
    size_t tail = width - ELLIPSIS_WIDTH - head;
    tg_strbuf_append_bytes(out, text, cut(text, length, head));
    tg_strbuf_append(out, ELLIPSIS);
    size_t start = cut(text, length, whole - tail);
    if (tg_printable_width(text + start, length - start) > tail) { /* a wide character stands across the cut */
        size_t one = 0;
        start += take(text + start, length - start, &one);
    }
    tg_strbuf_append_bytes(out, text + start, length - start);
}

void tg_printable_shorten(struct tg_strbuf *out, const char *text, size_t length, size_t width) {
    /* The end says more than the beginning (module::Class.method): it gets the odd column. */
    shorten(out, text, length, width, width > ELLIPSIS_WIDTH ? (width - ELLIPSIS_WIDTH) / 2 : 0);
}

void tg_printable_shorten_start(struct tg_strbuf *out, const char *text, size_t length, size_t width) {
    shorten(out, text, length, width, 0);
}

void tg_printable_append_word(struct tg_strbuf *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,=";
    if (*word && word[strspn(word, plain)] == '\0') {
        tg_strbuf_append(out, word);
        return;
    }
    tg_strbuf_append_char(out, '\'');
    while (*word) {
        size_t length = strcspn(word, "'");
        tg_printable_append(out, word, length);
        word += length;
        tg_strbuf_append(out, *word ? "'\\''" : "");
        word += *word ? 1 : 0;
    }
    tg_strbuf_append_char(out, '\'');
}
