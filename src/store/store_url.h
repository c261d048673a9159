/*
 * store_url: where a history lies.
 *
 *   sqlite:///relative/or//absolute/path      three slashes and a relative path, four and an absolute one
 *   PATH                                       a path alone means sqlite
 *   mysql://user[:password]@host[:port]/database[?unix_socket=PATH&ssl-ca=PATH&read_default_file=PATH]
 *
 * Parts are percent-decoded. A password is wiped from memory on release and never part of tg_store_url_shown().
 */
#ifndef TG_STORE_URL_H
#define TG_STORE_URL_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_store_url {
    char *scheme; /* the strings are owned; NULL: not given */
    char *path;   /* sqlite */
    char *user;
    char *password;
    char *host;
    uint16_t port; /* 0: not given */
    char *database;
    char *unix_socket;
    char *ssl_ca;
    char *option_file;
};

/* TG_ERROR_INVALID says what is wrong with the text, without repeating a password. */
TG_NODISCARD enum tg_status tg_store_url_parse(struct tg_store_url *url, const char *text, struct tg_error *err);
void tg_store_url_release(struct tg_store_url *url);

/* The URL to show and to keep: without the password. Parses to the same place. */
void tg_store_url_shown(const struct tg_store_url *url, struct tg_strbuf *out);

/* Appends where a URL leads, as people are told: a path, or the URL as it is shown. TG_ERROR_INVALID: it is none. */
TG_NODISCARD enum tg_status tg_store_url_append_place(struct tg_strbuf *out, const char *text, struct tg_error *err);

/* Appends a URL of the same place that stays so when the working directory changes: with an absolute path. The password
 * comes along. TG_ERROR_INVALID: it is none; TG_ERROR_NOT_FOUND: there is no working directory. */
TG_NODISCARD enum tg_status tg_store_url_anchor(struct tg_strbuf *out, const char *text, struct tg_error *err);

/* sqlite:///$XDG_DATA_HOME/tachograph/<service>.db, or ~/.local/share; characters that do not belong in a file name are
 * replaced. TG_ERROR_NOT_FOUND: neither variable leads anywhere. */
TG_NODISCARD enum tg_status tg_store_url_default(struct tg_strbuf *out, const char *service, struct tg_error *err);

#endif
