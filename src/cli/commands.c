/* commands: see commands.h. */
#include "cli/commands.h"

#include "base/nearest.h"
#include "cli/help.h"
#include "cli/message.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* In the order of the help. */
// clang-format off
const struct tg_command *const tg_commands[] = {
    &tg_command_run,
    &tg_command_report,
    &tg_command_top,
    &tg_command_record,
    &tg_command_dump,
    &tg_command_attach,
    &tg_command_rank,
    &tg_command_trend,
    &tg_command_diff,
    &tg_command_runs,
    &tg_command_serve,
    &tg_command_collect,
    &tg_command_store,
    &tg_command_event,
    &tg_command_exceptions,
    &tg_command_export,
    &tg_command_pause,
    &tg_command_unpause,
    &tg_command_rate,
    &tg_command_clean,
    &tg_command_doctor,
    &tg_command_completion,
    &tg_command_help,
    &tg_command_version,
    NULL,
};
// clang-format on

const struct tg_command *tg_commands_find(const char *name) {
    for (size_t i = 0; tg_commands[i]; i++) {
        if (strcmp(tg_commands[i]->name, name) == 0) {
            return tg_commands[i];
        }
    }
    return NULL;
}

int tg_commands_refuse(const char *name) {
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, name);
    for (size_t i = 0; tg_commands[i]; i++) {
        tg_nearest_offer(&nearest, tg_commands[i]->name);
    }
    const char *ending = strrchr(name, '.');
    if (nearest.count > 0) {
        tg_message_error("unknown command '%s'; did you mean 'tachograph %s'?", name, nearest.names[0]);
    } else if (access(name, F_OK) == 0) {
        const char *meant = ending && strcmp(ending, ".py") == 0 ? "run" : "report";
        tg_message_error("unknown command '%s'; did you mean 'tachograph %s %s'?", name, meant, name);
    } else {
        tg_message_error("unknown command '%s'; see 'tachograph --help'", name);
    }
    return TG_EXIT_USAGE;
}

bool tg_commands_parse(const struct tg_command *command, char **words, void *settings, int *exit_code) {
    struct tg_error err = TG_ERROR_INIT;
    bool help = false;
    if (tg_options_parse(command, words, settings, &help, &err) != TG_OK) {
        tg_message_error("%s: %s; see 'tachograph %s --help'", command->name, err.message, command->name);
        *exit_code = TG_EXIT_USAGE;
        return false;
    }
    if (help) {
        *exit_code = tg_help_print_command(command);
        return false;
    }
    return true;
}
