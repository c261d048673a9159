/* completion_fish: see completion.h. A line for each option of each command. */
#include "cli/commands.h"
#include "cli/completion.h"

#include <string.h>

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
    tg_strbuf_printf(out, "complete -c tachograph -n '__fish_seen_subcommand_from %s'", command);
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

/* Where the first operand is one of a few words, files are not offered. */
static void append_operands(struct tg_strbuf *out, const struct tg_command *command) {
    if (!command->operands && command != &tg_command_help) {
        return;
    }
    tg_strbuf_printf(out, "complete -c tachograph -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
    for (size_t i = 0; command->operands && command->operands[i]; i++) {
        tg_strbuf_printf(out, "%s%s", i ? " " : "", command->operands[i]);
    }
    for (size_t i = 0; command == &tg_command_help && tg_commands[i]; i++) {
        tg_strbuf_printf(out, "%s ", tg_commands[i]->name);
    }
    tg_strbuf_append(out, command == &tg_command_help ? "settings'\n" : "'\n");
}

void tg_completion_append_fish(struct tg_strbuf *out) {
    tg_strbuf_append(out, "# fish completion for tachograph, printed by: tachograph completion fish\n"
                          "complete -c tachograph -n __fish_use_subcommand -f -l help -s h -d 'show this'\n"
                          "complete -c tachograph -n __fish_use_subcommand -f -l version -s V -d 'show the version'\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_strbuf_printf(out, "complete -c tachograph -n __fish_use_subcommand -f -a %s -d ", tg_commands[i]->name);
        append_quoted(out, tg_commands[i]->summary);
        tg_strbuf_append_char(out, '\n');
    }
    for (size_t i = 0; tg_commands[i]; i++) {
        const struct tg_option *option = NULL;
        while ((option = tg_options_next(tg_commands[i], option))) {
            append_option(out, tg_commands[i]->name, option);
        }
        append_operands(out, tg_commands[i]);
    }
}
