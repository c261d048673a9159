/*
 * server_state: what the parts of the server share: server.c, exchange.c, connections.c.
 */
#ifndef TG_SERVER_STATE_H
#define TG_SERVER_STATE_H

#include "serve/answers.h"
#include "serve/connections.h"
#include "serve/listener.h"
#include "serve/live_source.h"
#include "serve/mhd_library.h"
#include "serve/server.h"
#include "serve/workers.h"

#include <stdatomic.h>

/* The first look at the history: it may wait for a lock or a host, and nobody else is to. */
struct tg_server_look {
    struct tg_job job;
    struct tg_server *server;
    struct tg_server_finding finding; /* the worker's, until it has ended */
    _Atomic bool has_ended;
};

struct tg_server {
    struct tg_server_options options;
    struct tg_mhd_library mhd;
    struct MHD_Daemon *daemon;
    struct tg_listener listener;
    struct tg_access access;
    struct tg_workers *workers;
    struct tg_connections connections;
    struct tg_live_source live;
    struct tg_answers answers;
    struct tg_strbuf place; /* of the store, to show */
    struct tg_server_look look;
};

#endif
