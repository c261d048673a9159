#include "sample/python_process.h"

#include "sample/elf.h"
#include "sample/process_maps.h"
#include "sample/refusal.h"
#include "sample/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often a list of threads that changes while it is read is looked at. */
#define CHECK_TRIES 20

/* What an interpreter exports; Python's own symbols all the way back. */
enum { RUNTIME, CODE_TYPE, VERSION, EVAL_FRAME, SYMBOL_COUNT };

static void init_symbols(struct tg_elf_symbol symbols[SYMBOL_COUNT]) {
    symbols[RUNTIME] = (struct tg_elf_symbol){.name = "_PyRuntime"};
    symbols[CODE_TYPE] = (struct tg_elf_symbol){.name = "PyCode_Type"};
    symbols[VERSION] = (struct tg_elf_symbol){.name = "Py_Version"};
    symbols[EVAL_FRAME] = (struct tg_elf_symbol){.name = "_PyEval_EvalFrameDefault"};
}

/* --- Is there a process to be looked into --- */

static enum tg_status gone(pid_t pid, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_NOT_FOUND, "process %ld has ended, or runs another program now", (long)pid);
}

static enum tg_status check_process(pid_t pid, struct tg_error *err) {
    char state[32], group[32];
    if (pid <= 0 || !tg_task_status(pid, "State", state, sizeof state)
        || !tg_task_status(pid, "Tgid", group, sizeof group)) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no process %ld (any more)", (long)pid);
    }
    if (state[0] == 'Z' || state[0] == 'X') {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "process %ld has ended; only its parent has not noticed yet (a zombie)", (long)pid);
    }
    if (strtol(group, NULL, 10) != pid) {
        return tg_error_set(err, TG_ERROR_INVALID, "%ld is a thread of process %s: give that number", (long)pid, group);
    }
    return TG_OK;
}

/* Opens /proc/PID/exe, which leads to the program also when it was removed; -1 and errno. */
static int open_executable(pid_t pid) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%ld/exe", (long)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static enum tg_status check_executable(pid_t pid, int fd, int errnum, struct tg_error *err) {
    char start[64];
    if (fd < 0 && errnum == ENOENT) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "process %ld has no program: it is a thread of the kernel, or ending", (long)pid);
    }
    ssize_t got = fd < 0 ? -1 : pread(fd, start, sizeof start, 0);
    if (got < 0) {
        return tg_refusal_explain(pid, fd < 0 ? errnum : errno, err);
    }
    if (tg_elf_kind_of(start, (size_t)got) == TG_ELF_FOREIGN) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "process %ld runs a program of 32 bits or for another processor, which cannot be sampled",
                            (long)pid);
    }
    return TG_OK;
}

/* --- Which of its files is the interpreter --- */

/* Likely ones first: a library or program by Python's name, then the program, then whatever embeds it. */
static unsigned rank_of(const struct tg_loaded_file *file) {
    bool is_named = strncmp(file->name, "libpython", 9) == 0 || strncmp(file->name, "python", 6) == 0;
    return is_named ? 0 : file->is_executable ? 1 : 2;
}

struct search {
    struct tg_elf_symbol symbols[SYMBOL_COUNT];
    const struct tg_loaded_file *program; /* or NULL */
    bool saw_python_name;
    bool saw_pypy;
    bool saw_old; /* a Python without what 3.11 has */
};

/* Whether the file is the interpreter; then `symbols` are its. */
static bool search_file(struct search *search, const struct tg_memory *memory, int executable,
                        const struct tg_loaded_file *file) {
    init_symbols(search->symbols);
    size_t found = tg_elf_find_loaded(memory, file->base, search->symbols, SYMBOL_COUNT);
    if (found < SYMBOL_COUNT && file->is_executable && executable >= 0) {
        found = tg_elf_find_in_file(executable, file->base, search->symbols, SYMBOL_COUNT);
    }
    search->program = file->is_executable ? file : search->program;
    search->saw_python_name |= rank_of(file) == 0;
    search->saw_pypy |= strstr(file->name, "pypy") != NULL;
    search->saw_old |= search->symbols[CODE_TYPE].address && !search->symbols[VERSION].address;
    return found == SYMBOL_COUNT;
}

/* A program of any name has an interpreter in it, whose runtime lies in a section of its own. */
static bool has_interpreter(int executable) {
    return executable >= 0 && tg_elf_has_section(executable, ".PyRuntime");
}

static enum tg_status explain_none(const struct search *search, pid_t pid, int executable, struct tg_error *err) {
    const char *name = search->program ? search->program->name : "its program";
    if (search->saw_pypy) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED, "process %ld runs PyPy, and only CPython can be sampled",
                            (long)pid);
    }
    if (search->saw_old) {
        return tg_error_set(
            err, TG_ERROR_UNSUPPORTED,
            "process %ld runs a Python before 3.11, which is too old: from 3.11 on it can be sampled, from "
            "3.14 on attached to",
            (long)pid);
    }
    if (search->saw_python_name || has_interpreter(executable)) {
        return tg_error_set(
            err, TG_ERROR_UNSUPPORTED,
            "process %ld runs a Python (%s) that was stripped of all its symbols, so nothing can be found in it: use "
            "one that was not, or that was linked with -rdynamic, as Python itself does",
            (long)pid, name);
    }
    return tg_error_set(
        err, TG_ERROR_INVALID,
        "process %ld runs %s and no Python: give the number of the Python process, perhaps a child of it "
        "(pgrep -P %ld)",
        (long)pid, name, (long)pid);
}

static enum tg_status find_interpreter(struct search *search, const struct tg_process_maps *maps, int executable,
                                       const struct tg_memory *memory, struct tg_error *err) {
    for (unsigned rank = 0; rank <= 2; rank++) {
        for (size_t i = 0; i < maps->count; i++) {
            if (rank_of(&maps->files[i]) == rank && search_file(search, memory, executable, &maps->files[i])) {
                return TG_OK;
            }
        }
    }
    return explain_none(search, memory->pid, executable, err);
}

/* --- Do its structures lie where we think --- */

enum fit { FITS, FITS_NOT, IS_NOT_READY };

/* The GIL of an interpreter. */
static enum fit check_gil(const struct tg_python_process *process, uint64_t interpreter) {
    const struct tg_layout *layout = &process->layout;
    uint64_t gil = process->runtime + layout->runtime.gil;
    int32_t locked;
    if (layout->runtime.gil == TG_LAYOUT_NONE
        && !tg_memory_read_word(&process->memory, interpreter + layout->interpreter.gil, &gil)) {
        return FITS_NOT;
    }
    if (!gil) {
        return IS_NOT_READY;
    }
    if (!tg_memory_read(&process->memory, gil + layout->gil.locked, &locked, sizeof locked)) {
        return FITS_NOT;
    }
    return locked == -1 ? IS_NOT_READY : locked == 0 || locked == 1 ? FITS : FITS_NOT;
}

/* The newest thread of an interpreter leads back to it. */
static enum fit check_thread(const struct tg_python_process *process, uint64_t interpreter) {
    const struct tg_layout *layout = &process->layout;
    uint64_t thread, back;
    if (!tg_memory_read_word(&process->memory, interpreter + layout->interpreter.threads_head, &thread)) {
        return FITS_NOT;
    }
    if (!thread) {
        return IS_NOT_READY;
    }
    if (!tg_memory_read_word(&process->memory, thread + layout->thread.interpreter, &back)) {
        return FITS_NOT;
    }
    return back == interpreter ? FITS : back ? FITS_NOT : IS_NOT_READY;
}

/* Follows the lists once, as a walk of stacks will. */
static enum fit check_once(const struct tg_python_process *process) {
    const struct tg_layout *layout = &process->layout;
    uint64_t head, main;
    if (!tg_memory_read_word(&process->memory, process->runtime + layout->runtime.interpreters_head, &head)
        || !tg_memory_read_word(&process->memory, process->runtime + layout->runtime.interpreters_main, &main)) {
        return FITS_NOT;
    }
    if (!head || !main) {
        return IS_NOT_READY;
    }
    enum fit gil = check_gil(process, main);
    return gil == FITS ? check_thread(process, main) : gil;
}

static enum tg_status check_structures(const struct tg_python_process *process, struct tg_error *err) {
    enum fit fit = FITS_NOT;
    for (int i = 0; i < CHECK_TRIES && fit != FITS; i++) {
        fit = check_once(process);
    }
    if (fit == IS_NOT_READY) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "the Python in process %ld is starting up or shutting down: try again in a moment",
                            (long)process->pid);
    }
    if (fit == FITS_NOT) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "the Python in process %ld calls itself 3.%u.%u, but its structures are not where they are "
                            "in that version: it was patched, or built for debugging; use a usual build",
                            (long)process->pid, process->version >> 16 & 0xff, process->version >> 8 & 0xff);
    }
    return TG_OK;
}

/* --- All of it --- */

static enum tg_status understand(struct tg_python_process *process, const struct search *search, struct tg_error *err) {
    const struct tg_elf_symbol *symbols = search->symbols;
    char told[TG_LAYOUT_MAX_TOLD_BYTES];
    unsigned long version;
    process->runtime = symbols[RUNTIME].address;
    process->code_type = symbols[CODE_TYPE].address;
    process->eval_frame = symbols[EVAL_FRAME].address;
    process->eval_frame_bytes = symbols[EVAL_FRAME].bytes;
    if (!tg_memory_read(&process->memory, symbols[VERSION].address, &version, sizeof version)
        || !tg_memory_read(&process->memory, process->runtime, told, sizeof told)) {
        return gone(process->pid, err);
    }
    process->version = (uint32_t)version;
    enum tg_status status = tg_layout_init(&process->layout, process->version, told, sizeof told, err);
    if (status != TG_OK) {
        tg_error_prefix(err, "process %ld cannot be sampled", (long)process->pid);
        return status;
    }
    return check_structures(process, err);
}

static enum tg_status unsettled(pid_t pid, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_BUSY, "process %ld is just being started, or is ending: try again in a moment",
                        (long)pid);
}

/* Whether the loader is at work on the process, or has been since its files were listed. */
static bool is_loading(const struct tg_memory *memory, const struct tg_process_maps *maps) {
    struct tg_process_maps now;
    for (size_t i = 0; i < maps->count; i++) {
        if (maps->files[i].is_executable && tg_elf_is_loading(memory, maps->files[i].base)) {
            return true;
        }
    }
    if (tg_process_maps_read(&now, memory->pid, NULL) != TG_OK) {
        return true;
    }
    bool has_changed = now.count != maps->count;
    tg_process_maps_release(&now);
    return has_changed;
}

/* A process that begins or ends looks like many other things meanwhile. */
static enum tg_status reconsider(const struct tg_python_process *process, const struct tg_process_maps *maps,
                                 enum tg_status status, struct tg_error *err) {
    char byte;
    if (!tg_memory_read(&process->memory, maps->files[0].base, &byte, 1)) {
        return gone(process->pid, err);
    }
    return is_loading(&process->memory, maps) ? unsettled(process->pid, err) : status;
}

static enum tg_status find_and_understand(struct tg_python_process *process, int executable,
                                          const struct tg_process_maps *maps, struct tg_error *err) {
    struct search search = {.program = NULL};
    if (maps->count == 0) {
        return unsettled(process->pid, err);
    }
    enum tg_status status = tg_memory_open(&process->memory, process->pid, maps->files[0].base, err);
    if (status != TG_OK) {
        return status == TG_ERROR_IO ? gone(process->pid, err) : status;
    }
    status = find_interpreter(&search, maps, executable, &process->memory, err);
    if (status == TG_OK) {
        status = understand(process, &search, err);
    }
    return status == TG_OK ? TG_OK : reconsider(process, maps, status, err);
}

enum tg_status tg_python_process_open(struct tg_python_process *process, pid_t pid, struct tg_error *err) {
    struct tg_process_maps maps = {.files = NULL};
    *process = (struct tg_python_process){.pid = pid, .memory = {.pid = pid, .fd = -1}};
    enum tg_status status = check_process(pid, err);
    if (status != TG_OK) {
        return status;
    }
    int executable = open_executable(pid);
    status = check_executable(pid, executable, errno, err);
    if (status == TG_OK) {
        status = tg_process_maps_read(&maps, pid, err);
    }
    if (status == TG_OK) {
        status = find_and_understand(process, executable, &maps, err);
    }
    tg_process_maps_release(&maps);
    if (executable >= 0) {
        close(executable);
    }
    if (status != TG_OK) {
        tg_python_process_close(process);
    }
    return status;
}

void tg_python_process_close(struct tg_python_process *process) {
    if (process) {
        tg_memory_close(&process->memory);
    }
}
