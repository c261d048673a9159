/* shebang: see shebang.h. */
#include "cli/shebang.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BLANKS " \t"

static bool add_word(struct tg_shebang *shebang, char *word) {
    if (shebang->word_count == TG_SHEBANG_WORDS) {
        return false;
    }
    shebang->words[shebang->word_count++] = word;
    return true;
}

static bool read_start(struct tg_shebang *shebang, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, shebang->text, sizeof shebang->text - 1);
    if (fd >= 0) {
        close(fd);
    }
    shebang->text[got > 0 ? got : 0] = '\0';
    return got > 2 && shebang->text[0] == '#' && shebang->text[1] == '!';
}

/* Cuts the line off in place, without the blanks at its end; returns the next one. */
static char *end_line(char *line) {
    size_t length = strcspn(line, "\n");
    char *next = line + length + (line[length] ? 1 : 0);
    while (length > 0 && strchr(BLANKS "\r", line[length - 1])) {
        length--;
    }
    line[length] = '\0';
    return next;
}

/* The first word of a line, ended in place; `*rest` is what follows after blanks. */
static char *cut_word(char *line, char **rest) {
    char *word = line + strspn(line, BLANKS);
    char *end = word + strcspn(word, BLANKS);
    *rest = end + strspn(end, BLANKS);
    *end = '\0';
    return word;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Takes the quotes and backslashes off the word at `*at`, in place. False when it is not closed, or wants to be
 * expanded. A "$0" is a word like any other. */
static bool unquote(char **at, char **word) {
    char *from = *at;
    char *to = from;
    char quote = '\0';
    *word = to;
    for (; *from && (quote || !strchr(BLANKS, *from)); from++) {
        bool expanded = quote != '\'' && (*from == '`' || (*from == '$' && strncmp(from, "$0\"", 3) != 0));
        if (expanded) {
            return false;
        }
        if (quote ? *from == quote : *from == '\'' || *from == '"') {
            if (quote) {
                quote = '\0';
            } else {
                quote = *from;
            }
        } else if (*from == '\\' && quote != '\'' && from[1]) {
            *to++ = *++from;
        } else {
            *to++ = *from;
        }
    }
    *at = *from ? from + 1 : from;
    *to = '\0';
    return !quote;
}

/* The words of a line, up to a "$0", which is found when it has to be. */
static bool split(struct tg_shebang *shebang, char *line, bool up_to_script) {
    char *word = NULL;
    for (line += strspn(line, BLANKS); *line; line += strspn(line, BLANKS)) {
        if (!unquote(&line, &word)) {
            return false;
        }
        if (up_to_script && strcmp(word, "$0") == 0) {
            return true;
        }
        if (!add_word(shebang, word)) {
            return false;
        }
    }
    return !up_to_script;
}

/* What env is given: a name, or with -S a line of words. */
static bool read_env(struct tg_shebang *shebang, char *argument) {
    static const char long_option[] = "--split-string=";
    if (strncmp(argument, "-S", 2) == 0) {
        return split(shebang, argument + 2, false);
    }
    if (strncmp(argument, long_option, sizeof long_option - 1) == 0) {
        return split(shebang, argument + sizeof long_option - 1, false);
    }
    return *argument && add_word(shebang, argument);
}

bool tg_shebang_read(struct tg_shebang *shebang, const char *path) {
    static const char trick[] = "'''exec' ";
    shebang->word_count = 0;
    if (!read_start(shebang, path)) {
        return false;
    }
    char *next = end_line(shebang->text + 2);
    char *argument = NULL;
    char *interpreter = cut_word(shebang->text + 2, &argument);
    if (strcmp(name_of(interpreter), "env") == 0) {
        return read_env(shebang, argument) && shebang->word_count > 0;
    }
    if (strcmp(name_of(interpreter), "sh") == 0 && strncmp(next, trick, sizeof trick - 1) == 0) {
        end_line(next);
        return split(shebang, next + sizeof trick - 1, true) && shebang->word_count > 0;
    }
    return *interpreter && add_word(shebang, interpreter) && (!*argument || add_word(shebang, argument));
}
