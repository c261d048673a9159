#include "cli/attach.h"

#include "base/json_member.h"
#include "cli/borrowed_user.h"
#include "cli/interpreter.h"
#include "sample/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS      INT64_C(5000000)
#define ANSWER_BYTES 2048

/* Runs in the process, in a namespace of its own, and raises nothing there. What is asked for is in the package; here
 * is what is needed to come to it. The first thing is to take the order, so that it is carried out once; nobody's, as
 * its author was killed, is not carried out. */
static const char script[] =
    "__name__ = 'tachograph._attach'\n" /* so that it is not taken for the program's own code, and timed */
    "def attach(directory):\n"
    "    import json, os, sys\n"
    "    def is_nobodys(file):\n"
    "        try:\n"
    "            import fcntl\n"
    "            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "        except (ImportError, OSError):\n"
    "            return False\n"
    "        return True\n"
    "    def remove():\n"
    "        for name in os.listdir(directory):\n"
    "            os.unlink(directory + '/' + name)\n"
    "        os.rmdir(directory)\n"
    "    try:\n"
    "        file = open(directory + '/order.json', encoding='utf-8')\n"
    "    except OSError:\n"
    "        return\n"
    "    with file:\n"
    "        try:\n"
    "            if is_nobodys(file):\n"
    "                return remove()\n"
    "            os.rename(directory + '/order.json', directory + '/taken.json')\n"
    "            order = json.load(file)\n"
    "            unmatched = []\n"
    "        except OSError:\n"
    "            return\n"
    "        try:\n"
    "            if 'packages' in order and 'tachograph' not in sys.modules:\n"
    "                import importlib.util\n"
    "                if importlib.util.find_spec('tachograph') is None:\n"
    "                    sys.path.append(order['packages'])\n"
    "                    try:\n"
    "                        import tachograph\n"
    "                    finally:\n"
    "                        sys.path.remove(order['packages'])\n"
    "            from tachograph import _attach\n"
    "            answer = _attach.start(order)\n"
    "            unmatched = [] if answer else _attach.unmatched(order)\n"
    "        except ModuleNotFoundError as error:\n"
    "            lack = order.get('lack', f'this program cannot lend it its own ({error})')\n"
    "            answer = (f'its Python does not have tachograph, and {lack}: in a checkout of tachograph, type '\n"
    "                      f'{sys.executable} -m pip install . and attach again')\n"
    "        except BaseException as error:\n"
    "            answer = f'{type(error).__name__}: {error}'\n"
    "        try:\n"
    "            with open(directory + '/unmatched', 'w', encoding='utf-8') as said:\n"
    "                said.write('\\n'.join(unmatched))\n"
    "            with open(directory + '/answering', 'w', encoding='utf-8') as answering:\n"
    "                answering.write(answer)\n"
    "            os.rename(directory + '/answering', directory + '/answer')\n"
    "            if is_nobodys(file):\n"
    "                remove()\n"
    "        except OSError:\n"
    "            pass\n";

/* The directory, as we see it and as the process does. */
struct place {
    char here[96];
    char there[64];
    int lock_fd; /* order.json, later taken.json */
};

/* "/proc/4711/root/tmp/tachograph-attach-x1y2z3/order.py" */
static void append_path(char *path, size_t size, const struct place *place, const char *name) {
    snprintf(path, size, "%s/%s", place->here, name);
}

/* Leaves it open, in `*fd`. */
static enum tg_status write_file(const struct place *place, const char *name, const char *text, int *fd,
                                 struct tg_error *err) {
    char path[128];
    append_path(path, sizeof path, place, name);
    *fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool done = *fd >= 0 && write(*fd, text, strlen(text)) == (ssize_t)strlen(text);
    return done ? TG_OK : tg_error_set_errno(err, errno, "cannot write \"%s\"", path);
}

static enum tg_status write_script(const struct place *place, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    int fd = -1;
    tg_strbuf_printf(&text, "%sattach('%s')\n", script, place->there);
    enum tg_status status = tg_strbuf_status(&text);
    status = status == TG_OK ? write_file(place, "order.py", tg_strbuf_text(&text), &fd, err)
                             : tg_error_set(err, status, "not enough memory");
    if (fd >= 0) {
        close(fd);
    }
    tg_strbuf_release(&text);
    return status;
}

/* Its lock says that we live, and goes with us however we end. */
static enum tg_status write_order(struct place *place, const char *order, struct tg_error *err) {
    enum tg_status status = write_file(place, "order.json", order, &place->lock_fd, err);
    if (status == TG_OK && flock(place->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        status = tg_error_set_errno(err, errno, "cannot lock \"%s/order.json\"", place->here);
    }
    return status;
}

static void remove_place(const struct place *place) {
    static const char *const names[] = {"order.py", "order.json", "taken.json", "unmatched", "answering", "answer"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        append_path(path, sizeof path, place, names[i]);
        unlink(path);
    }
    rmdir(place->here);
    if (place->lock_fd >= 0) {
        close(place->lock_fd);
    }
}

static enum tg_status make_place(struct place *place, pid_t pid, const char *order, struct tg_error *err) {
    place->lock_fd = -1;
    snprintf(place->here, sizeof place->here, "/proc/%ld/root/tmp/tachograph-attach-XXXXXX", (long)pid);
    if (!mkdtemp(place->here)) {
        return tg_error_set_errno(err, errno, "cannot leave files for process %ld in its /tmp", (long)pid);
    }
    snprintf(place->there, sizeof place->there, "/tmp/%s", strrchr(place->here, '/') + 1);
    enum tg_status status = write_script(place, err);
    if (status == TG_OK) {
        status = write_order(place, order, err);
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

/* At most `size` - 1 bytes. The directory is the process's: what is in it may be anything, also a pipe that nobody
 * writes to. */
static bool read_text(const struct place *place, const char *name, char *text, size_t size) {
    char path[128];
    append_path(path, sizeof path, place, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    int errnum = errno;
    if (fd >= 0) {
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    errno = errnum;
    return length >= 0;
}

/* The signals by which a person takes back what he has asked for, but not those that are to be ignored, as by nohup.
 * They are blocked while there is an order, and taken by those who wait. */
static void list_signals(sigset_t *signals) {
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(signals);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct sigaction action;
        if (sigaction(all[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
            sigaddset(signals, all[i]);
        }
    }
}

/* An order that was given. */
struct asked {
    const struct tg_remote *remote;
    const struct place *place;
    sigset_t signals;
    tg_ns began_ns;
    tg_ns patience_ns;
    struct tg_attached *attached;
};

static enum tg_status read_answer(const struct asked *asked, struct tg_error *err) {
    char answer[ANSWER_BYTES];
    long pid = asked->remote->process->pid;
    char *unmatched = asked->attached->unmatched;
    if (!read_text(asked->place, "unmatched", unmatched, sizeof asked->attached->unmatched)
        || !read_text(asked->place, "answer", answer, sizeof answer)) {
        return tg_error_set_errno(err, errno, "cannot read what process %ld answers", pid);
    }
    return answer[0] ? tg_error_set(err, TG_ERROR_UNSUPPORTED, "process %ld: %s", pid, answer) : TG_OK;
}

/* TG_ERROR_BUSY: there is none in time, or a signal came. */
static enum tg_status wait_for_answer(struct asked *asked, struct tg_error *err) {
    pid_t pid = asked->remote->process->pid;
    tg_ns until_ns = tg_clock_monotonic_ns() + asked->patience_ns;
    while (!is_there(asked->place, "answer")) {
        if (access(asked->place->here, F_OK) != 0) {
            return tg_error_set(err, TG_ERROR_NOT_FOUND, "process %ld has ended", (long)pid);
        }
        int caught = sigtimedwait(&asked->signals, NULL, &(struct timespec){.tv_nsec = POLL_NS});
        if (caught > 0) {
            asked->attached->caught = caught;
        }
        if (caught > 0 || tg_clock_monotonic_ns() > until_ns) {
            return tg_error_set(err, TG_ERROR_BUSY, "process %ld does not answer", (long)pid);
        }
    }
    return read_answer(asked, err);
}

/* An order that is not taken in time is taken back; one that was begins soon, and is waited for. */
static enum tg_status take_back(struct asked *asked, struct tg_error *err) {
    char order[128];
    long pid = asked->remote->process->pid;
    double patience_s = (double)asked->patience_ns / 1e9;
    append_path(order, sizeof order, asked->place, "order.json");
    if (unlink(order) == 0 || !is_there(asked->place, "taken.json")) {
        tg_remote_withdraw(asked->remote);
        return asked->attached->caught
                   ? tg_error_set(err, TG_ERROR_BUSY,
                                  "interrupted before process %ld ran Python code, so nothing was begun", pid)
                   : tg_error_set(err, TG_ERROR_BUSY,
                                  "process %ld has not run Python code for %.0f s, so nothing was begun (it waits in C "
                                  "code, or is stopped): 'tachograph dump -p %ld' shows where; try again later",
                                  pid, patience_s, pid);
    }
    enum tg_status status = wait_for_answer(asked, err);
    double waited_s = (double)(tg_clock_monotonic_ns() - asked->began_ns) / 1e9;
    return status == TG_ERROR_BUSY
               ? tg_error_set(err, status,
                              "process %ld has begun what was asked for, and is not done after %.0f s: 'tachograph top "
                              "-p %ld' shows whether it is",
                              pid, waited_s, pid)
               : status;
}

/* Asks, and waits. */
static enum tg_status ask(struct asked *asked, struct tg_error *err) {
    char path[96];
    snprintf(path, sizeof path, "%s/order.py", asked->place->there);
    enum tg_status status = tg_remote_ask(asked->remote, path, err);
    bool is_asked = status == TG_OK;
    asked->began_ns = tg_clock_monotonic_ns();
    if (is_asked) {
        status = wait_for_answer(asked, err);
    }
    return status == TG_ERROR_BUSY && is_asked ? take_back(asked, err) : status;
}

/* Leaves the order there, and nothing of it in the end. */
static enum tg_status order_it(const struct tg_remote *remote, const char *order, tg_ns patience_ns,
                               struct tg_attached *attached, struct tg_error *err) {
    struct place place;
    struct asked asked = {.remote = remote, .place = &place, .patience_ns = patience_ns, .attached = attached};
    sigset_t before;
    list_signals(&asked.signals);
    sigprocmask(SIG_BLOCK, &asked.signals, &before);
    enum tg_status status = make_place(&place, remote->process->pid, order, err);
    if (status == TG_OK) {
        status = ask(&asked, err);
        remove_place(&place);
    }
    if (!attached->caught) {
        sigprocmask(SIG_SETMASK, &before, NULL);
    }
    return status;
}

enum tg_status tg_attach(pid_t pid, const char *order, tg_ns patience_ns, struct tg_attached *attached,
                         struct tg_error *err) {
    struct tg_python_process process;
    struct tg_remote remote;
    *attached = (struct tg_attached){.caught = 0};
    enum tg_status status = tg_python_process_open(&process, pid, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_remote_open(&remote, &process, err);
    struct tg_borrowed_user self;
    status = status == TG_OK ? tg_borrow_user(&self, pid, err) : status;
    if (status == TG_OK) {
        status = order_it(&remote, order, patience_ns, attached, err);
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
