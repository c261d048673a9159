/*
 * mhd_library: libmicrohttpd, loaded when a server is started. Nothing links to it: a program that serves nothing does
 * not need it installed.
 *
 * It stays loaded for ever. Threads: any.
 */
#ifndef TG_MHD_LIBRARY_H
#define TG_MHD_LIBRARY_H

#include "base/attributes.h"
#include "base/error.h"

#include <microhttpd.h>

#define TG_MHD_LIBRARY_NAME "libmicrohttpd.so.12"

/* The functions used, under their own names. */
#define TG_MHD_FUNCTIONS(FUNCTION)                                                                                     \
    FUNCTION(MHD_add_response_header)                                                                                  \
    FUNCTION(MHD_create_response_from_buffer)                                                                          \
    FUNCTION(MHD_destroy_response)                                                                                     \
    FUNCTION(MHD_get_connection_info)                                                                                  \
    FUNCTION(MHD_get_connection_values)                                                                                \
    FUNCTION(MHD_queue_response)                                                                                       \
    FUNCTION(MHD_resume_connection)                                                                                    \
    FUNCTION(MHD_start_daemon)                                                                                         \
    FUNCTION(MHD_stop_daemon)                                                                                          \
    FUNCTION(MHD_suspend_connection)

struct tg_mhd_library {
#define TG_MHD_FIELD(NAME) __typeof__(&NAME) NAME; /* NOLINT(bugprone-macro-parentheses): it declares */
    TG_MHD_FUNCTIONS(TG_MHD_FIELD)
#undef TG_MHD_FIELD
};

/* Loads the library under `name` (TG_MHD_LIBRARY_NAME but for tests). TG_ERROR_UNSUPPORTED: not installed; the message
 * says what to install. */
TG_NODISCARD enum tg_status tg_mhd_library_load(struct tg_mhd_library *library, const char *name, struct tg_error *err);

#endif
