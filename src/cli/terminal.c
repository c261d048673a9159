/* terminal: see terminal.h. */
#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_DEFAULT   80
#define HEIGHT_DEFAULT  24
#define ENVIRONMENT_MAX 10000

/* What the environment says, where the terminal does not know. */
static size_t size_of_environment(const char *variable, size_t otherwise) {
    const char *text = getenv(variable);
    long size = text ? strtol(text, NULL, 10) : 0;
    return size > 0 && size <= ENVIRONMENT_MAX ? (size_t)size : otherwise;
}

static size_t width_of(int fd) {
    struct winsize size = {.ws_col = 0};
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                : size_of_environment("COLUMNS", WIDTH_DEFAULT);
}

size_t tg_terminal_height(int fd) {
    struct winsize size = {.ws_row = 0};
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row
                                                                : size_of_environment("LINES", HEIGHT_DEFAULT);
}

bool tg_terminal_can_move(void) {
    const char *kind = getenv("TERM");
    return kind && kind[0] && strcmp(kind, "dumb") != 0;
}

static bool wants_colour(void) {
    const char *refused = getenv("NO_COLOR");
    return !(refused && refused[0]) && tg_terminal_can_move();
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

const char *tg_terminal_reverse(const struct tg_terminal *terminal) {
    return terminal->colour ? "\033[7m" : "";
}

const char *tg_terminal_plain(const struct tg_terminal *terminal) {
    return terminal->colour ? "\033[0m" : "";
}
