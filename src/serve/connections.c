/* connections: see connections.h. */
#include "serve/connections.h"

#include <stdlib.h>
#include <sys/socket.h>

void tg_connections_init(struct tg_connections *connections) {
    connections->first = NULL;
    pthread_mutex_init(&connections->lock, NULL);
}

void tg_connections_release(struct tg_connections *connections) {
    while (connections->first) {
        tg_connections_remove(connections, connections->first);
    }
    pthread_mutex_destroy(&connections->lock);
}

struct tg_connection *tg_connections_add(struct tg_connections *connections, int fd, tg_ns limit_ns) {
    struct tg_connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        return NULL;
    }
    connection->fd = fd;
    connection->deadline_ns = tg_clock_monotonic_ns() + limit_ns;
    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    connection->link = &connections->first;
    if (connection->next) {
        connection->next->link = &connection->next;
    }
    connections->first = connection;
    pthread_mutex_unlock(&connections->lock);
    return connection;
}

void tg_connections_remove(struct tg_connections *connections, struct tg_connection *connection) {
    if (!connection) {
        return;
    }
    pthread_mutex_lock(&connections->lock);
    *connection->link = connection->next;
    if (connection->next) {
        connection->next->link = connection->link;
    }
    pthread_mutex_unlock(&connections->lock);
    free(connection);
}

void tg_connections_extend(struct tg_connections *connections, struct tg_connection *connection, tg_ns limit_ns) {
    if (connection) {
        pthread_mutex_lock(&connections->lock);
        connection->deadline_ns = tg_clock_monotonic_ns() + limit_ns;
        pthread_mutex_unlock(&connections->lock);
    }
}

void tg_connections_cut(struct tg_connections *connections) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    pthread_mutex_lock(&connections->lock);
    for (struct tg_connection *connection = connections->first; connection; connection = connection->next) {
        if (now_ns > connection->deadline_ns) {
            shutdown(connection->fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&connections->lock);
}
