/*
 * completion_fish: see completion.h. A line for each option of each command, and a function that says whether a line is
 * for what is being typed.
 */
#include "cli/commands.h"
#include "cli/completion.h"

#include <string.h>

static const char start[] =
    "# fish completion for tachograph, printed by: tachograph completion fish\n"
    "\n"
    "# Whether words of COMMAND are being typed; and not yet those of the program that it runs.\n"
    "function __tachograph_in --argument-names command\n"
    "    set -l words (commandline -opc)\n"
    "    test \"$words[2]\" = $command; or return 1\n"
    "    set -l ending __tachograph_ending_$command\n"
    "    set -q $ending; or return 0\n"
    "    set -l valued __tachograph_valued_$command\n"
    "    set -l is_value no\n"
    "    for word in $words[3..]\n"
    "        if test $is_value = yes\n"
    "            set is_value no\n"
    "        else if contains -- $word $$ending; or not string match -q -- '-?*' $word\n"
    "            return 1\n"
    "        else if contains -- $word $$valued\n"
    "            set is_value yes\n"
    "        end\n"
    "    end\n"
    "end\n"
    "\n";

static void append_quoted(struct tg_strbuf *out, const char *text) {
    tg_strbuf_append_char(out, '\'');
    for (; *text; text++) {
        if (strchr("'\\", *text)) {
            tg_strbuf_append_char(out, '\\');
        }
        tg_strbuf_append_char(out, *text);
    }
    tg_strbuf_append_char(out, '\'');
}

static void append_option(struct tg_strbuf *out, const char *command, const struct tg_option *option) {
    tg_strbuf_printf(out, "complete -c tachograph -n '__tachograph_in %s'", command);
    if (option->name) {
        tg_strbuf_printf(out, " -l %s", option->name);
    }
    if (option->letter) {
        tg_strbuf_printf(out, " -s %c", option->letter);
    }
    if (option->value) {
        tg_strbuf_append(out, tg_completion_is_file(option) ? " -r -F" : " -x");
    }
    if (option->choices) {
        tg_strbuf_append(out, " -a '");
        for (size_t i = 0; option->choices[i]; i++) {
            tg_strbuf_printf(out, "%s%s", i ? " " : "", option->choices[i]);
        }
        tg_strbuf_append(out, "'");
    }
    tg_strbuf_append(out, " -d ");
    append_quoted(out, option->help);
    tg_strbuf_append_char(out, '\n');
}

/* "--output -o " */
static void append_names(struct tg_strbuf *out, const struct tg_option *option) {
    if (option->name) {
        tg_strbuf_printf(out, " --%s", option->name);
    }
    if (option->letter) {
        tg_strbuf_printf(out, " -%c", option->letter);
    }
}

/* Where the words of a program begin: after these options, and after a word that is no value of those. */
static void append_ends(struct tg_strbuf *out, const struct tg_command *command) {
    const struct tg_option *option = NULL;
    tg_strbuf_printf(out, "set -g __tachograph_valued_%s", command->name);
    while ((option = tg_options_next(command, option))) {
        if (option->value && !option->last) {
            append_names(out, option);
        }
    }
    tg_strbuf_printf(out, "\nset -g __tachograph_ending_%s --", command->name);
    while ((option = tg_options_next(command, option))) {
        if (option->last) {
            append_names(out, option);
        }
    }
    tg_strbuf_append_char(out, '\n');
}

/* Where the first operand is one of a few words, files are not offered. */
static void append_operands(struct tg_strbuf *out, const struct tg_command *command) {
    if (!command->operands && command != &tg_command_help) {
        return;
    }
    tg_strbuf_printf(out, "complete -c tachograph -n '__tachograph_in %s' -f -a '", command->name);
    for (size_t i = 0; command->operands && command->operands[i]; i++) {
        tg_strbuf_printf(out, "%s%s", i ? " " : "", command->operands[i]);
    }
    for (size_t i = 0; command == &tg_command_help && tg_commands[i]; i++) {
        tg_strbuf_printf(out, "%s ", tg_commands[i]->name);
    }
    tg_strbuf_append(out, command == &tg_command_help ? "settings'\n" : "'\n");
}

void tg_completion_append_fish(struct tg_strbuf *out) {
    tg_strbuf_append(out, start);
    tg_strbuf_append(out, "complete -c tachograph -n __fish_use_subcommand -f -l help -s h -d 'show this'\n"
                          "complete -c tachograph -n __fish_use_subcommand -f -l version -s V -d 'show the version'\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_strbuf_printf(out, "complete -c tachograph -n __fish_use_subcommand -f -a %s -d ", tg_commands[i]->name);
        append_quoted(out, tg_commands[i]->summary);
        tg_strbuf_append_char(out, '\n');
    }
    for (size_t i = 0; tg_commands[i]; i++) {
        const struct tg_option *option = NULL;
        if (tg_commands[i]->program) {
            append_ends(out, tg_commands[i]);
        }
        while ((option = tg_options_next(tg_commands[i], option))) {
            append_option(out, tg_commands[i]->name, option);
        }
        append_operands(out, tg_commands[i]);
    }
}
