/*
 * Messages are written into the caller's fixed buffer: an error must be reportable when memory is what ran out.
 */
#include "base/error.h"

#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "...";

/* Writes the format into `message`; what does not fit is cut before a whole character and marked. */
TG_PRINTF(2, 0) static void write_message(char message[TG_ERROR_MESSAGE_SIZE], const char *format, va_list args) {
    int wanted = vsnprintf(message, TG_ERROR_MESSAGE_SIZE, format, args);
    if (wanted < 0) {
        message[0] = '\0';
        return;
    }
    if (wanted < TG_ERROR_MESSAGE_SIZE) {
        return;
    }
    size_t cut = tg_utf8_cut(message, TG_ERROR_MESSAGE_SIZE - 1, TG_ERROR_MESSAGE_SIZE - sizeof ellipsis);
    memcpy(message + cut, ellipsis, sizeof ellipsis);
}

enum tg_status tg_error_write(struct tg_error *err, enum tg_status status, const char *format, ...) {
    if (err) {
        err->status = status;
        va_list args;
        va_start(args, format);
        write_message(err->message, format, args);
        va_end(args);
    }
    return status;
}

static enum tg_status status_of_errno(int errnum) {
    switch (errnum) {
    case ENOMEM:
        return TG_ERROR_MEMORY;
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
        return TG_ERROR_NOT_FOUND;
    case EEXIST:
        return TG_ERROR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return TG_ERROR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
        return TG_ERROR_FULL;
    case EAGAIN:
    case EBUSY:
        return TG_ERROR_BUSY;
    case ENOSYS:
    case EOPNOTSUPP:
        return TG_ERROR_UNSUPPORTED;
    default:
        return TG_ERROR_IO;
    }
}

enum tg_status tg_error_write_errno(struct tg_error *err, int errnum, const char *format, ...) {
    enum tg_status status = status_of_errno(errnum);
    if (err) {
        char said[TG_ERROR_MESSAGE_SIZE];
        char reason[128];
        va_list args;
        va_start(args, format);
        write_message(said, format, args);
        va_end(args);
        tg_error_write(err, status, "%s: %s", said, strerror_r(errnum, reason, sizeof reason));
    }
    return status;
}

void tg_error_prefix(struct tg_error *err, const char *format, ...) {
    if (!err) {
        return;
    }
    char before[TG_ERROR_MESSAGE_SIZE];
    char after[TG_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    write_message(before, format, args);
    va_end(args);
    memcpy(after, err->message, sizeof after);
    tg_error_write(err, err->status, "%s: %s", before, after);
}

const char *tg_status_name(enum tg_status status) {
    switch (status) {
    case TG_OK:
        return "ok";
    case TG_ERROR_MEMORY:
        return "out of memory";
    case TG_ERROR_IO:
        return "input/output error";
    case TG_ERROR_FORMAT:
        return "malformed data";
    case TG_ERROR_VERSION:
        return "another version";
    case TG_ERROR_INVALID:
        return "invalid argument";
    case TG_ERROR_NOT_FOUND:
        return "not found";
    case TG_ERROR_EXISTS:
        return "exists already";
    case TG_ERROR_PERMISSION:
        return "not permitted";
    case TG_ERROR_FULL:
        return "full";
    case TG_ERROR_BUSY:
        return "busy";
    case TG_ERROR_UNSUPPORTED:
        return "not supported";
    }
    return "unknown status";
}
