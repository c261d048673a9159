/*
 * process_id: numbers of processes among the words of a command line.
 */
#ifndef TG_PROCESS_ID_H
#define TG_PROCESS_ID_H

#include "base/attributes.h"
#include "base/error.h"

#include <sys/types.h>

/* For tables of options: refuses what is no number of a process. */
enum tg_status tg_process_id_check(const char *value, struct tg_error *err);
/* What has been checked. */
pid_t tg_process_id_of(const char *value);

#endif
