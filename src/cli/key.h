/*
 * key: what was pressed, from the bytes that a terminal sends.
 *
 * Characters come as UTF-8, other keys as ECMA-48 sequences that begin with the byte of the escape key itself: whether
 * that was pressed shows when nothing follows at once (tg_key_expire). Sequences that mean nothing here are left out,
 * whole. Threads: values belong to their owner.
 */
#ifndef TG_KEY_H
#define TG_KEY_H

#include <stdbool.h>
#include <stddef.h>

enum tg_key_kind {
    TG_KEY_TEXT, /* a character that can be seen, or a blank */
    TG_KEY_ENTER,
    TG_KEY_ESCAPE,
    TG_KEY_BACKSPACE,
    TG_KEY_CLEAR, /* Ctrl-U */
    TG_KEY_UP,
    TG_KEY_DOWN,
    TG_KEY_LEFT,
    TG_KEY_RIGHT,
    TG_KEY_PAGE_UP,
    TG_KEY_PAGE_DOWN,
    TG_KEY_HOME,
    TG_KEY_END,
};

struct tg_key {
    enum tg_key_kind kind;
    char text[5]; /* the character, ended by a zero byte */
};

/* Zero-filled at first. */
struct tg_key_reader {
    char bytes[16]; /* of a key that has only begun */
    size_t length;
};

/* Takes the next byte. True: `*key` is what it completes. */
bool tg_key_feed(struct tg_key_reader *reader, char byte, struct tg_key *key);

/* Whether a key has begun. */
bool tg_key_is_open(const struct tg_key_reader *reader);
/* Nothing has followed for a while. True: it was the escape key. */
bool tg_key_expire(struct tg_key_reader *reader, struct tg_key *key);

#endif
