/* `tachograph dump`: where each thread of a process is, once. See commands.h. */
#include "base/json.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/process_id.h"
#include "cli/terminal.h"
#include "export/export_group.h"
#include "sample/sampler.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYMBOLS_BYTES ((size_t)256 << 20U)
#define RATE_HZ       100
#define TRIES         20 /* looks, until all threads have been seen */
#define TRY_NS        INT64_C(10000000)
#define JSON_VERSION  1

struct settings {
    const char *pid;
    bool json;
};

static const struct tg_option options[] = {
    {.name = "pid",
     .letter = 'p',
     .kind = TG_OPTION_TEXT,
     .value = "PID",
     .help = "of this process",
     .offset = offsetof(struct settings, pid),
     .check = tg_process_id_check},
    {.name = "json",
     .kind = TG_OPTION_FLAG,
     .help = "write JSON (docs/formats/dump-json.md)",
     .offset = offsetof(struct settings, json)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]... -p PID", NULL};

static const struct tg_example examples[] = {
    {"tachograph dump -p 4711", "what every thread of a process is doing"},
    {"tachograph dump -p 4711 --json", "the same, for another program"},
    {NULL, NULL},
};

/* A thread as it was seen; later looks replace what earlier ones saw. */
struct seen {
    struct tg_sampled_thread thread;
    char state; /* as in /proc: R, S, D, T, t, Z; 0 not known */
    bool has_gil;
    struct tg_frame *frames; /* the outermost first; owned */
    size_t depth;
};

struct dump {
    pid_t pid;
    uint32_t version;
    struct tg_symbols symbols;
    struct seen *threads;
    size_t count;
    size_t capacity;
    bool failed; /* for want of memory */
};

static struct seen *entry_of(struct dump *dump, uint64_t id) {
    for (size_t i = 0; i < dump->count; i++) {
        if (dump->threads[i].thread.id == id) {
            return &dump->threads[i];
        }
    }
    if (dump->count == dump->capacity) {
        size_t capacity = dump->capacity ? dump->capacity * 2 : 16;
        struct seen *threads = realloc(dump->threads, capacity * sizeof *threads);
        if (!threads) {
            return NULL;
        }
        dump->threads = threads;
        dump->capacity = capacity;
    }
    dump->threads[dump->count] = (struct seen){.state = '\0'};
    return &dump->threads[dump->count++];
}

/* What the kernel says of a thread: the letter after its name, which may have anything in it. */
static char state_of(pid_t pid, pid_t tid) {
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", (long)pid, (long)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return (char)(name_end && name_end[1] == ' ' ? name_end[2] : '\0');
}

static void see(void *context, const struct tg_sample *sample) {
    struct dump *dump = context;
    struct seen *seen = entry_of(dump, sample->thread->id);
    struct tg_frame *frames = malloc((sample->depth + 1) * sizeof *frames);
    if (!seen || !frames) {
        free(frames);
        dump->failed = true;
        return;
    }
    memcpy(frames, sample->frames, sample->depth * sizeof *frames);
    free(seen->frames);
    *seen = (struct seen){.thread = *sample->thread,
                          .state = state_of(dump->pid, sample->thread->tid),
                          .has_gil = sample->has_gil,
                          .frames = frames,
                          .depth = sample->depth};
}

static void release(struct dump *dump) {
    for (size_t i = 0; i < dump->count; i++) {
        free(dump->threads[i].frames);
    }
    free(dump->threads);
    tg_symbols_release(&dump->symbols);
}

/* Looks until one look has seen every thread, or it has been tried often enough. */
static enum tg_status look(struct dump *dump, uint64_t *unseen, struct tg_error *err) {
    struct tg_sampler sampler;
    struct tg_sampler_options how = {.rate_hz = RATE_HZ, .tells_idle = true, .sink = see, .sink_context = dump};
    enum tg_status status = tg_sampler_open(&sampler, dump->pid, &how, &dump->symbols, err);
    if (status != TG_OK) {
        return status;
    }
    dump->version = sampler.process.version;
    *unseen = UINT64_MAX;
    for (int i = 0; i<TRIES && * unseen> 0; i++) {
        uint64_t lost = tg_sampler_quality(&sampler).lost_count;
        if (i > 0) {
            usleep((useconds_t)(TRY_NS / 1000));
        }
        if (tg_sampler_tick(&sampler, tg_clock_monotonic_ns(), TRY_NS, 0)) {
            *unseen = tg_sampler_quality(&sampler).lost_count - lost;
        }
    }
    tg_sampler_close(&sampler);
    if (dump->failed) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for its stacks");
    }
    if (dump->count == 0 && *unseen == UINT64_MAX) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "its threads could not be listed: it ends, or its Python has just "
                            "started; try again");
    }
    return TG_OK;
}

static const char *state_name(char state) {
    switch (state) {
    case 'R':
        return "runs";
    case 'S':
        return "waits";
    case 'D':
        return "waits for the disk or the like";
    case 'T':
        return "stopped";
    case 't':
        return "held by a debugger";
    case 'Z':
    case 'X':
        return "has ended";
    default:
        return "";
    }
}

static void append_thread(const struct dump *dump, const struct seen *seen, const struct tg_terminal *terminal,
                          struct tg_strbuf *out) {
    const struct tg_sampled_thread *thread = &seen->thread;
    const char *state = state_name(seen->state);
    tg_strbuf_append_char(out, '\n');
    tg_strbuf_append(out, tg_terminal_bold(terminal));
    tg_strbuf_printf(out, "thread %ld", (long)thread->tid);
    tg_strbuf_append(out, thread->name[0] ? " " : "");
    tg_printable_append(out, thread->name, strlen(thread->name));
    tg_strbuf_append(out, tg_terminal_plain(terminal));
    if (thread->interpreter != 0) {
        tg_strbuf_printf(out, ", interpreter %" PRId64, thread->interpreter);
    }
    tg_strbuf_printf(out, "%s%s%s\n", state[0] ? ", " : "", state, seen->has_gil ? ", has the GIL" : "");
    for (size_t i = seen->depth; i-- > 0;) {
        struct tg_symbol symbol = tg_symbols_get(&dump->symbols, seen->frames[i].symbol);
        uint32_t line = tg_export_line(&symbol, seen->frames[i]);
        tg_strbuf_append(out, "    ");
        tg_printable_append(out, symbol.name, strlen(symbol.name));
        tg_strbuf_append(out, tg_terminal_dim(terminal));
        tg_strbuf_append(out, symbol.file[0] ? "  " : "");
        tg_printable_append(out, symbol.file, strlen(symbol.file));
        if (line) {
            tg_strbuf_printf(out, ":%" PRIu32, line);
        }
        tg_strbuf_append(out, tg_terminal_plain(terminal));
        tg_strbuf_append_char(out, '\n');
    }
    if (seen->depth == 0) {
        tg_strbuf_append(out, "    (no Python function)\n");
    }
}

static void append_version(uint32_t version, struct tg_strbuf *out) {
    tg_strbuf_printf(out, "%u.%u.%u", version >> 24U, version >> 16U & 0xFFU, version >> 8U & 0xFFU);
}

static void append_text(const struct dump *dump, uint64_t unseen, struct tg_strbuf *out) {
    struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
    tg_strbuf_printf(out, "process %ld", (long)dump->pid);
    tg_command_line_append(out, dump->pid);
    tg_strbuf_append(out, ", Python ");
    append_version(dump->version, out);
    tg_strbuf_printf(out, ", %zu thread%s\n", dump->count, dump->count == 1 ? "" : "s");
    for (size_t i = 0; i < dump->count; i++) {
        append_thread(dump, &dump->threads[i], &terminal, out);
    }
    if (unseen > 0) {
        tg_strbuf_printf(out, "\n%" PRIu64 " of its stacks could not be read whole; 'tachograph doctor' may say why\n",
                         unseen);
    }
}

static void put_frames(const struct dump *dump, const struct seen *seen, struct tg_json *json) {
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = seen->depth; i-- > 0;) {
        struct tg_symbol symbol = tg_symbols_get(&dump->symbols, seen->frames[i].symbol);
        tg_json_begin_object(json);
        tg_json_key(json, "function");
        tg_json_string(json, symbol.name);
        tg_json_key(json, "file");
        tg_json_string(json, symbol.file);
        tg_json_key(json, "line");
        tg_json_uint(json, seen->frames[i].line);
        tg_json_key(json, "first_line");
        tg_json_uint(json, symbol.first_line);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

static void put_thread(const struct dump *dump, const struct seen *seen, struct tg_json *json) {
    const char state[] = {seen->state, '\0'};
    tg_json_begin_object(json);
    tg_json_key(json, "thread");
    tg_json_int(json, seen->thread.tid);
    tg_json_key(json, "name");
    tg_json_string(json, seen->thread.name);
    tg_json_key(json, "interpreter");
    tg_json_int(json, seen->thread.interpreter);
    tg_json_key(json, "state");
    tg_json_string(json, state);
    tg_json_key(json, "has_gil");
    tg_json_bool(json, seen->has_gil);
    put_frames(dump, seen, json);
    tg_json_end_object(json);
}

static void append_json(const struct dump *dump, uint64_t unseen, struct tg_strbuf *out) {
    struct tg_strbuf version = TG_STRBUF_INIT;
    struct tg_json json;
    append_version(dump->version, &version);
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "schema");
    tg_json_string(&json, "tachograph-dump");
    tg_json_key(&json, "schema_version");
    tg_json_uint(&json, JSON_VERSION);
    tg_json_key(&json, "tachograph_version");
    tg_json_string(&json, TG_VERSION);
    tg_json_key(&json, "time_unix_ns");
    tg_json_int(&json, tg_clock_wall_ns());
    tg_json_key(&json, "pid");
    tg_json_int(&json, dump->pid);
    tg_json_key(&json, "python_version");
    tg_json_string(&json, tg_strbuf_text(&version));
    tg_json_key(&json, "unread_count");
    tg_json_uint(&json, unseen);
    tg_json_key(&json, "threads");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < dump->count; i++) {
        put_thread(dump, &dump->threads[i], &json);
    }
    tg_json_end_array(&json);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
    tg_strbuf_release(&version);
}

/* The main thread first, then as they were started. */
static int by_age(const void *one, const void *other) {
    const struct seen *a = one;
    const struct seen *b = other;
    return (a->thread.id > b->thread.id) - (a->thread.id < b->thread.id);
}

static enum tg_status print(const struct dump *dump, uint64_t unseen, bool json, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    qsort(dump->threads, dump->count, sizeof *dump->threads, by_age);
    if (json) {
        append_json(dump, unseen, &text);
    } else {
        append_text(dump, unseen, &text);
    }
    enum tg_status status = tg_strbuf_status(&text);
    if (status == TG_OK) {
        status = tg_output_print(tg_strbuf_text(&text), text.length, err);
    } else {
        tg_error_set(err, status, "not enough memory to print its stacks");
    }
    tg_strbuf_release(&text);
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.pid = NULL};
    struct tg_error err = TG_ERROR_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (!settings.pid && words[0] && !words[1] && tg_process_id_check(words[0], NULL) == TG_OK) {
        settings.pid = *words++;
    }
    if (!settings.pid || words[0]) {
        tg_message_error("dump: say which process, as in 'tachograph dump -p 4711'");
        return TG_EXIT_USAGE;
    }
    struct tg_budget budget = {.limit_bytes = SYMBOLS_BYTES};
    struct dump dump = {.pid = tg_process_id_of(settings.pid)};
    uint64_t unseen = 0;
    tg_symbols_init(&dump.symbols, &budget);
    enum tg_status status = look(&dump, &unseen, &err);
    if (status == TG_OK) {
        status = print(&dump, unseen, settings.json, &err);
    }
    release(&dump);
    if (status != TG_OK) {
        tg_message_error("dump: %s", err.message);
    }
    return status == TG_OK ? TG_EXIT_OK : TG_EXIT_FAILED;
}

const struct tg_command tg_command_dump = {
    .name = "dump",
    .summary = "where each thread of a process is, once",
    .usage = usage,
    .description =
        "Shows the stack of every Python thread of a process, the innermost function first, with what the thread does "
        "(runs, waits) and which of them has the interpreter's lock (GIL). The process is read from outside; a thread "
        "is stopped only where it runs too fast to be read, for microseconds.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 done; 1 the process cannot be read; 2 wrong usage",
    .run = run,
};
