/*
 * authority: host and port as requests name them, in Host and in Origin.
 */
#ifndef TG_AUTHORITY_H
#define TG_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#define TG_AUTHORITY_HOST_SIZE 256

struct tg_authority {
    char host[TG_AUTHORITY_HOST_SIZE]; /* in small letters; an IPv6 address without its brackets */
    uint16_t port;                     /* 0: not given */
    bool is_address;                   /* the host is an IP address and no name */
};

/* Reads "localhost:7373", "[::1]:7373", "192.0.2.1". False: it is none. */
bool tg_authority_parse(struct tg_authority *authority, const char *text);

/* Whether an Origin ("http://localhost:7373") is of the host that the request was sent to, by its Host header. */
bool tg_authority_is_origin(const char *origin, const char *host);

/* Whether an address, or "localhost", leads to this machine only. */
bool tg_authority_is_loopback(const char *address);

#endif
