/*
 * queries: every statement that the store runs again and again, in the words of dialect.h. Each is prepared at its
 * first use and kept as long as the connection.
 */
#ifndef TG_QUERIES_H
#define TG_QUERIES_H

enum tg_query {
    /* Committing: what is there. */
    TG_QUERY_PROCESS,         /* uuid -> id, service id */
    TG_QUERY_SERVICE_BY_ID,   /* id -> what struct tg_commit_service holds; locks it */
    TG_QUERY_SERVICE_BY_NAME, /* name -> the same */
    TG_QUERY_INTERVAL,        /* process, seq -> id */
    TG_QUERY_FUNCTION,        /* service, name -> id */
    TG_QUERY_SUMS_BETWEEN,    /* service, first and last function -> TG_SUMS_COLUMNS */
    TG_QUERY_NEWEST_CODES,    /* function, Python, limit -> id, iteration, hash, process, after, until; newest first */
    TG_QUERY_EXCEPTION,       /* service, fingerprint -> id */
    TG_QUERY_SAMPLES_OF_EXCEPTION, /* exception, first and last iteration -> ids of samples, by age */
    /* Committing: what is new. */
    TG_QUERY_ADD_SERVICE,
    TG_QUERY_ADD_PROCESS,
    TG_QUERY_ADD_INTERVAL,
    TG_QUERY_ADD_FUNCTION,
    TG_QUERY_ADD_CODE,
    TG_QUERY_REMOVE_CODE, /* id */
    TG_QUERY_ADD_ROWS,
    TG_QUERY_ADD_EVENT,
    TG_QUERY_ADD_CALL_TREE,
    TG_QUERY_ADD_EXCEPTION,
    TG_QUERY_ADD_EXCEPTION_COUNT,
    TG_QUERY_ADD_EXCEPTION_SAMPLE,
    TG_QUERY_ADD_EXCEPTION_LOSS,
    TG_QUERY_REMOVE_EXCEPTION_SAMPLE, /* id */
    TG_QUERY_SET_EXCEPTION,
    TG_QUERY_SET_FUNCTION_COUNT,
    TG_QUERY_SET_SERVICE,
    TG_QUERY_SET_PROCESS,
    TG_QUERY_SET_PROCESS_END,
    TG_QUERY_SET_SOURCE,
    TG_QUERY_SET_SUMS,
    /* Questions. */
    TG_QUERY_SERVICES,
    TG_QUERY_SERVICE_BOUNDS,   /* service -> last iteration, folded until */
    TG_QUERY_FUNCTIONS,        /* service -> id, name, file, line */
    TG_QUERY_FUNCTION_NAMED,   /* service, name -> the same */
    TG_QUERY_SUMS,             /* service -> TG_SUMS_COLUMNS */
    TG_QUERY_SUMS_OF_FUNCTION, /* service, function -> the same */
    TG_QUERY_ROWS,             /* service, first, last -> rows for function_rows.h; by iteration and function */
    TG_QUERY_ROWS_CHOSEN,      /* the same, and TG_CHOSEN_PARAMETERS */
    TG_QUERY_ROWS_WITH_HISTOGRAMS,
    TG_QUERY_ROWS_CHOSEN_WITH_HISTOGRAMS,
    TG_QUERY_LAST_ROWS,        /* service, first, last, limit, function -> iteration, and a row with its histogram */
    TG_QUERY_LAST_ROWS_CHOSEN, /* the same, and TG_CHOSEN_PARAMETERS */
    TG_QUERY_EVENTS,
    TG_QUERY_CODES,             /* service -> what struct tg_store_code holds, by function and time */
    TG_QUERY_CODES_OF_FUNCTION, /* service, function -> the same */
    TG_QUERY_VERSIONS,
    TG_QUERY_RUNS,       /* service, first, last, and TG_CHOSEN_PARAMETERS -> processes that have a part in it */
    TG_QUERY_ITERATIONS, /* service, first, last, and TG_CHOSEN_PARAMETERS -> how many iterations have any calls */
    TG_QUERY_QUALITY,    /* the same -> struct tg_store_quality */
    TG_QUERY_CALL_TREES, /* service, first, last, and TG_CHOSEN_PARAMETERS -> TG_CALL_TREE_COLUMNS */
    /* Service, first, last, whether anything is chosen, and TG_CHOSEN_PARAMETERS: TG_IF_CHOSEN_PARAMETERS. */
    TG_QUERY_EXCEPTIONS,             /* -> TG_EXCEPTION_COLUMNS of each kind; the most frequent first */
    TG_QUERY_EXCEPTION_LOSSES,       /* -> how many samples were lost */
    TG_QUERY_EXCEPTION_POINTS,       /* exception, and the same -> iteration, count */
    TG_QUERY_EXCEPTION_SAMPLE_COUNT, /* exception, and the same -> how many */
    TG_QUERY_EXCEPTION_SAMPLES,      /* exception, service, first, last, TG_CHOSEN_PARAMETERS, limit, offset
                                        -> TG_EXCEPTION_SAMPLE_COLUMNS; the newest first */
    TG_QUERY_STATUS,
    /* Verifying. */
    TG_QUERY_BOUNDS,          /* -> id, name, folded until, unfolded count of each service */
    TG_QUERY_SEQ_GAPS,        /* -> pid, host, batches, last seq of each process that lacks some */
    TG_QUERY_ROW_GAPS,        /* -> id, iteration, functions, rows of each interval that has not its rows */
    TG_QUERY_LOST_ROWS,       /* -> number of rows that belong to nothing */
    TG_QUERY_LOST_TREES,      /* -> number of call trees that belong to nothing */
    TG_QUERY_LOST_EXCEPTIONS, /* -> what, and number of such rows */
    TG_QUERY_COUNT
};

/* By enum tg_query. */
extern const char *const tg_query_texts[TG_QUERY_COUNT];

/* The columns of function_sums from function_id on. */
#define TG_SUMS_COLUMNS 19
/* Where function_intervals is a table, its rows: iteration and function_id to maximum_ns; the histogram comes after
 * them where it is asked for. */
#define TG_ROW_COLUMNS 10
/* Iteration, pid, and struct tg_batch_sampling from rate_hz to tree. */
#define TG_CALL_TREE_COLUMNS 10
/* struct tg_store_exception, and struct tg_store_exception_sample. */
#define TG_EXCEPTION_COLUMNS        9
#define TG_EXCEPTION_SAMPLE_COLUMNS 13
/* Whether a version is chosen (0 or 1) and which; whether a run is chosen and which, twice: as the uuid of a run, and
 * of a process that is one by itself. */
#define TG_CHOSEN_PARAMETERS    5
#define TG_IF_CHOSEN_PARAMETERS (4 + TG_CHOSEN_PARAMETERS)

#endif
