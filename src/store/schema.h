/*
 * schema: the tables of a history, and how older ones become newer ones. The tables themselves are described in
 * schema.c, version by version.
 *
 * A version is a list of statements that lead to it from the one before. Each may be run again after it was cut short
 * (IF NOT EXISTS), because some engines commit such statements one by one.
 */
#ifndef TG_SCHEMA_H
#define TG_SCHEMA_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/sql.h"

#include <stddef.h>
#include <stdint.h>

struct tg_schema_step {
    const char *const *statements; /* in the words of dialect.h, ended by NULL */
};

/* The step to version 1, to version 2 and so on. */
struct tg_schema {
    const struct tg_schema_step *steps;
    size_t count;
};

/* What this build writes and reads. */
extern const struct tg_schema tg_schema_current;

/* The version that the tables have; 0: there are none. */
TG_NODISCARD enum tg_status tg_schema_read_version(struct tg_sql *sql, int64_t *version, struct tg_error *err);

/* Takes the steps that are missing, under the store's lock: one process does it, others wait. TG_ERROR_VERSION: the
 * tables are newer than the schema. */
TG_NODISCARD enum tg_status tg_schema_migrate(struct tg_sql *sql, const struct tg_schema *schema, struct tg_error *err);

/* TG_OK when the tables are those of the schema; TG_ERROR_NOT_FOUND: there are none; TG_ERROR_VERSION: they are newer,
 * or older and to be migrated. */
TG_NODISCARD enum tg_status tg_schema_check(struct tg_sql *sql, const struct tg_schema *schema, struct tg_error *err);

#endif
