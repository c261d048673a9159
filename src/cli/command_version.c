/* `tachograph version`, `tachograph --version`: see commands.h. */
#include "cli/commands.h"
#include "cli/output.h"

#include <unistd.h>

static const struct tg_option options[] = {{.name = NULL}};
static const char *const usage[] = {"", NULL};

static int run(const struct tg_command *command, char **words) {
    static const char text[] = "tachograph " TG_VERSION "\n";
    int exit_code = TG_EXIT_OK;
    char nothing = 0;
    if (!tg_commands_parse(command, words, &nothing, &exit_code)) {
        return exit_code;
    }
    return tg_output_write(STDOUT_FILENO, text, sizeof text - 1) ? TG_EXIT_FAILED : TG_EXIT_OK;
}

const struct tg_command tg_command_version = {
    .name = "version",
    .summary = "show the version of tachograph",
    .usage = usage,
    .options = options,
    .run = run,
};
