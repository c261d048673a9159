/*
 * How a failure travels: `enum tg_status` is the return value, for the program; `struct tg_error` carries a
 * message, for a person. A message is lower case, has no full stop and says what to do next.
 *
 * A struct tg_error belongs to the caller, needs no release, and may be NULL wherever it is asked for.
 * No function here allocates or touches errno. Threads: each caller its own struct.
 */
#ifndef TG_ERROR_H
#define TG_ERROR_H

#include "base/attributes.h"

enum tg_status {
    TG_OK = 0,
    TG_ERROR_MEMORY,      /* an allocation failed */
    TG_ERROR_IO,          /* the operating system said no; the message has its reason */
    TG_ERROR_FORMAT,      /* bytes from outside are not what they should be */
    TG_ERROR_VERSION,     /* well-formed, but written by another version */
    TG_ERROR_INVALID,     /* an argument or a setting cannot be used */
    TG_ERROR_NOT_FOUND,   /* what was named does not exist */
    TG_ERROR_EXISTS,      /* what should be new exists */
    TG_ERROR_PERMISSION,  /* not ours to read or write */
    TG_ERROR_FULL,        /* a cap, a buffer, a counter or a file system is full */
    TG_ERROR_BUSY,        /* somebody else holds it; trying again may help */
    TG_ERROR_UNSUPPORTED, /* not on this platform, interpreter or build */
};

#define TG_ERROR_MESSAGE_SIZE 512

struct tg_error {
    enum tg_status status;
    char message[TG_ERROR_MESSAGE_SIZE]; /* NUL-terminated, valid UTF-8 up to the cut; "" when TG_OK */
};

/* For declarations: struct tg_error err = TG_ERROR_INIT; */
#define TG_ERROR_INIT                                                                                                  \
    { .status = TG_OK, .message = "" }

/* tg_error_set(err, status, format, ...) stores status and message in `err` (NULL: nowhere) and returns `status`, so
 * that a function can say `return tg_error_set(err, TG_ERROR_IO, "...")`. A message that is too long ends in "...".
 * A macro, so that compilers and analyzers see that the result is never TG_OK. */
#define tg_error_set(err, status, ...) tg_status_of_failure(tg_error_write((err), (status), __VA_ARGS__))
enum tg_status tg_error_write(struct tg_error *err, enum tg_status status, const char *format, ...) TG_PRINTF(3, 4);

/* tg_error_set_errno(err, errnum, format, ...) is the same for a failed system call: picks the status that belongs to
 * `errnum` and appends ": " and the system's own words for it. */
#define tg_error_set_errno(err, errnum, ...) tg_status_of_failure(tg_error_write_errno((err), (errnum), __VA_ARGS__))
enum tg_status tg_error_write_errno(struct tg_error *err, int errnum, const char *format, ...) TG_PRINTF(3, 4);

static inline enum tg_status tg_status_of_failure(enum tg_status status) {
    return status == TG_OK ? TG_ERROR_INVALID : status;
}

/* Puts "<text>: " before the message already there, to say what was being done. Keeps the status. */
void tg_error_prefix(struct tg_error *err, const char *format, ...) TG_PRINTF(2, 3);

/* A short English name of the status ("not found"), for where there is no message. Never NULL. */
const char *tg_status_name(enum tg_status status);

#endif
