/* run_notes: see run_notes.h. */
#include "cli/run_notes.h"

#include "base/humanize.h"
#include "cli/own_name.h"
#include "cli/printable.h"
#include "record/runtime.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED_MAX 3 /* recordings */

/* The first of python's own `letters` among the options before the script, as -S or among other letters; 0: none. */
static char find_option(const struct tg_program *program, const char *letters) {
    for (char *const *word = program->argv + 1; *word && (*word)[0] == '-' && (*word)[1] != '-'; word++) {
        for (const char *letter = *word + 1; *letter; letter++) {
            if (strchr(letters, *letter)) {
                return *letter;
            }
            if (strchr("cm", *letter)) {
                return '\0'; /* the program begins here */
            }
            if (strchr("WX", *letter)) {
                word += letter[1] == '\0' && word[1]; /* its value is the next word */
                break;
            }
        }
    }
    return '\0';
}

/* Whether no directory can be had, and why not the last of them. */
static bool is_without_directory(struct tg_error *reason) {
    struct tg_runtime_paths candidates;
    tg_runtime_candidates(&candidates);
    tg_error_set(reason, TG_ERROR_INVALID, "TACHOGRAPH_RUNTIME_DIR is no absolute path, or too long a one");
    for (size_t i = 0; i < candidates.writer_count; i++) {
        int fd = -1;
        if (tg_runtime_open(candidates.paths[i], true, &fd, reason) == TG_OK) {
            close(fd);
            return false;
        }
    }
    return true;
}

void tg_run_notes_no_recording(struct tg_strbuf *out, const struct tg_program *program) {
    struct tg_error reason = TG_ERROR_INIT;
    char ignoring = find_option(program, "EI");
    tg_strbuf_append(out, "The program left no recording: ");
    if (program->interpreter.lacks_hook) {
        tg_strbuf_append(out, "its Python can import tachograph, but does not when it\n"
                              "starts, as if it was found through PYTHONPATH. Install it into that Python with pip.\n");
    } else if (program->interpreter.injected[0] && ignoring) {
        tg_strbuf_printf(out,
                         "with -%c Python does not look at PYTHONPATH, through\n"
                         "which tachograph was given to it. Leave -%c out, or install tachograph into that Python.\n",
                         ignoring, ignoring);
    } else if (find_option(program, "S")) {
        tg_strbuf_append(out, "with -S Python does not look into site-packages when\n"
                              "it starts, and tachograph is there. Leave -S out.\n");
    } else if (is_without_directory(&reason)) {
        tg_strbuf_append(out, "there is no directory for it.\n");
        tg_printable_append(out, reason.message, strlen(reason.message));
        tg_strbuf_append(out, ".\nSet TACHOGRAPH_RUNTIME_DIR to a directory that you can write to.\n");
    } else {
        tg_strbuf_append(out, "it ended before Python ran any of it, as 'python\n"
                              "--version' does, or it said above why nothing could be recorded.\n");
    }
}

/* Functions that were chosen to be timed, called or not. Function 0 is none. */
static uint64_t count_chosen(const struct tg_report *report) {
    uint64_t count = 0;
    for (size_t i = 0; i < report->recording_count; i++) {
        uint32_t known = atomic_load(&report->recordings[i].reader.header->function_count);
        count += known ? known - 1 : 0;
    }
    return count;
}

static void append_patterns(struct tg_strbuf *out, const struct tg_text_list *time, const char *setting) {
    tg_strbuf_append(out, time->count ? "--time" : "TACHOGRAPH_TIME");
    for (size_t i = 0; i < time->count; i++) {
        tg_strbuf_append(out, i ? " or '" : " '");
        tg_printable_append(out, time->items[i], strlen(time->items[i]));
        tg_strbuf_append_char(out, '\'');
    }
    if (!time->count) {
        tg_strbuf_append(out, " ('");
        tg_printable_append(out, setting, strlen(setting));
        tg_strbuf_append(out, "')");
    }
}

void tg_run_notes_no_function(struct tg_strbuf *out, const struct tg_report *report, const struct tg_text_list *time) {
    const char *setting = getenv("TACHOGRAPH_TIME");
    bool by_pattern = time->count || (setting && setting[0]);
    uint64_t chosen = count_chosen(report);
    if (report->totals.overflow_call_count || report->totals.unrecorded_call_count) {
        return; /* they were called, and a note says what became of it */
    }
    if (chosen) {
        tg_strbuf_printf(out, "%s %s chosen", tg_humanize_count(chosen).text,
                         chosen == 1 ? "function was" : "functions were");
        if (by_pattern) {
            tg_strbuf_append(out, " by ");
            append_patterns(out, time, setting);
        }
        tg_strbuf_append(out, ", but none was called.\n");
    } else if (report->end && (report->end->by_signal || report->end->code != 0)) {
        tg_strbuf_append(out, "The program failed before it had defined a function to be timed.\n");
    } else if (by_pattern) {
        tg_strbuf_append(out, "No function of what the program imported matches ");
        append_patterns(out, time, setting);
        tg_strbuf_append(out,
                         ".\nA pattern is a module ('shop'), a module with its submodules ('shop.*'), or has '::'\n"
                         "before a function ('shop.cart::total'); the program's own file is the module '__main__'.\n");
    } else {
        tg_strbuf_append(out,
                         "The program's own project has no function in what was imported. Without --time, those of\n"
                         "the standard library and of site-packages are not timed: name what is meant, as with\n"
                         "--time 'package.*'.\n");
    }
}

void tg_run_notes_next(struct tg_strbuf *out, const char *const *paths, size_t count, const char *run) {
    const char *directory = getenv("TACHOGRAPH_RUNTIME_DIR");
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        tg_strbuf_printf(out, "%-10s", i ? "" : "recorded");
        tg_printable_append(out, paths[i], strlen(paths[i]));
        tg_strbuf_append_char(out, '\n');
    }
    if (count > NAMED_MAX) {
        tg_strbuf_printf(out, "%-10sand %zu more\n", "", count - NAMED_MAX);
    }
    if (count == 0) {
        return;
    }
    tg_strbuf_printf(out, "%-10s", "again");
    if (count > 1 && directory && directory[0]) { /* a run is looked up, and the next shell may not know where */
        tg_strbuf_append(out, "TACHOGRAPH_RUNTIME_DIR=");
        tg_printable_append_word(out, directory);
        tg_strbuf_append_char(out, ' ');
    }
    tg_own_name_append(out);
    tg_strbuf_append(out, " report ");
    tg_printable_append_word(out, count == 1 ? paths[0] : run);
    tg_strbuf_append_char(out, '\n');
}
