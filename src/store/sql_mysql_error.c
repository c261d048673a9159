/*
 * What the numbers of MariaDB's and MySQL's errors mean to a store, and what a person can do.
 */
#include "store/sql_mysql.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include <string.h>

/* Only MySQL has these. */
enum {
    MYSQL_ACCOUNT_LOCKED = 3118,
    MYSQL_QUERY_TIMEOUT = 3024,
    MYSQL_LOCK_NOWAIT = 3572,
    MYSQL_DISK_FULL_NOWAIT = 3019,
};

static const char later[] = "try again later";
static const char check_server[] = "see that the server runs and that the store's URL leads to it";
static const char check_user[] =
    "check user and password: in the store's URL, TACHOGRAPH_STORE_PASSWORD, or the option file";
static const char ask_rights[] = "ask for the rights: GRANT ALL ON <database>.* TO <user>";
static const char make_room[] = "make room on the server's disk";
static const char check_tables[] = "let the server check its tables: CHECK TABLE, or mariadb-check";
static const char exists[] = "it exists already";

struct meaning {
    unsigned number;
    enum tg_status status;
    const char *advice;
};

static const struct meaning meanings[] = {
    {ER_ACCESS_DENIED_ERROR, TG_ERROR_PERMISSION, check_user},
    {ER_ACCESS_DENIED_NO_PASSWORD_ERROR, TG_ERROR_PERMISSION, check_user},
    {ER_ACCESS_DENIED_CHANGE_USER_ERROR, TG_ERROR_PERMISSION, check_user},
    {ER_MUST_CHANGE_PASSWORD, TG_ERROR_PERMISSION, "give the user a new password on the server"},
    {ER_MUST_CHANGE_PASSWORD_LOGIN, TG_ERROR_PERMISSION, "give the user a new password on the server"},
    {ER_ACCOUNT_HAS_BEEN_LOCKED, TG_ERROR_PERMISSION, "unlock the user on the server: ALTER USER"},
    {MYSQL_ACCOUNT_LOCKED, TG_ERROR_PERMISSION, "unlock the user on the server: ALTER USER"},
    {ER_DBACCESS_DENIED_ERROR, TG_ERROR_PERMISSION, ask_rights},
    {ER_TABLEACCESS_DENIED_ERROR, TG_ERROR_PERMISSION, ask_rights},
    {ER_COLUMNACCESS_DENIED_ERROR, TG_ERROR_PERMISSION, ask_rights},
    {ER_SPECIFIC_ACCESS_DENIED_ERROR, TG_ERROR_PERMISSION, ask_rights},
    {ER_HOST_NOT_PRIVILEGED, TG_ERROR_PERMISSION, "allow this host on the server: CREATE USER <user>@<host>"},
    {ER_HOST_IS_BLOCKED, TG_ERROR_PERMISSION, "run mariadb-admin flush-hosts on the server"},
    {ER_OPTION_PREVENTS_STATEMENT, TG_ERROR_PERMISSION, "name a server that may be written to"},
    {ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, TG_ERROR_PERMISSION, "open the store for writing"},
    {ER_READ_ONLY_MODE, TG_ERROR_PERMISSION, "name a server that may be written to"},
    {ER_OPEN_AS_READONLY, TG_ERROR_PERMISSION, "name a server that may be written to"},
    {ER_INNODB_READ_ONLY, TG_ERROR_PERMISSION, "name a server that may be written to"},

    {ER_BAD_DB_ERROR, TG_ERROR_NOT_FOUND, "create it: CREATE DATABASE, or tachograph store init"},
    {ER_NO_DB_ERROR, TG_ERROR_NOT_FOUND, "name the database in the store's URL"},
    {ER_NO_SUCH_TABLE, TG_ERROR_NOT_FOUND, "make the tables: tachograph store init"},

    {ER_DUP_ENTRY, TG_ERROR_EXISTS, exists},
    {ER_DUP_ENTRY_WITH_KEY_NAME, TG_ERROR_EXISTS, exists},
    {ER_DUP_ENTRY_AUTOINCREMENT_CASE, TG_ERROR_EXISTS, exists},
    {ER_DUP_KEY, TG_ERROR_EXISTS, exists},
    {ER_DUP_UNIQUE, TG_ERROR_EXISTS, exists},
    {ER_DUP_KEYNAME, TG_ERROR_EXISTS, exists},
    {ER_DB_CREATE_EXISTS, TG_ERROR_EXISTS, exists},
    {ER_TABLE_EXISTS_ERROR, TG_ERROR_EXISTS, exists},

    {ER_LOCK_WAIT_TIMEOUT, TG_ERROR_BUSY, later},
    {ER_LOCK_DEADLOCK, TG_ERROR_BUSY, later},
    {ER_USER_LOCK_DEADLOCK, TG_ERROR_BUSY, later},
    {ER_STATEMENT_TIMEOUT, TG_ERROR_BUSY, later},
    {MYSQL_QUERY_TIMEOUT, TG_ERROR_BUSY, later},
    {MYSQL_LOCK_NOWAIT, TG_ERROR_BUSY, later},
    {ER_QUERY_INTERRUPTED, TG_ERROR_BUSY, later},
    {ER_CON_COUNT_ERROR, TG_ERROR_BUSY, "try again later, or raise max_connections on the server"},
    {ER_TOO_MANY_USER_CONNECTIONS, TG_ERROR_BUSY, "try again later, or raise max_user_connections on the server"},
    {ER_USER_LIMIT_REACHED, TG_ERROR_BUSY, "try again later, or raise the user's limits on the server"},
    {ER_OUTOFMEMORY, TG_ERROR_BUSY, later},
    {ER_OUT_OF_SORTMEMORY, TG_ERROR_BUSY, later},
    {ER_OUT_OF_RESOURCES, TG_ERROR_BUSY, later},

    {ER_DISK_FULL, TG_ERROR_FULL, make_room},
    {ER_RECORD_FILE_FULL, TG_ERROR_FULL, make_room},
    {ER_ERROR_ON_WRITE, TG_ERROR_FULL, make_room},
    {ER_TEMP_FILE_WRITE_FAILURE, TG_ERROR_FULL, make_room},
    {ER_TABLESPACE_AUTO_EXTEND_ERROR, TG_ERROR_FULL, make_room},
    {MYSQL_DISK_FULL_NOWAIT, TG_ERROR_FULL, make_room},

    {ER_NOT_KEYFILE, TG_ERROR_FORMAT, check_tables},
    {ER_CRASHED_ON_USAGE, TG_ERROR_FORMAT, check_tables},
    {ER_CRASHED_ON_REPAIR, TG_ERROR_FORMAT, check_tables},
    {ER_INNODB_INDEX_CORRUPT, TG_ERROR_FORMAT, check_tables},
    {ER_NO_SUCH_TABLE_IN_ENGINE, TG_ERROR_FORMAT, check_tables},
    {ER_TABLESPACE_MISSING, TG_ERROR_FORMAT, check_tables},

    {ER_BINLOG_STMT_MODE_AND_ROW_ENGINE, TG_ERROR_UNSUPPORTED, "set binlog_format to MIXED or ROW on the server"},
    {CR_AUTH_PLUGIN_CANNOT_LOAD, TG_ERROR_UNSUPPORTED,
     "let the server identify the user in another way: ALTER USER ... IDENTIFIED VIA mysql_native_password"},
    {CR_AUTH_PLUGIN_ERR, TG_ERROR_PERMISSION, check_user},
    {CR_OUT_OF_MEMORY, TG_ERROR_MEMORY, "make more memory free"},

    {ER_SERVER_SHUTDOWN, TG_ERROR_IO, check_server},
    {ER_NORMAL_SHUTDOWN, TG_ERROR_IO, check_server},
    {ER_CONNECTION_KILLED, TG_ERROR_IO, later},
    {ER_HANDSHAKE_ERROR, TG_ERROR_IO, check_server},
    {ER_NET_PACKET_TOO_LARGE, TG_ERROR_IO, "raise max_allowed_packet on the server"},
    {CR_NET_PACKET_TOO_LARGE, TG_ERROR_IO, "raise max_allowed_packet on the server"},
    {CR_SSL_CONNECTION_ERROR, TG_ERROR_IO, "check ssl-ca in the store's URL and the server's certificate"},
    {ER_NET_READ_ERROR, TG_ERROR_IO, check_server},
    {ER_NET_READ_INTERRUPTED, TG_ERROR_IO, check_server},
    {ER_NET_ERROR_ON_WRITE, TG_ERROR_IO, check_server},
    {ER_NET_WRITE_INTERRUPTED, TG_ERROR_IO, check_server},
};

/* The engine's own number, where the server only says that there is one: "Got error 28 ... from storage engine". */
static struct meaning meaning_of_engine(const char *text) {
    bool is_full = strstr(text, "error 28 ") || strstr(text, "errno: 28 ") || strstr(text, "error 122 ");
    return is_full ? (struct meaning){ER_GET_ERRNO, TG_ERROR_FULL, make_room}
                   : (struct meaning){ER_GET_ERRNO, TG_ERROR_IO, check_server};
}

static struct meaning meaning_of(unsigned number, const char *text) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].number == number) {
            return meanings[i];
        }
    }
    if (number == ER_GET_ERRNO) {
        return meaning_of_engine(text);
    }
    bool is_of_library =
        (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR) || (number >= CER_MIN_ERROR && number <= CER_MAX_ERROR);
    /* What is left of the server's is about the statement. */
    return is_of_library ? (struct meaning){number, TG_ERROR_IO, check_server}
                         : (struct meaning){number, TG_ERROR_INVALID, "look up the number in the server's manual"};
}

enum tg_status tg_mysql_write_failure(struct tg_error *err, const char *where, unsigned number, const char *text) {
    struct meaning meaning = meaning_of(number, text);
    return tg_error_write(err, meaning.status, "store %.160s: %.240s (error %u); %s", where, text, number,
                          meaning.advice);
}
