#include "cli/attach.h"

#include "base/json_member.h"
#include "cli/borrowed_user.h"
#include "cli/interpreter.h"
#include "sample/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS      INT64_C(5000000)
#define ANSWER_BYTES 2048

/* Runs in the process, in a namespace of its own, and raises nothing there. What is asked for is in the package; here
 * is what is needed to come to it. The first thing is to take the order, so that it is carried out once. */
static const char script[] =
    "def attach(directory):\n"
    "    import json, os, sys\n"
    "    try:\n"
    "        os.rename(directory + '/order.json', directory + '/taken.json')\n"
    "        with open(directory + '/taken.json', encoding='utf-8') as file:\n"
    "            order = json.load(file)\n"
    "    except OSError:\n"
    "        return\n"
    "    try:\n"
    "        if 'packages' in order and 'tachograph' not in sys.modules:\n"
    "            import importlib.util\n"
    "            if importlib.util.find_spec('tachograph') is None:\n"
    "                sys.path.append(order['packages'])\n"
    "                try:\n"
    "                    import tachograph\n"
    "                finally:\n"
    "                    sys.path.remove(order['packages'])\n"
    "        from tachograph import _attach\n"
    "        answer = _attach.start(order)\n"
    "    except ModuleNotFoundError as error:\n"
    "        lack = order.get('lack', f'this program cannot lend it its own ({error})')\n"
    "        answer = (f'its Python does not have tachograph, and {lack}: in a checkout of tachograph, type '\n"
    "                  f'{sys.executable} -m pip install . and attach again')\n"
    "    except BaseException as error:\n"
    "        answer = f'{type(error).__name__}: {error}'\n"
    "    try:\n"
    "        with open(directory + '/answering', 'w', encoding='utf-8') as file:\n"
    "            file.write(answer)\n"
    "        os.rename(directory + '/answering', directory + '/answer')\n"
    "    except OSError:\n"
    "        pass\n";

/* The directory, as we see it and as the process does. */
struct place {
    char here[96];
    char there[64];
};

/* "/proc/4711/root/tmp/tachograph-attach-x1y2z3/order.py" */
static void append_path(char *path, size_t size, const struct place *place, const char *name) {
    snprintf(path, size, "%s/%s", place->here, name);
}

static enum tg_status write_file(const struct place *place, const char *name, const char *text, struct tg_error *err) {
    char path[128];
    append_path(path, sizeof path, place, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int errnum = errno;
    if (fd >= 0) {
        close(fd);
    }
    return done ? TG_OK : tg_error_set_errno(err, errnum, "cannot write \"%s\"", path);
}

static void remove_place(const struct place *place) {
    static const char *const names[] = {"order.py", "order.json", "taken.json", "answering", "answer"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        append_path(path, sizeof path, place, names[i]);
        unlink(path);
    }
    rmdir(place->here);
}

static enum tg_status make_place(struct place *place, pid_t pid, const char *order, struct tg_error *err) {
    snprintf(place->here, sizeof place->here, "/proc/%ld/root/tmp/tachograph-attach-XXXXXX", (long)pid);
    if (!mkdtemp(place->here)) {
        return tg_error_set_errno(err, errno, "cannot leave files for process %ld in its /tmp", (long)pid);
    }
    snprintf(place->there, sizeof place->there, "/tmp/%s", strrchr(place->here, '/') + 1);
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_printf(&text, "%sattach('%s')\n", script, place->there);
    enum tg_status status = tg_strbuf_status(&text);
    status = status == TG_OK ? write_file(place, "order.py", tg_strbuf_text(&text), err)
                             : tg_error_set(err, status, "not enough memory");
    tg_strbuf_release(&text);
    if (status == TG_OK) {
        status = write_file(place, "order.json", order, err);
    }
    if (status != TG_OK) {
        remove_place(place);
    }
    return status;
}

static bool is_there(const struct place *place, const char *name) {
    char path[128];
    append_path(path, sizeof path, place, name);
    return access(path, F_OK) == 0;
}

static enum tg_status read_answer(const struct place *place, pid_t pid, struct tg_error *err) {
    char path[128], answer[ANSWER_BYTES];
    append_path(path, sizeof path, place, "answer");
    /* The directory is the process's: what is in it may be anything, also a pipe that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, answer, sizeof answer - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (length < 0) {
        return tg_error_set_errno(err, errno, "cannot read what process %ld answers", (long)pid);
    }
    answer[length] = '\0';
    return length == 0 ? TG_OK : tg_error_set(err, TG_ERROR_UNSUPPORTED, "process %ld: %s", (long)pid, answer);
}

static enum tg_status wait_for_answer(const struct place *place, pid_t pid, tg_ns patience_ns, struct tg_error *err) {
    tg_ns until_ns = tg_clock_monotonic_ns() + patience_ns;
    while (!is_there(place, "answer")) {
        if (access(place->here, F_OK) != 0) {
            return tg_error_set(err, TG_ERROR_NOT_FOUND, "process %ld has ended", (long)pid);
        }
        if (tg_clock_monotonic_ns() > until_ns) {
            return tg_error_set(err, TG_ERROR_BUSY, "process %ld does not answer", (long)pid);
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    return read_answer(place, pid, err);
}

/* An order that is not taken in time is taken back; one that was begins soon, and is waited for. */
static enum tg_status take_back(const struct tg_remote *remote, const struct place *place, tg_ns patience_ns,
                                struct tg_error *err) {
    char order[128];
    long pid = remote->process->pid;
    double patience_s = (double)patience_ns / 1e9;
    append_path(order, sizeof order, place, "order.json");
    if (unlink(order) == 0 || !is_there(place, "taken.json")) {
        tg_remote_withdraw(remote);
        return tg_error_set(err, TG_ERROR_BUSY,
                            "process %ld has not run Python code for %.0f s, so nothing was begun (it waits in C code, "
                            "or is stopped): 'tachograph dump -p %ld' shows where; try again later",
                            pid, patience_s, pid);
    }
    enum tg_status status = wait_for_answer(place, (pid_t)pid, patience_ns, err);
    return status == TG_ERROR_BUSY
               ? tg_error_set(err, status,
                              "process %ld has begun what was asked for, and is not done after %.0f s: 'tachograph top "
                              "-p %ld' shows whether it is",
                              pid, 2 * patience_s, pid)
               : status;
}

/* Asks, and waits. */
static enum tg_status ask(const struct tg_remote *remote, const struct place *place, tg_ns patience_ns,
                          struct tg_error *err) {
    char path[96];
    pid_t pid = remote->process->pid;
    snprintf(path, sizeof path, "%s/order.py", place->there);
    enum tg_status status = tg_remote_ask(remote, path, err);
    bool is_asked = status == TG_OK;
    if (is_asked) {
        status = wait_for_answer(place, pid, patience_ns, err);
    }
    return status == TG_ERROR_BUSY && is_asked ? take_back(remote, place, patience_ns, err) : status;
}

enum tg_status tg_attach(pid_t pid, const char *order, tg_ns patience_ns, struct tg_error *err) {
    struct tg_python_process process;
    struct tg_remote remote;
    struct place place;
    enum tg_status status = tg_python_process_open(&process, pid, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_remote_open(&remote, &process, err);
    struct tg_borrowed_user self;
    status = status == TG_OK ? tg_borrow_user(&self, pid, err) : status;
    if (status == TG_OK) {
        status = make_place(&place, pid, order, err);
        if (status == TG_OK) {
            status = ask(&remote, &place, patience_ns, err);
            remove_place(&place);
        }
        tg_return_user(&self);
    }
    tg_python_process_close(&process);
    return status;
}

void tg_attach_put_packages(struct tg_json *json, pid_t pid) {
    struct tg_python_process process;
    struct utsname machine;
    char path[TG_INTERPRETER_PATH_SIZE], version[24], suffix[96], lack[96];
    if (uname(&machine) != 0 || tg_python_process_open(&process, pid, NULL) != TG_OK) {
        return;
    }
    unsigned minor = process.layout.minor;
    tg_python_process_close(&process);
    snprintf(version, sizeof version, "3.%u.0", minor);
    snprintf(suffix, sizeof suffix, ".cpython-3%u-%s-linux-gnu.so", minor, machine.machine);
    if (tg_interpreter_find_injected(path, sizeof path, version, suffix)) {
        tg_json_member_text(json, "packages", dirname(dirname(path))); /* .../site-packages/tachograph/_inject */
    } else {
        snprintf(lack, sizeof lack, "this program's own package is not for Python 3.%u, so it cannot be lent", minor);
        tg_json_member_text(json, "lack", lack);
    }
}
