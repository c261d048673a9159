/* `tachograph help`: see commands.h. */
#include "cli/commands.h"
#include "cli/help.h"

#include <string.h>

static const struct tg_option options[] = {{.name = NULL}};
static const char *const usage[] = {"[COMMAND | settings]", NULL};

static int run(const struct tg_command *command, char **words) {
    int exit_code = TG_EXIT_OK;
    struct tg_none {
        char nothing;
    } settings = {0};
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
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
    .usage = usage,
    .options = options,
    .run = run,
};
