/*
 * interpreter_probe: asks a Python what it is. See interpreter.h.
 *
 * `python -c` with a few lines. Not isolated (-I): that would hide PYTHONPATH and the user's site directory, where
 * tachograph may well be installed. Not -P either, which interpreters too old to be supported do not know, and they are
 * to say their version. Instead the first line takes the current directory off sys.path (put there by -c; `sys` itself
 * is built in), so that nothing lying around there is imported. Variables that make a Python talk, inspect or record
 * are removed; what else is printed (by a sitecustomize, a .pth file) does not start with our mark.
 */
#include "base/strbuf.h"
#include "cli/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK         "@tachograph-probe@"
#define TIMEOUT_MS   30000
#define ANSWER_BYTES 65536

/* The CPython versions that the extension is built for. */
#define MINOR_FIRST 11
#define MINOR_LAST  14

static const char question[] =
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "import os\n"
    "found, problem = '', ''\n"
    "try:\n"
    "    import tachograph\n"
    "    found = str(tachograph.__version__)\n"
    "except Exception as error:\n"
    "    absent = type(error).__name__ == 'ModuleNotFoundError' and error.name == 'tachograph'\n"
    "    problem = '' if absent else type(error).__name__ + ': ' + str(error)\n"
    "name = getattr(getattr(sys, 'implementation', None), 'name', 'cpython')\n"
    "fields = [name, '%d.%d.%d' % sys.version_info[:3], getattr(sys, 'abiflags', ''), found, problem]\n"
    "line = '\\t'.join(' '.join(field.split()) for field in fields)\n"
    "os.write(1, ('\\n" MARK "\\t' + line + '\\n').encode('utf-8', 'backslashreplace'))\n"
    "os._exit(0)\n";

static const char *const silenced[] = {
    "PYTHONINSPECT",     "PYTHONVERBOSE",     "PYTHONPROFILEIMPORTTIME", "PYTHONPERFSUPPORT",
    "PYTHONMALLOCSTATS", "PYTHONTRACEMALLOC", "TACHOGRAPH_RUN",          NULL};

enum { IMPLEMENTATION, VERSION, FLAGS, TACHOGRAPH, PROBLEM, FIELDS };

_Noreturn static void ask(const char *path, int out_fd) {
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0
        || dup2(out_fd, STDERR_FILENO) < 0) {
        _exit(127);
    }
    for (size_t i = 0; silenced[i]; i++) {
        unsetenv(silenced[i]);
    }
    execl(path, path, "-c", question, (char *)NULL);
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

static enum tg_status question_answered(const struct tg_interpreter *interpreter, struct tg_strbuf *answer,
                                        struct tg_error *err) {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return tg_error_set_errno(err, errno, "cannot make a pipe");
    }
    pid_t child = fork();
    if (child == 0) {
        ask(interpreter->path, pipe_fds[1]);
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

/* What an interpreter that did not get as far as answering says: its first line, or of a traceback the last one. */
static const char *complaint(char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) {
        text[--length] = '\0';
    }
    text += strspn(text, " \n");
    if (strncmp(text, "Traceback", strlen("Traceback")) == 0) {
        const char *newline = strrchr(text, '\n');
        return newline ? newline + 1 : text;
    }
    text[strcspn(text, "\n")] = '\0';
    return *text ? text : "it says nothing";
}

/* Cuts the answer into its fields, in place. */
static bool split(char *answer, char *fields[FIELDS]) {
    char *line = NULL;
    for (char *found = strstr(answer, "\n" MARK "\t"); found; found = strstr(found + 1, "\n" MARK "\t")) {
        line = found + sizeof "\n" MARK "\t" - 1;
    }
    if (!line) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = line;
        size_t length = strcspn(line, "\t");
        if (line[length] == '\0' && i + 1 < FIELDS) {
            return false;
        }
        line[length] = '\0';
        line += length + 1;
    }
    return true;
}

static bool is_supported(char *const fields[FIELDS]) {
    char *end = NULL;
    bool is_3 = strncmp(fields[VERSION], "3.", 2) == 0;
    long minor = is_3 ? strtol(fields[VERSION] + 2, &end, 10) : 0;
    return strcmp(fields[IMPLEMENTATION], "cpython") == 0 && minor >= MINOR_FIRST && minor <= MINOR_LAST
           && !strchr(fields[FLAGS], 't');
}

/* A path as a word of a shell. */
static void append_word(struct tg_strbuf *out, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,=";
    if (word[strspn(word, plain)] == '\0') {
        tg_strbuf_append(out, word);
        return;
    }
    tg_strbuf_append_char(out, '\'');
    for (; *word; word++) {
        tg_strbuf_append(out, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
    }
    tg_strbuf_append_char(out, '\'');
}

static enum tg_status judge(const struct tg_interpreter *interpreter, char *const fields[FIELDS],
                            struct tg_error *err) {
    if (!is_supported(fields)) {
        bool free_threaded = strchr(fields[FLAGS], 't') != NULL;
        bool is_cpython = strcmp(fields[IMPLEMENTATION], "cpython") == 0;
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "'%s' (from %s) is %s %s%s; tachograph times CPython 3.%d to 3.%d: name one with --python",
                            interpreter->path, interpreter->origin, is_cpython ? "CPython" : fields[IMPLEMENTATION],
                            fields[VERSION], free_threaded ? ", a free-threaded build" : "", MINOR_FIRST, MINOR_LAST);
    }
    if (strcmp(fields[TACHOGRAPH], TG_VERSION) == 0) {
        return TG_OK;
    }
    struct tg_strbuf word = TG_STRBUF_INIT;
    append_word(&word, interpreter->path);
    const char *path = tg_strbuf_text(&word);
    enum tg_status status;
    if (fields[TACHOGRAPH][0]) {
        status = tg_error_set(err, TG_ERROR_VERSION,
                              "this is tachograph %s, but the Python from %s has %s; type: %s -m pip install "
                              "tachograph==%s",
                              TG_VERSION, interpreter->origin, fields[TACHOGRAPH], path, TG_VERSION);
    } else if (fields[PROBLEM][0]) {
        status = tg_error_set(err, TG_ERROR_FORMAT,
                              "tachograph cannot be imported by the Python from %s (%.200s); type: %s -m pip install "
                              "--force-reinstall tachograph==%s",
                              interpreter->origin, fields[PROBLEM], path, TG_VERSION);
    } else {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                              "tachograph is not installed for the Python from %s; type: %s -m pip install tachograph",
                              interpreter->origin, path);
    }
    tg_strbuf_release(&word);
    return status;
}

enum tg_status tg_interpreter_probe(const struct tg_interpreter *interpreter, struct tg_error *err) {
    struct tg_strbuf answer = TG_STRBUF_INIT;
    char *fields[FIELDS];
    enum tg_status status = question_answered(interpreter, &answer, err);
    tg_strbuf_append_char(&answer, '\n'); /* there is text now, even if nothing was said */
    if (status == TG_OK && tg_strbuf_status(&answer) != TG_OK) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the interpreter's answer");
    }
    if (status == TG_OK) {
        status = split(answer.data, fields)
                     ? judge(interpreter, fields, err)
                     : tg_error_set(err, TG_ERROR_IO, "'%s' (from %s) does not work as a Python: %s", interpreter->path,
                                    interpreter->origin, complaint(answer.data));
    }
    tg_strbuf_release(&answer);
    return status;
}
