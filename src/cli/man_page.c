/* man_page: see man_page.h. */
#include "cli/man_page.h"

#include "cli/commands.h"
#include "settings/setting.h"

#include <string.h>

/* A text as roff takes it for itself: a dot or quote at the start of a line would be a request. */
static void append(struct tg_strbuf *out, const char *text) {
    bool at_start = out->length == 0 || out->data[out->length - 1] == '\n';
    for (; *text; text++) {
        if (at_start && (*text == '.' || *text == '\'')) {
            tg_strbuf_append(out, "\\&");
        }
        switch (*text) {
        case '\\':
            tg_strbuf_append(out, "\\e");
            break;
        case '-':
            tg_strbuf_append(out, "\\-");
            break;
        case '\'':
            tg_strbuf_append(out, "\\(aq");
            break;
        case '~':
            tg_strbuf_append(out, "\\(ti");
            break;
        case '^':
            tg_strbuf_append(out, "\\(ha");
            break;
        default:
            tg_strbuf_append_char(out, *text);
        }
        at_start = *text == '\n';
    }
}

/* Paragraphs, which newlines separate. */
static void append_paragraphs(struct tg_strbuf *out, const char *text) {
    while (*text) {
        struct tg_strbuf paragraph = TG_STRBUF_INIT;
        size_t length = strcspn(text, "\n");
        tg_strbuf_append_bytes(&paragraph, text, length);
        tg_strbuf_append(out, ".PP\n");
        append(out, tg_strbuf_text(&paragraph));
        tg_strbuf_append_char(out, '\n');
        tg_strbuf_release(&paragraph);
        text += length;
        text += strspn(text, "\n");
    }
}

static void append_option(struct tg_strbuf *out, const struct tg_option *option) {
    tg_strbuf_append(out, ".TP\n");
    if (option->letter) {
        tg_strbuf_printf(out, "\\fB\\-%c\\fR%s", option->letter, option->name ? ", " : "");
    }
    if (option->name) {
        tg_strbuf_append(out, "\\fB\\-\\-");
        append(out, option->name);
        tg_strbuf_append(out, "\\fR");
    }
    if (option->value) {
        tg_strbuf_printf(out, " \\fI%s\\fR", option->value);
    }
    tg_strbuf_append_char(out, '\n');
    append(out, option->help);
    for (size_t i = 0; option->choices && option->choices[i]; i++) {
        append(out, i ? ", " : "; one of ");
        append(out, option->choices[i]);
    }
    tg_strbuf_append_char(out, '\n');
}

static void append_command(struct tg_strbuf *out, const struct tg_command *command) {
    const struct tg_option *option = NULL;
    tg_strbuf_printf(out, ".SS %s\n", command->name);
    for (size_t i = 0; command->usage[i]; i++) {
        tg_strbuf_printf(out, "%s\\fBtachograph %s\\fR ", i ? ".br\n" : "", command->name);
        append(out, command->usage[i]);
        tg_strbuf_append_char(out, '\n');
    }
    append_paragraphs(out, command->description ? command->description : command->summary);
    while ((option = tg_options_next(command, option))) {
        append_option(out, option);
    }
    if (command->exit_codes) {
        tg_strbuf_append(out, ".PP\nExit codes:\n");
        append(out, command->exit_codes);
        tg_strbuf_append_char(out, '\n');
    }
}

static void append_examples(struct tg_strbuf *out) {
    tg_strbuf_append(out, ".SH EXAMPLES\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        const struct tg_example *example = tg_commands[i]->examples;
        for (; example && example->command; example++) {
            tg_strbuf_append(out, ".TP\n\\fB");
            append(out, example->command);
            tg_strbuf_append(out, "\\fR\n");
            append(out, example->what);
            tg_strbuf_append_char(out, '\n');
        }
    }
}

static void append_settings(struct tg_strbuf *out) {
    tg_strbuf_append(out,
                     ".SH ENVIRONMENT\nWhat is not given as an option is taken from these variables, else from the "
                     "key in [tool.tachograph] of the nearest pyproject.toml.\n");
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        const struct tg_setting *setting = &tg_setting_table[i];
        tg_strbuf_printf(out, ".TP\n\\fB%s\\fR", setting->variable);
        if (setting->key) {
            tg_strbuf_printf(out, ", key \\fB%s\\fR", setting->key);
        }
        tg_strbuf_append_char(out, '\n');
        append(out, setting->help);
        append(out, setting->without ? "; without it " : "");
        append(out, setting->without ? setting->without : "");
        tg_strbuf_append_char(out, '\n');
    }
}

void tg_man_page_append(struct tg_strbuf *out) {
    tg_strbuf_append(out, ".TH TACHOGRAPH 1 \"\" \"tachograph " TG_VERSION "\" \"User Commands\"\n"
                          ".SH NAME\n"
                          "tachograph \\- time the functions of Python programs, and keep a history of it\n"
                          ".SH SYNOPSIS\n"
                          "\\fBtachograph\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIWORD\\fR]...\n"
                          ".SH DESCRIPTION\n"
                          "How long does each of my functions take, exactly? Tachograph times the functions of Python\n"
                          "programs, keeps what it has measured when they are killed, and says what got slower, and\n"
                          "since when.\n"
                          ".SH COMMANDS\n");
    for (size_t i = 0; tg_commands[i]; i++) {
        append_command(out, tg_commands[i]);
    }
    append_examples(out);
    append_settings(out);
    tg_strbuf_append(out,
                     ".SH EXIT STATUS\n0 done; 1 failed; 2 wrong usage, where a command does not say otherwise.\n");
}
