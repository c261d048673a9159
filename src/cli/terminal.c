/* terminal: see terminal.h. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT 80
#define WIDTH_MAX     10000

static size_t width_of(int fd) {
    struct winsize size = {.ws_col = 0};
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    const char *columns = getenv("COLUMNS");
    long width = columns ? strtol(columns, NULL, 10) : 0;
    return width > 0 && width <= WIDTH_MAX ? (size_t)width : WIDTH_DEFAULT;
}

static bool wants_colour(void) {
    const char *refused = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    return !(refused && refused[0]) && kind && kind[0] && strcmp(kind, "dumb") != 0;
}

struct tg_terminal tg_terminal_of(int fd) {
    if (!isatty(fd)) {
        return TG_TERMINAL_NONE;
    }
    return (struct tg_terminal){.colour = wants_colour(), .width = width_of(fd)};
}

const char *tg_terminal_bold(const struct tg_terminal *terminal) {
    return terminal->colour ? "\033[1m" : "";
}

const char *tg_terminal_dim(const struct tg_terminal *terminal) {
    return terminal->colour ? "\033[2m" : "";
}

const char *tg_terminal_plain(const struct tg_terminal *terminal) {
    return terminal->colour ? "\033[0m" : "";
}
