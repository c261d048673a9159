/*
 * listener: the socket that a server listens on.
 */
#ifndef TG_LISTENER_H
#define TG_LISTENER_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define TG_LISTENER_ADDRESS_SIZE 64

struct tg_listener {
    int fd;                                 /* close-on-exec; -1: none */
    char address[TG_LISTENER_ADDRESS_SIZE]; /* numeric */
    uint16_t port;
};

/* `address`: numeric, or "localhost"; `port` 0: any that is free. TG_ERROR_EXISTS: the port is taken; the message says
 * how to give another by `option` (NULL: it does not). */
TG_NODISCARD enum tg_status tg_listener_open(struct tg_listener *listener, const char *address, uint16_t port,
                                             const char *option, struct tg_error *err);
/* Where a listener on all addresses is reached. From this machine: by its loopback. From others: by the first address
 * of an interface that is up; false: there is none. Any other listener has its one address. */
const char *tg_listener_inner(const struct tg_listener *listener);
bool tg_listener_outer(const struct tg_listener *listener, char address[TG_LISTENER_ADDRESS_SIZE]);

/* NULL and a second call are fine. */
void tg_listener_close(struct tg_listener *listener);

#endif
