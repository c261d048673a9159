/*
 * credentials: what a request says of who sends it, read from its headers. Nothing here decides anything.
 */
#ifndef TG_CREDENTIALS_H
#define TG_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a header. */
struct tg_span {
    const char *text; /* borrowed; NULL: not there */
    size_t length;
};

/* The value of the first cookie of that name. */
struct tg_span tg_credentials_cookie(const char *header, const char *name);

/* What follows "Bearer ". */
struct tg_span tg_credentials_bearer(const char *authorization);

#define TG_CREDENTIALS_SIZE 512

struct tg_basic_credentials {
    char text[TG_CREDENTIALS_SIZE]; /* user, zero byte, password, zero byte */
    const char *user;               /* into it, as the next */
    const char *password;
};

/* Reads "Basic dXNlcjpwYXNzd29yZA==". False: it is none. The caller wipes it. */
bool tg_credentials_basic(struct tg_basic_credentials *credentials, const char *authorization);

#endif
