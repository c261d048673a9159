/* secret: see secret.h. */
#include "serve/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_BYTES 32

enum tg_status tg_secret_make(char secret[TG_SECRET_SIZE], struct tg_error *err) {
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SECRET_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return tg_error_set_errno(err, errno, "the system has no random numbers for a token");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        secret[2 * i] = digits[bytes[i] >> 4U];
        secret[2 * i + 1] = digits[bytes[i] & 0xFU];
    }
    secret[TG_SECRET_SIZE - 1] = '\0';
    return TG_OK;
}

static enum tg_status check_owner(int fd, const char *path, const char *what, struct tg_error *err) {
    struct stat file;
    if (fstat(fd, &file) != 0) {
        return tg_error_set_errno(err, errno, "cannot read the %s \"%s\"", what, path);
    }
    if (file.st_uid != geteuid() && file.st_uid != 0) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "the %s \"%s\" belongs to somebody else: make one of your own",
                            what, path);
    }
    if (file.st_mode & (S_IRWXG | S_IRWXO)) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "others can read the %s \"%s\": chmod 600 it", what, path);
    }
    return TG_OK;
}

enum tg_status tg_secret_read(char secret[TG_SECRET_FILE_MAX], const char *path, const char *what, size_t least,
                              struct tg_error *err) {
    char line[TG_SECRET_FILE_MAX] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return tg_error_set_errno(err, errno, "cannot read the %s \"%s\"", what, path);
    }
    enum tg_status status = check_owner(fd, path, what, err);
    ssize_t length = status == TG_OK ? read(fd, line, sizeof line) : 0;
    if (length < 0) {
        status = tg_error_set_errno(err, errno, "cannot read the %s \"%s\"", what, path);
    }
    close(fd);
    if (status != TG_OK) {
        return status;
    }
    size_t end = 0;
    while (end < (size_t)length && line[end] != '\n' && line[end] != '\r' && line[end] != '\0') {
        end++;
    }
    if (end < least || end == sizeof line) {
        return tg_error_set(err, TG_ERROR_INVALID, "the %s \"%s\" must begin with a line of %zu to %d characters", what,
                            path, least, TG_SECRET_FILE_MAX - 1);
    }
    memcpy(secret, line, end);
    secret[end] = '\0';
    explicit_bzero(line, sizeof line);
    return TG_OK;
}

bool tg_secret_is(const char *secret, const char *given, size_t given_length) {
    size_t length = strlen(secret);
    volatile unsigned char difference = (unsigned char)(length != given_length || length == 0);
    for (size_t i = 0; i < given_length; i++) {
        unsigned char expected = length ? (unsigned char)secret[i % length] : 0;
        difference = (unsigned char)(difference | (expected ^ (unsigned char)given[i]));
    }
    return difference == 0;
}
