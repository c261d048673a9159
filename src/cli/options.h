/*
 * options: the one table of what a command understands. A command is a `const struct tg_command` with a table of
 * `const struct tg_option`; parsing, `--help` and the "did you mean" of a misspelt option all read the same table.
 *
 * Habits are GNU's: --name=value, --name value, -n5, -n 5, several flags behind one dash, options after operands, and
 * `--` before operands that look like options (`-2h` does not: no letter is a digit). A command that starts programs
 * (`program` below) stops at its first operand instead: what follows belongs to the program. `-h` and `--help` are
 * every command's.
 *
 * Values are written into the command's settings, a struct of its own, at the option's offset; what is not given keeps
 * the value it had. Texts and operands are borrowed from the words of the command line.
 */
#ifndef TG_OPTIONS_H
#define TG_OPTIONS_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum tg_option_kind {
    TG_OPTION_FLAG,   /* bool: becomes true */
    TG_OPTION_TEXT,   /* const char *: the last one given counts, unless it is given but `once` */
    TG_OPTION_LIST,   /* struct tg_text_list: every one given counts */
    TG_OPTION_NUMBER, /* size_t, from 1 on */
    TG_OPTION_CHOICE, /* int: index into choices */
};

struct tg_option {
    const char *name; /* without its dashes; NULL: has only a letter */
    char letter;      /* 0: none. Neither name nor letter: the end of the table */
    enum tg_option_kind kind;
    bool last;         /* what follows its value belongs to the program, as with python -m */
    const char *value; /* what stands for the value in the help; NULL for a flag */
    const char *help;
    size_t offset;
    const char *const *choices; /* of TG_OPTION_CHOICE, ended by NULL */
    size_t most;                /* of TG_OPTION_NUMBER; 0: no limit */
    const char *once;           /* of TG_OPTION_TEXT, NULL before: why a second one is refused; NULL: it is not */
    /* Refuses values that cannot be meant; may be NULL. */
    enum tg_status (*check)(const char *value, struct tg_error *err);
};

struct tg_text_list {
    const char **items; /* the array is owned, the texts are borrowed */
    size_t count;
};
void tg_text_list_release(struct tg_text_list *list);

struct tg_example {
    const char *command;
    const char *what;
};

struct tg_command {
    const char *name;
    const char *summary;      /* one line, for the list of commands */
    const char *const *usage; /* what follows the name, one way a line, ended by NULL */
    const char *description;  /* paragraphs, separated by an empty line; NULL: the summary says it */
    const struct tg_option *options;
    const struct tg_example *examples; /* ended by one without a command */
    const char *exit_codes;            /* paragraphs like the description's; NULL: 0, 1 and 2 as for every command */
    bool program;                      /* the first operand ends the options */
    const char *const *operands;       /* the words that it can begin with, ended by NULL; NULL: files and others */
    /* Runs the command with the words after its name, ended by NULL; returns the exit code. */
    int (*run)(const struct tg_command *command, char **words);
};

/* What every command has: --help. */
extern const struct tg_option tg_help_option;

/* For lists: the option after `option`, at first NULL; --help comes last, and after it NULL. */
const struct tg_option *tg_options_next(const struct tg_command *command, const struct tg_option *option);

/* Reads `words` into `settings` and leaves the operands in `words`, ended by NULL. Sets `*help` and stops when help is
 * asked for. TG_ERROR_INVALID has a message with what was meant, where something comes near. */
TG_NODISCARD enum tg_status tg_options_parse(const struct tg_command *command, char **words, void *settings, bool *help,
                                             struct tg_error *err);

/* For `check`: a port to listen on, 0 being any. */
TG_NODISCARD enum tg_status tg_option_check_port(const char *text, struct tg_error *err);

#endif
