/* api_sampled: call trees of what samplers saw. See api.h. */
#include "analyze/diff_side.h"
#include "analyze/function_name.h"
#include "analyze/sampled_tree.h"
#include "answer/sampled_json.h"
#include "serve/api.h"

#include <string.h>

#define NODES      5000 /* unless asked otherwise */
#define NODES_MAX  20000
#define NEIGHBOURS 100
#define ROWS_MAX   1000

static uint64_t wall_of(const struct tg_weight *weight) {
    return weight->wall_ns;
}
static uint64_t cpu_of(const struct tg_weight *weight) {
    return weight->cpu_ns;
}
static uint64_t gil_of(const struct tg_weight *weight) {
    return weight->gil_ns;
}

static const char *const measures[] = {"wall", "cpu", "gil", NULL};
static tg_sampled_figure *const figures[] = {wall_of, cpu_of, gil_of};

#define SAMPLED                                                                                                        \
    {.name = "thread", .kind = TG_API_TEXT}, {                                                                         \
        .name = "measure", .kind = TG_API_CHOICE, .choices = measures                                                  \
    }
#define DRAWN                                                                                                          \
    { .name = "nodes", .kind = TG_API_NUMBER, .least = 1, .most = NODES_MAX }

const struct tg_api_parameter tg_api_call_tree_parameters[] = {SAMPLED, DRAWN, {.name = NULL}};

const struct tg_api_parameter tg_api_call_tree_diff_parameters[] = {
    {.name = "a", .kind = TG_API_TEXT, .required = true},
    {.name = "b", .kind = TG_API_TEXT, .required = true},
    {.name = "since", .kind = TG_API_TEXT},
    {.name = "until", .kind = TG_API_TEXT},
    SAMPLED,
    DRAWN,
    {.name = NULL},
};

const struct tg_api_parameter tg_api_calls_parameters[] = {
    {.name = "function", .kind = TG_API_TEXT, .required = true},
    {.name = "file", .kind = TG_API_TEXT},
    {.name = "limit", .kind = TG_API_NUMBER, .least = 1, .most = ROWS_MAX},
    SAMPLED,
    {.name = NULL},
};

static const char *measure_of(const struct tg_api_call *call) {
    return measures[tg_api_choice(call, "measure", measures, 0)];
}

static struct tg_sampled_question question_of(const struct tg_api_call *call, bool compares) {
    return (struct tg_sampled_question){
        .figure = figures[tg_api_choice(call, "measure", measures, 0)],
        .thread = tg_api_text(call, "thread"),
        .compares = compares,
    };
}

static enum tg_status check_thread(struct tg_api_call *call, const struct tg_sampled_tree *tree, struct tg_error *err) {
    if (tg_sampled_tree_has_thread(tree)) {
        return TG_OK;
    }
    call->blamed = "thread";
    return tg_error_set(err, TG_ERROR_NOT_FOUND, "no thread '%s' was sampled there", tg_api_text(call, "thread"));
}

/* What is asked for by the selection, and of a thread that is there. */
static enum tg_status read_tree(struct tg_api_call *call, struct tg_store_selection *selection,
                                struct tg_sampled_tree *tree, struct tg_error *err) {
    enum tg_status status = tg_api_select(call, selection, err);
    if (status == TG_OK) {
        status = tg_sampled_tree_read(tree, 0, call->scope.store, selection, err);
    }
    return status == TG_OK ? check_thread(call, tree, err) : status;
}

static enum tg_status draw(struct tg_api_call *call, struct tg_sampled_tree *tree, struct tg_error *err) {
    return tg_sampled_tree_draw(tree, tg_api_number(call, "nodes", NODES), err);
}

enum tg_status tg_api_call_tree(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_sampled_question question = question_of(call, false);
    struct tg_store_selection selection;
    struct tg_sampled_tree tree;
    tg_sampled_tree_init(&tree, &question);
    enum tg_status status = read_tree(call, &selection, &tree, err);
    if (status == TG_OK) {
        status = draw(call, &tree, err);
    }
    if (status == TG_OK) {
        tg_sampled_json_append_tree(call->out, &call->scope, &selection, &tree, measure_of(call));
    }
    tg_sampled_tree_release(&tree);
    return status;
}

enum tg_status tg_api_call_tree_diff(struct tg_api_call *call, struct tg_error *err) {
    static const char *const names[TG_SAMPLED_SIDES] = {"a", "b"};
    const struct tg_sampled_question question = question_of(call, true);
    const struct tg_scope_words within = {.since = tg_api_text(call, "since"), .until = tg_api_text(call, "until")};
    struct tg_diff_side sides[TG_SAMPLED_SIDES];
    struct tg_sampled_tree tree;
    enum tg_status status = TG_OK;
    tg_sampled_tree_init(&tree, &question);
    for (size_t i = 0; i < TG_SAMPLED_SIDES && status == TG_OK; i++) {
        status = tg_diff_side_select(&sides[i], &call->scope, &within, tg_api_text(call, names[i]), err);
        call->blamed = status == TG_OK ? NULL : names[i];
        if (status == TG_OK) {
            status = tg_sampled_tree_read(&tree, i, call->scope.store, &sides[i].selection, err);
        }
    }
    if (status == TG_OK) {
        status = check_thread(call, &tree, err);
    }
    if (status == TG_OK) {
        status = draw(call, &tree, err);
    }
    if (status == TG_OK) {
        tg_sampled_json_append_diff(call->out, &call->scope, sides, &tree, measure_of(call));
    }
    tg_sampled_tree_release(&tree);
    return status;
}

/* A function that is timed is known by its module too, "shop.orders::Orders.search", which samples do not have: it is
 * the one of that file. One that is only sampled is known as samples have it. */
static enum tg_status make_calls(struct tg_api_call *call, struct tg_sampled_calls *calls,
                                 const struct tg_sampled_tree *tree, struct tg_error *err) {
    struct tg_sampled_function wanted = {.name = tg_api_text(call, "function"), .file = tg_api_text(call, "file")};
    struct tg_store_function timed = {.name = NULL};
    if (!wanted.file && tg_function_name_read(&timed, &call->scope, wanted.name, NULL) == TG_OK) {
        const char *mark = strstr(timed.name, "::");
        wanted.name = mark ? mark + 2 : timed.name;
        wanted.file = timed.file;
    }
    enum tg_status status = tg_sampled_calls_make(calls, tree, &wanted, err);
    call->blamed = status == TG_ERROR_NOT_FOUND ? "function" : NULL;
    tg_function_name_release(&timed);
    return status;
}

enum tg_status tg_api_calls(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_sampled_question question = question_of(call, false);
    struct tg_store_selection selection;
    struct tg_sampled_calls calls = {.callers = NULL};
    struct tg_sampled_tree tree;
    tg_sampled_tree_init(&tree, &question);
    enum tg_status status = read_tree(call, &selection, &tree, err);
    if (status == TG_OK) {
        status = make_calls(call, &calls, &tree, err);
    }
    if (status == TG_OK) {
        tg_sampled_json_append_calls(call->out, &call->scope, &selection, &tree, measure_of(call), &calls,
                                     tg_api_number(call, "limit", NEIGHBOURS));
    }
    tg_sampled_calls_release(&calls);
    tg_sampled_tree_release(&tree);
    return status;
}
