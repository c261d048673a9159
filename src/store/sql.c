/* sql: see sql.h. */
#include "store/sql.h"

#include "base/strbuf.h"

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

enum tg_status tg_sql_driver_of(const struct tg_sql_driver **driver, const struct tg_store_url *url,
                                struct tg_error *err) {
    struct tg_strbuf names = TG_STRBUF_INIT;
    *driver = NULL;
    for (size_t i = 0; tg_sql_drivers[i]; i++) {
        if (strcmp(tg_sql_drivers[i]->scheme, url->scheme) == 0) {
            *driver = tg_sql_drivers[i];
        }
        tg_strbuf_printf(&names, "%s%s", i > 0 ? ", " : "", tg_sql_drivers[i]->scheme);
    }
    enum tg_status status = TG_OK;
    if (!*driver) {
        status = tg_error_set(err, TG_ERROR_UNSUPPORTED, "this build keeps no history in \"%s\": it knows %s",
                              url->scheme, names.length > 0 ? tg_strbuf_text(&names) : "no engine");
    }
    tg_strbuf_release(&names);
    return status;
}
