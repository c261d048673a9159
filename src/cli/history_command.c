/* history_command: see history_command.h. */
#include "cli/history_command.h"

#include "cli/commands.h"
#include "cli/history_files.h"
#include "cli/message.h"
#include "cli/output.h"
#include "settings/settings.h"
#include "store/store_url.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAMED_MAX 5 /* files that are listed one by one */

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to ask the history");
}

/* The index of the file that is the service's own by default, else 0: the newest. */
static size_t choose_file(const struct tg_history_files *files, const char *service, bool *is_services) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_store_url url = {.path = NULL};
    size_t chosen = 0;
    if (service && tg_store_url_default(&text, service, NULL) == TG_OK
        && tg_store_url_parse(&url, tg_strbuf_text(&text), NULL) == TG_OK) {
        for (size_t i = 0; i < files->count; i++) {
            if (strcmp(files->items[i].path, url.path) == 0) {
                chosen = i;
                *is_services = true;
            }
        }
    }
    tg_store_url_release(&url);
    tg_strbuf_release(&text);
    return chosen;
}

static void name_others(struct tg_strbuf *out, const struct tg_history_files *files, size_t chosen) {
    size_t others = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (i != chosen && others++ < NAMED_MAX) {
            const char *slash = strrchr(files->items[i].path, '/');
            tg_strbuf_printf(out, "%s%s", out->length ? ", " : "", slash ? slash + 1 : files->items[i].path);
        }
    }
    if (others > NAMED_MAX) {
        tg_strbuf_printf(out, " and %zu more", others - NAMED_MAX);
    }
}

static enum tg_status locate_file(const char *service, struct tg_strbuf *url, struct tg_strbuf *other_files,
                                  struct tg_error *err) {
    struct tg_history_files files;
    enum tg_status status = tg_history_files_list(&files, err);
    if (status == TG_OK && files.count == 0) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                              "there is no history yet; 'tachograph run app.py' begins one, and --store URL names one "
                              "that lies elsewhere");
    }
    if (status == TG_OK) {
        bool is_services = false;
        size_t chosen = choose_file(&files, service, &is_services);
        tg_strbuf_append(url, files.items[chosen].path);
        if (other_files && !is_services) {
            name_others(other_files, &files, chosen);
        }
    }
    tg_history_files_release(&files);
    return status;
}

enum tg_status tg_history_locate(const char *store, const char *service, struct tg_strbuf *url,
                                 struct tg_strbuf *other_files, struct tg_error *err) {
    char *set = NULL;
    enum tg_status status = store ? TG_OK : tg_settings_find_store(&set, err);
    if (status == TG_OK && (store || set)) {
        tg_strbuf_append(url, store ? store : set);
    } else if (status == TG_OK) {
        status = locate_file(service, url, other_files, err);
    }
    free(set);
    return status == TG_OK && tg_strbuf_status(url) != TG_OK ? no_memory(err) : status;
}

static enum tg_status open_store(struct tg_history *history, const struct tg_history_options *options, const char *url,
                                 const char *service, struct tg_error *err) {
    const struct tg_store_options how = {.read_only = !options->writes};
    struct tg_store *store = NULL;
    enum tg_status status = tg_store_url_append_place(&history->place, url, err);
    if (status == TG_OK) {
        status = tg_store_open(&store, url, &how, err);
    }
    if (status == TG_OK) {
        status = tg_scope_init(&history->scope, store, tg_strbuf_text(&history->place), err);
    }
    if (status == TG_OK && !options->service && service && !tg_scope_has(&history->scope, service)) {
        service = NULL;
    }
    if (status != TG_OK) {
        return status;
    }
    return options->writes ? tg_scope_choose_only(&history->scope, service, err)
                           : tg_scope_choose(&history->scope, service, err);
}

/* The service of the project in which the question is asked is the one that is meant, if it has a history. */
static enum tg_status open_history(struct tg_history *history, const struct tg_history_options *options,
                                   struct tg_error *err) {
    struct tg_strbuf url = TG_STRBUF_INIT;
    char *own = NULL;
    history->store_was_named = options->store != NULL;
    history->service_was_named = options->service != NULL;
    enum tg_status status = options->service ? TG_OK : tg_settings_find_service(&own, err);
    const char *service = options->service ? options->service : own;
    if (status == TG_OK) {
        status = tg_history_locate(options->store, service, &url, &history->other_files, err);
    }
    if (status == TG_OK) {
        status = open_store(history, options, tg_strbuf_text(&url), service, err);
    }
    tg_strbuf_release(&url);
    free(own);
    return status;
}

static void close_history(struct tg_history *history) {
    struct tg_store *store = history->scope.store;
    tg_scope_release(&history->scope);
    tg_store_close(store);
    tg_strbuf_release(&history->place);
    tg_strbuf_release(&history->other_files);
}

struct tg_scope_words tg_history_words(const struct tg_history_options *options) {
    return (struct tg_scope_words){.since = options->since,
                                   .until = options->until,
                                   .version = options->version,
                                   .run = options->run,
                                   .dashes = "--"};
}

enum tg_status tg_history_select(const struct tg_history_question *question, struct tg_store_selection *selection,
                                 struct tg_error *err) {
    const struct tg_scope_words words = tg_history_words(question->options);
    return tg_scope_select(&question->history.scope, &words, selection, err);
}

enum tg_status tg_history_write(const struct tg_strbuf *text, struct tg_error *err) {
    if (tg_strbuf_status(text) != TG_OK) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to print the answer");
    }
    return tg_output_print(tg_strbuf_text(text), text->length, err);
}

int tg_history_fail(const struct tg_command *command, const struct tg_error *err) {
    tg_message_error("%s: %s", command->name, err->message);
    return err->status == TG_ERROR_INVALID ? TG_EXIT_USAGE : TG_EXIT_FAILED;
}

int tg_history_command_run(const struct tg_command *command, const struct tg_history_options *options,
                           tg_history_answerer *answer, const void *settings) {
    struct tg_history_question question = {.options = options, .exit_code = TG_EXIT_OK};
    struct tg_error err = TG_ERROR_INIT;
    question.terminal = options->json ? TG_TERMINAL_NONE : tg_terminal_of(STDOUT_FILENO);
    enum tg_status status = open_history(&question.history, options, &err);
    if (status == TG_OK) {
        status = answer(&question, settings, &err);
    }
    if (status == TG_OK) {
        status = tg_history_write(&question.out, &err);
    }
    close_history(&question.history);
    tg_strbuf_release(&question.out);
    return status == TG_OK ? question.exit_code : tg_history_fail(command, &err);
}
