/*
 * run_dashboard: the dashboard of a program under `tachograph run --serve`: a `tachograph serve` of its own that ends
 * when this process lets go of its input, however this process ends. It is in a process group of its own, so that
 * Ctrl-C is for the program.
 */
#ifndef TG_RUN_DASHBOARD_H
#define TG_RUN_DASHBOARD_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <sys/types.h>

struct tg_run_dashboard {
    pid_t pid; /* 0: none */
    int input; /* of it; -1: none */
    struct tg_strbuf address;
};

#define TG_RUN_DASHBOARD_INIT                                                                                          \
    { .input = -1, .address = TG_STRBUF_INIT }

/* What is served; NULL: as `tachograph serve` has it. */
struct tg_run_dashboard_options {
    const char *store;
    const char *service;
    const char *port;
};

/* Returns when it listens and its address is known. The message of a failure is the server's. */
TG_NODISCARD enum tg_status tg_run_dashboard_start(struct tg_run_dashboard *dashboard,
                                                   const struct tg_run_dashboard_options *options,
                                                   struct tg_error *err);

/* Says that it goes on and waits until somebody ends it, with Ctrl-C; at once where nobody sits at a terminal. */
void tg_run_dashboard_stay(struct tg_run_dashboard *dashboard);

/* Ends it. A second call and one that was never started are fine. */
void tg_run_dashboard_end(struct tg_run_dashboard *dashboard);

#endif
