/* `tachograph serve`: the history as a page and an API. See commands.h. */
#include "cli/commands.h"
#include "cli/history_command.h"
#include "cli/message.h"
#include "serve/server.h"
#include "settings/settings.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT "7373"

#define DESCRIPTORS_MANY 4096

#define MOMENT_NS 50000000 /* between two looks for what the server found */

struct settings {
    const char *store;
    const char *service;
    const char *port;
    const char *bind;
    const char *token_file;
    const char *password_file;
    struct tg_text_list users;
    struct tg_text_list hosts;
    bool open;
    bool until_input_ends;
};

static const struct tg_option options[] = {
    {.name = "store",
     .kind = TG_OPTION_TEXT,
     .value = "URL",
     .help = "serve this history: a path, sqlite:///PATH or mysql://USER@HOST/DATABASE; without it the one that "
             "'tachograph rank' asks",
     .offset = offsetof(struct settings, store)},
    {.name = "service",
     .kind = TG_OPTION_TEXT,
     .value = "NAME",
     .help = "show this service first; without it the project's, if it has a history, else the one written to last",
     .offset = offsetof(struct settings, service)},
    {.name = "port",
     .kind = TG_OPTION_TEXT,
     .value = "PORT",
     .help = "listen on this port, 0: any that is free; without it " PORT,
     .offset = offsetof(struct settings, port),
     .check = tg_option_check_port},
    {.name = "bind",
     .kind = TG_OPTION_TEXT,
     .value = "ADDRESS",
     .help = "listen on this address; without it 127.0.0.1, which only this machine reaches. Any other needs "
             "--password-file or --token-file",
     .offset = offsetof(struct settings, bind)},
    {.name = "open",
     .kind = TG_OPTION_FLAG,
     .help = "open it in the browser",
     .offset = offsetof(struct settings, open)},
    {.name = "token-file",
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .help = "the token is the first line of FILE; without it a new one at each start",
     .offset = offsetof(struct settings, token_file)},
    {.name = "password-file",
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .help = "whoever knows the first line of FILE may look: browsers ask for it",
     .offset = offsetof(struct settings, password_file)},
    {.name = "users",
     .kind = TG_OPTION_LIST,
     .value = "NAME",
     .help = "only these users may give the password; may be repeated",
     .offset = offsetof(struct settings, users)},
    {.name = "allow-host",
     .kind = TG_OPTION_LIST,
     .value = "NAME",
     .help = "a name that this server goes by beside localhost, as behind a proxy; may be repeated",
     .offset = offsetof(struct settings, hosts)},
    {.name = "until-input-ends",
     .kind = TG_OPTION_FLAG,
     .help = "end when standard input does: with the program that started this one",
     .offset = offsetof(struct settings, until_input_ends)},
    {.name = NULL},
};

static const char *const usage[] = {"[OPTION]...", NULL};

static const struct tg_example examples[] = {
    {"tachograph serve --open", "look at the history in the browser"},
    {"tachograph serve --store build/shop.db --port 0", "another history, on any free port"},
    {"tachograph serve --bind 0.0.0.0 --password-file ~/.tachograph-password --users anna", "for a team"},
    {NULL, NULL},
};

/* What the program that started this one had open is not ours to keep. */
static void close_inherited(void) {
    if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) != 0) { /* before Linux 5.9 */
        for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS_MANY; fd++) {
            close(fd);
        }
    }
}

/* Standard input has nothing for us but its end. */
static bool input_has_ended(void) {
    char bytes[256];
    ssize_t count = 0;
    do {
        count = read(STDIN_FILENO, bytes, sizeof bytes);
    } while (count > 0);
    return count == 0;
}

static void open_browser(const char *address) {
    static char programs[][20] = {"xdg-open", "open", "sensible-browser"};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = ENOENT;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0] && error; i++) {
        pid_t pid = 0;
        /* The words are only read. */
        char *words[] = {programs[i], (char *)(uintptr_t)address, NULL};
        error = posix_spawnp(&pid, programs[i], &actions, NULL, words, environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        tg_message_warning("serve: no browser was found: open the address yourself");
    }
}

static enum tg_status tell(const struct tg_server *server, bool open, struct tg_error *err) {
    struct tg_strbuf address = TG_STRBUF_INIT;
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_server_append_address(server, true, &address);
    tg_strbuf_printf(&text, "%s\n", tg_strbuf_text(&address));
    enum tg_status status = tg_history_write(&text, err);
    if (status == TG_OK && open) {
        open_browser(tg_strbuf_text(&address));
    }
    tg_strbuf_release(&text);
    tg_strbuf_release(&address);
    return status;
}

/* What whoever started it should know at once, and would else see in the browser only, or not at all. */
static void warn_of_others(const struct tg_server *server) {
    struct tg_strbuf outer = TG_STRBUF_INIT;
    if (tg_server_append_outer_address(server, &outer)) {
        tg_message_warning(
            "serve: others reach it as %s, and what is sent can be read on the way: put a proxy with TLS in "
            "front of it where the network is not yours",
            outer.length ? tg_strbuf_text(&outer) : "this machine");
    }
    tg_strbuf_release(&outer);
}

/* False: the history has not been looked at yet. */
static bool warn_of_history(const struct tg_server *server, const struct settings *settings) {
    struct tg_server_finding finding;
    if (!tg_server_found(server, &finding)) {
        return false;
    }
    /* The history of a program that starts this one begins in a moment. */
    bool is_child = settings->until_input_ends;
    if (finding.store != TG_OK && !(is_child && finding.store == TG_ERROR_NOT_FOUND)) {
        tg_message_warning("serve: the history cannot be read: %s; the page waits until it can", finding.err.message);
    } else if (finding.service != TG_OK && settings->service && !is_child) {
        tg_message_warning("serve: %s", finding.err.message);
    }
    return true;
}

static void block_signals(sigset_t *ends) {
    sigemptyset(ends);
    sigaddset(ends, SIGINT);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGHUP);
    sigprocmask(SIG_BLOCK, ends, NULL); /* before there are threads, which inherit it */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* a browser is not waited for */
}

static void wait_for_end(struct tg_server *server, const sigset_t *ends, const struct settings *settings) {
    const struct timespec second = {.tv_sec = 1};
    const struct timespec moment = {.tv_nsec = MOMENT_NS};
    bool until_input_ends = settings->until_input_ends;
    bool is_told = false;
    if (until_input_ends) {
        fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    }
    while (sigtimedwait(ends, NULL, is_told ? &second : &moment) < 0 && !(until_input_ends && input_has_ended())) {
        tg_server_tend(server);
        is_told = is_told || warn_of_history(server, settings);
    }
}

static enum tg_status serve(const struct settings *settings, const char *url, const char *service,
                            struct tg_error *err) {
    const struct tg_server_options server_options = {
        .url = url,
        .service = service,
        .port = (uint16_t)strtol(settings->port, NULL, 10),
        .port_option = settings->until_input_ends ? NULL : "--port", /* who starts it has ways of its own */
        .access = {.bind = settings->bind,
                   .token_file = settings->token_file,
                   .password_file = settings->password_file,
                   .users = settings->users.items,
                   .user_count = settings->users.count,
                   .hosts = settings->hosts.items,
                   .host_count = settings->hosts.count},
    };
    struct tg_server *server = NULL;
    sigset_t ends;
    close_inherited();
    block_signals(&ends);
    enum tg_status status = tg_server_start(&server, &server_options, err);
    if (status == TG_OK) {
        status = tell(server, settings->open, err);
    }
    if (status == TG_OK) {
        warn_of_others(server);
        wait_for_end(server, &ends, settings);
    }
    if (!tg_server_stop(server)) {
        _exit(TG_EXIT_OK); /* a question to the store does not end: its thread must not see what follows */
    }
    return status;
}

static int run(const struct tg_command *command, char **words) {
    struct settings settings = {.port = PORT, .bind = "127.0.0.1"};
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf url = TG_STRBUF_INIT;
    char *own = NULL;
    int exit_code = TG_EXIT_OK;
    if (!tg_commands_parse(command, words, &settings, &exit_code)) {
        return exit_code;
    }
    if (words[0]) {
        tg_message_error("serve: there is nothing to name: '%s'; see 'tachograph serve --help'", words[0]);
        return TG_EXIT_USAGE;
    }
    enum tg_status status = settings.service ? TG_OK : tg_settings_find_service(&own, &err);
    const char *service = settings.service ? settings.service : own;
    if (status == TG_OK) {
        status = tg_history_locate(settings.store, service, &url, NULL, &err);
    }
    if (status == TG_OK && tg_store_check_place(tg_strbuf_text(&url), &err) == TG_ERROR_FORMAT) {
        status = TG_ERROR_FORMAT; /* others may come to be there, and are waited for */
    }
    if (status == TG_OK) {
        status = serve(&settings, tg_strbuf_text(&url), service, &err);
    }
    tg_strbuf_release(&url);
    free(own);
    tg_text_list_release(&settings.users);
    tg_text_list_release(&settings.hosts);
    return status == TG_OK ? TG_EXIT_OK : tg_history_fail(command, &err);
}

const struct tg_command tg_command_serve = {
    .name = "serve",
    .summary = "show a history in the browser",
    .usage = usage,
    .description =
        "Serves a history, and what processes do now, as a page and as JSON under /api/v1 (/api/v1/openapi.json says "
        "what there is); /metrics is for Prometheus. It prints the address to open, and ends with Ctrl-C.\n"
        "Only this machine reaches it, and only who has the token at the end of the address may look. Give a password "
        "or a token in a file to let others in, and a proxy with TLS in front of it where the network is not yours.",
    .options = options,
    .examples = examples,
    .exit_codes = "0 ended by a signal; 1 there is no history, the port is taken, or libmicrohttpd is missing; 2 wrong "
                  "usage",
    .run = run,
};
