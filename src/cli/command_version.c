/* `tachograph version`, `tachograph --version`: see commands.h. */
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "store/sql.h"

static const struct tg_option options[] = {{.name = NULL}};
static const char *const usage[] = {"", NULL};

static int run(const struct tg_command *command, char **words) {
    int exit_code = TG_EXIT_OK;
    char nothing = 0;
    if (!tg_commands_parse(command, words, &nothing, &exit_code)) {
        return exit_code;
    }
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, "tachograph " TG_VERSION "\n");
    size_t next = 0;
    const char *package = NULL;
    for (const char *scheme; (scheme = tg_sql_missing(&next, &package));) {
        tg_strbuf_printf(&text, "built without \"%s\" histories: they need %s\n", scheme, package);
    }
    return tg_help_print(&text);
}

const struct tg_command tg_command_version = {
    .name = "version",
    .summary = "show the version of tachograph",
    .description = "Shows the version, and which kinds of histories this build has no library for.",
    .usage = usage,
    .options = options,
    .run = run,
};
