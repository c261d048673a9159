/*
 * reply: what goes back to a client, before it becomes bytes of HTTP.
 */
#ifndef TG_REPLY_H
#define TG_REPLY_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_REPLY_ETAG_SIZE 32

#define TG_REPLY_JSON "application/json"

struct tg_reply {
    unsigned http_status;
    const char *content_type; /* borrowed, as the next ones; NULL: there is no body */
    const char *allow;        /* of 405; else NULL */
    const char *cookie;       /* "name" of the session cookie that is set; NULL: none */
    const char *cookie_value;
    const void *fixed_bytes; /* a body that lives for ever; NULL: it is `body` */
    size_t fixed_length;
    struct tg_strbuf body;
    bool is_gzip;
    bool may_be_gzip;              /* there is another form of it: Vary */
    char etag[TG_REPLY_ETAG_SIZE]; /* with its quotes; "": none */
};

void tg_reply_release(struct tg_reply *reply);

/* Makes it a failure: {"error": {"status": 400, "message": "..."}}. `parameter`: the one that is to blame, or NULL. */
void tg_reply_fail(struct tg_reply *reply, unsigned http_status, const char *parameter, const char *message);

/* Likewise of what failed here: which status it has for those who asked. */
void tg_reply_fail_with(struct tg_reply *reply, const char *parameter, const struct tg_error *err);

/* Finishes an answer that is in the body: its ETag, and compressed where the client takes that and it pays. */
void tg_reply_finish(struct tg_reply *reply, bool accepts_gzip);

/* Whether a header If-None-Match (may be NULL) has this answer already. */
bool tg_reply_is_known(const struct tg_reply *reply, const char *if_none_match);

/* Whether an Accept-Encoding (may be NULL) takes gzip. */
bool tg_reply_takes_gzip(const char *accept_encoding);

#endif
