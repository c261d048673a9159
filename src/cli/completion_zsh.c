/* completion_zsh: see completion.h. A function for _arguments, which knows all the rest. */
#include "cli/commands.h"
#include "cli/completion.h"

#include <string.h>

/* A text inside of '...': of what _arguments and _describe read, brackets and colons mean something. */
static void append_quoted(struct tg_strbuf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\'') {
            tg_strbuf_append(out, "'\\''");
            continue;
        }
        if (strchr("[]:\\", *text)) {
            tg_strbuf_append_char(out, '\\');
        }
        tg_strbuf_append_char(out, *text);
    }
}

/* '[help]:VALUE:(choices)' */
static void append_rest(struct tg_strbuf *out, const struct tg_option *option) {
    tg_strbuf_append(out, "'[");
    append_quoted(out, option->help);
    tg_strbuf_append(out, "]");
    if (option->value) {
        tg_strbuf_printf(out, ":%s:", option->value);
        if (option->choices) {
            tg_strbuf_append_char(out, '(');
            for (size_t i = 0; option->choices[i]; i++) {
                tg_strbuf_printf(out, "%s%s", i ? " " : "", option->choices[i]);
            }
            tg_strbuf_append_char(out, ')');
        } else {
            tg_strbuf_append(out, tg_completion_is_file(option) ? "_files" : " ");
        }
    }
    tg_strbuf_append(out, option->last ? ":*::word:_files' \\\n" : "' \\\n"); /* all the rest is the module's */
}

static void append_option(struct tg_strbuf *out, const struct tg_option *option) {
    const char *often = option->kind == TG_OPTION_LIST ? "\\*" : "";
    const char *joined = option->value ? "=" : "";
    if (option->name) {
        tg_strbuf_printf(out, "                %s--%s%s", often, option->name, joined);
        append_rest(out, option);
    }
    if (option->letter) {
        tg_strbuf_printf(out, "                %s-%c%s", often, option->letter, option->value ? "+" : "");
        append_rest(out, option);
    }
}

static void append_operands(struct tg_strbuf *out, const struct tg_command *command) {
    if (command->program) {
        tg_strbuf_append(out, "                '1:program:_files' '*::word:_files'\n");
        return;
    }
    if (!command->operands && command != &tg_command_help) {
        tg_strbuf_append(out, "                '*:word:_files'\n");
        return;
    }
    tg_strbuf_append(out, "                '1:word:(");
    for (size_t i = 0; command->operands && command->operands[i]; i++) {
        tg_strbuf_printf(out, "%s%s", i ? " " : "", command->operands[i]);
    }
    for (size_t i = 0; command == &tg_command_help && tg_commands[i]; i++) {
        tg_strbuf_printf(out, "%s ", tg_commands[i]->name);
    }
    tg_strbuf_append(out, command == &tg_command_help ? "settings)' '*:word:_files'\n" : ")' '*:word:_files'\n");
}

void tg_completion_append_zsh(struct tg_strbuf *out) {
    tg_strbuf_append(out, "#compdef tachograph\n"
                          "# zsh completion for tachograph, printed by: tachograph completion zsh\n"
                          "\n"
                          "_tachograph() {\n"
                          "    local -a commands\n"
                          "    commands=(\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_strbuf_printf(out, "        '%s:", tg_commands[i]->name);
        append_quoted(out, tg_commands[i]->summary);
        tg_strbuf_append(out, "'\n");
    }
    tg_strbuf_append(out, "    )\n"
                          "    local -a options\n"
                          "    options=('--help:show this' '-h:show this' '--version:show the version' "
                          "'-V:show the version')\n"
                          "    if ((CURRENT == 2)); then\n"
                          "        _describe command commands\n"
                          "        _describe -o option options\n"
                          "        return\n"
                          "    fi\n"
                          "    local command=$words[2]\n"
                          "    shift words\n"
                          "    ((CURRENT--))\n"
                          "    case $command in\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        const struct tg_option *option = NULL;
        const char *only_before = tg_commands[i]->program ? " -A '-*'" : ""; /* the program, whose options follow */
        tg_strbuf_printf(out, "        %s)\n            _arguments -s -S%s \\\n", tg_commands[i]->name, only_before);
        while ((option = tg_options_next(tg_commands[i], option))) {
            append_option(out, option);
        }
        append_operands(out, tg_commands[i]);
        tg_strbuf_append(out, "            ;;\n");
    }
    tg_strbuf_append(out, "    esac\n"
                          "}\n"
                          "\n"
                          "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
                          "    _tachograph \"$@\"\n"
                          "else\n"
                          "    compdef _tachograph tachograph\n"
                          "fi\n");
}
