/*
 * commands: the table of what comes after `tachograph`. A new command is a file command_<name>.c and a line in
 * commands.c.
 */
#ifndef TG_COMMANDS_H
#define TG_COMMANDS_H

#include "cli/options.h"

/* Exit codes of every command but run. */
#define TG_EXIT_OK     0
#define TG_EXIT_FAILED 1
#define TG_EXIT_USAGE  2
#define TG_EXIT_SLOWER 3 /* of diff --fail-over */

extern const struct tg_command tg_command_clean;
extern const struct tg_command tg_command_collect;
extern const struct tg_command tg_command_completion;
extern const struct tg_command tg_command_diff;
extern const struct tg_command tg_command_doctor;
extern const struct tg_command tg_command_dump;
extern const struct tg_command tg_command_attach;
extern const struct tg_command tg_command_event;
extern const struct tg_command tg_command_exceptions;
extern const struct tg_command tg_command_export;
extern const struct tg_command tg_command_help;
extern const struct tg_command tg_command_pause;
extern const struct tg_command tg_command_rank;
extern const struct tg_command tg_command_rate;
extern const struct tg_command tg_command_record;
extern const struct tg_command tg_command_report;
extern const struct tg_command tg_command_run;
extern const struct tg_command tg_command_runs;
extern const struct tg_command tg_command_serve;
extern const struct tg_command tg_command_store;
extern const struct tg_command tg_command_top;
extern const struct tg_command tg_command_trend;
extern const struct tg_command tg_command_unpause;
extern const struct tg_command tg_command_version;

/* In the order of the help, ended by NULL. */
extern const struct tg_command *const tg_commands[];

/* The command of that name, or NULL. */
const struct tg_command *tg_commands_find(const char *name);

/* Says that there is no such command, and which one was probably meant. Returns the exit code. */
int tg_commands_refuse(const char *name);

/* Reads a command's words (options.h). False when the command is done: help was asked for and printed, or the words
 * were refused and the reason said; `*exit_code` is then what to return. */
bool tg_commands_parse(const struct tg_command *command, char **words, void *settings, int *exit_code);

#endif
