/* options: see options.h. */
#include "cli/options.h"

#include "base/nearest.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

const struct tg_option tg_help_option = {.name = "help", .letter = 'h', .kind = TG_OPTION_FLAG, .help = "show this"};

struct parser {
    const struct tg_command *command;
    char **words; /* the next one to read */
    unsigned char *settings;
    bool *help;
    bool ended; /* all that follows are operands */
    struct tg_error *err;
};

static bool is_end(const struct tg_option *option) {
    return !option->name && !option->letter;
}

const struct tg_option *tg_options_next(const struct tg_command *command, const struct tg_option *option) {
    if (option == &tg_help_option) {
        return NULL;
    }
    option = option ? option + 1 : command->options;
    return is_end(option) ? &tg_help_option : option;
}

static const struct tg_option *find_name(const struct tg_command *command, const char *name, size_t length) {
    for (const struct tg_option *option = command->options; !is_end(option); option++) {
        if (option->name && strncmp(option->name, name, length) == 0 && option->name[length] == '\0') {
            return option;
        }
    }
    bool is_help = length == strlen(tg_help_option.name) && strncmp(tg_help_option.name, name, length) == 0;
    return is_help ? &tg_help_option : NULL;
}

static const struct tg_option *find_letter(const struct tg_command *command, char letter) {
    for (const struct tg_option *option = command->options; !is_end(option); option++) {
        if (option->letter == letter) {
            return option;
        }
    }
    return letter == tg_help_option.letter ? &tg_help_option : NULL;
}

/* "--sort", or "-n" for an option without a name. */
static const char *spell(const struct tg_option *option, char *text, size_t size) {
    if (option->name) {
        snprintf(text, size, "--%s", option->name);
    } else {
        snprintf(text, size, "-%c", option->letter);
    }
    return text;
}

static enum tg_status refuse_name(struct parser *parser, const char *word, size_t length) {
    char wanted[TG_NEAREST_NAME_SIZE];
    snprintf(wanted, sizeof wanted, "%.*s", (int)(length < sizeof wanted ? length : sizeof wanted - 1), word);
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, wanted);
    const char *longer = NULL; /* an option that starts like this */
    for (const struct tg_option *option = parser->command->options; !is_end(option); option++) {
        if (option->name) {
            tg_nearest_offer(&nearest, option->name);
            bool begins_so = strncmp(option->name, wanted, strlen(wanted)) == 0;
            longer = begins_so && (!longer || strlen(option->name) < strlen(longer)) ? option->name : longer;
        }
    }
    const char *meant = longer || nearest.count == 0 ? longer : nearest.names[0];
    if (meant && wanted[0]) {
        return tg_error_set(parser->err, TG_ERROR_INVALID, "unknown option '--%s'; did you mean '--%s'?", wanted,
                            meant);
    }
    return tg_error_set(parser->err, TG_ERROR_INVALID, "unknown option '--%s'", wanted);
}

static enum tg_status append(struct tg_text_list *list, const char *text, struct tg_error *err) {
    const char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (!items) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the options");
    }
    list->items = items;
    list->items[list->count++] = text;
    return TG_OK;
}

void tg_text_list_release(struct tg_text_list *list) {
    if (list) {
        free(list->items);
        *list = (struct tg_text_list){.items = NULL};
    }
}

static enum tg_status set_number(size_t *out, const struct tg_option *option, const char *value, const char *spelled,
                                 struct tg_error *err) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = value[0] >= '0' && value[0] <= '9' ? strtoull(value, &end, 10) : 0;
    if (!end || *end || errno || number == 0 || number > (option->most ? option->most : SIZE_MAX)) {
        return option->most
                   ? tg_error_set(err, TG_ERROR_INVALID, "%s wants a number from 1 to %zu, not '%s'", spelled,
                                  option->most, value)
                   : tg_error_set(err, TG_ERROR_INVALID, "%s wants a number from 1 on, not '%s'", spelled, value);
    }
    *out = (size_t)number;
    return TG_OK;
}

static enum tg_status set_choice(int *out, const struct tg_option *option, const char *value, const char *spelled,
                                 struct tg_error *err) {
    char known[256] = "";
    size_t used = 0;
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *out = i;
            return TG_OK;
        }
        int length = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", option->choices[i]);
        used += (size_t)length < sizeof known - used ? (size_t)length : 0;
    }
    return tg_error_set(err, TG_ERROR_INVALID, "%s cannot be '%s': choose one of %s", spelled, value, known);
}

static enum tg_status set_text(const char **out, const struct tg_option *option, const char *value, const char *spelled,
                               struct tg_error *err) {
    if (option->once && *out) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s was given twice, '%s' and '%s': %s", spelled, *out, value,
                            option->once);
    }
    *out = value;
    return TG_OK;
}

/* Stores one value; `value` is NULL for a flag. */
static enum tg_status set_value(struct parser *parser, const struct tg_option *option, const char *value) {
    char spelled[64];
    spell(option, spelled, sizeof spelled);
    if (option == &tg_help_option) {
        *parser->help = true;
        return TG_OK;
    }
    if (option->check) {
        enum tg_status status = option->check(value, parser->err);
        if (status != TG_OK) {
            tg_error_prefix(parser->err, "%s", spelled);
            return status;
        }
    }
    void *place = parser->settings + option->offset;
    parser->ended = parser->ended || option->last;
    switch (option->kind) {
    case TG_OPTION_FLAG:
        *(bool *)place = true;
        return TG_OK;
    case TG_OPTION_TEXT:
        return set_text(place, option, value, spelled, parser->err);
    case TG_OPTION_LIST:
        return append(place, value, parser->err);
    case TG_OPTION_NUMBER:
        return set_number(place, option, value, spelled, parser->err);
    case TG_OPTION_CHOICE:
        return set_choice(place, option, value, spelled, parser->err);
    }
    return TG_ERROR_INVALID;
}

/* The value that follows as a word of its own. */
static enum tg_status set_next(struct parser *parser, const struct tg_option *option, const char *spelled) {
    if (!*parser->words) {
        return tg_error_set(parser->err, TG_ERROR_INVALID, "%s wants a value: %s %s", spelled, spelled, option->value);
    }
    return set_value(parser, option, *parser->words++);
}

static enum tg_status parse_name(struct parser *parser, const char *word) {
    size_t length = strcspn(word, "=");
    const char *value = word[length] ? word + length + 1 : NULL;
    const struct tg_option *option = find_name(parser->command, word, length);
    if (!option) {
        return refuse_name(parser, word, length);
    }
    if (option->kind == TG_OPTION_FLAG) {
        return value ? tg_error_set(parser->err, TG_ERROR_INVALID, "--%s takes no value", option->name)
                     : set_value(parser, option, NULL);
    }
    char spelled[64];
    return value ? set_value(parser, option, value) : set_next(parser, option, spell(option, spelled, sizeof spelled));
}

static enum tg_status parse_letters(struct parser *parser, const char *letters) {
    enum tg_status status = TG_OK;
    while (*letters && status == TG_OK && !*parser->help) {
        const struct tg_option *option = find_letter(parser->command, *letters);
        char spelled[3] = {'-', *letters, '\0'};
        letters++;
        if (!option) {
            return tg_error_set(parser->err, TG_ERROR_INVALID, "unknown option '%s'", spelled);
        }
        if (option->kind == TG_OPTION_FLAG) {
            status = set_value(parser, option, NULL);
        } else if (*letters) {
            return set_value(parser, option, letters + (*letters == '='));
        } else {
            return set_next(parser, option, spelled);
        }
    }
    return status;
}

/* A dash alone is standard input, and no letter of ours is a digit: "-2h" is a point in time. */
static bool is_operand(const char *word) {
    return word[0] != '-' || !word[1] || (word[1] >= '0' && word[1] <= '9');
}

/* "-5", as head takes it: the limit of a command that has one. */
static bool is_bare_limit(const struct tg_command *command, const char *word) {
    return word[0] == '-' && word[1] && word[1 + strspn(word + 1, "0123456789")] == '\0' && find_letter(command, 'n');
}

enum tg_status tg_options_parse(const struct tg_command *command, char **words, void *settings, bool *help,
                                struct tg_error *err) {
    struct parser parser = {.command = command, .words = words, .settings = settings, .help = help, .err = err};
    char **operands = words; /* never beyond the word being read */
    enum tg_status status = TG_OK;
    *help = false;
    while (*parser.words && status == TG_OK && !*help) {
        char *word = *parser.words++;
        if (!parser.ended && is_bare_limit(command, word)) {
            status = tg_error_set(err, TG_ERROR_INVALID, "unknown option '%s'; did you mean '-n %s'?", word, word + 1);
        } else if (parser.ended || is_operand(word)) {
            *operands++ = word;
            parser.ended = parser.ended || command->program;
        } else if (strcmp(word, "--") == 0) {
            parser.ended = true;
        } else if (word[1] == '-') {
            status = parse_name(&parser, word + 2);
        } else {
            status = parse_letters(&parser, word + 1);
        }
    }
    *operands = NULL;
    return status;
}

enum tg_status tg_option_check_port(const char *text, struct tg_error *err) {
    char *end = NULL;
    long port = strtol(text, &end, 10);
    return end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9' && port <= PORT_MAX
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "'%s' is no port: give a number from 0 to %d", text, PORT_MAX);
}
