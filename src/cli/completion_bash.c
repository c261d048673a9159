/*
 * completion_bash: see completion.h. Each command is a line of a `case`: its options, those that take a value, and the
 * words of each value; what reads them is the same for all.
 */
#include "cli/commands.h"
#include "cli/completion.h"

static const char start[] = "# bash completion for tachograph, printed by: tachograph completion bash\n"
                            "\n"
                            "_tachograph_words() { # COMMAND: sets what there is to complete\n"
                            "    options='' valued='' ending='' program='' operands='' values=''\n"
                            "    case $1 in\n";

static const char end[] =
    "    esac\n"
    "}\n"
    "\n"
    "_tachograph() {\n"
    "    local options valued ending program operands values\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i word\n"
    "    # bash takes --sort=total for three words\n"
    "    if [[ $current == = ]]; then\n"
    "        current=''\n"
    "    elif [[ $before == = ]]; then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ -z $command ]]; then\n"
    "            command=$word\n"
    "            _tachograph_words \"$command\"\n"
    "        elif [[ \" $ending \" == *\" $word \"* ]] && ((i + 1 == COMP_CWORD)); then\n"
    "            return # a module, or code\n"
    "        elif [[ \" $ending \" == *\" $word \"* ]]; then\n"
    "            compopt -o default 2>/dev/null # the words of the module\n"
    "            return\n"
    "        elif [[ \" $valued \" == *\" $word \"* ]]; then\n"
    "            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))\n"
    "            ((i++))\n"
    "        elif [[ $word != -* || $word == -- ]] && [[ -n $program ]]; then\n"
    "            compopt -o default 2>/dev/null # the words of the program to run\n"
    "            return\n"
    "        fi\n"
    "    done\n"
    "    if [[ -z $command ]]; then\n"
    "        _tachograph_words ''\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$operands $options\" -- \"$current\")\n"
    "    elif [[ \" $valued \" == *\" $before \"* ]]; then\n"
    "        word=$(sed -n \"s/^$before //p\" <<<\"$values\")\n"
    "        if [[ $word == FILE ]]; then\n"
    "            compopt -o default 2>/dev/null\n"
    "        elif [[ -n $word ]]; then\n"
    "            mapfile -t COMPREPLY < <(compgen -W \"$word\" -- \"$current\")\n"
    "        fi\n"
    "    elif [[ $current == -* ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
    "    elif [[ -n $operands ]]; then\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$operands\" -- \"$current\")\n"
    "    else\n"
    "        compopt -o default 2>/dev/null\n"
    "    fi\n"
    "}\n"
    "complete -F _tachograph tachograph\n";

/* "--output -o " */
static void append_names(struct tg_strbuf *out, const struct tg_option *option) {
    if (option->name) {
        tg_strbuf_printf(out, "--%s ", option->name);
    }
    if (option->letter) {
        tg_strbuf_printf(out, "-%c ", option->letter);
    }
}

/* "--sort total self average", a line for each name. */
static void append_values(struct tg_strbuf *out, const struct tg_option *option) {
    for (int letter = 0; letter < 2; letter++) {
        if (letter ? !option->letter : !option->name) {
            continue;
        }
        if (letter) {
            tg_strbuf_printf(out, "-%c", option->letter);
        } else {
            tg_strbuf_printf(out, "--%s", option->name);
        }
        for (size_t i = 0; option->choices && option->choices[i]; i++) {
            tg_strbuf_printf(out, " %s", option->choices[i]);
        }
        tg_strbuf_append(out, tg_completion_is_file(option) ? " FILE\n" : "\n");
    }
}

static void append_operands(struct tg_strbuf *out, const struct tg_command *command) {
    tg_strbuf_append(out, "        operands='");
    for (size_t i = 0; command->operands && command->operands[i]; i++) {
        tg_strbuf_printf(out, "%s ", command->operands[i]);
    }
    for (size_t i = 0; command == &tg_command_help && tg_commands[i]; i++) {
        tg_strbuf_printf(out, "%s ", tg_commands[i]->name);
    }
    tg_strbuf_append(out, command == &tg_command_help ? "settings'\n" : "'\n");
}

static void append_command(struct tg_strbuf *out, const struct tg_command *command) {
    const struct tg_option *option = NULL;
    tg_strbuf_printf(out, "    %s)\n        options='", command->name);
    while ((option = tg_options_next(command, option))) {
        append_names(out, option);
    }
    tg_strbuf_append(out, "'\n        valued='");
    while ((option = tg_options_next(command, option))) {
        if (option->value) {
            append_names(out, option);
        }
    }
    tg_strbuf_append(out, "'\n        ending='");
    while ((option = tg_options_next(command, option))) {
        if (option->last) {
            append_names(out, option);
        }
    }
    tg_strbuf_append(out, "'\n        values='");
    while ((option = tg_options_next(command, option))) {
        if (option->choices || tg_completion_is_file(option)) {
            append_values(out, option);
        }
    }
    tg_strbuf_printf(out, "'\n        program=%s\n", command->program ? "1" : "''");
    append_operands(out, command);
    tg_strbuf_append(out, "        ;;\n");
}

void tg_completion_append_bash(struct tg_strbuf *out) {
    tg_strbuf_append(out, start);
    tg_strbuf_append(out, "    '')\n        options='--help --version'\n        operands='");
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_strbuf_printf(out, "%s ", tg_commands[i]->name);
    }
    tg_strbuf_append(out, "'\n        ;;\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        append_command(out, tg_commands[i]);
    }
    tg_strbuf_append(out, end);
}
