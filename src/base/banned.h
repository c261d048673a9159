/*
 * Functions that nobody here may call: they overflow, hide errors, or are not safe with threads. The build
 * puts this header in front of every file of src/, so a use is an error of the compiler.
 *
 * The headers that declare them come first: poison must not meet their declarations.
 */
#ifndef TG_BANNED_H
#define TG_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* No bound, or a bound that does not end the string: use strbuf, snprintf, memcpy with a known length. */
#pragma GCC poison strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets
/* Errors that look like numbers: use strtol and its end pointer. */
#pragma GCC poison atoi atol atoll atof
/* Hidden state shared by all threads: use the _r forms. */
#pragma GCC poison strtok strerror localtime gmtime ctime asctime rand srand
/* A shell, or a name that another process can take first. */
#pragma GCC poison system popen tmpnam tempnam mktemp
/* alloca and variable-length arrays are refused by -Walloca and -Wvla. */

#endif
