/* interpreter_ask: see interpreter_ask.h. */
#include "cli/interpreter_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS   30000
#define ANSWER_BYTES 65536

static const char *const silenced[] = {"PYTHONINSPECT",
                                       "PYTHONVERBOSE",
                                       "PYTHONPROFILEIMPORTTIME",
                                       "PYTHONPERFSUPPORT",
                                       "PYTHONMALLOCSTATS",
                                       "PYTHONTRACEMALLOC",
                                       NULL};

_Noreturn static void become(const struct tg_interpreter *interpreter, const char *script, int out_fd) {
    struct tg_strbuf python_path = TG_STRBUF_INIT;
    const char *path = interpreter->path;
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0
        || dup2(out_fd, STDERR_FILENO) < 0) {
        _exit(127);
    }
    for (size_t i = 0; silenced[i]; i++) {
        unsetenv(silenced[i]);
    }
    if (interpreter->injected[0]) {
        tg_interpreter_append_path(&python_path, interpreter);
        setenv("PYTHONPATH", tg_strbuf_text(&python_path), 1);
    }
    setenv("TACHOGRAPH_RUN", "probe", 1);
    execl(path, path, "-c", script, (char *)NULL);
    dprintf(STDOUT_FILENO, "cannot execute it: %s\n", strerrordesc_np(errno));
    _exit(127);
}

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the end, at most so much for so long. False: it took too long. */
static bool read_answer(int fd, struct tg_strbuf *answer) {
    int64_t deadline_ms = now_ms() + TIMEOUT_MS;
    char bytes[4096];
    while (answer->length < ANSWER_BYTES) {
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        int64_t left_ms = deadline_ms - now_ms();
        int ready = left_ms > 0 ? poll(&waiting, 1, (int)left_ms) : 0;
        if (ready == 0) {
            return false;
        }
        ssize_t got = ready > 0 ? read(fd, bytes, sizeof bytes) : -1;
        if (got == 0) {
            return true;
        }
        if (got > 0) {
            tg_strbuf_append_bytes(answer, bytes, (size_t)got);
        } else if (errno != EINTR && errno != EAGAIN) {
            return true;
        }
    }
    return true;
}

enum tg_status tg_interpreter_ask(const struct tg_interpreter *interpreter, const char *script,
                                  struct tg_strbuf *answer, struct tg_error *err) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return tg_error_set_errno(err, errno, "cannot make a pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        become(interpreter, script, pipe_fds[1]);
    }
    int error = errno;
    close(pipe_fds[1]);
    bool in_time = child > 0 && read_answer(pipe_fds[0], answer);
    close(pipe_fds[0]);
    if (child < 0) {
        return tg_error_set_errno(err, error, "cannot start a process");
    }
    if (!in_time) {
        kill(child, SIGKILL);
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    if (!in_time) {
        return tg_error_set(err, TG_ERROR_IO, "'%s' (from %s) does not answer; name another Python with --python",
                            interpreter->path, interpreter->origin);
    }
    return TG_OK;
}
