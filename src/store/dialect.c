/* dialect: see dialect.h. */
#include "store/dialect.h"

#include <assert.h>
#include <string.h>

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
    /* A name of any length, once: MySQL's keys are short, so there it is the hash that is unique. */
    {"name", {"name TEXT NOT NULL", "name TEXT NOT NULL, name_hash BINARY(32) AS (UNHEX(SHA2(name, 256))) STORED"}},
    {"unique_name", {"name", "name_hash"}},
    {"name_is_given", {"name = ?", "name_hash = UNHEX(SHA2(?, 256))"}},
    /* Ends of tables: any, and one kept in the order of its primary key. */
    {"table", {"", MYSQL_TABLE}},
    {"clustered_table", {"WITHOUT ROWID", MYSQL_TABLE}},
    {"create_view", {"CREATE VIEW IF NOT EXISTS", "CREATE OR REPLACE VIEW"}},
    /* Expressions. */
    {"signed", {"INTEGER", "SIGNED"}},
    {"end_of_slot",
     {"datetime((services.first_slot + iteration + 1) * services.base_interval_ns / 1000000000, 'unixepoch')",
      "FROM_UNIXTIME((services.first_slot + iteration + 1) * services.base_interval_ns DIV 1000000000)"}},
    /* Statements. */
    {"insert_new", {"INSERT OR IGNORE INTO", "INSERT IGNORE INTO"}},
    {"for_update", {"", "FOR UPDATE"}},
    /* A row that is there already is locked for writing; a plain INSERT would lock it for reading, and two that do so
     * and then want to write wait for each other. */
    {"or_lock", {"", "ON DUPLICATE KEY UPDATE id = id"}},
    {"then_join", {"CROSS JOIN", "STRAIGHT_JOIN"}}, /* for each row before, in this order */
    {"engine", {"'SQLite ' || sqlite_version()", "VERSION()"}},
    {"check_engine",
     {"SELECT 'history', 'check', 'status', integrity_check FROM pragma_integrity_check",
      "CHECK TABLE services, processes, functions, function_code, intervals, function_intervals, function_sums,"
      " events"}},
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
