/*
 * screen: the whole terminal, for a program that shows a page and waits for keys.
 *
 * From open to close the terminal shows its alternate screen, sends each key at once and does not echo. However the
 * process ends (but by SIGKILL), the terminal is put back before: signals that end or stop it are taken one by one and
 * then obeyed, exit() closes, and so do our own crashes.
 *
 * Sequences are ECMA-48 and the private modes that xterm began and all terminals of today know; what one does not know
 * it leaves out. See docs/adr/0015-our-own-screen.md.
 *
 * Writing never blocks: what a slow terminal does not take waits, and a newer frame replaces it. There is one screen in
 * a process. Threads: for the first thread of a process without others.
 */
#ifndef TG_SCREEN_H
#define TG_SCREEN_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/key.h"
#include "cli/terminal.h"
#include "measure/clock.h"

#include <stdbool.h>
#include <stddef.h>

enum tg_screen_event {
    TG_SCREEN_KEY,
    TG_SCREEN_SIZE,    /* the size has changed, or what was shown is lost: draw */
    TG_SCREEN_RESUMED, /* this process was suspended, and goes on: draw */
    TG_SCREEN_TIMEOUT, /* nothing has happened */
    TG_SCREEN_QUIT,    /* Ctrl-C, or the terminal is gone */
};

/* Takes the terminal of standard input and output, which must be one. */
TG_NODISCARD enum tg_status tg_screen_open(struct tg_error *err);
/* Puts it back. Does what is left to do of a signal that has ended the waiting, so it may not return. */
void tg_screen_close(void);

/* What the terminal can show now, and its lines. */
struct tg_terminal tg_screen_size(size_t *height);

/* Waits for what comes first, at most until `deadline_ns` on the monotonic clock. */
enum tg_screen_event tg_screen_wait(tg_ns deadline_ns, struct tg_key *key);

/* Shows lines, each ended by a newline. What is too wide or too much is cut. */
void tg_screen_show(const struct tg_strbuf *lines);

/* The bytes that show them on a screen of that size: for tg_screen_show() and tests. */
void tg_screen_append_frame(struct tg_strbuf *out, const struct tg_strbuf *lines, size_t width, size_t height);

#endif
