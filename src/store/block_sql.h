/*
 * block_sql: blocks (block.h) as SQL sees them, for the words of dialect.c: the tables and the views that take them
 * apart. `b` is a row of function_blocks, `p` one of block_places, which counts from 0 to 15.
 *
 * A view must not group the functions that it has taken apart: a million of them would be sorted in a temporary table.
 * So function_statistics groups whole blocks, which lie in that order, and adds up at each place by itself.
 */
#ifndef TG_BLOCK_SQL_H
#define TG_BLOCK_SQL_H

/* Sixteen numbers of at most 17 digits; no text, so that no character set is checked. */
#define TG_BLOCK_NUMBERS_TYPE " VARBINARY(272) NOT NULL,"

#define TG_BLOCK_IS_THERE "(b.places >> p.place) & 1"
/* How many functions of the block come before. */
#define TG_BLOCK_INDEX " BIT_COUNT(b.places & ((1 << p.place) - 1))"
/* The number in a column that has `more` numbers than functions, `next` after that of the function. */
#define TG_BLOCK_NUMBER(column, next, more)                                                                            \
    "CAST(SUBSTR(b." column ", (" TG_BLOCK_INDEX next ") * (LENGTH(b." column ") DIV (BIT_COUNT(b.places)" more        \
    ")) + 1, LENGTH(b." column ") DIV (BIT_COUNT(b.places)" more ")) AS SIGNED)"
#define TG_BLOCK_FIGURE(column) TG_BLOCK_NUMBER(column, "", "")
#define TG_BLOCK_BEGIN          TG_BLOCK_NUMBER("histogram_bounds", "", " + 1")
#define TG_BLOCK_END            TG_BLOCK_NUMBER("histogram_bounds", " + 1", " + 1")

#define TG_BLOCK_HISTOGRAM "SUBSTR(b.histograms, " TG_BLOCK_BEGIN " + 1, " TG_BLOCK_END " - " TG_BLOCK_BEGIN ")"

/* The columns of function_intervals. */
#define TG_BLOCK_FIGURE_AS(column) TG_BLOCK_FIGURE(#column) " AS " #column ", "
#define TG_BLOCK_ROW                                                                                                   \
    "b.service_id AS service_id, b.iteration AS iteration, b.block * 16 + p.place AS function_id,"                     \
    " b.interval_id AS interval_id, " TG_BLOCK_ROW_FIGURES TG_BLOCK_HISTOGRAM " AS histogram"
#define TG_BLOCK_ROW_FIGURES                                                                                           \
    TG_BLOCK_FIGURE_AS(call_count)                                                                                     \
    TG_BLOCK_FIGURE_AS(error_count)                                                                                    \
    TG_BLOCK_FIGURE_AS(total_ns)                                                                                       \
    TG_BLOCK_FIGURE_AS(cumulative_ns)                                                                                  \
    TG_BLOCK_FIGURE_AS(self_ns)                                                                                        \
    TG_BLOCK_FIGURE_AS(active_ns) TG_BLOCK_FIGURE_AS(minimum_ns) TG_BLOCK_FIGURE_AS(maximum_ns)

#define TG_BLOCK_TABLES                                                                                                \
    "CREATE TABLE IF NOT EXISTS function_blocks ("                                                                     \
    " service_id BIGINT NOT NULL,"                                                                                     \
    " iteration BIGINT NOT NULL,"                                                                                      \
    " block BIGINT NOT NULL,"                                                                                          \
    " interval_id BIGINT NOT NULL,"                                                                                    \
    " places BIGINT NOT NULL,"                                                                                         \
    " call_count" TG_BLOCK_NUMBERS_TYPE " error_count" TG_BLOCK_NUMBERS_TYPE " total_ns" TG_BLOCK_NUMBERS_TYPE         \
    " cumulative_ns" TG_BLOCK_NUMBERS_TYPE " self_ns" TG_BLOCK_NUMBERS_TYPE " active_ns" TG_BLOCK_NUMBERS_TYPE         \
    " minimum_ns" TG_BLOCK_NUMBERS_TYPE " maximum_ns" TG_BLOCK_NUMBERS_TYPE " histogram_bounds" TG_BLOCK_NUMBERS_TYPE  \
    " histograms MEDIUMBLOB NOT NULL,"                                                                                 \
    " PRIMARY KEY (service_id, iteration, block, interval_id)) ENGINE=InnoDB;"                                         \
    "CREATE TABLE IF NOT EXISTS block_places (place BIGINT NOT NULL PRIMARY KEY) ENGINE=InnoDB;"                       \
    "INSERT IGNORE INTO block_places (place) VALUES"                                                                   \
    " (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);"                           \
    "CREATE OR REPLACE VIEW function_intervals AS SELECT " TG_BLOCK_ROW " FROM function_blocks b"                      \
    " STRAIGHT_JOIN block_places p ON " TG_BLOCK_IS_THERE

/* One figure of a function in an iteration, over all intervals, in `points`. */
#define TG_BLOCK_POINT(figure)                                                                                         \
    "(SELECT " figure " FROM function_blocks b WHERE b.service_id = points.service_id"                                 \
    " AND b.iteration = points.iteration AND b.block = points.block AND " TG_BLOCK_IS_THERE ")"
#define TG_BLOCK_SUM(column) "SUM(" TG_BLOCK_FIGURE(column) ")"

/* Points, and for each what function_statistics wants of them. */
#define TG_BLOCK_POINTS                                                                                                \
    "(SELECT service_id, iteration, block, BIT_OR(places) AS places"                                                   \
    " FROM function_blocks GROUP BY service_id, iteration, block) points"                                              \
    " JOIN block_places p ON (points.places >> p.place) & 1"                                                           \
    " JOIN functions ON functions.id = points.block * 16 + p.place"
#define TG_BLOCK_POINT_CALLS TG_BLOCK_POINT("CAST(" TG_BLOCK_SUM("call_count") " AS SIGNED)")
#define TG_BLOCK_POINT_TOTAL TG_BLOCK_POINT(TG_BLOCK_SUM("total_ns"))
#define TG_BLOCK_POINT_AVERAGE                                                                                         \
    TG_BLOCK_POINT(TG_BLOCK_SUM("total_ns") " / 1e9 / NULLIF(" TG_BLOCK_SUM("call_count") ", 0)")

#endif
