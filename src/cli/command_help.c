/* `tachograph help`: see commands.h. */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/man_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct settings {
    bool man;
};

static const struct tg_option options[] = {
    {.name = "man",
     .kind = TG_OPTION_FLAG,
     .help = "all of it as a man page: tachograph help --man | man -l -",
     .offset = offsetof(struct settings, man)},
    {.name = NULL},
};

static const char *const usage[] = {"[COMMAND | settings]", "--man", NULL};

static const struct tg_example examples[] = {
    {"tachograph help settings", "what can be set in the environment or a pyproject.toml"},
    {NULL, NULL},
};

static int run(const struct tg_command *command, char **words) {
    int exit_code = TG_EXIT_OK;
    struct settings settings = {.man = false};
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (settings.man) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        tg_man_page_append(&text);
        return tg_help_print(&text);
    }
    if (!words[0]) {
        return tg_help_print_overview();
    }
    if (strcmp(words[0], "settings") == 0) {
        return tg_help_print_settings();
    }
    const struct tg_command *wanted = tg_commands_find(words[0]);
    return wanted ? tg_help_print_command(wanted) : tg_commands_refuse(words[0]);
}

const struct tg_command tg_command_help = {
    .name = "help",
    .summary = "show what a command does, its options and examples",
    .description = "Without a word it lists the commands; 'tachograph help settings' lists what can be set in the "
                   "environment and in pyproject.toml.",
    .usage = usage,
    .options = options,
    .examples = examples,
    .run = run,
};
