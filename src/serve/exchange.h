/*
 * exchange: one request and its answer, from its first line to its last byte, as libmicrohttpd's callbacks meet it.
 *
 * Threads: the one of libmicrohttpd; while a connection is suspended, the worker that has the exchange's job.
 */
#ifndef TG_EXCHANGE_H
#define TG_EXCHANGE_H

#include "serve/server_state.h"

/* How long a connection may last from one answer to the next request's end of head, and from there to the end of its
 * answer. */
#define TG_EXCHANGE_SILENCE_NS INT64_C(60000000000)
#define TG_EXCHANGE_ANSWER_NS  INT64_C(120000000000)

/* MHD_OPTION_URI_LOG_CALLBACK: begins an exchange. `given` is the struct tg_server, in all three. */
void *tg_exchange_begin(void *given, const char *target, struct MHD_Connection *connection);
/* MHD_AccessHandlerCallback */
enum MHD_Result tg_exchange_handle(void *given, struct MHD_Connection *connection, const char *path, const char *method,
                                   const char *version, const char *upload, size_t *upload_bytes, void **slot);
/* MHD_OPTION_NOTIFY_COMPLETED: ends it. */
void tg_exchange_end(void *given, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how);

#endif
