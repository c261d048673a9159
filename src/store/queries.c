/* queries: see queries.h. */
#include "store/queries.h"

#define SERVICE_COLUMNS                                                                                                \
    "id, base_interval_ns, first_slot, last_iteration, last_ended_ns, folded_until, unfolded_count, version, "         \
    "version_ns"

#define SUMS_COLUMNS                                                                                                   \
    "function_id, iteration_count, first_iteration, last_iteration, origin_x, origin_y, sum_x, sum_y, sum_xx, sum_xy," \
    " sum_yy, call_count, error_count, total_ns, cumulative_ns, self_ns, active_ns, minimum_ns, maximum_ns"

#define ROWS_BETWEEN " WHERE r.service_id = ? AND r.iteration BETWEEN ? AND ?"
#define BY_FUNCTION  " ORDER BY $by_function"

/* The processes that rows come from, and which of them are meant. */
#define WITH_PROCESSES " $then_join intervals i ON i.id = r.interval_id $then_join processes p ON p.id = i.process_id"
#define CHOSEN         " AND (? = 0 OR p.version = ?) AND (? = 0 OR p.run_uuid = ? OR p.uuid = ?)"
/* The same of a table `c` that is not joined with them: they are looked at only where some are chosen. */
#define CHOSEN_IF_ANY                                                                                                  \
    " AND (? = 0 OR EXISTS (SELECT 1 FROM intervals i JOIN processes p ON p.id = i.process_id"                         \
    " WHERE i.id = c.interval_id" CHOSEN "))"

/* Rows `c` that lack what they belong to. */
#define LOST_FROM_EXCEPTIONS                                                                                           \
    " LEFT JOIN intervals i ON i.id = c.interval_id AND i.service_id = c.service_id AND i.iteration = c.iteration"     \
    " LEFT JOIN exceptions e ON e.id = c.exception_id AND e.service_id = c.service_id"                                 \
    " WHERE i.id IS NULL OR e.id IS NULL"

/* The last iterations that anything happened in, and the rows of one function in them; an iteration without such rows
 * gives one of NULLs. Every iteration is looked up by itself, so that the others' rows are not read. */
#define LAST_ITERATIONS                                                                                                \
    "SELECT n.iteration, $row_columns, $histogram_columns FROM"                                                        \
    " (SELECT DISTINCT iteration FROM intervals WHERE service_id = ? AND iteration BETWEEN ? AND ?"                    \
    " ORDER BY iteration DESC LIMIT ?) n"                                                                              \
    " LEFT JOIN "
#define OF_ONE_FUNCTION " ON r.service_id = ? AND r.iteration = n.iteration AND $function_is_given"

#define CODES                                                                                                          \
    "SELECT c.function_id, c.code_hash, c.line, c.first_iteration, c.python FROM code_changes c"                       \
    " JOIN functions f ON f.id = c.function_id WHERE f.service_id = ?"
#define BY_FIRST_ITERATION " ORDER BY c.function_id, c.first_iteration, c.id"

const char *const tg_query_texts[TG_QUERY_COUNT] = {
    [TG_QUERY_PROCESS] = "SELECT id, service_id FROM processes WHERE uuid = ?",
    [TG_QUERY_SERVICE_BY_ID] = "SELECT " SERVICE_COLUMNS " FROM services WHERE id = ? $for_update",
    [TG_QUERY_SERVICE_BY_NAME] = "SELECT " SERVICE_COLUMNS " FROM services WHERE $name_is_given $for_update",
    [TG_QUERY_INTERVAL] = "SELECT id FROM intervals WHERE process_id = ? AND seq = ?",
    [TG_QUERY_FUNCTION] = "SELECT id FROM functions WHERE service_id = ? AND $name_is_given",
    [TG_QUERY_SUMS_BETWEEN] = "SELECT " SUMS_COLUMNS " FROM function_sums"
                              " WHERE service_id = ? AND function_id BETWEEN ? AND ?",

    [TG_QUERY_NEWEST_CODES] = "SELECT id, first_iteration, code_hash, process_id, after_ns, until_ns FROM code_changes"
                              " WHERE function_id = ? AND (python = ? OR python = 0)"
                              " ORDER BY first_iteration DESC, id DESC LIMIT ?",
    [TG_QUERY_EXCEPTION] = "SELECT id FROM exceptions WHERE service_id = ? AND fingerprint = ?",
    [TG_QUERY_SAMPLES_OF_EXCEPTION] = "SELECT id FROM exception_samples"
                                      " WHERE exception_id = ? AND iteration BETWEEN ? AND ? ORDER BY iteration, id",

    [TG_QUERY_ADD_SERVICE] = "INSERT INTO services (name, base_interval_ns, first_slot, last_iteration, last_ended_ns,"
                             " folded_until, unfolded_count, version, version_ns) VALUES (?, ?, ?, 0, 0, -1, 0, '', 0)"
                             " $or_lock",
    [TG_QUERY_ADD_PROCESS] = "INSERT INTO processes (service_id, uuid, run_uuid, pid, parent_pid, python_version,"
                             " started_ns, ended_kind, version, host, program, first_iteration, last_iteration)"
                             " VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_INTERVAL] = "INSERT INTO intervals (service_id, process_id, seq, slot, iteration, began_ns, ended_ns,"
                              " interval_ns, function_count, overflow_call_count, unrecorded_call_count,"
                              " refused_function_count, torn_count, damaged_count, collector_cpu_ns)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_FUNCTION] = "INSERT INTO functions (service_id, name, file, line) VALUES (?, ?, ?, ?)",
    [TG_QUERY_ADD_CODE] = "INSERT INTO code_changes (function_id, first_iteration, python, code_hash, line, process_id,"
                          " after_ns, until_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    [TG_QUERY_REMOVE_CODE] = "DELETE FROM code_changes WHERE id = ?",
    [TG_QUERY_ADD_ROWS] = "$insert_rows",
    [TG_QUERY_ADD_EVENT] = "INSERT INTO events (service_id, iteration, wall_ns, kind, process_id, version, detail)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_CALL_TREE] = "INSERT INTO call_trees (service_id, iteration, interval_id, rate_hz, mode, look_count,"
                               " missed_count, sample_count, torn_count, thread_count, tree)"
                               " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_EXCEPTION] = "INSERT INTO exceptions (service_id, fingerprint, function_id, type, first_ns, last_ns)"
                               " VALUES (?, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_EXCEPTION_COUNT] = "INSERT INTO exception_counts (service_id, exception_id, iteration, interval_id,"
                                     " count) VALUES (?, ?, ?, ?, ?) $or_add_count",
    [TG_QUERY_ADD_EXCEPTION_SAMPLE] =
        "INSERT INTO exception_samples (service_id, exception_id, iteration, interval_id, wall_ns, native_id, thread,"
        " message, traceback, args, kwargs, rebound) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [TG_QUERY_ADD_EXCEPTION_LOSS] =
        "INSERT INTO exception_losses (service_id, iteration, interval_id, lost_count) VALUES (?, ?, ?, ?)",
    [TG_QUERY_REMOVE_EXCEPTION_SAMPLE] = "DELETE FROM exception_samples WHERE id = ?",
    [TG_QUERY_SET_EXCEPTION] = "UPDATE exceptions SET"
                               " first_ns = CASE WHEN ? < first_ns THEN ? ELSE first_ns END,"
                               " last_ns = CASE WHEN ? > last_ns THEN ? ELSE last_ns END"
                               " WHERE id = ?",
    [TG_QUERY_SET_FUNCTION_COUNT] = "UPDATE intervals SET function_count = ? WHERE id = ?",
    [TG_QUERY_SET_SERVICE] = "UPDATE services SET last_iteration = ?, last_ended_ns = ?, folded_until = ?,"
                             " unfolded_count = ?, version = ?, version_ns = ? WHERE id = ?",
    [TG_QUERY_SET_PROCESS] = "UPDATE processes SET"
                             " first_iteration = CASE WHEN ? < first_iteration THEN ? ELSE first_iteration END,"
                             " last_iteration = CASE WHEN ? > last_iteration THEN ? ELSE last_iteration END"
                             " WHERE id = ?",
    [TG_QUERY_SET_PROCESS_END] = "UPDATE processes SET ended_ns = ?, ended_kind = ? WHERE id = ?",
    [TG_QUERY_SET_SOURCE] = "UPDATE functions SET file = ?, line = ? WHERE id = ?",
    [TG_QUERY_SET_SUMS] = "REPLACE INTO function_sums (service_id, " SUMS_COLUMNS ")"
                          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",

    [TG_QUERY_SERVICES] = "SELECT id, name, base_interval_ns, first_slot, last_iteration,"
                          " (SELECT COUNT(*) FROM processes WHERE service_id = services.id), last_ended_ns"
                          " FROM services ORDER BY last_ended_ns DESC, id DESC",
    [TG_QUERY_SERVICE_BOUNDS] = "SELECT last_iteration, folded_until FROM services WHERE id = ?",
    [TG_QUERY_FUNCTIONS] = "SELECT id, name, file, line FROM functions WHERE service_id = ?",
    [TG_QUERY_FUNCTION_NAMED] = "SELECT id, name, file, line FROM functions WHERE service_id = ? AND $name_is_given",
    [TG_QUERY_SUMS] = "SELECT " SUMS_COLUMNS " FROM function_sums WHERE service_id = ?",
    [TG_QUERY_SUMS_OF_FUNCTION] = "SELECT " SUMS_COLUMNS " FROM function_sums WHERE service_id = ? AND function_id = ?",
    [TG_QUERY_ROWS] = "SELECT $row_columns FROM $function_rows r" ROWS_BETWEEN BY_FUNCTION,
    [TG_QUERY_ROWS_CHOSEN] = "SELECT $row_columns FROM $function_rows r" WITH_PROCESSES ROWS_BETWEEN CHOSEN BY_FUNCTION,
    [TG_QUERY_ROWS_WITH_HISTOGRAMS] =
        "SELECT $row_columns, $histogram_columns FROM $function_rows r" ROWS_BETWEEN BY_FUNCTION,
    [TG_QUERY_ROWS_CHOSEN_WITH_HISTOGRAMS] =
        "SELECT $row_columns, $histogram_columns FROM $function_rows r" WITH_PROCESSES ROWS_BETWEEN CHOSEN BY_FUNCTION,
    [TG_QUERY_LAST_ROWS] = LAST_ITERATIONS "$function_rows r" OF_ONE_FUNCTION " ORDER BY n.iteration DESC",
    [TG_QUERY_LAST_ROWS_CHOSEN] =
        LAST_ITERATIONS "($function_rows r" WITH_PROCESSES ")" OF_ONE_FUNCTION CHOSEN " ORDER BY n.iteration DESC",
    [TG_QUERY_EVENTS] = "SELECT e.wall_ns, e.iteration, e.kind, e.process_id, p.pid, p.host, e.version, e.detail"
                        " FROM events e LEFT JOIN processes p ON p.id = e.process_id"
                        " WHERE e.service_id = ? AND e.iteration BETWEEN ? AND ?" CHOSEN " ORDER BY e.wall_ns, e.id",
    [TG_QUERY_CODES] = CODES BY_FIRST_ITERATION,
    [TG_QUERY_CODES_OF_FUNCTION] = CODES " AND f.id = ?" BY_FIRST_ITERATION,
    [TG_QUERY_VERSIONS] =
        "SELECT version, MIN(first_iteration), MAX(last_iteration), COUNT(*) FROM processes"
        " WHERE service_id = ? GROUP BY version ORDER BY MIN(first_iteration), MIN(started_ns), version",
    [TG_QUERY_RUNS] =
        "SELECT p.uuid, p.run_uuid, p.pid, p.host, p.program, p.version, p.started_ns, p.ended_kind,"
        " p.first_iteration, p.last_iteration,"
        " (SELECT i.ended_ns FROM intervals i WHERE i.process_id = p.id ORDER BY i.seq DESC LIMIT 1),"
        " EXISTS (SELECT 1 FROM intervals i WHERE i.process_id = p.id AND i.function_count > 0)"
        " FROM processes p WHERE p.service_id = ? AND p.last_iteration >= ? AND p.first_iteration <= ?" CHOSEN
        " ORDER BY p.started_ns, p.id",
    [TG_QUERY_QUALITY] = "SELECT COUNT(*), COALESCE(SUM(i.overflow_call_count), 0),"
                         " COALESCE(SUM(i.unrecorded_call_count), 0), COALESCE(SUM(i.refused_function_count), 0),"
                         " COALESCE(SUM(i.torn_count), 0), COALESCE(SUM(i.damaged_count), 0),"
                         " COALESCE(SUM(i.collector_cpu_ns), 0) FROM intervals i"
                         " JOIN processes p ON p.id = i.process_id"
                         " WHERE i.service_id = ? AND i.iteration BETWEEN ? AND ?" CHOSEN,
    [TG_QUERY_ITERATIONS] = "SELECT COUNT(DISTINCT i.iteration) FROM intervals i"
                            " JOIN processes p ON p.id = i.process_id"
                            " WHERE i.service_id = ? AND i.iteration BETWEEN ? AND ? AND i.function_count > 0" CHOSEN,
    [TG_QUERY_CALL_TREES] =
        "SELECT t.iteration, p.pid, t.rate_hz, t.mode, t.look_count, t.missed_count,"
        " t.sample_count, t.torn_count, t.thread_count, t.tree FROM call_trees t"
        " $then_join intervals i ON i.id = t.interval_id"
        " $then_join processes p ON p.id = i.process_id"
        " WHERE t.service_id = ? AND t.iteration BETWEEN ? AND ?" CHOSEN " ORDER BY t.iteration, t.interval_id",
    [TG_QUERY_EXCEPTIONS] =
        "SELECT e.id, f.name, e.type, e.first_ns, e.last_ns, SUM(c.count), e.fingerprint,"
        " MIN(c.iteration), MAX(c.iteration) FROM exceptions e"
        " JOIN functions f ON f.id = e.function_id"
        " JOIN exception_counts c ON c.service_id = e.service_id AND c.exception_id = e.id"
        " WHERE e.service_id = ? AND c.iteration BETWEEN ? AND ?" CHOSEN_IF_ANY
        " GROUP BY e.id, f.name, e.type, e.first_ns, e.last_ns, e.fingerprint ORDER BY SUM(c.count) DESC, e.id",
    [TG_QUERY_EXCEPTION_POINTS] =
        "SELECT c.iteration, SUM(c.count) FROM exception_counts c"
        " WHERE c.exception_id = ? AND c.service_id = ? AND c.iteration BETWEEN ? AND ?" CHOSEN_IF_ANY
        " GROUP BY c.iteration ORDER BY c.iteration",
    [TG_QUERY_EXCEPTION_SAMPLE_COUNT] =
        "SELECT COUNT(*) FROM exception_samples c WHERE c.exception_id = ? AND c.service_id = ?"
        " AND c.iteration BETWEEN ? AND ?" CHOSEN_IF_ANY,
    [TG_QUERY_EXCEPTION_SAMPLES] =
        "SELECT s.id, s.iteration, s.wall_ns, p.pid, p.host, s.native_id, s.thread, s.message, s.traceback, s.args,"
        " s.kwargs, s.rebound, p.version FROM exception_samples s $then_join intervals i ON i.id = s.interval_id"
        " $then_join processes p ON p.id = i.process_id"
        " WHERE s.exception_id = ? AND s.service_id = ? AND s.iteration BETWEEN ? AND ?" CHOSEN
        " ORDER BY s.iteration DESC, s.id DESC LIMIT ? OFFSET ?",
    [TG_QUERY_EXCEPTION_LOSSES] = "SELECT COALESCE(SUM(c.lost_count), 0) FROM exception_losses c"
                                  " WHERE c.service_id = ? AND c.iteration BETWEEN ? AND ?" CHOSEN_IF_ANY,
    [TG_QUERY_STATUS] = "SELECT $engine, (SELECT COUNT(*) FROM services), (SELECT COUNT(*) FROM processes),"
                        " (SELECT COUNT(*) FROM functions), (SELECT COUNT(*) FROM intervals),"
                        " (SELECT $row_count FROM $function_rows r), $size_bytes",

    [TG_QUERY_BOUNDS] = "SELECT id, name, folded_until, unfolded_count FROM services",
    [TG_QUERY_SEQ_GAPS] = "SELECT p.pid, p.host, COUNT(*), MAX(i.seq) FROM intervals i"
                          " JOIN processes p ON p.id = i.process_id GROUP BY p.id, p.pid, p.host"
                          " HAVING COUNT(*) <> MAX(i.seq)",
    [TG_QUERY_ROW_GAPS] = "SELECT i.id, i.iteration, i.function_count, $row_count FROM intervals i"
                          " LEFT JOIN $function_rows r ON r.service_id = i.service_id"
                          " AND r.iteration = i.iteration AND r.interval_id = i.id"
                          " GROUP BY i.id, i.iteration, i.function_count"
                          " HAVING $row_count <> i.function_count",
    [TG_QUERY_LOST_ROWS] = "SELECT COUNT(*) FROM function_intervals r"
                           " LEFT JOIN intervals i ON i.id = r.interval_id AND i.service_id = r.service_id"
                           " AND i.iteration = r.iteration"
                           " LEFT JOIN functions f ON f.id = r.function_id AND f.service_id = r.service_id"
                           " WHERE i.id IS NULL OR f.id IS NULL",
    [TG_QUERY_LOST_TREES] = "SELECT COUNT(*) FROM call_trees t"
                            " LEFT JOIN intervals i ON i.id = t.interval_id AND i.service_id = t.service_id"
                            " AND i.iteration = t.iteration WHERE i.id IS NULL",
    [TG_QUERY_LOST_EXCEPTIONS] =
        "SELECT 'exceptions belong to no function', COUNT(*) FROM exceptions e"
        " LEFT JOIN functions f ON f.id = e.function_id AND f.service_id = e.service_id WHERE f.id IS NULL"
        " UNION ALL SELECT 'counts of exceptions belong to no interval or exception', COUNT(*)"
        " FROM exception_counts c" LOST_FROM_EXCEPTIONS
        " UNION ALL SELECT 'samples of exceptions belong to no interval or exception', COUNT(*)"
        " FROM exception_samples c" LOST_FROM_EXCEPTIONS,
};
