/*
 * Asks a server the same on many connections at once, each again as soon as it is answered, and says how many answers
 * came and how long they took. A library, with one thread and one epoll, so that as little as can be of the machine is
 * spent on asking.
 */
#include "measure/clock.h"
#include "measure/histogram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX   4096
#define PIECE      65536
#define EVENTS_MAX 256
#define WAIT_MS    100

struct connection {
    int fd;
    int64_t asked_ns;
    char head[HEAD_MAX + 1];
    size_t head_length;
    bool has_head;
    uint64_t rest; /* of the body */
};

struct load {
    const char *request;
    size_t request_length;
    int64_t until_ns;
    struct connection *connections;
    int epoll;
    struct tg_histogram times;
    struct tg_load_result *result;
};

struct tg_load_result {
    uint64_t answer_count;
    uint64_t failure_count; /* answers other than 200, and connections that ended */
    uint64_t byte_count;    /* of bodies */
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t worst_ns;
};

int tg_load_run(uint16_t port, const char *request, size_t connection_count, int64_t duration_ns,
                struct tg_load_result *result);

/* A request is shorter than what a socket takes at once. */
static bool ask(struct load *load, struct connection *connection) {
    connection->head_length = 0;
    connection->has_head = false;
    connection->asked_ns = tg_clock_monotonic_ns();
    return send(connection->fd, load->request, load->request_length, MSG_NOSIGNAL) == (ssize_t)load->request_length;
}

static bool open_connection(struct load *load, struct connection *connection, uint16_t port) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connection->fd >= 0 && connect(connection->fd, (const struct sockaddr *)&address, sizeof address) == 0
           && epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->fd, &event) == 0;
}

/* Takes the head out of what came; what is left belongs to the body. */
static size_t take_head(struct load *load, struct connection *connection, const char *bytes, size_t count) {
    size_t room = HEAD_MAX - connection->head_length;
    size_t before = connection->head_length;
    memcpy(connection->head + before, bytes, count < room ? count : room);
    connection->head_length += count < room ? count : room;
    connection->head[connection->head_length] = '\0';
    const char *end = strstr(connection->head, "\r\n\r\n");
    if (!end) {
        return count;
    }
    const char *length = strcasestr(connection->head, "\r\nContent-Length:");
    connection->has_head = true;
    connection->rest = length && length < end ? strtoull(length + 17, NULL, 10) : 0;
    load->result->failure_count += strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0;
    return (size_t)(end + 4 - connection->head) - before;
}

/* An answer is whole. */
static bool count_answer(struct load *load, struct connection *connection) {
    int64_t now_ns = tg_clock_monotonic_ns();
    uint64_t taken_ns = (uint64_t)(now_ns - connection->asked_ns);
    struct tg_load_result *result = load->result;
    result->answer_count++;
    result->worst_ns = taken_ns > result->worst_ns ? taken_ns : result->worst_ns;
    result->failure_count += tg_histogram_add(&load->times, taken_ns, 1) != TG_OK;
    return now_ns >= load->until_ns || ask(load, connection);
}

static bool read_some(struct load *load, struct connection *connection) {
    char bytes[PIECE];
    ssize_t count = recv(connection->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count <= 0) {
        return count < 0 && (errno == EAGAIN || errno == EINTR);
    }
    size_t used = connection->has_head ? 0 : take_head(load, connection, bytes, (size_t)count);
    size_t body = (size_t)count - used;
    if (!connection->has_head) {
        return true;
    }
    load->result->byte_count += body;
    connection->rest -= body < connection->rest ? body : connection->rest;
    return connection->rest > 0 || count_answer(load, connection);
}

static void answer_all(struct load *load) {
    struct epoll_event events[EVENTS_MAX];
    while (tg_clock_monotonic_ns() < load->until_ns) {
        int count = epoll_wait(load->epoll, events, EVENTS_MAX, WAIT_MS);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!read_some(load, connection)) {
                load->result->failure_count++;
                epoll_ctl(load->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
            }
        }
    }
}

int tg_load_run(uint16_t port, const char *request, size_t connection_count, int64_t duration_ns,
                struct tg_load_result *result) {
    struct load load = {.request = request, .request_length = strlen(request), .result = result};
    bool good = true;
    *result = (struct tg_load_result){.answer_count = 0};
    load.connections = calloc(connection_count, sizeof *load.connections);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    good = load.connections && load.epoll >= 0;
    size_t opened = 0;
    for (; good && opened < connection_count; opened++) {
        good = open_connection(&load, &load.connections[opened], port);
    }
    load.until_ns = tg_clock_monotonic_ns() + duration_ns;
    for (size_t i = 0; good && i < connection_count; i++) {
        good = ask(&load, &load.connections[i]);
    }
    if (good) {
        answer_all(&load);
        result->p50_ns = tg_histogram_percentile(&load.times, 50, 0, result->worst_ns);
        result->p99_ns = tg_histogram_percentile(&load.times, 99, 0, result->worst_ns);
    }
    for (size_t i = 0; i < opened; i++) {
        close(load.connections[i].fd);
    }
    close(load.epoll);
    free(load.connections);
    return good ? 0 : -1;
}
