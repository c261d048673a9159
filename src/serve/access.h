/*
 * access: may this request be answered? Everything that guards the server is decided here, on the request's head alone,
 * and nothing is answered before.
 *
 * In this order: the request names a host that is this server's (a page of another site whose name was made to lead
 * here names its own: DNS rebinding); it does not come from a page of another site (Origin, Sec-Fetch-Site); it carries
 * what only those know who may look (a cookie given for the token, Authorization: Bearer with the token, or Basic with
 * the password); and if it changes anything, also the value that a page can only have from an answer of ours (CSRF).
 *
 * Constant after it was made: any thread may ask.
 */
#ifndef TG_ACCESS_H
#define TG_ACCESS_H

#include "base/attributes.h"
#include "base/error.h"
#include "serve/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_ACCESS_COOKIE_SIZE 32

/* Who may look. Paths and lists are borrowed. */
struct tg_access_options {
    const char *bind;          /* the address that is listened on */
    const char *token_file;    /* NULL: a token is made at each start */
    const char *password_file; /* NULL: no password */
    const char *const *users;  /* who may give the password */
    size_t user_count;         /* 0: whoever knows it */
    const char *const *hosts;  /* names of this server beside localhost */
    size_t host_count;
};

struct tg_access {
    struct tg_access_options options;
    bool has_token;
    bool has_password;
    bool is_loopback;
    char token[TG_SECRET_FILE_MAX];
    char password[TG_SECRET_FILE_MAX];
    char session[TG_SECRET_SIZE]; /* the cookie's value */
    char csrf[TG_SECRET_SIZE];
    char cookie[TG_ACCESS_COOKIE_SIZE]; /* its name: cookies are not told apart by port */
};

/* Of the request; borrowed, NULL: not given. */
struct tg_access_head {
    const char *host;
    const char *origin;
    const char *fetch_site; /* Sec-Fetch-Site */
    const char *authorization;
    const char *cookie;
    const char *csrf; /* X-Tachograph-CSRF */
};

/* What is asked for. */
struct tg_access_need {
    bool is_open;    /* anybody may have it: the page that asks for the token, and what it is made of */
    bool is_page;    /* links of other sites may lead to it */
    bool is_change;  /* not GET or HEAD */
    bool is_sign_in; /* brings the token itself */
};

enum tg_access_verdict {
    TG_ACCESS_GRANTED,
    TG_ACCESS_BAD_HOST,  /* 400: no Host, or none that can be read */
    TG_ACCESS_HOST,      /* 403: another's */
    TG_ACCESS_SITE,      /* 403: from a page of another site */
    TG_ACCESS_UNKNOWN,   /* 401 */
    TG_ACCESS_FORBIDDEN, /* 403: a user who is not on the list */
    TG_ACCESS_CSRF,      /* 403 */
};

/* Reads the files and makes the secrets. TG_ERROR_PERMISSION: an address that others reach needs a token or a password
 * from a file. Released also after a failure. */
TG_NODISCARD enum tg_status tg_access_init(struct tg_access *access, const struct tg_access_options *options,
                                           struct tg_error *err);
/* Tells which port it is that is guarded. */
void tg_access_set_port(struct tg_access *access, uint16_t port);
/* Wipes the secrets. */
void tg_access_release(struct tg_access *access);

enum tg_access_verdict tg_access_judge(const struct tg_access *access, const struct tg_access_head *head,
                                       const struct tg_access_need *need);

/* Whether a text is the token: to exchange for the cookie. */
bool tg_access_is_token(const struct tg_access *access, const char *text, size_t length);

unsigned tg_access_http_status(enum tg_access_verdict verdict);
/* What is said, and what to do. */
const char *tg_access_message(enum tg_access_verdict verdict);

#endif
