/* program: see program.h. */
#include "cli/program.h"

#include "base/nearest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXIT_NOT_THERE      2 /* as python says for a file that it cannot open */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define FIRST_LINE_BYTES    1024

/* argv: the interpreter, up to two words of ours, the request's words. */
static enum tg_status assemble(struct tg_program *program, const char *first, const char *second, char **words,
                               struct tg_error *err) {
    size_t count = 0;
    while (words[count]) {
        count++;
    }
    program->argv = calloc(count + 4, sizeof *program->argv);
    if (!program->argv) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the command line");
    }
    size_t used = 0;
    program->argv[used++] = program->interpreter.path;
    /* execv() takes `char *` and changes none of them. */
    if (first) {
        program->argv[used++] = (char *)(uintptr_t)first;
    }
    if (second) {
        program->argv[used++] = (char *)(uintptr_t)second;
    }
    memcpy(program->argv + used, words, count * sizeof *words);
    return TG_OK;
}

static enum tg_status find_interpreter(struct tg_program *program, const char *wanted, int *exit_code,
                                       struct tg_error *err) {
    enum tg_status status = tg_interpreter_find(&program->interpreter, wanted, err);
    if (status != TG_OK) {
        *exit_code = status == TG_ERROR_PERMISSION ? EXIT_NOT_EXECUTABLE : EXIT_NOT_FOUND;
    }
    return status;
}

/* Whether python would run it: any file, or a directory with a __main__.py. */
static bool is_script(const char *path) {
    struct stat info;
    if (strcmp(path, "-") == 0) {
        return true;
    }
    if (stat(path, &info) != 0) {
        return false;
    }
    char inside[TG_INTERPRETER_PATH_SIZE];
    int written = snprintf(inside, sizeof inside, "%s/__main__.py", path);
    return !S_ISDIR(info.st_mode) || ((size_t)written < sizeof inside && stat(inside, &info) == 0);
}

static void offer_directory(struct tg_nearest *nearest, const char *directory, size_t length) {
    char path[TG_INTERPRETER_PATH_SIZE];
    snprintf(path, sizeof path, "%.*s", length ? (int)length : 1, length ? directory : ".");
    DIR *listing = opendir(path);
    struct dirent *entry = NULL;
    while (listing && (entry = readdir(listing))) {
        char name[TG_INTERPRETER_PATH_SIZE];
        int written = snprintf(name, sizeof name, "%.*s%s", (int)length, directory, entry->d_name);
        if (entry->d_name[0] != '.' && (size_t)written < sizeof name) {
            tg_nearest_offer(nearest, name);
        }
    }
    if (listing) {
        closedir(listing);
    }
}

static enum tg_status refuse_script(const char *word, int *exit_code, struct tg_error *err) {
    const char *slash = strrchr(word, '/');
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, word);
    offer_directory(&nearest, word, slash ? (size_t)(slash - word) + 1 : 0);
    *exit_code = EXIT_NOT_THERE;
    const char *where = slash ? "" : ", nor a command of that name on PATH";
    if (nearest.count > 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no script '%s'%s; did you mean '%s'?", word, where,
                            nearest.names[0]);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no script '%s'%s; for a module write -m %s", word, where,
                        word);
}

/* The next word of a line, ended by a zero byte in place; "" at the end. */
static char *take_word(char **line) {
    char *word = *line + strspn(*line, " \t");
    size_t length = strcspn(word, " \t\r");
    *line = word + length;
    if (**line) {
        *(*line)++ = '\0';
    }
    return word;
}

/* The Python named by the first line of a command: "#!/path/python", "#!/usr/bin/env python3", or what pip writes for
 * long paths, "#!/bin/sh" and then "'''exec' /path/python ...". NULL: none. */
static char *read_shebang(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    if (got < 2 || text[0] != '#' || text[1] != '!') {
        return NULL;
    }
    text[got] = '\0';
    char *line = text + 2;
    char *next = line + strcspn(line, "\n");
    if (*next) {
        *next++ = '\0';
    }
    char *word = take_word(&line);
    const char *slash = strrchr(word, '/');
    const char *name = slash ? slash + 1 : word;
    if (strcmp(name, "env") == 0) {
        word = take_word(&line);
    } else if (strcmp(name, "sh") == 0 && strncmp(next, "'''exec' ", strlen("'''exec' ")) == 0) {
        next += strlen("'''exec' ");
        next[strcspn(next, "\n")] = '\0';
        bool quoted = *next == '"';
        word = next + quoted;
        word[strcspn(word, quoted ? "\"" : " ")] = '\0';
    }
    return tg_interpreter_is_name(word) ? word : NULL;
}

/* A command found on PATH, at program->file. */
static enum tg_status plan_command(struct tg_program *program, const struct tg_program_request *request, int *exit_code,
                                   struct tg_error *err) {
    char text[FIRST_LINE_BYTES];
    const char *python = read_shebang(program->file, text, sizeof text);
    if (!python) {
        *exit_code = EXIT_NOT_EXECUTABLE;
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "'%s' (%s) is no Python program: its first line names no python; give a script, "
                            "-m MODULE, or a command that does",
                            request->words[0], program->file);
    }
    enum tg_status status = find_interpreter(program, request->python ? request->python : python, exit_code, err);
    if (status != TG_OK) {
        return status;
    }
    program->interpreter.origin = request->python ? "--python" : "the first line of the command";
    return assemble(program, program->file, NULL, request->words + 1, err);
}

static enum tg_status plan_words(struct tg_program *program, const struct tg_program_request *request, int *exit_code,
                                 struct tg_error *err) {
    const char *word = request->words[0];
    enum tg_status found = tg_interpreter_search(word, program->file, sizeof program->file);
    program->name = word;
    if (found == TG_OK && tg_interpreter_is_name(word)) {
        enum tg_status status = find_interpreter(program, request->python ? request->python : word, exit_code, err);
        program->interpreter.origin = request->python ? "--python" : "the command line";
        return status == TG_OK ? assemble(program, NULL, NULL, request->words + 1, err) : status;
    }
    if (is_script(word)) {
        enum tg_status status = find_interpreter(program, request->python, exit_code, err);
        return status == TG_OK ? assemble(program, NULL, NULL, request->words, err) : status;
    }
    if (found == TG_OK && !strchr(word, '/')) {
        return plan_command(program, request, exit_code, err);
    }
    return refuse_script(word, exit_code, err);
}

enum tg_status tg_program_plan(struct tg_program *program, const struct tg_program_request *request, int *exit_code,
                               struct tg_error *err) {
    *program = (struct tg_program){.argv = NULL};
    if (!request->module && !request->code) {
        return plan_words(program, request, exit_code, err);
    }
    const char *option = request->module ? "-m" : "-c";
    const char *value = request->module ? request->module : request->code;
    snprintf(program->shown, sizeof program->shown, "%s %s", option, request->module ? value : "...");
    program->name = program->shown;
    enum tg_status status = find_interpreter(program, request->python, exit_code, err);
    return status == TG_OK ? assemble(program, option, value, request->words, err) : status;
}

void tg_program_release(struct tg_program *program) {
    if (program) {
        free(program->argv);
        *program = (struct tg_program){.argv = NULL};
    }
}
