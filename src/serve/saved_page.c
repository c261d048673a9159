/* saved_page: see saved_page.h. */
#include "serve/saved_page.h"

#include "analyze/chart.h"
#include "analyze/rank.h"
#include "base/json_member.h"
#include "measure/clock.h"
#include "serve/api.h"
#include "serve/assets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

#define FUNCTIONS      "1000"             /* of the table */
#define FUNCTION_PAGES 200                /* at most */
#define PAGES_BYTES    ((size_t)24 << 20) /* after which no function gets a page */
#define KINDS          "200"              /* of exceptions */
#define SAMPLE_PAGES   50                 /* of kinds with samples, at most */
#define SAMPLES        "20"               /* the newest of a kind */
#define VERSIONS       12                 /* the last ones, whose figures a function's page compares */
#define SLICES_MAX     1000               /* of a width that is offered */
#define PATH_SIZE      64
#define NUMBER_SIZE    24

struct writer {
    const struct tg_saved_page_options *options;
    struct tg_reading reading;
    struct tg_scope scope;
    struct tg_store_selection selection;
    struct tg_json json;
    struct tg_strbuf text; /* the JSON */
    struct tg_strbuf answer;
    size_t function_count;
    size_t page_count; /* functions that have one */
};

/* A question: its route, and its parameters by name, ended by NULL. */
struct question {
    const char *route;
    const char *words[2 * TG_PARAMETERS_MAX + 1];
};

static void add(struct tg_parameters *parameters, const char *name, const char *value) {
    if (value && parameters->count < TG_PARAMETERS_MAX && !tg_parameters_find(parameters, name)) {
        parameters->items[parameters->count++] = (struct tg_parameter){.name = name, .value = value};
    }
}

/* Those of the question, and what is looked at, as far as the route asks for it. */
static void make_parameters(struct tg_parameters *parameters, const struct writer *writer,
                            const struct tg_api_route *route, const struct question *question) {
    const struct tg_scope_words *words = &writer->options->words;
    *parameters = (struct tg_parameters){.storage = NULL};
    for (size_t i = 0; question->words[i]; i += 2) {
        add(parameters, question->words[i], question->words[i + 1]);
    }
    if (route->needs_service) {
        add(parameters, "service", writer->scope.service->name);
    }
    for (size_t i = 0; route->parameters[i]; i++) {
        if (route->parameters[i] == tg_api_selection_parameters) {
            add(parameters, "since", words->since);
            add(parameters, "until", words->until);
            add(parameters, "version", words->version);
            add(parameters, "run", words->run);
        }
    }
}

static void append_key(struct tg_strbuf *key, const struct question *question) {
    tg_strbuf_append(key, question->route);
    for (size_t i = 0; question->words[i]; i += 2) {
        tg_strbuf_printf(key, "\n%s=%s", question->words[i], question->words[i + 1]);
    }
}

/* Asks, and keeps the answer. What is not there has none. */
static enum tg_status ask(struct writer *writer, const struct question *question, struct tg_error *err) {
    char path[PATH_SIZE];
    const char *blamed = NULL;
    bool store_failed = false;
    struct tg_parameters parameters;
    snprintf(path, sizeof path, "/api/v1/%s", question->route);
    const struct tg_api_route *route = tg_api_find(path, false);
    make_parameters(&parameters, writer, route, question);
    tg_strbuf_truncate(&writer->answer, 0);
    struct tg_api_call call = {.parameters = &parameters, .reading = &writer->reading, .out = &writer->answer};
    enum tg_status status = tg_api_check(route, &parameters, &blamed, err);
    if (status == TG_OK) {
        status = tg_api_answer(route, &call, &store_failed, err);
    }
    if (status == TG_ERROR_NOT_FOUND && !store_failed) {
        return TG_OK;
    }
    if (status == TG_OK) {
        struct tg_strbuf key = TG_STRBUF_INIT;
        append_key(&key, question);
        tg_json_key(&writer->json, tg_strbuf_text(&key));
        tg_json_verbatim(&writer->json, tg_strbuf_text(&writer->answer), writer->answer.length);
        tg_strbuf_release(&key);
    }
    return status;
}

/* What there is one answer to. */
static enum tg_status ask_once(struct writer *writer, struct tg_error *err) {
    static const struct question questions[] = {
        {"services", {NULL}},
        {"versions", {NULL}},
        {"store", {NULL}},
        {"events", {"limit", "1000", NULL}},
        {"quality", {NULL}},
        {"trends", {"limit", "50", NULL}},
        {"functions", {"limit", FUNCTIONS, "percentiles", "yes", "sort", "self", NULL}},
        {"series", {"column", "average", "last", "5000", "limit", "100", NULL}},
        {"series", {"column", "total", "last", "5000", "limit", "50", NULL}},
        {"series", {"column", "calls", "last", "5000", "limit", "50", NULL}},
        {"exceptions", {"limit", KINDS, NULL}},
        {"slices", {"column", "cumulative", "limit", "13", NULL}},
        {"slices", {"column", "self", "limit", "13", NULL}},
        {"call-tree", {NULL}},
        {"call-tree", {"measure", "cpu", NULL}},
        {"call-tree", {"measure", "gil", NULL}},
    };
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0] && status == TG_OK; i++) {
        status = ask(writer, &questions[i], err);
    }
    return status;
}

/* Slices of the widths that the page offers: those that the service's intervals fill. */
static enum tg_status ask_slices(struct writer *writer, struct tg_error *err) {
    static const int64_t widths_s[] = {1, 10, 60, 600, 3600, 86400};
    struct tg_period bounds = tg_scope_bounds(&writer->scope, &writer->selection);
    int64_t interval_ns = writer->scope.service->base_interval_ns;
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < 2 * (sizeof widths_s / sizeof widths_s[0]) && status == TG_OK; i++) {
        char width[NUMBER_SIZE];
        int64_t width_ns = widths_s[i / 2] * NS_PER_S;
        int64_t iterations = width_ns / interval_ns;
        bool fills = iterations > 0 && width_ns % interval_ns == 0;
        if (fills && (bounds.last_iteration - bounds.first_iteration) / iterations < SLICES_MAX) {
            const struct question question = {
                "slices", {"column", i % 2 ? "self" : "cumulative", "limit", "13", "width", width, NULL}};
            snprintf(width, sizeof width, "%" PRId64, iterations);
            status = ask(writer, &question, err);
        }
    }
    return status;
}

/* The figures of the last versions, where all are looked at. */
static enum tg_status ask_versions(struct writer *writer, struct tg_error *err) {
    const struct tg_store_versions *versions = &writer->scope.versions;
    enum tg_status status = TG_OK;
    size_t first = versions->count > VERSIONS ? versions->count - VERSIONS : 0;
    for (size_t i = first; i < versions->count && status == TG_OK && !writer->options->words.version; i++) {
        const struct question question = {
            "functions",
            {"limit", FUNCTIONS, "percentiles", "yes", "sort", "self", "version", versions->items[i].version, NULL}};
        status = versions->items[i].version[0] ? ask(writer, &question, err) : TG_OK;
    }
    return status;
}

static enum tg_status ask_function(struct writer *writer, const char *name, struct tg_error *err) {
    const struct question questions[] = {
        {"trend", {"function", name, "last", "5000", NULL}},
        {"latency", {"function", name, "points", "120", NULL}},
        {"calls", {"function", name, "limit", "12", NULL}},
    };
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < sizeof questions / sizeof questions[0] && status == TG_OK; i++) {
        status = ask(writer, &questions[i], err);
    }
    writer->page_count++;
    return status;
}

/* Those with most time of their own have pages. */
static enum tg_status ask_functions(struct writer *writer, struct tg_error *err) {
    struct tg_store_functions functions = {.items = NULL};
    struct tg_ranking ranking = {.items = NULL};
    enum tg_status status = tg_store_functions(writer->scope.store, &writer->selection, NULL, false, &functions, err);
    if (status == TG_OK && functions.count == 0) {
        status =
            tg_error_set(err, TG_ERROR_NOT_FOUND,
                         "no function was called in that part of the history of '%s': choose another with --since, "
                         "--until, --version or --run ('tachograph runs' has them)",
                         writer->scope.service->name);
    }
    if (status == TG_OK) {
        status = tg_rank_functions(&ranking, functions.items, functions.count, TG_RANK_SELF, FUNCTION_PAGES, err);
    }
    writer->function_count = functions.count;
    for (size_t i = 0; i < ranking.count && status == TG_OK && writer->text.length < PAGES_BYTES; i++) {
        status = ask_function(writer, ranking.items[i].function->name, err);
    }
    tg_ranking_release(&ranking);
    tg_store_functions_release(&functions);
    return status;
}

/* The most frequent kinds of exceptions have samples. */
static enum tg_status ask_exceptions(struct writer *writer, struct tg_error *err) {
    struct tg_store_exceptions exceptions = {.items = NULL};
    enum tg_status status = tg_store_exceptions(writer->scope.store, &writer->selection, &exceptions, err);
    for (size_t i = 0; i < exceptions.count && i < SAMPLE_PAGES && status == TG_OK; i++) {
        char id[NUMBER_SIZE];
        const struct question question = {"exception", {"id", id, "limit", SAMPLES, NULL}};
        snprintf(id, sizeof id, "%" PRId64, exceptions.items[i].id);
        status = writer->text.length < PAGES_BYTES ? ask(writer, &question, err) : TG_OK;
    }
    tg_store_exceptions_release(&exceptions);
    return status;
}

static enum tg_status open_history(struct writer *writer, struct tg_error *err) {
    const struct tg_saved_page_options *options = writer->options;
    const char *service = options->service;
    enum tg_status status = tg_reading_init(&writer->reading, options->url, options->place, 0, err);
    if (status == TG_OK) {
        status = tg_reading_begin(&writer->reading, err);
    }
    if (status == TG_OK) {
        status = tg_scope_init(&writer->scope, writer->reading.store, options->place, err);
    }
    if (status == TG_OK) {
        bool is_there = options->service_was_named || (service && tg_scope_has(&writer->scope, service));
        status = tg_scope_choose(&writer->scope, is_there ? service : NULL, err);
    }
    return status == TG_OK ? tg_scope_select(&writer->scope, &options->words, &writer->selection, err) : status;
}

static enum tg_status write_answers(struct writer *writer, struct tg_error *err) {
    struct tg_json *json = &writer->json;
    const struct tg_scope_words *words = &writer->options->words;
    tg_json_init(json, &writer->text);
    tg_json_begin_object(json);
    tg_json_member_text(json, "tachograph_version", TG_VERSION);
    tg_json_member_int(json, "written_unix_ns", tg_clock_wall_ns());
    tg_json_member_text(json, "service", writer->scope.service->name);
    tg_json_key(json, "selection");
    tg_json_begin_object(json);
    tg_json_member_text(json, "since", words->since);
    tg_json_member_text(json, "until", words->until);
    tg_json_member_text(json, "version", words->version);
    tg_json_member_text(json, "run", writer->selection.run);
    tg_json_end_object(json);
    tg_json_key(json, "answers");
    tg_json_begin_object(json);
    enum tg_status status = ask_once(writer, err);
    status = status == TG_OK ? ask_slices(writer, err) : status;
    status = status == TG_OK ? ask_versions(writer, err) : status;
    status = status == TG_OK ? ask_exceptions(writer, err) : status;
    status = status == TG_OK ? ask_functions(writer, err) : status;
    tg_json_end_object(json);
    tg_json_member_uint(json, "function_count", writer->function_count);
    tg_json_member_uint(json, "function_page_count", writer->page_count);
    tg_json_end_object(json);
    return status;
}

static void append_page(struct tg_strbuf *out, const struct tg_strbuf *answers) {
    for (size_t i = 0; i < tg_saved_part_count; i++) {
        const struct tg_saved_part *part = &tg_saved_parts[i];
        const struct tg_asset *asset = part->asset ? tg_assets_find(part->asset) : NULL;
        if (asset) {
            tg_strbuf_append_bytes(out, (const char *)asset->bytes, asset->length);
        } else if (part->bytes) {
            tg_strbuf_append_bytes(out, (const char *)part->bytes, part->length);
        } else {
            tg_json_append_in_page(out, tg_strbuf_text(answers), answers->length);
        }
    }
}

enum tg_status tg_saved_page_append(struct tg_strbuf *out, const struct tg_saved_page_options *options,
                                    struct tg_error *err) {
    struct writer writer = {.options = options, .text = TG_STRBUF_INIT, .answer = TG_STRBUF_INIT};
    enum tg_status status = open_history(&writer, err);
    if (status == TG_OK) {
        status = write_answers(&writer, err);
    }
    if (status == TG_OK) {
        append_page(out, &writer.text);
        bool is_whole = tg_strbuf_status(&writer.text) == TG_OK && tg_strbuf_status(out) == TG_OK;
        status = is_whole ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the page");
    }
    tg_scope_release(&writer.scope);
    tg_reading_release(&writer.reading);
    tg_strbuf_release(&writer.answer);
    tg_strbuf_release(&writer.text);
    return status;
}
