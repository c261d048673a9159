/* program: see program.h. */
#include "cli/program.h"

#include "base/nearest.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define EXIT_NOT_THERE      2 /* as python says for a file that it cannot open */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127

/* What a zip file ends with: this record, and a comment whose length the record ends with. */
#define ZIP_END_BYTES   22
#define ZIP_COMMENT_MAX 65535

static const struct tg_interpreter_wish *wish_of(const struct tg_program_request *request) {
    return request->python.name ? &request->python : &request->setting;
}

/* argv: the interpreter, words of ours (ended by NULL), the request's words. */
static enum tg_status assemble(struct tg_program *program, const char *const *own, char **words, struct tg_error *err) {
    size_t own_count = 0;
    size_t count = 0;
    while (own[own_count]) {
        own_count++;
    }
    while (words[count]) {
        count++;
    }
    program->argv = calloc(1 + own_count + count + 1, sizeof *program->argv);
    if (!program->argv) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the command line");
    }
    program->argv[0] = program->interpreter.path;
    for (size_t i = 0; i < own_count; i++) {
        program->argv[1 + i] = (char *)(uintptr_t)own[i]; /* execv() takes `char *` and changes none of them */
    }
    memcpy(program->argv + 1 + own_count, words, count * sizeof *words);
    return TG_OK;
}

static enum tg_status find_interpreter(struct tg_program *program, const struct tg_interpreter_wish *wish,
                                       int *exit_code, struct tg_error *err) {
    enum tg_status status = tg_interpreter_find(&program->interpreter, wish, err);
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

/* Whether a zip file ends here, whatever the file begins with. Python does not ask whether the comment is as long as it
 * says; without that, libraries that read zip files would pass for some, which have the mark among their data. */
static bool ends_as_zip(FILE *file) {
    static const unsigned char mark[] = {'P', 'K', 5, 6};
    unsigned char end[ZIP_END_BYTES + ZIP_COMMENT_MAX];
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    long start = size > (long)sizeof end ? size - (long)sizeof end : 0;
    size_t count = size >= 0 && fseek(file, start, SEEK_SET) == 0 ? fread(end, 1, sizeof end, file) : 0;
    for (size_t i = count; i >= ZIP_END_BYTES; i--) {
        const unsigned char *record = end + i - ZIP_END_BYTES;
        size_t comment = record[ZIP_END_BYTES - 2] | (size_t)record[ZIP_END_BYTES - 1] << 8U;
        if (memcmp(record, mark, sizeof mark) == 0 && comment == count - i) {
            return true;
        }
    }
    return false;
}

/* Whether a file is a compiled program, which python would call a syntax error; one with a zip file at its end it would
 * run. */
static bool is_compiled(const char *path) {
    static const char elf[] = {0x7f, 'E', 'L', 'F'};
    char start[sizeof elf];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) { /* to read a pipe would take what is for the program */
        return false;
    }
    FILE *file = fopen(path, "re");
    bool is =
        file && fread(start, sizeof start, 1, file) == 1 && memcmp(start, elf, sizeof elf) == 0 && !ends_as_zip(file);
    if (file) {
        fclose(file);
    }
    return is;
}

/* What it is for is not known: it may be a Python of another name, or have one in it. */
static enum tg_status refuse_compiled(const struct tg_program_request *request, const char *path, int *exit_code,
                                      struct tg_error *err) {
    *exit_code = EXIT_NOT_EXECUTABLE;
    return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                        "'%s' is a compiled program: give a script, or -m MODULE%s; a program that has a Python in it "
                        "is recorded while it runs, with 'tachograph record -p PID'",
                        path, request->python.name ? "" : "; if it is a Python itself, name it with --python");
}

static void offer_directory(struct tg_nearest *nearest, const char *directory, size_t length) {
    char path[TG_INTERPRETER_PATH_SIZE];
    snprintf(path, sizeof path, "%.*s", length ? (int)length : 1, length ? directory : ".");
    DIR *listing = opendir(path);
    struct dirent *entry = NULL;
    while (listing && (entry = readdir(listing))) {
        char name[TG_INTERPRETER_PATH_SIZE];
        int written = snprintf(name, sizeof name, "%.*s%s", (int)length, directory, entry->d_name);
        bool is_other = strcmp(name, nearest->wanted) != 0; /* a link that leads nowhere has the very name */
        if (entry->d_name[0] != '.' && (size_t)written < sizeof name && is_other) {
            tg_nearest_offer(nearest, name);
        }
    }
    if (listing) {
        closedir(listing);
    }
}

static enum tg_status refuse_script(const char *word, int *exit_code, struct tg_error *err) {
    const char *slash = strrchr(word, '/');
    struct stat info;
    *exit_code = EXIT_NOT_THERE;
    if (stat(word, &info) == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "'%s' is a directory without a __main__.py; give a script in it, or -m MODULE", word);
    }
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, word);
    offer_directory(&nearest, word, slash ? (size_t)(slash - word) + 1 : 0);
    const char *where = slash ? "" : ", nor a command of that name on PATH";
    if (nearest.count > 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no script '%s'%s; did you mean '%s'?", word, where,
                            nearest.names[0]);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no script '%s'%s; for a module write -m %s", word, where,
                        word);
}

/* A command found on PATH, or installed into an environment, at program->file. */
static enum tg_status plan_command(struct tg_program *program, const struct tg_program_request *request, int *exit_code,
                                   struct tg_error *err) {
    struct tg_shebang *shebang = &program->shebang;
    if (is_compiled(program->file)) {
        return refuse_compiled(request, program->file, exit_code, err);
    }
    if (!tg_shebang_read(shebang, program->file) || !tg_interpreter_is_name(shebang->words[0])) {
        *exit_code = EXIT_NOT_EXECUTABLE;
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "'%s' (%s) is no Python program: its first line names no python; give a script, "
                            "-m MODULE, or a command that does",
                            request->words[0], program->file);
    }
    struct tg_interpreter_wish named = {.name = shebang->words[0], .origin = "the first line of the command"};
    enum tg_status status = find_interpreter(program, request->python.name ? &request->python : &named, exit_code, err);
    if (status != TG_OK) {
        return status;
    }
    const char *own[TG_SHEBANG_WORDS + 1] = {NULL}; /* arguments, the file, NULL */
    for (size_t i = 1; i < shebang->word_count; i++) {
        own[i - 1] = shebang->words[i];
    }
    own[shebang->word_count - 1] = program->file;
    return assemble(program, own, request->words + 1, err);
}

/* Whether two files lie in one directory. */
static bool lie_together(const char *one, const char *other) {
    struct stat info[2];
    const char *const paths[] = {one, other};
    for (size_t i = 0; i < 2; i++) {
        char directory[TG_INTERPRETER_PATH_SIZE];
        const char *slash = strrchr(paths[i], '/');
        int written = slash ? snprintf(directory, sizeof directory, "%.*s/", (int)(slash - paths[i]), paths[i]) : -1;
        if (written < 0 || (size_t)written >= sizeof directory || stat(directory, &info[i]) != 0) {
            return false;
        }
    }
    return info[0].st_dev == info[1].st_dev && info[0].st_ino == info[1].st_ino;
}

/* Whether the file at program->file was installed for the Python beside it: without that it would miss its packages. */
static bool is_installed_command(struct tg_program *program) {
    return tg_shebang_read(&program->shebang, program->file) && tg_interpreter_is_name(program->shebang.words[0])
           && lie_together(program->file, program->shebang.words[0]);
}

static const char *const nothing[] = {NULL};

static enum tg_status plan_words(struct tg_program *program, const struct tg_program_request *request, int *exit_code,
                                 struct tg_error *err) {
    const char *word = request->words[0];
    enum tg_status found = tg_interpreter_search(word, program->file, sizeof program->file);
    program->name = word;
    bool is_forbidden = found == TG_ERROR_PERMISSION && is_compiled(word);
    if ((found == TG_OK || is_forbidden) && tg_interpreter_is_name(word)) {
        struct tg_interpreter_wish named = {.name = word, .origin = "the command line"};
        enum tg_status status =
            find_interpreter(program, request->python.name ? &request->python : &named, exit_code, err);
        return status == TG_OK ? assemble(program, nothing, request->words + 1, err) : status;
    }
    if (found == TG_OK && strchr(word, '/') && is_installed_command(program)) {
        return plan_command(program, request, exit_code, err);
    }
    if (is_compiled(word)) {
        return refuse_compiled(request, word, exit_code, err);
    }
    if (is_script(word)) {
        enum tg_status status = find_interpreter(program, wish_of(request), exit_code, err);
        return status == TG_OK ? assemble(program, nothing, request->words, err) : status;
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
    enum tg_status status = find_interpreter(program, wish_of(request), exit_code, err);
    return status == TG_OK ? assemble(program, (const char *const[]){option, value, NULL}, request->words, err)
                           : status;
}

const char *tg_program_script(const struct tg_program_request *request) {
    char path[TG_INTERPRETER_PATH_SIZE];
    char **words = request->words;
    if (request->module || request->code) {
        return "-m";
    }
    if (tg_interpreter_is_name(words[0]) && tg_interpreter_search(words[0], path, sizeof path) == TG_OK) {
        words++;
        return words[0] && words[0][0] != '-' && is_script(words[0]) ? words[0] : "";
    }
    return is_script(words[0]) ? words[0] : "";
}

/* The last part of a path, up to its last dot. */
static void append_stem(struct tg_strbuf *out, const char *path, size_t length) {
    const char *start = path;
    for (size_t i = 0; i < length; i++) {
        start = path[i] == '/' ? path + i + 1 : start;
    }
    size_t stem = length - (size_t)(start - path);
    for (size_t i = stem; i > 1; i--) {
        if (start[i - 1] == '.') {
            stem = i - 1;
            break;
        }
    }
    tg_strbuf_append_bytes(out, start, stem);
}

void tg_program_append_service(struct tg_strbuf *out, const struct tg_program_request *request, const char *project) {
    static const char main_stem[] = "__main__";
    const char *script = tg_program_script(request);
    size_t before = out->length;
    if (project) {
        tg_strbuf_append(out, project);
        return;
    }
    if (!script[0] && !tg_interpreter_is_name(request->words[0])) {
        script = request->words[0];
    }
    char *path = script[0] && script[0] != '-' ? realpath(script, NULL) : NULL;
    const char *known = path ? path : script[0] != '-' ? script : "";
    append_stem(out, known, strlen(known));
    if (path && strcmp(tg_strbuf_text(out) + before, main_stem) == 0) {
        tg_strbuf_truncate(out, before);
        append_stem(out, path, (size_t)(strrchr(path, '/') - path));
    }
    if (out->length == before) {
        tg_strbuf_append(out, "python");
    }
    free(path);
}

void tg_program_release(struct tg_program *program) {
    if (program) {
        free(program->argv);
        *program = (struct tg_program){.argv = NULL};
    }
}
