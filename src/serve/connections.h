/*
 * connections: until when each open connection may go on. A client that sends or reads too slowly, or keeps a
 * connection for nothing, is cut off by shutting its socket down; libmicrohttpd then notices the end as if the client
 * had gone.
 *
 * Threads: any. A record is removed before its socket is closed, so that no other file is meant.
 */
#ifndef TG_CONNECTIONS_H
#define TG_CONNECTIONS_H

#include "measure/clock.h"

#include <pthread.h>
#include <stddef.h>

struct tg_connection {
    struct tg_connection *next;
    struct tg_connection **link; /* that leads here */
    tg_ns deadline_ns;
    int fd;
};

struct tg_connections {
    pthread_mutex_t lock;
    struct tg_connection *first;
};

void tg_connections_init(struct tg_connections *connections);
void tg_connections_release(struct tg_connections *connections);

/* NULL: no memory; the connection then has no limit but that of silence. */
struct tg_connection *tg_connections_add(struct tg_connections *connections, int fd, tg_ns limit_ns);
/* NULL is fine. */
void tg_connections_remove(struct tg_connections *connections, struct tg_connection *connection);
/* Gives it `limit_ns` from now on. NULL is fine. */
void tg_connections_extend(struct tg_connections *connections, struct tg_connection *connection, tg_ns limit_ns);

/* Cuts off those whose time is over. */
void tg_connections_cut(struct tg_connections *connections);

#endif
