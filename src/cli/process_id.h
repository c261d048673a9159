/*
 * process_id: numbers of processes among the words of a command line.
 */
#ifndef TG_PROCESS_ID_H
#define TG_PROCESS_ID_H

#include "base/attributes.h"
#include "base/error.h"
#include "cli/options.h"

#include <sys/types.h>

/* For tables of options: refuses what is no number of a process. */
enum tg_status tg_process_id_check(const char *value, struct tg_error *err);
/* What has been checked. */
pid_t tg_process_id_of(const char *value);

/* Takes the one operand as the process where none was given by an option; the operands that are left. */
char **tg_process_id_take(const char **pid, char **words);

/* Why there is no recording of a process: it is not there, is somebody else's, or makes none. `command` is what was to
 * look at it, as it is typed: "top", "rate 50". Never TG_OK. */
enum tg_status tg_process_id_refuse(pid_t pid, const char *command, struct tg_error *err);

/* For the table of a command whose settings have `const char *pid`. */
#define TG_PROCESS_ID_OPTION(SETTINGS, HELP)                                                                           \
    {                                                                                                                  \
        .name = "pid", .letter = 'p', .kind = TG_OPTION_TEXT, .value = "PID", .help = (HELP),                          \
        .offset = offsetof(SETTINGS, pid), .check = tg_process_id_check, .once = "one process at a time"               \
    }

#endif
