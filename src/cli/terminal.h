/*
 * terminal: what the place that a text goes to can show.
 */
#ifndef TG_TERMINAL_H
#define TG_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

struct tg_terminal {
    bool colour;
    size_t width; /* columns; 0: not a terminal, lines may be as long as they are */
};

/* Where nobody looks on: no colour, no width. */
#define TG_TERMINAL_NONE ((struct tg_terminal){.colour = false})

/* Asks the descriptor, the environment's NO_COLOR (any text: no colour), TERM and, where the terminal does not know its
 * own width, COLUMNS. */
struct tg_terminal tg_terminal_of(int fd);

/* Lines of the terminal; LINES, or 24, where it does not know. */
size_t tg_terminal_height(int fd);

/* Whether text can be written anywhere on it: TERM says that it is not dumb. */
bool tg_terminal_can_move(void);

/* The escape sequences, or "" without colour. */
const char *tg_terminal_bold(const struct tg_terminal *terminal);
const char *tg_terminal_dim(const struct tg_terminal *terminal);
const char *tg_terminal_reverse(const struct tg_terminal *terminal);
const char *tg_terminal_plain(const struct tg_terminal *terminal);

#endif
