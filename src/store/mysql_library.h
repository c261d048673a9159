/*
 * mysql_library: libmariadb, loaded when the first mysql:// URL is opened. Nothing links to it: a profiler that stores
 * into SQLite does not need it installed.
 *
 * It may be in use by the application as well, through the same loaded copy. So it is never unloaded and never ended
 * (mysql_library_end), and what its initialisation does to the process, ignoring SIGPIPE, is undone at once.
 * Threads: any.
 */
#ifndef TG_MYSQL_LIBRARY_H
#define TG_MYSQL_LIBRARY_H

#include "base/attributes.h"
#include "base/error.h"

#include <mysql.h>

#ifndef LIBMARIADB
#error "mysql.h is not that of libmariadb (MariaDB Connector/C)"
#endif

#define TG_MYSQL_LIBRARY_NAME "libmariadb.so.3"

/* The functions used, under their own names. */
#define TG_MYSQL_FUNCTIONS(FUNCTION)                                                                                   \
    FUNCTION(mariadb_get_infov)                                                                                        \
    FUNCTION(mysql_affected_rows)                                                                                      \
    FUNCTION(mysql_close)                                                                                              \
    FUNCTION(mysql_errno)                                                                                              \
    FUNCTION(mysql_error)                                                                                              \
    FUNCTION(mysql_fetch_fields)                                                                                       \
    FUNCTION(mysql_fetch_row)                                                                                          \
    FUNCTION(mysql_free_result)                                                                                        \
    FUNCTION(mysql_get_server_info)                                                                                    \
    FUNCTION(mysql_get_socket)                                                                                         \
    FUNCTION(mysql_init)                                                                                               \
    FUNCTION(mysql_insert_id)                                                                                          \
    FUNCTION(mysql_next_result)                                                                                        \
    FUNCTION(mysql_num_fields)                                                                                         \
    FUNCTION(mysql_optionsv)                                                                                           \
    FUNCTION(mysql_real_connect)                                                                                       \
    FUNCTION(mysql_real_query)                                                                                         \
    FUNCTION(mysql_select_db)                                                                                          \
    FUNCTION(mysql_server_init)                                                                                        \
    FUNCTION(mysql_set_character_set)                                                                                  \
    FUNCTION(mysql_stmt_affected_rows)                                                                                 \
    FUNCTION(mysql_stmt_attr_set)                                                                                      \
    FUNCTION(mysql_stmt_bind_param)                                                                                    \
    FUNCTION(mysql_stmt_bind_result)                                                                                   \
    FUNCTION(mysql_stmt_close)                                                                                         \
    FUNCTION(mysql_stmt_errno)                                                                                         \
    FUNCTION(mysql_stmt_error)                                                                                         \
    FUNCTION(mysql_stmt_execute)                                                                                       \
    FUNCTION(mysql_stmt_fetch)                                                                                         \
    FUNCTION(mysql_stmt_fetch_column)                                                                                  \
    FUNCTION(mysql_stmt_free_result)                                                                                   \
    FUNCTION(mysql_stmt_init)                                                                                          \
    FUNCTION(mysql_stmt_insert_id)                                                                                     \
    FUNCTION(mysql_stmt_param_count)                                                                                   \
    FUNCTION(mysql_stmt_prepare)                                                                                       \
    FUNCTION(mysql_stmt_result_metadata)                                                                               \
    FUNCTION(mysql_stmt_store_result)                                                                                  \
    FUNCTION(mysql_store_result)

struct tg_mysql_library {
#define TG_MYSQL_FIELD(NAME) __typeof__(&NAME) NAME; /* NOLINT(bugprone-macro-parentheses): it declares */
    TG_MYSQL_FUNCTIONS(TG_MYSQL_FIELD)
#undef TG_MYSQL_FIELD
};

/* Loads the library under `name` (TG_MYSQL_LIBRARY_NAME but for tests), or gives the one loaded before. It stays for
 * ever. TG_ERROR_UNSUPPORTED: not installed, or too old; the message says what to install. */
TG_NODISCARD enum tg_status tg_mysql_library_load(const struct tg_mysql_library **library, const char *name,
                                                  struct tg_error *err);

#endif
