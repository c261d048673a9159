/* listener: see listener.h. */
#include "serve/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

/* Names are not looked up: which of a name's addresses is meant would be a guess. */
static enum tg_status resolve(struct addrinfo **found, const char *address, uint16_t port, struct tg_error *err) {
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(strcmp(address, "localhost") == 0 ? "127.0.0.1" : address, service, &hints, found) != 0) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "'%s' is no address to listen on: give a numeric one, such as 127.0.0.1 or ::1", address);
    }
    return TG_OK;
}

static enum tg_status fail(const struct tg_listener *listener, uint16_t port, const char *option, int error,
                           struct tg_error *err) {
    if (error == EADDRINUSE && option) {
        return tg_error_set(err, TG_ERROR_EXISTS, "port %u of %s is taken: %s %u takes another, %s 0 any that is free",
                            port, listener->address, option, port < UINT16_MAX ? port + 1U : port - 1U, option);
    }
    if (error == EADDRINUSE) {
        return tg_error_set(err, TG_ERROR_EXISTS, "port %u of %s is taken", port, listener->address);
    }
    return tg_error_set_errno(err, error, "cannot listen on port %u of %s", port, listener->address);
}

static enum tg_status listen_on(struct tg_listener *listener, const struct addrinfo *where, uint16_t port,
                                const char *option, struct tg_error *err) {
    const int yes = 1;
    struct sockaddr_storage bound;
    socklen_t length = sizeof bound;
    char service[8];
    listener->fd = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where->ai_protocol);
    if (listener->fd < 0) {
        return fail(listener, port, option, errno, err);
    }
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (where->ai_family == AF_INET6) {
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    }
    if (bind(listener->fd, where->ai_addr, where->ai_addrlen) != 0 || listen(listener->fd, BACKLOG) != 0
        || getsockname(listener->fd, (struct sockaddr *)&bound, &length) != 0) {
        return fail(listener, port, option, errno, err);
    }
    if (getnameinfo((struct sockaddr *)&bound, length, NULL, 0, service, sizeof service, NI_NUMERICSERV) == 0) {
        listener->port = (uint16_t)strtoul(service, NULL, 10);
    }
    return TG_OK;
}

enum tg_status tg_listener_open(struct tg_listener *listener, const char *address, uint16_t port, const char *option,
                                struct tg_error *err) {
    struct addrinfo *found = NULL;
    *listener = (struct tg_listener){.fd = -1};
    enum tg_status status = resolve(&found, address, port, err);
    if (status != TG_OK) {
        return status;
    }
    if (getnameinfo(found->ai_addr, found->ai_addrlen, listener->address, sizeof listener->address, NULL, 0,
                    NI_NUMERICHOST)
        != 0) {
        status = tg_error_set(err, TG_ERROR_INVALID, "'%s' is no address to listen on", address);
    } else {
        status = listen_on(listener, found, port, option, err);
    }
    freeaddrinfo(found);
    if (status != TG_OK) {
        tg_listener_close(listener);
    }
    return status;
}

static bool is_ipv6(const struct tg_listener *listener) {
    return strchr(listener->address, ':') != NULL;
}

static bool is_on_all(const struct tg_listener *listener) {
    return strcmp(listener->address, "0.0.0.0") == 0 || strcmp(listener->address, "::") == 0;
}

const char *tg_listener_inner(const struct tg_listener *listener) {
    if (!is_on_all(listener)) {
        return listener->address;
    }
    return is_ipv6(listener) ? "::1" : "127.0.0.1";
}

static bool take_address(const struct ifaddrs *interface, int family, char address[TG_LISTENER_ADDRESS_SIZE]) {
    socklen_t length = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    return interface->ifa_addr && interface->ifa_addr->sa_family == family && (interface->ifa_flags & IFF_UP)
           && !(interface->ifa_flags & IFF_LOOPBACK)
           && getnameinfo(interface->ifa_addr, length, address, TG_LISTENER_ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0
           && !strchr(address, '%'); /* reached by those on one link only */
}

bool tg_listener_outer(const struct tg_listener *listener, char address[TG_LISTENER_ADDRESS_SIZE]) {
    struct ifaddrs *interfaces = NULL;
    bool found = false;
    if (!is_on_all(listener)) {
        memcpy(address, listener->address, TG_LISTENER_ADDRESS_SIZE);
        return true;
    }
    if (getifaddrs(&interfaces) != 0) {
        return false;
    }
    for (const struct ifaddrs *one = interfaces; one && !found; one = one->ifa_next) {
        found = take_address(one, is_ipv6(listener) ? AF_INET6 : AF_INET, address);
    }
    freeifaddrs(interfaces);
    return found;
}

void tg_listener_close(struct tg_listener *listener) {
    if (listener && listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
}
