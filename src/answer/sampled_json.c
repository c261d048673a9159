/* sampled_json: see sampled_json.h. */
#include "answer/sampled_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

#include <stdio.h>

#define THREADS_MAX 200 /* that are named */

/* What stands for a frame where there is none. */
#define FRAME_OF_ROOT (-1)
#define FRAME_OF_REST (-2)

static const char *const prefixes[TG_SAMPLED_SIDES] = {"a_", "b_"};

/* "totals", or of one side of two "a_totals". */
static void write_key(struct tg_json *json, const struct tg_sampled_tree *tree, size_t side, const char *name) {
    char key[32];
    snprintf(key, sizeof key, "%s%s", tree->question.compares ? prefixes[side] : "", name);
    tg_json_key(json, key);
}

/* How far it can be trusted. */
static void write_counts(struct tg_json *json, const struct tg_sampled *sampled) {
    tg_json_member_uint(json, "interval_count", sampled->interval_count);
    tg_json_member_uint(json, "without_tree_count", sampled->without_tree_count);
    tg_json_member_uint(json, "damaged_count", sampled->damaged_count);
    tg_json_member_uint(json, "look_count", sampled->look_count);
    tg_json_member_uint(json, "missed_count", sampled->missed_count);
    tg_json_member_uint(json, "sample_count", sampled->sample_count);
    tg_json_member_uint(json, "torn_count", sampled->torn_count);
}

static void write_threads(struct tg_json *json, const struct tg_sampled_tree *tree) {
    tg_json_member_string(json, "thread", tree->question.thread);
    tg_json_member_uint(json, "thread_count", tree->thread_count);
    tg_json_key(json, "threads");
    tg_json_begin_array(json);
    for (size_t i = 0; i < tree->thread_count && i < THREADS_MAX; i++) {
        tg_json_begin_object(json);
        tg_json_member_string(json, "name", tree->threads[i].name);
        for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
            write_key(json, tree, side, "total");
            tg_json_uint(json, tree->threads[i].total_ns[side]);
        }
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
    tg_json_member_uint(json, "lost_count", tree->lost_count);
}

static void write_function(struct tg_json *json, const struct tg_sampled_tree *tree, uint32_t number) {
    struct tg_symbol symbol = tg_symbols_get(&tree->symbols, number);
    tg_json_member_string(json, "name", symbol.name);
    tg_json_member_text(json, "file", symbol.file);
    tg_json_member_if(json, "line", symbol.first_line > 0, symbol.first_line);
}

static void write_frames(struct tg_json *json, const struct tg_sampled_tree *tree) {
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = 0; i < tree->frame_count; i++) {
        tg_json_begin_object(json);
        write_function(json, tree, tree->frames[i]);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

static void write_nodes(struct tg_json *json, const struct tg_sampled_tree *tree) {
    tg_json_key(json, "nodes");
    tg_json_begin_object(json);
    tg_json_key(json, "parents");
    tg_json_begin_array(json);
    for (size_t i = 0; i < tree->node_count; i++) {
        tg_json_int(json, i == 0 ? -1 : (int64_t)tree->nodes[i].parent);
    }
    tg_json_end_array(json);
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = 0; i < tree->node_count; i++) {
        const struct tg_sampled_node *node = &tree->nodes[i];
        tg_json_int(json, i == 0 ? FRAME_OF_ROOT : node->is_rest ? FRAME_OF_REST : (int64_t)node->frame);
    }
    tg_json_end_array(json);
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
        write_key(json, tree, side, "totals");
        tg_json_begin_array(json);
        for (size_t i = 0; i < tree->node_count; i++) {
            tg_json_uint(json, tree->nodes[i].total_ns[side]);
        }
        tg_json_end_array(json);
        write_key(json, tree, side, "selves");
        tg_json_begin_array(json);
        for (size_t i = 0; i < tree->node_count; i++) {
            tg_json_uint(json, tree->nodes[i].self_ns[side]);
        }
        tg_json_end_array(json);
    }
    tg_json_end_object(json);
}

static void write_drawing(struct tg_json *json, const struct tg_sampled_tree *tree) {
    tg_json_member_uint(json, "merged_count", tree->merged_count);
    write_frames(json, tree);
    write_nodes(json, tree);
}

/* How the answers about one part of a history begin. */
static void begin(struct tg_json *json, struct tg_strbuf *out, const char *schema, const struct tg_scope *scope,
                  const struct tg_store_selection *selection, const struct tg_sampled_tree *tree, const char *measure) {
    tg_answer_begin_service(json, out, schema, scope);
    tg_answer_write_selection(json, scope, selection);
    tg_json_member_text(json, "measure", measure);
    write_counts(json, &tree->sampled[0]);
    write_threads(json, tree);
}

void tg_sampled_json_append_tree(struct tg_strbuf *out, const struct tg_scope *scope,
                                 const struct tg_store_selection *selection, const struct tg_sampled_tree *tree,
                                 const char *measure) {
    struct tg_json json;
    begin(&json, out, "tachograph-call-tree", scope, selection, tree, measure);
    write_drawing(&json, tree);
    tg_answer_end(&json);
}

void tg_sampled_json_append_diff(struct tg_strbuf *out, const struct tg_scope *scope,
                                 const struct tg_diff_side sides[TG_SAMPLED_SIDES], const struct tg_sampled_tree *tree,
                                 const char *measure) {
    static const char *const keys[TG_SAMPLED_SIDES] = {"a", "b"};
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-call-tree-diff", scope);
    tg_json_member_text(&json, "measure", measure);
    for (size_t side = 0; side < TG_SAMPLED_SIDES; side++) {
        tg_json_key(&json, keys[side]);
        tg_json_begin_object(&json);
        tg_json_member_text(&json, "selection", sides[side].word);
        tg_answer_write_selection(&json, scope, &sides[side].selection);
        write_counts(&json, &tree->sampled[side]);
        tg_json_end_object(&json);
    }
    write_threads(&json, tree);
    write_drawing(&json, tree);
    tg_answer_end(&json);
}

static void write_neighbours(struct tg_json *json, const char *key, const struct tg_sampled_tree *tree,
                             const struct tg_sampled_neighbour *neighbours, size_t count) {
    tg_json_key(json, key);
    tg_json_begin_array(json);
    for (size_t i = 0; i < count; i++) {
        tg_json_begin_object(json);
        if (neighbours[i].symbol == TG_SYMBOL_UNKNOWN) {
            tg_json_member_string(json, "name", NULL);
            tg_json_member_string(json, "file", NULL);
            tg_json_member_string(json, "line", NULL);
        } else {
            write_function(json, tree, neighbours[i].symbol);
        }
        tg_json_member_uint(json, "total", neighbours[i].ns);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

void tg_sampled_json_append_calls(struct tg_strbuf *out, const struct tg_scope *scope,
                                  const struct tg_store_selection *selection, const struct tg_sampled_tree *tree,
                                  const char *measure, const struct tg_sampled_calls *calls, size_t limit) {
    struct tg_json json;
    begin(&json, out, "tachograph-calls", scope, selection, tree, measure);
    tg_json_key(&json, "function");
    tg_json_begin_object(&json);
    write_function(&json, tree, calls->symbol);
    tg_json_member_uint(&json, "total", calls->total_ns);
    tg_json_member_uint(&json, "self", calls->self_ns);
    tg_json_end_object(&json);
    tg_json_member_uint(&json, "caller_count", calls->caller_count);
    tg_json_member_uint(&json, "callee_count", calls->callee_count);
    write_neighbours(&json, "callers", tree, calls->callers, calls->caller_count < limit ? calls->caller_count : limit);
    write_neighbours(&json, "callees", tree, calls->callees, calls->callee_count < limit ? calls->callee_count : limit);
    tg_answer_end(&json);
}
