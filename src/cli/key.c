/* key: see key.h. */
#include "cli/key.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ESCAPE '\033'

static bool complete(struct tg_key_reader *reader, struct tg_key *key, enum tg_key_kind kind) {
    *key = (struct tg_key){.kind = kind};
    reader->length = 0;
    return true;
}

static bool feed_first(struct tg_key_reader *reader, char byte, struct tg_key *key) {
    switch (byte) {
    case ESCAPE:
        reader->bytes[reader->length++] = byte;
        return false;
    case '\r':
    case '\n':
        return complete(reader, key, TG_KEY_ENTER);
    case '\b':
    case '\177':
        return complete(reader, key, TG_KEY_BACKSPACE);
    case 'U' & 0x1F:
        return complete(reader, key, TG_KEY_CLEAR);
    default:
        break;
    }
    if ((unsigned char)byte >= 0x80) {
        reader->bytes[reader->length++] = byte;
        return false;
    }
    if (byte >= ' ') {
        complete(reader, key, TG_KEY_TEXT);
        key->text[0] = byte;
        return true;
    }
    return false;
}

/* Bytes that a character has, by its first one; 0: none begins like this. */
static size_t character_bytes(unsigned char first) {
    return first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
}

static bool feed_character(struct tg_key_reader *reader, char byte, struct tg_key *key) {
    uint32_t character = 0;
    size_t wanted = character_bytes((unsigned char)reader->bytes[0]);
    if (((unsigned char)byte & 0xC0U) != 0x80 || wanted == 0) { /* no character: begin anew */
        reader->length = 0;
        return feed_first(reader, byte, key);
    }
    reader->bytes[reader->length++] = byte;
    if (reader->length < wanted) {
        return false;
    }
    char text[4];
    memcpy(text, reader->bytes, sizeof text);
    reader->length = 0;
    if (tg_utf8_decode(text, wanted, &character) != wanted || character < 0xA0) {
        return false;
    }
    complete(reader, key, TG_KEY_TEXT);
    memcpy(key->text, text, wanted);
    return true;
}

static bool find_final(char final, enum tg_key_kind *kind) {
    static const struct {
        char final;
        enum tg_key_kind kind;
    } keys[] = {{'A', TG_KEY_UP},   {'B', TG_KEY_DOWN}, {'C', TG_KEY_RIGHT}, {'D', TG_KEY_LEFT},
                {'H', TG_KEY_HOME}, {'F', TG_KEY_END},  {'M', TG_KEY_ENTER}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].final == final) {
            *kind = keys[i].kind;
            return true;
        }
    }
    return false;
}

/* ESC [ number ~ */
static bool find_number(long number, enum tg_key_kind *kind) {
    static const struct {
        long number;
        enum tg_key_kind kind;
    } keys[] = {{1, TG_KEY_HOME}, {7, TG_KEY_HOME},    {4, TG_KEY_END},
                {8, TG_KEY_END},  {5, TG_KEY_PAGE_UP}, {6, TG_KEY_PAGE_DOWN}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].number == number) {
            *kind = keys[i].kind;
            return true;
        }
    }
    return false;
}

static bool feed_sequence(struct tg_key_reader *reader, char byte, struct tg_key *key) {
    enum tg_key_kind kind = TG_KEY_TEXT;
    if (byte == ESCAPE) { /* it was pressed, and something else */
        complete(reader, key, TG_KEY_ESCAPE);
        reader->bytes[reader->length++] = byte;
        return true;
    }
    if (reader->length == 1) {
        bool is_sequence = byte == '[' || byte == 'O';
        reader->bytes[1] = byte;
        reader->length = is_sequence ? 2 : 0; /* else it is a key with Alt */
        return false;
    }
    bool is_final = byte >= 0x40 && byte <= 0x7E;
    if (!is_final && reader->bytes[1] == '[') {
        if (reader->length < sizeof reader->bytes - 1) {
            reader->bytes[reader->length++] = byte;
        }
        return false;
    }
    reader->bytes[reader->length] = '\0';
    reader->length = 0;
    bool known = byte == '~' ? find_number(strtol(reader->bytes + 2, NULL, 10), &kind) : find_final(byte, &kind);
    return known && complete(reader, key, kind);
}

bool tg_key_feed(struct tg_key_reader *reader, char byte, struct tg_key *key) {
    if (reader->length == 0) {
        return feed_first(reader, byte, key);
    }
    return reader->bytes[0] == ESCAPE ? feed_sequence(reader, byte, key) : feed_character(reader, byte, key);
}

bool tg_key_is_open(const struct tg_key_reader *reader) {
    return reader->length > 0;
}

bool tg_key_expire(struct tg_key_reader *reader, struct tg_key *key) {
    bool is_escape = reader->length == 1 && reader->bytes[0] == ESCAPE;
    reader->length = 0;
    return is_escape && complete(reader, key, TG_KEY_ESCAPE);
}
