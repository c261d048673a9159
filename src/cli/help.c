/* help: see help.h. */
#include "cli/help.h"

#include "cli/commands.h"
#include "cli/message.h"
#include "cli/output.h"
#include "cli/wrap.h"
#include "settings/setting.h"

#include <string.h>

#define WIDTH          ((size_t)80)
#define OPTION_INDENT  ((size_t)26)
#define EXAMPLE_INDENT ((size_t)6)

/* Paragraphs, separated by newlines in the text and by empty lines in the output. */
static void append_paragraphs(struct tg_strbuf *out, const char *text, size_t indent) {
    for (bool first = true; *text; first = false) {
        struct tg_strbuf paragraph = TG_STRBUF_INIT;
        size_t length = strcspn(text, "\n");
        tg_strbuf_append_bytes(&paragraph, text, length);
        tg_strbuf_append(out, first ? "" : "\n");
        tg_strbuf_append_repeated(out, ' ', indent);
        tg_wrap_append(out, tg_strbuf_text(&paragraph), WIDTH, indent, indent);
        tg_strbuf_release(&paragraph);
        text += length;
        text += strspn(text, "\n");
    }
}

static void append_option(struct tg_strbuf *out, const struct tg_option *option) {
    size_t start = out->length;
    tg_strbuf_append(out, option->letter ? "  -" : "    ");
    if (option->letter) {
        tg_strbuf_append_char(out, option->letter);
        tg_strbuf_append(out, option->name ? ", " : "");
    } else {
        tg_strbuf_append(out, "  ");
    }
    if (option->name) {
        tg_strbuf_printf(out, "--%s", option->name);
    }
    if (option->value) {
        tg_strbuf_printf(out, " %s", option->value);
    }
    size_t column = out->length - start;
    if (column + 2 > OPTION_INDENT) {
        tg_strbuf_append_char(out, '\n');
        column = 0;
    }
    tg_strbuf_append_repeated(out, ' ', OPTION_INDENT - column);
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, option->help);
    for (size_t i = 0; option->choices && option->choices[i]; i++) {
        tg_strbuf_printf(&text, "%s%s", i ? ", " : "; one of ", option->choices[i]);
    }
    tg_wrap_append(out, tg_strbuf_text(&text), WIDTH, OPTION_INDENT, OPTION_INDENT);
    tg_strbuf_release(&text);
}

static void append_examples(struct tg_strbuf *out, const struct tg_example *examples) {
    tg_strbuf_append(out, "\nExamples:\n");
    for (const struct tg_example *example = examples; example->command; example++) {
        tg_strbuf_printf(out, "  %s\n%*s", example->command, (int)EXAMPLE_INDENT, "");
        tg_wrap_append(out, example->what, WIDTH, EXAMPLE_INDENT, EXAMPLE_INDENT);
    }
}

void tg_help_append_command(struct tg_strbuf *out, const struct tg_command *command) {
    for (size_t i = 0; command->usage[i]; i++) {
        tg_strbuf_printf(out, "%s tachograph %s %s\n", i ? "      " : "Usage:", command->name, command->usage[i]);
    }
    tg_strbuf_append_char(out, '\n');
    append_paragraphs(out, command->description ? command->description : command->summary, 0);
    tg_strbuf_append(out, "\nOptions:\n");
    for (const struct tg_option *option = command->options; option->name || option->letter; option++) {
        append_option(out, option);
    }
    append_option(out, &tg_help_option);
    if (command->examples) {
        append_examples(out, command->examples);
    }
    tg_strbuf_append(out, "\nExit codes:\n");
    append_paragraphs(out, command->exit_codes ? command->exit_codes : "0 done; 1 failed; 2 wrong usage", 2);
}

int tg_help_print(struct tg_strbuf *text) {
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_output_print(tg_strbuf_text(text), text->length, &err);
    tg_strbuf_release(text);
    if (status != TG_OK) {
        tg_message_error("%s", err.message);
    }
    return status == TG_OK ? TG_EXIT_OK : TG_EXIT_FAILED;
}

int tg_help_print_command(const struct tg_command *command) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_help_append_command(&text, command);
    return tg_help_print(&text);
}

int tg_help_print_overview(void) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, "Usage: tachograph COMMAND [OPTION]... [WORD]...\n\n"
                            "How long does each of my functions take, exactly? Tachograph times the functions\n"
                            "of Python programs, and keeps what it has measured when they are killed.\n\n"
                            "Commands:\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_strbuf_printf(&text, "  %-10s %s\n", tg_commands[i]->name, tg_commands[i]->summary);
    }
    tg_strbuf_append(&text, "\nExamples:\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        const struct tg_example *example = tg_commands[i]->examples;
        if (example) {
            tg_strbuf_printf(&text, "  %s\n%*s", example->command, (int)EXAMPLE_INDENT, "");
            tg_wrap_append(&text, example->what, WIDTH, EXAMPLE_INDENT, EXAMPLE_INDENT);
        }
    }
    tg_strbuf_append(&text, "\n'tachograph help COMMAND' has the options of a command, and more examples;\n"
                            "'tachograph help settings' what can be set in the environment or pyproject.toml.\n");
    return tg_help_print(&text);
}

/* "TACHOGRAPH_STORE, key store, run --store, start(store=)", and what it is for. */
static void append_setting(struct tg_strbuf *out, const struct tg_setting *setting) {
    tg_strbuf_printf(out, "\n  %s", setting->variable);
    if (setting->key) {
        tg_strbuf_printf(out, ", key %s", setting->key);
    }
    if (setting->option) {
        tg_strbuf_printf(out, ", run --%s", setting->option);
    }
    if (setting->argument) {
        tg_strbuf_printf(out, ", start(%s=)", setting->argument);
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, setting->help);
    if (setting->without) {
        tg_strbuf_printf(&text, "; without it %s", setting->without);
    }
    tg_strbuf_printf(out, "\n%*s", (int)EXAMPLE_INDENT, "");
    tg_wrap_append(out, tg_strbuf_text(&text), WIDTH, EXAMPLE_INDENT, EXAMPLE_INDENT);
    tg_strbuf_release(&text);
}

int tg_help_print_settings(void) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    append_paragraphs(&text,
                      "Settings: what is not given as an option of the command or as an argument of "
                      "tachograph.start() is taken from a variable of the environment, else from its key in "
                      "[tool.tachograph] of a pyproject.toml, else it is the default. An empty variable is none.\n"
                      "The pyproject.toml is the nearest one upwards from the directory of the script, or from the "
                      "working directory where there is no script: modules, installed commands, questions to a "
                      "history. One that belongs to another user than you, root and the owner of that directory is "
                      "passed over. Paths in it are relative to it.",
                      0);
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        append_setting(&text, &tg_setting_table[i]);
    }
    return tg_help_print(&text);
}
