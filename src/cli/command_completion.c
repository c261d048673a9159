/* `tachograph completion`: the script with which a shell completes our words. See commands.h. */
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/message.h"

#include <string.h>

bool tg_completion_is_file(const struct tg_option *option) {
    static const char *const values[] = {"FILE", "PATH", "URL"};
    for (size_t i = 0; option->value && i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(option->value, values[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const struct {
    const char *name;
    void (*append)(struct tg_strbuf *out);
} shells[] = {
    {"bash", tg_completion_append_bash},
    {"zsh", tg_completion_append_zsh},
    {"fish", tg_completion_append_fish},
};

static const char *const operands[] = {"bash", "zsh", "fish", NULL};
static const struct tg_option options[] = {{.name = NULL}};
static const char *const usage[] = {"bash|zsh|fish", NULL};

static const struct tg_example examples[] = {
    {"source <(tachograph completion bash)", "in ~/.bashrc; zsh alike, after compinit"},
    {"tachograph completion fish | source", "in ~/.config/fish/config.fish"},
    {NULL, NULL},
};

static int run(const struct tg_command *command, char **words) {
    struct tg_none {
        char nothing;
    } settings = {0};
    struct tg_strbuf text = TG_STRBUF_INIT;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    for (size_t i = 0; words[0] && i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(words[0], shells[i].name) == 0 && !words[1]) {
            shells[i].append(&text);
            return tg_help_print(&text);
        }
    }
    tg_message_error("completion: name one shell: bash, zsh or fish; see 'tachograph completion --help'");
    return TG_EXIT_USAGE;
}

const struct tg_command tg_command_completion = {
    .name = "completion",
    .summary = "print the script with which a shell completes these words",
    .usage = usage,
    .options = options,
    .examples = examples,
    .operands = operands,
    .run = run,
};
