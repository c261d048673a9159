/* dump_text: a dump for people. See dump.h. */
#include "cli/command_line.h"
#include "cli/dump.h"
#include "cli/printable.h"
#include "export/export_group.h"
#include "failure/redact.h"

#include <inttypes.h>
#include <string.h>

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

/* As repr() shows them, near enough: what a terminal would act on is escaped. */
static void append_value(const struct tg_python_value *value, struct tg_strbuf *out) {
    const char *more = value->is_cut ? "..." : "";
    switch (value->kind) {
    case TG_VALUE_NUMBER:
        tg_strbuf_append(out, value->text);
        break;
    case TG_VALUE_STR:
        tg_strbuf_append_char(out, '\'');
        tg_printable_append(out, value->text, value->size);
        tg_strbuf_printf(out, "'%s", more);
        break;
    case TG_VALUE_BYTES:
        tg_strbuf_append(out, "b'");
        for (size_t i = 0; i < value->size; i++) {
            unsigned char byte = (unsigned char)value->text[i];
            bool is_plain = byte >= ' ' && byte < 0x7F && byte != '\'' && byte != '\\';
            tg_strbuf_printf(out, is_plain ? "%c" : "\\x%02x", byte);
        }
        tg_strbuf_printf(out, "'%s", more);
        break;
    case TG_VALUE_OTHER:
        tg_strbuf_append_char(out, '<');
        tg_printable_append(out, value->text, value->size);
        tg_strbuf_append_char(out, '>');
        break;
    default:
        tg_strbuf_append(out, "(cannot be read)");
    }
    if (value->is_cut) {
        tg_strbuf_printf(out, " (%" PRIu64 " %s)", value->length, value->kind == TG_VALUE_STR ? "characters" : "bytes");
    }
}

static void append_locals(const struct tg_dump_details *details, size_t frame, const struct tg_terminal *terminal,
                          struct tg_strbuf *out) {
    for (size_t i = 0; i < details->local_count; i++) {
        const struct tg_dump_local *local = &details->locals[i];
        if (local->frame == frame) {
            tg_strbuf_append(out, "        ");
            tg_strbuf_append(out, tg_terminal_dim(terminal));
            tg_printable_append(out, local->name, strlen(local->name));
            tg_strbuf_append(out, tg_terminal_plain(terminal));
            tg_strbuf_append(out, " = ");
            if (local->is_redacted) {
                tg_strbuf_append(out, TG_REDACTED);
            } else {
                append_value(&local->value, out);
            }
            tg_strbuf_append_char(out, '\n');
        }
    }
}

static void append_frame(const struct tg_dump *dump, struct tg_frame frame, const struct tg_terminal *terminal,
                         struct tg_strbuf *out) {
    struct tg_symbol symbol = tg_symbols_get(&dump->symbols, frame.symbol);
    uint32_t line = tg_export_line(&symbol, frame);
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

/* ", task Task-1" */
static void append_running_task(const struct tg_dump *dump, size_t index, struct tg_strbuf *out) {
    for (size_t i = 0; i < dump->task_count; i++) {
        if (dump->tasks[i].thread == index) {
            tg_strbuf_append(out, ", task ");
            tg_printable_append(out, dump->tasks[i].task.name, strlen(dump->tasks[i].task.name));
        }
    }
}

static void append_thread(const struct tg_dump *dump, size_t index, const struct tg_terminal *terminal,
                          struct tg_strbuf *out) {
    const struct tg_dump_thread *seen = &dump->threads[index];
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
    tg_strbuf_printf(out, "%s%s%s", state[0] ? ", " : "", state, seen->has_gil ? ", has the GIL" : "");
    append_running_task(dump, index, out);
    tg_strbuf_append_char(out, '\n');
    for (size_t i = seen->depth; i-- > 0;) {
        append_frame(dump, seen->frames[i], terminal, out);
        append_locals(&seen->details, i, terminal, out);
    }
    if (seen->depth == 0) {
        tg_strbuf_append(out, "    (no Python function)\n");
    }
}

static void append_tasks(const struct tg_dump *dump, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    for (size_t i = 0; i < dump->task_count; i++) {
        const struct tg_asyncio_task *task = &dump->tasks[i].task;
        if (task->is_running) {
            continue;
        }
        tg_strbuf_printf(out, "\n%stask ", tg_terminal_bold(terminal));
        tg_printable_append(out, task->name, strlen(task->name));
        tg_strbuf_printf(out, "%s, suspended\n", tg_terminal_plain(terminal));
        for (size_t k = task->depth; k-- > 0;) {
            append_frame(dump, task->frames[k], terminal, out);
        }
    }
}

static void append_notes(const struct tg_dump *dump, struct tg_strbuf *out) {
    if (dump->unseen > 0) {
        tg_strbuf_printf(out,
                         "\n%" PRIu64
                         " of its stacks could not be read whole; 'tachograph doctor' says what this machine "
                         "forbids\n",
                         dump->unseen);
    }
    if (dump->has_tasks && !dump->has_all_tasks) {
        tg_strbuf_append(
            out, "\nnot all of its asyncio tasks are shown: there are too many to read while it stands still\n");
    }
    if (dump->uninspected > 0 && !dump->is_unstoppable) {
        tg_strbuf_printf(out,
                         "\n%" PRIu64 " of its threads did not stop in time: their variables are not shown; try "
                         "again\n",
                         dump->uninspected);
    }
    if (dump->is_unstoppable) {
        tg_strbuf_append(out, "\nits threads may not be stopped, so the variables and tasks of those that run are not "
                              "shown; a debugger may hold it, or the machine forbid it: see 'tachograph doctor'\n");
    }
}

void tg_dump_append_text(const struct tg_dump *dump, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    tg_strbuf_printf(out, "process %ld", (long)dump->pid);
    tg_command_line_append(out, dump->pid);
    tg_strbuf_append(out, ", Python ");
    tg_dump_append_version(dump->version, out);
    tg_strbuf_printf(out, ", %zu thread%s", dump->thread_count, dump->thread_count == 1 ? "" : "s");
    if (dump->task_count) {
        tg_strbuf_printf(out, ", %zu asyncio task%s", dump->task_count, dump->task_count == 1 ? "" : "s");
    }
    tg_strbuf_append_char(out, '\n');
    for (size_t i = 0; i < dump->count; i++) {
        append_thread(dump, i, terminal, out);
    }
    append_tasks(dump, terminal, out);
    append_notes(dump, out);
}
