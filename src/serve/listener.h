/*
 * listener: the socket that a server listens on.
 */
#ifndef TG_LISTENER_H
#define TG_LISTENER_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdint.h>

#define TG_LISTENER_ADDRESS_SIZE 64

struct tg_listener {
    int fd;                                 /* close-on-exec; -1: none */
    char address[TG_LISTENER_ADDRESS_SIZE]; /* numeric */
    uint16_t port;
};

/* `address`: numeric, or "localhost"; `port` 0: any that is free. TG_ERROR_EXISTS: the port is taken. */
TG_NODISCARD enum tg_status tg_listener_open(struct tg_listener *listener, const char *address, uint16_t port,
                                             struct tg_error *err);
/* NULL and a second call are fine. */
void tg_listener_close(struct tg_listener *listener);

#endif
