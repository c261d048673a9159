/* dialect: see dialect.h. */
#include "store/dialect.h"

#include "store/block_sql.h"

#include <assert.h>
#include <string.h>

#define FIGURES "call_count, error_count, total_ns, cumulative_ns, self_ns, active_ns, minimum_ns, maximum_ns"
#define FIGURES_OF_ROW                                                                                                 \
    "r.call_count, r.error_count, r.total_ns, r.cumulative_ns, r.self_ns, r.active_ns, r.minimum_ns, r.maximum_ns"

/* SQLite's SUM() fails where the sum is more than an integer holds. In two halves it does not, and what they become
 * together is an integer where it can be one, else a real number. */
#define SUM_OF_CALLS "SUM(call_count >> 32) * 4294967296 + SUM(call_count & 4294967295)"

#define MYSQL_TABLE "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"

static const struct {
    const char *word;
    const char *texts[2]; /* by enum tg_sql_dialect */
} words[] = {
    /* Types. */
    {"id", {"INTEGER PRIMARY KEY", "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"}},
    {"integer", {"INTEGER NOT NULL", "BIGINT NOT NULL"}},
    {"optional_integer", {"INTEGER", "BIGINT"}},
    {"real", {"REAL NOT NULL", "DOUBLE NOT NULL"}},
    {"text", {"TEXT NOT NULL", "TEXT NOT NULL"}},
    {"uuid", {"BLOB NOT NULL", "BINARY(16) NOT NULL"}},
    {"bytes", {"BLOB NOT NULL", "BLOB NOT NULL"}},
    {"many_bytes", {"BLOB NOT NULL", "MEDIUMBLOB NOT NULL"}}, /* more than 64 KiB */
    /* A name of any length, once: MySQL's keys are short, so there it is the hash that is unique. */
    {"name", {"name TEXT NOT NULL", "name TEXT NOT NULL, name_hash BINARY(32) AS (UNHEX(SHA2(name, 256))) STORED"}},
    {"unique_name", {"name", "name_hash"}},
    {"name_is_given", {"name = ?", "name_hash = UNHEX(SHA2(?, 256))"}},
    /* Ends of tables: any, and one kept in the order of its primary key. */
    {"table", {"", MYSQL_TABLE}},
    {"clustered_table", {"WITHOUT ROWID", MYSQL_TABLE}},
    {"create_view", {"CREATE VIEW IF NOT EXISTS", "CREATE OR REPLACE VIEW"}},
    /* What functions did in an interval: rows, or blocks of them (block.h). `r` is such a row. The table is one of
     * schema version 1: it is not to be changed. */
    {"function_rows_table",
     {"CREATE TABLE IF NOT EXISTS function_intervals ("
      " service_id INTEGER NOT NULL,"
      " iteration INTEGER NOT NULL,"
      " function_id INTEGER NOT NULL,"
      " interval_id INTEGER NOT NULL,"
      " call_count INTEGER NOT NULL,"
      " error_count INTEGER NOT NULL,"
      " total_ns INTEGER NOT NULL,"
      " cumulative_ns INTEGER NOT NULL,"
      " self_ns INTEGER NOT NULL,"
      " active_ns INTEGER NOT NULL,"
      " minimum_ns INTEGER NOT NULL,"
      " maximum_ns INTEGER NOT NULL,"
      " histogram BLOB NOT NULL,"
      " PRIMARY KEY (service_id, iteration, function_id, interval_id)) WITHOUT ROWID",
      TG_BLOCK_TABLES}},
    {"function_rows", {"function_intervals", "function_blocks"}},
    {"row_columns", {"r.iteration, r.function_id, " FIGURES_OF_ROW, "r.iteration, r.block, r.places, " FIGURES_OF_ROW}},
    {"histogram_columns", {"r.histogram", "r.histogram_bounds, r.histograms"}},
    {"by_function", {"r.iteration, r.function_id", "r.iteration, r.block"}},
    {"function_is_given", {"r.function_id = ?", "r.block = ? DIV 16"}},
    {"row_count", {"COUNT(r.function_id)", "CAST(COALESCE(SUM(BIT_COUNT(r.places)), 0) AS SIGNED)"}},
    {"insert_rows",
     {"INSERT INTO function_intervals (service_id, iteration, function_id, interval_id, " FIGURES ", histogram)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      "INSERT INTO function_blocks (service_id, iteration, block, interval_id, places, " FIGURES
      ", histogram_bounds, histograms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"}},
    /* The points of functions: calls and time of all intervals of an iteration. */
    {"points",
     {"(SELECT service_id, iteration, function_id, " SUM_OF_CALLS " AS call_count, TOTAL(total_ns) AS total_ns"
      " FROM function_intervals GROUP BY service_id, iteration, function_id) points"
      " JOIN functions ON functions.id = points.function_id",
      TG_BLOCK_POINTS}},
    {"point_calls", {"points.call_count", TG_BLOCK_POINT_CALLS}},
    {"point_total", {"points.total_ns / 1e9", TG_BLOCK_POINT_TOTAL " / 1e9"}},
    {"point_average", {"points.total_ns / 1e9 / NULLIF(points.call_count, 0)", TG_BLOCK_POINT_AVERAGE}},
    /* Expressions. */
    {"end_of_slot",
     {"datetime((services.first_slot + iteration + 1) * services.base_interval_ns / 1000000000, 'unixepoch')",
      "FROM_UNIXTIME((services.first_slot + iteration + 1) * services.base_interval_ns DIV 1000000000)"}},
    {"type_and_message",
     {"exceptions.type || CASE samples.message WHEN '' THEN '' ELSE ': ' || samples.message END",
      "CONCAT(exceptions.type, CASE samples.message WHEN '' THEN '' ELSE CONCAT(': ', samples.message) END)"}},
    {"time_of_sample",
     {"datetime(samples.wall_ns / 1000000000, 'unixepoch')", "FROM_UNIXTIME(samples.wall_ns DIV 1000000000)"}},
    /* Statements. */
    {"for_update", {"", "FOR UPDATE"}},
    /* A row that is there already is locked for writing; a plain INSERT would lock it for reading, and two that do so
     * and then want to write wait for each other. */
    {"or_lock", {"", "ON DUPLICATE KEY UPDATE id = id"}},
    /* Groups of one batch that are one in the history. Neither is more than TG_STORE_FIGURE_MAX, nor is the sum. */
    {"or_add_count",
     {"ON CONFLICT (service_id, exception_id, iteration, interval_id) DO UPDATE SET"
      " count = MIN(count + excluded.count, 72057594037927936)",
      "ON DUPLICATE KEY UPDATE count = LEAST(count + VALUES(count), 72057594037927936)"}},
    {"then_join", {"CROSS JOIN", "STRAIGHT_JOIN"}}, /* for each row before, in this order */
    /* With what is to be known of a file whose journal could not be made a log: some file systems have no shared
     * memory for it. All works then, but those who read and who write wait for each other. */
    {"engine",
     {"'SQLite ' || sqlite_version() || (SELECT CASE journal_mode WHEN 'wal' THEN '' ELSE"
      " ' with journal mode ' || journal_mode || ' (readers and writers wait for each other)' END"
      " FROM pragma_journal_mode)",
      "VERSION()"}},
    {"check_engine",
     {"SELECT 'history', 'check', 'status', integrity_check FROM pragma_integrity_check",
      "CHECK TABLE schema_version, services, processes, functions, function_code, code_changes, intervals, "
      "function_blocks, block_places,"
      " function_sums, events, call_trees, exceptions, exception_counts, exception_samples, exception_losses"}},
    {"size_bytes",
     {"(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)",
      "(SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables"
      " WHERE table_schema = DATABASE())"}},
    {"has_schema",
     {"(SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version')",
      "(SELECT COUNT(*) FROM information_schema.tables"
      " WHERE table_schema = DATABASE() AND table_name = 'schema_version')"}},
};

static const char *find(const char *word, size_t length, enum tg_sql_dialect dialect) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == length && memcmp(words[i].word, word, length) == 0) {
            return words[i].texts[dialect];
        }
    }
    assert(!"a word of SQL that is in the table");
    return "";
}

void tg_dialect_expand(struct tg_strbuf *out, enum tg_sql_dialect dialect, const char *text) {
    const char *dollar = NULL;
    while ((dollar = strchr(text, '$'))) {
        tg_strbuf_append_bytes(out, text, (size_t)(dollar - text));
        size_t length = strspn(dollar + 1, "abcdefghijklmnopqrstuvwxyz_");
        tg_strbuf_append(out, find(dollar + 1, length, dialect));
        text = dollar + 1 + length;
    }
    tg_strbuf_append(out, text);
}
