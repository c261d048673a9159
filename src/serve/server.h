/*
 * server: a history and the processes of this machine, over HTTP.
 *
 * One thread of libmicrohttpd has all connections (epoll) and answers what is at hand; what asks the store goes to a
 * few workers, and its connection is suspended until the answer is there. So neither a client that sends a byte a
 * minute nor a question that reads a whole history keeps anybody else waiting. docs/adr/0021 has the reasons.
 */
#ifndef TG_SERVER_H
#define TG_SERVER_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "serve/access.h"

#include <stdbool.h>
#include <stdint.h>

/* Texts are borrowed for as long as the server lives. */
struct tg_server_options {
    const char *url;         /* of the store */
    const char *service;     /* that is meant where a request names none; NULL: the one written to last */
    uint16_t port;           /* 0: any that is free */
    const char *port_option; /* by which another would be given; NULL: by none */
    struct tg_access_options access;
};

struct tg_server;

/* TG_ERROR_UNSUPPORTED: libmicrohttpd is missing, here or where this was built; the message says what to install. */
TG_NODISCARD enum tg_status tg_server_start(struct tg_server **server, const struct tg_server_options *options,
                                            struct tg_error *err);

/* To be called every second or so: closes connections that take too long. */
void tg_server_tend(struct tg_server *server);

/* False: a question is still being answered and cannot be ended, so that the process has to. NULL is fine. */
bool tg_server_stop(struct tg_server *server);

struct tg_server_finding {
    enum tg_status store;   /* other than TG_OK: the history cannot be read; questions say why, until it can */
    enum tg_status service; /* TG_ERROR_NOT_FOUND: it has others than the one in the options */
    struct tg_error err;    /* why, of either */
};

/* What a first look at the history found, which begins with the server and may take as long as any question. False: it
 * has not ended. */
bool tg_server_found(const struct tg_server *server, struct tg_server_finding *finding);

/* Appends the address to open: "http://127.0.0.1:7373/", also where the server listens on all addresses. With the
 * token, where there is one: for the person alone. */
void tg_server_append_address(const struct tg_server *server, bool with_token, struct tg_strbuf *out);

/* Whether others than this machine reach it. Then appends the address by which they do: of this machine's own the
 * first, where it listens on all; nothing where it has none. */
bool tg_server_append_outer_address(const struct tg_server *server, struct tg_strbuf *out);

#endif
