/*
 * router: what a request asks for, whether it may, and who answers: at once, or a worker.
 */
#ifndef TG_ROUTER_H
#define TG_ROUTER_H

#include "serve/access.h"
#include "serve/api.h"
#include "serve/assets.h"
#include "serve/parameters.h"
#include "serve/reply.h"

#include <stdbool.h>
#include <stddef.h>

enum tg_method {
    TG_METHOD_READ, /* GET and HEAD */
    TG_METHOD_POST,
    TG_METHOD_OTHER,
};

/* A request on its way to its answer. */
struct tg_request {
    enum tg_method method;
    struct tg_access_head head; /* borrowed, as the next ones; valid while the request is routed */
    const char *target;         /* "/api/v1/series?column=total" */
    const char *accept_encoding;
    const char *content_type;
    bool has_double_header; /* one that decides about access stands twice */
};

struct tg_routed {
    const struct tg_api_route *api; /* for a worker, with these: */
    struct tg_parameters parameters;
    bool is_sign_in; /* the body decides, as it does of a change: */
    bool is_change;
    bool accepts_gzip;
};

/* Fills the reply, or says in `routed` what remains to be done: then the reply's http_status is 0. */
void tg_router_route(const struct tg_access *access, const struct tg_request *request, struct tg_routed *routed,
                     struct tg_reply *reply);
/* Wipes and frees what routing made. */
void tg_routed_release(struct tg_routed *routed);

/* Takes the parameters of a change, which are its body, as forms are sent. Fills the reply where they are refused. */
void tg_router_take_body(struct tg_routed *routed, const char *body, size_t length, struct tg_reply *reply);

/* Answers a sign-in, whose body is the token. */
void tg_router_sign_in(const struct tg_access *access, const char *body, size_t length, struct tg_reply *reply);

#endif
