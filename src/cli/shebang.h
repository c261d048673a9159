/*
 * shebang: the command line that the first line of an installed command stands for.
 *
 *   #!/path/python -sP                         as the kernel does it: all after the path is one argument
 *   #!/usr/bin/env python3                     a name to look up on PATH
 *   #!/usr/bin/env -S python3 -X dev           words, with the quotes and backslashes of env
 *   #!/bin/sh                                  what installers write where the path is too long for the kernel or has
 *   '''exec' "/a path/python" -s "$0" "$@"     blanks in it: the words before "$0"
 */
#ifndef TG_SHEBANG_H
#define TG_SHEBANG_H

#include <stdbool.h>
#include <stddef.h>

#define TG_SHEBANG_BYTES 4096 /* of the file are looked at */
#define TG_SHEBANG_WORDS 32

struct tg_shebang {
    char text[TG_SHEBANG_BYTES];
    char *words[TG_SHEBANG_WORDS]; /* the interpreter and its arguments, in `text` */
    size_t word_count;
};

/* Reads the file's first lines. False: there is nothing that could be run by its words alone. */
bool tg_shebang_read(struct tg_shebang *shebang, const char *path);

#endif
