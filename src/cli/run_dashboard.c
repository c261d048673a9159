/* run_dashboard: see run_dashboard.h. */
#include "cli/run_dashboard.h"

#include "cli/output.h"
#include "serve/listener.h"
#include "settings/setting.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 8

/* Pipes to the server's input and from its output: ours are not inherited by the program. */
struct pipes {
    int input[2];
    int output[2];
};

static enum tg_status open_pipes(struct pipes *pipes, struct tg_error *err) {
    *pipes = (struct pipes){.input = {-1, -1}, .output = {-1, -1}};
    return pipe2(pipes->input, O_CLOEXEC) == 0 && pipe2(pipes->output, O_CLOEXEC) == 0
               ? TG_OK
               : tg_error_set_errno(err, errno, "cannot make a pipe");
}

static void close_one(int *fd) {
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

static void close_pipes(struct pipes *pipes) {
    for (size_t i = 0; i < 2; i++) {
        close_one(&pipes->input[i]);
        close_one(&pipes->output[i]);
    }
}

/* Our environment with `store` in it, "NAME=URL", which may have a password: a command line is for all to read. NULL:
 * there is no memory. */
static char **environment_with(char *store) {
    size_t count = 0, kept = 0, name_bytes = (size_t)(strchr(store, '=') - store) + 1;
    while (environ[count]) {
        count++;
    }
    char **copy = malloc((count + 2) * sizeof *copy);
    if (!copy) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], store, name_bytes) != 0) {
            copy[kept++] = environ[i];
        }
    }
    copy[kept++] = store;
    copy[kept] = NULL;
    return copy;
}

/* What it says when it fails goes where ours goes. */
static enum tg_status spawn_with(struct tg_run_dashboard *dashboard, const struct tg_run_dashboard_options *options,
                                 const struct pipes *pipes, char **environment, struct tg_error *err) {
    const char *words[WORDS_MAX] = {"tachograph", "serve", "--until-input-ends", "--port", options->port};
    size_t count = 5;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (options->service) {
        words[count++] = "--service";
        words[count++] = options->service;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipes->input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipes->output[1], STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    /* The words are only read. */
    int error =
        posix_spawn(&dashboard->pid, "/proc/self/exe", &actions, &attributes, (char **)(uintptr_t)words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error) {
        dashboard->pid = 0;
        return tg_error_set_errno(err, error, "cannot start the dashboard");
    }
    return TG_OK;
}

static enum tg_status spawn(struct tg_run_dashboard *dashboard, const struct tg_run_dashboard_options *options,
                            const struct pipes *pipes, struct tg_error *err) {
    struct tg_strbuf store = TG_STRBUF_INIT;
    if (!options->store) {
        return spawn_with(dashboard, options, pipes, environ, err);
    }
    tg_strbuf_printf(&store, "%s=%s", tg_setting_table[TG_SETTING_STORE].variable, options->store);
    char **environment = tg_strbuf_status(&store) == TG_OK ? environment_with(store.data) : NULL;
    enum tg_status status = environment ? spawn_with(dashboard, options, pipes, environment, err)
                                        : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory");
    free(environment);
    tg_strbuf_release(&store);
    return status;
}

/* The line that it prints when it listens; empty: it has ended. */
static void read_address(struct tg_strbuf *address, int fd) {
    char byte = '\0';
    ssize_t count = 0;
    do {
        count = read(fd, &byte, 1);
        if (count == 1 && byte != '\n') {
            tg_strbuf_append_char(address, byte);
        }
    } while ((count == 1 && byte != '\n') || (count < 0 && errno == EINTR));
}

/* By the option of our user: the server would not know it. */
static enum tg_status check_port(const char *port, struct tg_error *err) {
    struct tg_listener listener;
    enum tg_status status =
        tg_listener_open(&listener, "127.0.0.1", (uint16_t)strtol(port, NULL, 10), "--serve-port", err);
    if (status != TG_OK) {
        tg_error_prefix(err, "there is no dashboard, so the program was not started");
    }
    tg_listener_close(&listener);
    return status;
}

enum tg_status tg_run_dashboard_start(struct tg_run_dashboard *dashboard,
                                      const struct tg_run_dashboard_options *options, struct tg_error *err) {
    struct pipes pipes;
    enum tg_status status = check_port(options->port, err);
    if (status != TG_OK) {
        return status;
    }
    status = open_pipes(&pipes, err);
    if (status == TG_OK) {
        status = spawn(dashboard, options, &pipes, err);
    }
    if (status == TG_OK) {
        close_one(&pipes.output[1]);
        read_address(&dashboard->address, pipes.output[0]);
        dashboard->input = pipes.input[1];
        pipes.input[1] = -1;
        if (!dashboard->address.length) {
            tg_run_dashboard_end(dashboard);
            status = tg_error_set(err, TG_ERROR_IO,
                                  "there is no dashboard, so the program was not started: leave out "
                                  "--serve to run it without");
        }
    }
    close_pipes(&pipes);
    return status;
}

static bool has_ended(struct tg_run_dashboard *dashboard) {
    bool ended = waitpid(dashboard->pid, NULL, WNOHANG) == dashboard->pid;
    dashboard->pid = ended ? 0 : dashboard->pid;
    return ended;
}

void tg_run_dashboard_stay(struct tg_run_dashboard *dashboard) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    sigset_t ends;
    if (!dashboard->pid || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGQUIT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGCHLD); /* it may end by itself */
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (has_ended(dashboard)) {
        return; /* while the program ran; it has said why */
    }
    tg_strbuf_printf(&text, "dashboard %s until Ctrl-C\n", tg_strbuf_text(&dashboard->address));
    (void)!tg_output_write(STDERR_FILENO, tg_strbuf_text(&text), text.length);
    tg_strbuf_release(&text);
    while (sigwaitinfo(&ends, NULL) == SIGCHLD) {
        if (has_ended(dashboard)) {
            return;
        }
    }
}

void tg_run_dashboard_end(struct tg_run_dashboard *dashboard) {
    close_one(&dashboard->input);
    if (dashboard->pid) {
        kill(dashboard->pid, SIGTERM); /* at once: it looks at its input once a second */
        while (waitpid(dashboard->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    dashboard->pid = 0;
    tg_strbuf_release(&dashboard->address);
}
