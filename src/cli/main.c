/*
 * tachograph: the command line. Everything a command does is in its own file (commands.h); here is only what comes
 * before: the descriptors, the locale, and which command is meant.
 */
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/own_name.h"
#include "cli/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A file opened later must not become standard output because that was closed, and what is written there fails as it
 * would have. What is filled in here closes when the program to run starts: it shall find what we found. */
static void fill_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY | O_CLOEXEC) != fd) {
            _exit(TG_EXIT_FAILED);
        }
    }
}

int main(int argc, char **argv) {
    fill_descriptors();
    tg_printable_prepare();
    tg_own_name_prepare(argv[0]);
    const char *word = argc > 1 ? argv[1] : "help";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return tg_help_print_overview();
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        word = "version";
    }
    const struct tg_command *command = tg_commands_find(word);
    return command ? command->run(command, argc > 1 ? argv + 2 : argv + argc) : tg_commands_refuse(word);
}
