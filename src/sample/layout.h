/*
 * layout: where CPython keeps what a sampler reads. One table for each minor version (layout_3_*.c), printed by
 * tools/generate_layout out of the interpreter's own internal headers; every number is an offset in bytes from the
 * start of the structure its group is named after, unless its line says otherwise.
 *
 * Since 3.13 an interpreter describes itself (_Py_DebugOffsets, the first member of _PyRuntime). tg_layout_init() takes
 * what it tells in place of the table's numbers, moves what it does not tell along with the neighbour it does, and
 * refuses what cannot be true: those bytes come from another process. Before 3.13 the table is all there is; whether
 * it fits is checked when a process is opened. docs/adr/0019 says what is known of patch releases.
 *
 * A struct tg_layout is a plain value, constant once made; any number of threads may read it.
 */
#ifndef TG_LAYOUT_H
#define TG_LAYOUT_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In place of an offset: this version has no such member. */
#define TG_LAYOUT_NONE UINT32_MAX

/* Nothing that is read at once is larger: the header of a code object, of a frame, a thread state, the GIL. */
#define TG_LAYOUT_MAX_READ_BYTES 1024

/* _PyRuntimeState, at the symbol _PyRuntime. */
struct tg_layout_runtime {
    uint32_t finalizing;         /* PyThreadState *: not NULL once the interpreter shuts down */
    uint32_t interpreters_mutex; /* guards the lists of interpreters and threads: up to 3.12 a PyThread_type_lock (a
                                    pointer), since 3.13 a PyMutex (one byte, bit 0 is "locked") */
    uint32_t interpreters_head;  /* PyInterpreterState *, the newest first */
    uint32_t interpreters_main;
    uint32_t gil; /* struct tg_layout_gil itself, up to 3.11; NONE since: each interpreter points at one */
};

/* PyInterpreterState. */
struct tg_layout_interpreter {
    uint32_t id; /* int64_t; 0 is the main one */
    uint32_t next;
    uint32_t threads_head; /* PyThreadState *, the newest first */
    uint32_t gil;          /* pointer to the GIL, 3.12+; interpreters may share one */
    uint32_t modules;      /* sys.modules, a dict */
    uint32_t remote;       /* int, 3.14+: whether scripts from outside are run; struct tg_layout_remote */
};

/* PyThreadState. */
struct tg_layout_thread {
    uint32_t size; /* bytes that hold every member named here but asyncio's */
    uint32_t previous;
    uint32_t next;
    uint32_t interpreter;
    uint32_t cframe;           /* up to 3.12: pointer to the tg_layout_cframe, which is on the thread's C stack */
    uint32_t current_frame;    /* 3.13+: pointer to the leaf frame; NULL when no Python code runs */
    uint32_t thread_id;        /* unsigned long: pthread_self() */
    uint32_t native_thread_id; /* unsigned long: gettid(), in the PID namespace of the target; stale after a fork */
    uint32_t id;               /* uint64_t, never used twice */
    uint32_t datastack_chunk;  /* pointer to the newest tg_layout_chunk; NULL before the first call */
    uint32_t datastack_top;    /* pointer to the first free word in it */
    uint32_t datastack_limit;
    uint32_t asyncio_running_task; /* 3.14+: the Task whose step runs, or NULL */
    uint32_t asyncio_tasks;        /* 3.14+: head of the list of its Tasks; struct tg_layout_task.node */
};

/* _PyCFrame, up to 3.12. */
struct tg_layout_cframe {
    uint32_t size;
    uint32_t current_frame;
    uint32_t previous;
};

/* _PyStackChunk: a piece of memory that frames lie in, one after the other. */
struct tg_layout_chunk {
    uint32_t previous; /* NULL in the thread's first */
    uint32_t size;     /* size_t: bytes, this header included */
    uint32_t top;      /* size_t: words in use from `data` on; stale in the newest chunk, where datastack_top counts */
    uint32_t data;     /* here the first frame lies; in the thread's first chunk one word is left free before it */
};

/* _PyInterpreterFrame. */
struct tg_layout_frame {
    uint32_t code;     /* the code object; 3.13+: or None and others for frames that are no Python code, 3.14: tagged */
    uint32_t previous; /* the caller; NULL in the outermost frame, and for a moment while a generator is left */
    uint32_t instruction; /* see `instruction_is_previous` */
    uint32_t owner;       /* one byte */
    uint32_t is_entry;    /* 3.11: bool, a call out of C code into Python began here */
    uint32_t stack_top;   /* of a suspended frame: up to 3.13 int, words from `locals` to the first free one; 3.14: a
                             pointer to that */
    uint32_t locals;      /* variables, then the stack; what comes before is the size of a frame's header */
};

/* struct _gil_runtime_state. */
struct tg_layout_gil {
    uint32_t size;          /* bytes that hold every member named here */
    uint32_t holder;        /* PyThreadState * that has it, or had it last; may have been freed */
    uint32_t locked;        /* int: 1 taken, 0 free, -1 not there yet */
    uint32_t switch_number; /* unsigned long: grows when another thread than the last holder takes it */
};

/* Of a variable that is in a cell, which others share. */
#define TG_LOCAL_CELL 0xC0

/* PyCodeObject. */
struct tg_layout_code {
    uint32_t size;         /* the header's; the instructions begin here (co_code_adaptive) */
    uint32_t unit_count;   /* Py_ssize_t: code units of two bytes, inline caches included */
    uint32_t flags;        /* int */
    uint32_t first_line;   /* int */
    uint32_t stack_words;  /* int: co_stacksize */
    uint32_t locals_count; /* int: co_nlocalsplus */
    uint32_t frame_words;  /* int: a frame's header, variables and stack, 3.12+; before that, add them up */
    uint32_t version;      /* uint32_t, 3.12+; 0 when not given or no longer valid */
    uint32_t file_name;    /* str, as the next two */
    uint32_t name;
    uint32_t qualified_name;
    uint32_t line_table;      /* bytes */
    uint32_t local_names;     /* tuple of str: of arguments, variables, cells and free variables */
    uint32_t local_kinds;     /* bytes: TG_LOCAL_CELL and others of each */
    uint32_t first_traceable; /* int, in code units: a frame before it is not seen by Python either */
};

struct tg_layout_generator {
    uint32_t frame; /* the frame's header itself, not a pointer */
    uint32_t state; /* int8_t: negative suspended, 0 runs, else it has ended */
};

struct tg_layout_object {
    uint32_t type; /* PyTypeObject * */
};

struct tg_layout_bytes {
    uint32_t count; /* Py_ssize_t */
    uint32_t data;
};

/* str; `state` is a word of bit fields. */
struct tg_layout_unicode {
    uint32_t length; /* Py_ssize_t: characters */
    uint32_t state;
    uint32_t ascii_data;   /* where the characters of a compact ASCII string begin */
    uint32_t compact_data; /* ... and of any other compact one, in units of `kind` bytes */
    uint32_t kind_shift;   /* three bits: 1, 2 or 4 bytes for each character */
    uint32_t compact_mask;
    uint32_t ascii_mask;
};

struct tg_layout_type {
    uint32_t basic_size;  /* Py_ssize_t */
    uint32_t name;        /* char * */
    uint32_t flags;       /* unsigned long */
    uint32_t cached_keys; /* of a class: the keys of its instances' attributes */
};

/* Where an instance of a class has its attributes. The word before it by `dict_before` bytes is its dict, or NULL; on
 * 3.12, with the lowest bit set, one less than the address of its values. Where that is NULL the values are at what the
 * word before by `values_before` says (3.11), or right behind the instance (3.13+, under a flag of its class). */
struct tg_layout_instance {
    uint32_t dict_before;
    uint32_t values_before;
    uint32_t inline_flag; /* a mask */
    uint32_t values;      /* from where values are said to be to the first */
};

struct tg_layout_module {
    uint32_t dict;
};

struct tg_layout_dict {
    uint32_t keys;
    uint32_t values; /* NULL, or they are here, in the order of the keys, and not beside them */
};

struct tg_layout_dict_keys {
    uint32_t log2_index_bytes; /* uint8_t: the index takes 2 ** this bytes, the entries follow */
    uint32_t kind;             /* uint8_t: 0 entries of hash, key, value; else of key, value with str keys alone */
    uint32_t entry_count;      /* Py_ssize_t: entries in use, deleted ones (value NULL) included */
    uint32_t index;
};

struct tg_layout_integer {
    uint32_t count; /* a word: how many digits, shifted */
    uint32_t count_shift;
    uint32_t digits; /* uint32_t each, of 30 bits, the lowest first */
};

struct tg_layout_real {
    uint32_t value; /* double */
};

struct tg_layout_tuple {
    uint32_t count; /* Py_ssize_t */
    uint32_t items;
};

struct tg_layout_cell {
    uint32_t content;
};

struct tg_layout_set {
    uint32_t mask;  /* Py_ssize_t: one less than how many entries the table has */
    uint32_t table; /* pointer to entries of {key, hash}; key NULL: unused */
};

struct tg_layout_weak {
    uint32_t object; /* that it refers to, or None */
};

/* _asyncio.Task. */
struct tg_layout_task {
    uint32_t awaited; /* the Future that it waits for, or NULL */
    uint32_t coroutine;
    uint32_t name; /* str; 3.12+: or the int of Task-N */
    uint32_t node; /* 3.14+: in its thread's list, {next, previous}, of those nodes */
};

/* What runs a script in a process from outside, 3.14+. */
struct tg_layout_remote {
    uint32_t breaker;     /* in the thread state, uintptr_t: bits that make the thread look up from its work */
    uint32_t support;     /* in the thread state, a struct of: */
    uint32_t pending;     /* int32_t: 1 when there is a script to run */
    uint32_t script;      /* char[] */
    uint32_t script_size; /* no offset: bytes that it may have */
};

/* That `there`, in _Py_DebugOffsets, is a uint64_t with what belongs at `here` in struct tg_layout. */
struct tg_layout_told {
    uint16_t here;
    uint16_t there;
    uint16_t minus; /* another place in _Py_DebugOffsets, to be taken off; 0 none */
};

/* That what is not told lies next to what is: both move alike. */
struct tg_layout_beside {
    uint16_t here;
    uint16_t neighbour;
};

struct tg_layout {
    uint8_t minor; /* of Python 3 */
    /* Where a frame stands. False (3.13+): `instruction` points at the instruction that runs or is about to begin; in a
     * caller, at its call. True (3.11, 3.12): at the code unit before the next one to run, which may be an inline cache
     * of the one that runs, and one unit before the code's first in a frame that has not begun. Either way
     * (instruction - code's first) is what f_lasti says, and the line is that of this offset. */
    bool instruction_is_previous;
    uint8_t owner_generator; /* a generator's or coroutine's: the frame lies inside that object, not in a chunk */
    uint8_t
        owner_shim_first; /* owners from here on are no Python code and are left out; the walk goes on behind them */
    uint8_t owner_count;  /* owners from here on do not exist: the memory is no frame */
    uint8_t tag_mask;     /* bits of `frame.code` (and of stacked values) that are no part of the address */
    struct tg_layout_runtime runtime;
    struct tg_layout_interpreter interpreter;
    struct tg_layout_thread thread;
    struct tg_layout_cframe cframe;
    struct tg_layout_chunk chunk;
    struct tg_layout_frame frame;
    struct tg_layout_gil gil;
    struct tg_layout_code code;
    struct tg_layout_generator generator;
    struct tg_layout_object object;
    struct tg_layout_bytes bytes;
    struct tg_layout_unicode unicode;
    struct tg_layout_type type;
    struct tg_layout_instance instance;
    struct tg_layout_module module;
    struct tg_layout_dict dict;
    struct tg_layout_dict_keys dict_keys;
    struct tg_layout_integer integer;
    struct tg_layout_real real;
    struct tg_layout_tuple tuple;
    struct tg_layout_cell cell;
    struct tg_layout_set set;
    struct tg_layout_weak weak;
    struct tg_layout_task task;
    struct tg_layout_remote remote;
    uint32_t told_size; /* sizeof(_Py_DebugOffsets), 0 before 3.13 */
    const struct tg_layout_told *told;
    const struct tg_layout_beside *beside;
    size_t told_count;
    size_t beside_count;
};

/* The largest `told_size`: what a caller must be able to read. */
#define TG_LAYOUT_MAX_TOLD_BYTES 1024

/* The table of a minor version, or NULL when there is none. */
const struct tg_layout *tg_layout_find(unsigned minor);

/* Makes the layout of an interpreter. `version` is its Py_Version; `told` are the first `told_bytes` bytes at its
 * _PyRuntime, used since 3.13 only (TG_LAYOUT_MAX_TOLD_BYTES are enough for all). TG_ERROR_UNSUPPORTED: a version that
 * is too old or too new, or the free-threaded build. TG_ERROR_FORMAT: what it tells of itself cannot be. */
TG_NODISCARD enum tg_status tg_layout_init(struct tg_layout *layout, uint32_t version, const void *told,
                                           size_t told_bytes, struct tg_error *err);

#endif
