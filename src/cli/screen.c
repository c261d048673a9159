/* screen: see screen.h. */
#include "cli/screen.h"

#include "base/utf8.h"
#include "cli/output.h"
#include "cli/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* Alternate screen; no cursor; lines are cut rather than wrapped. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"
/* A terminal that knows it shows the frame when it is whole. */
#define FRAME_BEGIN "\033[?2026h"
#define FRAME_END   "\033[H\033[?2026l" /* tmux keeps lines above the cursor when it gets lower, for the history */

#define ESCAPE_NS  INT64_C(50000000)  /* what follows an escape byte within this belongs to it */
#define LEAVING_NS INT64_C(200000000) /* that a slow terminal has to take the last bytes */

struct screen {
    bool is_open;
    bool is_entered; /* the terminal is as we want it */
    int fd;          /* of our own: that it does not block must not be seen by others who use the terminal */
    int signal_fd;
    bool is_stale; /* the terminal may show what we do not know of */
    int caught;    /* the signal that ends us; 0: none */
    sigset_t mask_before;
    struct termios modes_before;
    struct tg_key_reader keys;
    struct tg_strbuf sending; /* a frame, and how much of it has been sent */
    size_t sent;
    struct tg_strbuf next; /* the frame to be sent after it */
};

static struct screen screen;

/* Signals that would end or stop the process, or that tell something. */
static const int taken_signals[] = {SIGINT,  SIGTERM, SIGHUP,  SIGQUIT, SIGUSR1,
                                    SIGUSR2, SIGALRM, SIGTSTP, SIGCONT, SIGWINCH};
static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU, SIGXFSZ};

static void set_modes(void) {
    struct termios modes = screen.modes_before;
    modes.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR);
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &modes);
}

/* Sends what it takes at once. True when nothing is left. */
static bool send_some(void) {
    while (screen.sent < screen.sending.length) {
        ssize_t result = write(screen.fd, screen.sending.data + screen.sent, screen.sending.length - screen.sent);
        if (result < 0 && errno != EINTR) {
            return false;
        }
        screen.sent += result > 0 ? (size_t)result : 0;
        if (screen.sent == screen.sending.length && screen.next.length) {
            struct tg_strbuf done = screen.sending;
            screen.sending = screen.next;
            screen.sent = 0;
            tg_strbuf_truncate(&done, 0);
            screen.next = done;
        }
    }
    return true;
}

static void enter(void) {
    set_modes();
    tg_strbuf_truncate(&screen.next, 0);
    tg_strbuf_truncate(&screen.sending, 0);
    tg_strbuf_append(&screen.sending, ENTER);
    screen.sent = 0;
    screen.is_entered = true;
    send_some();
}

/* Also from a handler of signals: calls only what may be called there. */
static void leave(void) {
    if (!screen.is_entered) {
        return;
    }
    screen.is_entered = false;
    struct pollfd ready = {.fd = screen.fd, .events = POLLOUT};
    static const char bytes[] = "\030" LEAVE; /* ends a sequence that may have been sent in part */
    if (poll(&ready, 1, LEAVING_NS / 1000000) == 1) {
        (void)!write(screen.fd, bytes, sizeof bytes - 1);
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &screen.modes_before);
}

/* Its own action is back already. */
static void leave_in_crash(int signal_number) {
    leave();
    raise(signal_number);
}

static void close_at_exit(void) {
    leave();
}

static void catch_crashes(void) {
    struct sigaction action = {.sa_handler = leave_in_crash, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    for (size_t i = 0; i < sizeof crash_signals / sizeof crash_signals[0]; i++) {
        sigaction(crash_signals[i], &action, NULL);
    }
}

/* All that nobody has chosen to ignore, as nohup does. */
static void take_signals(void) {
    sigset_t taken;
    sigemptyset(&taken);
    for (size_t i = 0; i < sizeof taken_signals / sizeof taken_signals[0]; i++) {
        struct sigaction action;
        if (sigaction(taken_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(&taken, taken_signals[i]);
        }
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &taken, &screen.mask_before);
    screen.signal_fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* The terminal, opened for ourselves; or, where it has no name here, what we were given. */
static int open_terminal(void) {
    char name[256];
    int fd = ttyname_r(STDOUT_FILENO, name, sizeof name) == 0 ? open(name, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
                                                              : -1;
    return fd >= 0 ? fd : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
}

enum tg_status tg_screen_open(struct tg_error *err) {
    screen = (struct screen){.fd = -1, .signal_fd = -1};
    if (tcgetattr(STDIN_FILENO, &screen.modes_before) != 0) {
        return tg_error_set_errno(err, errno, "cannot use the terminal");
    }
    screen.fd = open_terminal();
    if (screen.fd < 0) {
        return tg_error_set_errno(err, errno, "cannot write to the terminal");
    }
    take_signals();
    if (screen.signal_fd < 0) {
        close(screen.fd);
        sigprocmask(SIG_SETMASK, &screen.mask_before, NULL);
        return tg_error_set_errno(err, errno, "cannot wait for signals");
    }
    screen.is_open = true;
    atexit(close_at_exit);
    catch_crashes();
    enter();
    return TG_OK;
}

/* Does what the signal would have done without us. */
static void obey(int signal_number) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal_number);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &one, NULL); /* ends or stops here */
    sigprocmask(SIG_BLOCK, &one, NULL);
}

void tg_screen_close(void) {
    if (!screen.is_open) {
        return;
    }
    leave();
    int caught = screen.caught;
    close(screen.signal_fd);
    close(screen.fd);
    tg_strbuf_release(&screen.sending);
    tg_strbuf_release(&screen.next);
    screen.is_open = false;
    if (caught && caught != SIGINT) {
        obey(caught);
    }
    sigprocmask(SIG_SETMASK, &screen.mask_before, NULL);
}

/* Until somebody continues us. The person may have changed the terminal's modes meanwhile. */
static void stop(void) {
    leave();
    obey(SIGTSTP);
    tcgetattr(STDIN_FILENO, &screen.modes_before);
    enter();
}

/* True: the caller has something to do. */
static bool take_signal(enum tg_screen_event *event) {
    struct signalfd_siginfo info;
    bool any = false;
    *event = TG_SCREEN_SIZE;
    while (read(screen.signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGTSTP) {
            stop();
        } else if (number == SIGCONT) {
            enter();
            *event = TG_SCREEN_RESUMED;
        } else if (number != SIGWINCH) {
            screen.caught = number;
            *event = TG_SCREEN_QUIT;
            return true;
        }
        any = true;
    }
    screen.is_stale = any;
    return any;
}

/* True: the caller has something to do. */
static bool take_key(short happened, struct tg_key *key, enum tg_screen_event *event) {
    char byte = 0;
    ssize_t got = happened & POLLIN ? read(STDIN_FILENO, &byte, 1) : 0;
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return false;
    }
    *event = got == 1 ? TG_SCREEN_KEY : TG_SCREEN_QUIT; /* else the terminal is gone */
    return got != 1 || tg_key_feed(&screen.keys, byte, key);
}

static bool take_one(struct pollfd *waiting, struct tg_key *key, enum tg_screen_event *event) {
    if (waiting[0].revents && take_signal(event)) {
        return true;
    }
    if (waiting[1].revents && take_key(waiting[1].revents, key, event)) {
        return true;
    }
    if (waiting[2].revents & (POLLERR | POLLHUP | POLLNVAL)) {
        *event = TG_SCREEN_QUIT;
        return true;
    }
    if (waiting[2].revents & POLLOUT) {
        send_some();
    }
    return false;
}

enum tg_screen_event tg_screen_wait(tg_ns deadline_ns, struct tg_key *key) {
    enum tg_screen_event event = TG_SCREEN_TIMEOUT;
    for (;;) {
        bool is_open = tg_key_is_open(&screen.keys);
        bool is_sending = screen.sent < screen.sending.length;
        tg_ns now_ns = tg_clock_monotonic_ns();
        tg_ns left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        left_ns = is_open ? ESCAPE_NS : left_ns; /* whatever the deadline: what has begun is on its way */
        struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
        struct pollfd waiting[] = {{.fd = screen.signal_fd, .events = POLLIN},
                                   {.fd = STDIN_FILENO, .events = POLLIN},
                                   {.fd = screen.fd, .events = is_sending ? POLLOUT : 0}};
        int count = ppoll(waiting, sizeof waiting / sizeof waiting[0], &left, NULL);
        if (count > 0 && take_one(waiting, key, &event)) {
            return event;
        }
        if (count == 0 && is_open && tg_key_expire(&screen.keys, key)) {
            return TG_SCREEN_KEY;
        }
        if (count == 0 && tg_clock_monotonic_ns() >= deadline_ns) {
            return TG_SCREEN_TIMEOUT;
        }
    }
}

struct tg_terminal tg_screen_size(size_t *height) {
    *height = tg_terminal_height(STDOUT_FILENO);
    return tg_terminal_of(STDOUT_FILENO);
}

/* The bytes of a sequence ESC [ ... letter at the start of the text; 0: there is none. */
static size_t sequence_length(const char *text, size_t length) {
    size_t at = 2;
    if (length < 3 || text[0] != '\033' || text[1] != '[') {
        return 0;
    }
    while (at < length && !(text[at] >= 0x40 && text[at] <= 0x7E)) {
        at++;
    }
    return at < length ? at + 1 : 0;
}

/* One line of at most `width` columns; sequences take none. */
static void append_line(struct tg_strbuf *out, const char *text, size_t length, size_t width) {
    size_t left = width;
    for (size_t at = 0; at < length;) {
        size_t taken = sequence_length(text + at, length - at);
        if (taken == 0) {
            uint32_t character = 0;
            taken = tg_utf8_decode(text + at, length - at, &character);
            taken = taken ? taken : 1;
            size_t columns = tg_printable_width(text + at, taken);
            if (columns > left) {
                left = 0;
                at += taken;
                continue; /* what follows may be the sequence that ends a colour */
            }
            left -= columns;
        }
        tg_strbuf_append_bytes(out, text + at, taken);
        at += taken;
    }
    tg_strbuf_append(out, left ? "\033[K" : ""); /* the last column would be erased too */
}

void tg_screen_append_frame(struct tg_strbuf *out, const struct tg_strbuf *lines, size_t width, size_t height) {
    const char *text = tg_strbuf_text(lines);
    const char *end = text + lines->length;
    size_t row = 0;
    tg_strbuf_append(out, FRAME_BEGIN);
    for (; row < height && text < end; row++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        size_t length = newline ? (size_t)(newline - text) : (size_t)(end - text);
        tg_strbuf_printf(out, "\033[%zuH", row + 1); /* a newline would scroll a terminal that has just shrunk */
        append_line(out, text, length, width);
        text += length + 1;
    }
    if (row < height) {
        tg_strbuf_printf(out, "\033[%zuH\033[J", row + 1);
    }
    tg_strbuf_append(out, FRAME_END);
}

void tg_screen_show(const struct tg_strbuf *lines) {
    size_t height = 0;
    struct tg_terminal terminal = tg_screen_size(&height);
    bool is_sending = screen.sent < screen.sending.length;
    struct tg_strbuf *frame = is_sending ? &screen.next : &screen.sending;
    tg_strbuf_truncate(frame, 0);
    screen.sent = is_sending ? screen.sent : 0;
    tg_strbuf_append(frame, screen.is_stale ? "\033[2J" : "");
    screen.is_stale = false;
    tg_screen_append_frame(frame, lines, terminal.width, height);
    send_some();
}
