/* sql: see sql.h. */
#include "store/sql.h"

#include <string.h>

#ifdef TG_WITH_SQLITE
extern const struct tg_sql_driver tg_sql_sqlite;
#endif
#ifdef TG_WITH_MYSQL
extern const struct tg_sql_driver tg_sql_mysql;
#endif

const struct tg_sql_driver *const tg_sql_drivers[] = {
#ifdef TG_WITH_SQLITE
    &tg_sql_sqlite,
#endif
#ifdef TG_WITH_MYSQL
    &tg_sql_mysql,
#endif
    NULL,
};

/* The engines that a build may have, and what it has them from. */
static const struct {
    const char *scheme;
    const char *package;
} engines[] = {
    {"sqlite", "libsqlite3-dev"},
    {"mysql", "libmariadb-dev"},
};

static const struct tg_sql_driver *find(const char *scheme) {
    const struct tg_sql_driver *const *driver = tg_sql_drivers;
    while (*driver && strcmp((*driver)->scheme, scheme) != 0) {
        driver++;
    }
    return *driver;
}

const char *tg_sql_missing(size_t *next, const char **package) {
    while (*next < sizeof engines / sizeof engines[0]) {
        size_t i = (*next)++;
        if (!find(engines[i].scheme)) {
            *package = engines[i].package;
            return engines[i].scheme;
        }
    }
    return NULL;
}

enum tg_status tg_sql_driver_of(const struct tg_sql_driver **driver, const struct tg_store_url *url,
                                struct tg_error *err) {
    *driver = find(url->scheme);
    if (*driver) {
        return TG_OK;
    }
    size_t next = 0;
    const char *package = NULL;
    for (const char *scheme; (scheme = tg_sql_missing(&next, &package));) {
        if (strcmp(scheme, url->scheme) == 0) {
            return tg_error_set(
                err, TG_ERROR_UNSUPPORTED,
                "tachograph was built without \"%s\" histories: install %s and build it again, or choose "
                "another store",
                scheme, package);
        }
    }
    return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                        "no history can be kept in \"%s\": give a file, sqlite:// or mysql://", url->scheme);
}
