/*
 * schema: see schema.h.
 *
 * Times are integer nanoseconds, wall times since 1970 UTC. Figures are at most 2^56, and a SUM() of 127 such is exact;
 * the view function_statistics does not fail with more of them.
 */
#include "store/schema.h"

#include "store/dialect.h"

static const char *const version_1[] = {
    "CREATE TABLE IF NOT EXISTS schema_version ("
    " version INTEGER NOT NULL PRIMARY KEY) $table",

    /* `folded_until`: what lies in iterations up to this one is in function_sums; `unfolded_count`: rows that are not.
     * `version`: the one seen last, of the process that began at `version_ns`. */
    "CREATE TABLE IF NOT EXISTS services ("
    " id $id,"
    " $name,"
    " base_interval_ns $integer,"
    " first_slot $integer,"
    " last_iteration $integer,"
    " last_ended_ns $integer,"
    " folded_until $integer,"
    " unfolded_count $integer,"
    " version $text,"
    " version_ns $integer,"
    " UNIQUE ($unique_name)) $table",

    /* `ended_kind`: 0 while nothing is known of an end, else as the event. */
    "CREATE TABLE IF NOT EXISTS processes ("
    " id $id,"
    " service_id $integer,"
    " uuid $uuid,"
    " run_uuid $uuid,"
    " pid $integer,"
    " parent_pid $integer,"
    " python_version $integer,"
    " started_ns $integer,"
    " ended_ns $optional_integer,"
    " ended_kind $integer,"
    " version $text,"
    " host $text,"
    " program $text,"
    " first_iteration $integer,"
    " last_iteration $integer,"
    " UNIQUE (uuid),"
    " UNIQUE (service_id, id)) $table",

    /* `file` and `line`: as seen last. */
    "CREATE TABLE IF NOT EXISTS functions ("
    " id $id,"
    " service_id $integer,"
    " $name,"
    " file $text,"
    " line $integer,"
    " UNIQUE (service_id, $unique_name)) $table",

    /* Each code that a function has had, and the first iteration that it was seen in. */
    "CREATE TABLE IF NOT EXISTS function_code ("
    " function_id $integer,"
    " code_hash $integer,"
    " file $text,"
    " line $integer,"
    " first_iteration $integer,"
    " PRIMARY KEY (function_id, code_hash)) $clustered_table",

    /* One for each batch: (process, seq) is what makes it stored once. */
    "CREATE TABLE IF NOT EXISTS intervals ("
    " id $id,"
    " service_id $integer,"
    " process_id $integer,"
    " seq $integer,"
    " slot $integer,"
    " iteration $integer,"
    " began_ns $integer,"
    " ended_ns $integer,"
    " interval_ns $integer,"
    " function_count $integer,"
    " overflow_call_count $integer,"
    " unrecorded_call_count $integer,"
    " refused_function_count $integer,"
    " torn_count $integer,"
    " damaged_count $integer,"
    " collector_cpu_ns $integer,"
    " UNIQUE (process_id, seq),"
    " UNIQUE (service_id, iteration, id)) $table",

    /* function_intervals: what a function did in an interval. In the order of time: what is new comes last. A table,
     * or a view of blocks (dialect.c, block_sql.h). */
    "$function_rows_table",

    /* All iterations up to services.folded_until: struct tg_store_sums, and the figures of function_intervals. */
    "CREATE TABLE IF NOT EXISTS function_sums ("
    " service_id $integer,"
    " function_id $integer,"
    " iteration_count $integer,"
    " first_iteration $integer,"
    " last_iteration $integer,"
    " origin_x $real,"
    " origin_y $real,"
    " sum_x $real,"
    " sum_y $real,"
    " sum_xx $real,"
    " sum_xy $real,"
    " sum_yy $real,"
    " call_count $integer,"
    " error_count $integer,"
    " total_ns $integer,"
    " cumulative_ns $integer,"
    " self_ns $integer,"
    " active_ns $integer,"
    " minimum_ns $integer,"
    " maximum_ns $integer,"
    " PRIMARY KEY (service_id, function_id)) $clustered_table",

    /* `kind`: enum tg_store_event_kind. */
    "CREATE TABLE IF NOT EXISTS events ("
    " id $id,"
    " service_id $integer,"
    " iteration $integer,"
    " wall_ns $integer,"
    " kind $integer,"
    " process_id $integer,"
    " version $text,"
    " detail $text,"
    " UNIQUE (service_id, iteration, id)) $table",

    /* The table of the article that tachograph began with, so that its queries run as they are. The id is function and
     * iteration in one number: iterations from -2^33 to 2^33 - 1 (2.7 years of the shortest interval, 10 ms, to either
     * side of the first) and functions up to 2^29 have ids of their own. */
    "$create_view function_statistics AS"
    " SELECT functions.id * 17179869184 + points.iteration + 8589934592 AS id,"
    " functions.name AS function_name,"
    " points.iteration AS iteration,"
    " $point_calls AS call_count,"
    " $point_total AS total_time,"
    " $point_average AS average_time,"
    " $end_of_slot AS created_at"
    " FROM $points"
    " JOIN services ON services.id = points.service_id",

    NULL,
};

/* What samplers saw: one row for each interval that one ran in; struct tg_batch_sampling. */
static const char *const version_2[] = {
    "CREATE TABLE IF NOT EXISTS call_trees ("
    " service_id $integer,"
    " iteration $integer,"
    " interval_id $integer,"
    " rate_hz $integer,"
    " mode $integer,"
    " look_count $integer,"
    " missed_count $integer,"
    " sample_count $integer,"
    " torn_count $integer,"
    " thread_count $integer,"
    " tree $many_bytes,"
    " PRIMARY KEY (service_id, iteration, interval_id)) $clustered_table",

    NULL,
};

/* What failed: exceptions that are alike, by fingerprint, how often in which interval, and some of them (struct
 * tg_batch_failures). `thread`: what the kernel knew it as. */
static const char *const version_3[] = {
    "CREATE TABLE IF NOT EXISTS exceptions ("
    " id $id,"
    " service_id $integer,"
    " fingerprint $integer,"
    " function_id $integer,"
    " type $text,"
    " first_ns $integer,"
    " last_ns $integer,"
    " UNIQUE (service_id, fingerprint)) $table",

    "CREATE TABLE IF NOT EXISTS exception_counts ("
    " service_id $integer,"
    " exception_id $integer,"
    " iteration $integer,"
    " interval_id $integer,"
    " count $integer,"
    " PRIMARY KEY (service_id, exception_id, iteration, interval_id)) $clustered_table",

    "CREATE TABLE IF NOT EXISTS exception_samples ("
    " id $id,"
    " service_id $integer,"
    " exception_id $integer,"
    " iteration $integer,"
    " interval_id $integer,"
    " wall_ns $integer,"
    " native_id $integer,"
    " thread $text,"
    " message $text,"
    " traceback $text,"
    " args $text,"
    " kwargs $text,"
    " rebound $text,"
    " UNIQUE (exception_id, iteration, id)) $table",

    /* Samples that found no space, where there were any. */
    "CREATE TABLE IF NOT EXISTS exception_losses ("
    " service_id $integer,"
    " iteration $integer,"
    " interval_id $integer,"
    " lost_count $integer,"
    " PRIMARY KEY (service_id, iteration, interval_id)) $clustered_table",

    /* The table of the article that tachograph began with: a row for each sample. */
    "$create_view function_exceptions AS"
    " SELECT samples.id AS id,"
    " functions.name AS function_name,"
    " samples.iteration AS iteration,"
    " $type_and_message AS exception,"
    " samples.args AS args,"
    " samples.kwargs AS kwargs,"
    " $time_of_sample AS created_at"
    " FROM exception_samples samples"
    " JOIN exceptions ON exceptions.id = samples.exception_id"
    " JOIN functions ON functions.id = exceptions.function_id",

    NULL,
};

/* What codes functions had, one row for each change (commit_codes.c): version 1 had one for each code, so that one
 * which came back was not seen. `python`: 0x030b for 3.11; `process_id`: the process that took it up, at some time
 * between `after_ns` and `until_ns`; all are 0 where they are not known. The old table stays: programs that have the
 * history open while it is migrated go on to store. */
static const char *const version_4[] = {
    "CREATE TABLE IF NOT EXISTS code_changes ("
    " id $id,"
    " function_id $integer,"
    " first_iteration $integer,"
    " python $integer,"
    " code_hash $integer,"
    " line $integer,"
    " process_id $integer,"
    " after_ns $integer,"
    " until_ns $integer,"
    " UNIQUE (function_id, first_iteration, id)) $table",

    "INSERT INTO code_changes (function_id, first_iteration, python, code_hash, line, process_id, after_ns, until_ns)"
    " SELECT f.function_id, f.first_iteration, 0, f.code_hash, f.line, 0, 0, 0 FROM function_code f"
    " WHERE NOT EXISTS (SELECT 1 FROM code_changes c"
    " WHERE c.function_id = f.function_id AND c.code_hash = f.code_hash)"
    " ORDER BY f.function_id, f.first_iteration, f.code_hash",

    NULL,
};

static const struct tg_schema_step steps[] = {
    {version_1},
    {version_2},
    {version_3},
    {version_4},
};

const struct tg_schema tg_schema_current = {.steps = steps, .count = sizeof steps / sizeof steps[0]};

static enum tg_status execute(struct tg_sql *sql, const char *text, struct tg_error *err) {
    struct tg_strbuf expanded = TG_STRBUF_INIT;
    tg_dialect_expand(&expanded, sql->driver->dialect, text);
    enum tg_status status = tg_strbuf_status(&expanded);
    if (status == TG_OK) {
        status = sql->driver->execute(sql, tg_strbuf_text(&expanded), err);
    } else {
        status = tg_error_set(err, status, "not enough memory to make the tables of the history");
    }
    tg_strbuf_release(&expanded);
    return status;
}

static enum tg_status ask_integer(struct tg_sql *sql, const char *text, int64_t *result, struct tg_error *err) {
    struct tg_strbuf expanded = TG_STRBUF_INIT;
    struct tg_sql_statement *statement = NULL;
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    bool found = false;
    tg_dialect_expand(&expanded, sql->driver->dialect, text);
    enum tg_status status = sql->driver->prepare(&statement, sql, tg_strbuf_text(&expanded), err);
    if (status == TG_OK) {
        status = sql->driver->run(statement, NULL, 0, err);
    }
    if (status == TG_OK) {
        status = sql->driver->fetch(statement, &value, 1, &found, err);
    }
    *result = found && value.kind == TG_SQL_INTEGER ? value.integer : 0;
    sql->driver->finalize(statement);
    tg_strbuf_release(&expanded);
    return status;
}

enum tg_status tg_schema_read_version(struct tg_sql *sql, int64_t *version, struct tg_error *err) {
    int64_t table_count = 0;
    *version = 0;
    enum tg_status status = ask_integer(sql, "SELECT $has_schema", &table_count, err);
    if (status == TG_OK && table_count > 0) {
        status = ask_integer(sql, "SELECT MAX(version) FROM schema_version", version, err);
    }
    return status;
}

static enum tg_status refuse_newer(int64_t version, const struct tg_schema *schema, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_VERSION,
                        "the history has version %lld, and this build knows versions up to %zu: use a newer tachograph",
                        (long long)version, schema->count);
}

/* Within the lock and a transaction. */
static enum tg_status take_steps(struct tg_sql *sql, const struct tg_schema *schema, struct tg_error *err) {
    int64_t version = 0;
    enum tg_status status = tg_schema_read_version(sql, &version, err);
    if (status == TG_OK && (version < 0 || (uint64_t)version > schema->count)) {
        return refuse_newer(version, schema, err);
    }
    for (size_t next = (size_t)version; status == TG_OK && next < schema->count; next++) {
        const char *const *statements = schema->steps[next].statements;
        for (; *statements && status == TG_OK; statements++) {
            status = execute(sql, *statements, err);
        }
        if (status == TG_OK) {
            struct tg_strbuf text = TG_STRBUF_INIT;
            tg_strbuf_printf(&text, "INSERT INTO schema_version (version) VALUES (%zu)", next + 1);
            status = execute(sql, tg_strbuf_text(&text), err);
            tg_strbuf_release(&text);
        }
        if (status != TG_OK) {
            tg_error_prefix(err, "cannot make the history's tables of version %zu", next + 1);
        }
    }
    return status;
}

enum tg_status tg_schema_migrate(struct tg_sql *sql, const struct tg_schema *schema, struct tg_error *err) {
    enum tg_status status = sql->driver->lock(sql, err);
    if (status != TG_OK) {
        return status;
    }
    status = sql->driver->begin(sql, err);
    if (status == TG_OK) {
        status = take_steps(sql, schema, err);
        if (status == TG_OK) {
            status = sql->driver->commit(sql, err);
        }
        if (status != TG_OK) {
            sql->driver->rollback(sql);
        }
    }
    sql->driver->unlock(sql);
    return status;
}

enum tg_status tg_schema_check(struct tg_sql *sql, const struct tg_schema *schema, struct tg_error *err) {
    int64_t version = 0;
    enum tg_status status = tg_schema_read_version(sql, &version, err);
    if (status != TG_OK) {
        return status;
    }
    if (version == 0) {
        return tg_error_set(
            err, TG_ERROR_NOT_FOUND,
            "there is no history yet: \"tachograph collect\" brings what waits for it, and \"tachograph "
            "store init\" makes an empty one");
    }
    if (version < 0 || (uint64_t)version > schema->count) {
        return refuse_newer(version, schema, err);
    }
    if ((uint64_t)version < schema->count) {
        return tg_error_set(err, TG_ERROR_VERSION,
                            "the history has version %lld, and this build needs %zu: run \"tachograph store migrate\"",
                            (long long)version, schema->count);
    }
    return TG_OK;
}
