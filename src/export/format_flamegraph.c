/*
 * format_flamegraph: a page of HTML that draws the profile and needs nothing else: no network, no other file. It shows
 * wall time, processor time or time with the interpreter's lock, at first whichever was asked for.
 *
 * The page is flamegraph.html; flamegraph.css, flamegraph.js and the profile as JSON stand in it where it says
 * {{style}}, {{script}} and {{profile}}. The JSON is what flamegraph.js calls `Profile`:
 *     frames    [name, file, line, first line of the function] of each frame that nodes name; the first is the whole
 *     nodes     [place of the parent, frame] of each node, parents first; the first is the whole, below itself
 *     weights   [node, samples, wall ns, processor ns, lock ns] of each node with samples of its own
 * A `<` in it is written as an escape, so that no name can end the element it stands in.
 */
#include "base/json.h"
#include "export/export.h"
#include "export/export_group.h"
#include "flamegraph_assets.h"

#include <stdlib.h>
#include <string.h>

/* Frames that are no functions. Two for each group follow, its process and its thread, then the functions. */
enum { FRAME_ALL = 0, FRAME_NONE = 1, FRAME_LOST = 2, FRAME_GROUPS = 3 };
#define NODE_ALL 0U

struct writer {
    const struct tg_profile *profile;
    const struct tg_export_groups *groups;
    struct tg_strbuf nodes_text;
    struct tg_strbuf weights_text;
    struct tg_json nodes;
    struct tg_json weights;
    struct tg_calltree frames; /* its root has each function as a child: node n is function n - 1 */
    struct tg_budget budget;
    uint32_t node_count;
    bool failed;
};

static uint32_t add_node(struct writer *writer, uint32_t parent, uint32_t frame, const struct tg_weight *self) {
    tg_json_begin_array(&writer->nodes);
    tg_json_uint(&writer->nodes, parent);
    tg_json_uint(&writer->nodes, frame);
    tg_json_end_array(&writer->nodes);
    if (self && (self->sample_count | self->wall_ns | self->cpu_ns | self->gil_ns)) {
        tg_json_begin_array(&writer->weights);
        tg_json_uint(&writer->weights, writer->node_count);
        tg_json_uint(&writer->weights, self->sample_count);
        tg_json_uint(&writer->weights, self->wall_ns);
        tg_json_uint(&writer->weights, self->cpu_ns);
        tg_json_uint(&writer->weights, self->gil_ns);
        tg_json_end_array(&writer->weights);
    }
    return writer->node_count++;
}

static uint32_t number_of(struct writer *writer, struct tg_frame frame) {
    uint32_t node = tg_calltree_child(&writer->frames, TG_CALLTREE_ROOT, frame);
    writer->failed = writer->failed || node == 0;
    return FRAME_GROUPS + 2 * (uint32_t)writer->groups->count + node - 1;
}

/* The nodes of a group; those of its process are shared with earlier groups of the same. */
static void add_group(struct writer *writer, uint32_t number, uint32_t *process_nodes) {
    const struct tg_export_group *group = &writer->groups->items[number];
    const struct tg_calltree *tree = group->tree;
    uint32_t top = NODE_ALL;
    if (group->process[0]) {
        for (uint32_t i = 0; i < number && top == NODE_ALL; i++) {
            top = strcmp(writer->groups->items[i].process, group->process) == 0 ? process_nodes[i] : NODE_ALL;
        }
        top = top != NODE_ALL ? top : add_node(writer, NODE_ALL, FRAME_GROUPS + 2 * number, NULL);
        process_nodes[number] = top;
    }
    if (group->thread[0]) {
        top = add_node(writer, top, FRAME_GROUPS + 2 * number + 1, NULL);
    }
    uint32_t *places = malloc(((size_t)tree->count + 1) * sizeof *places);
    if (!places) {
        writer->failed = true;
        return;
    }
    places[TG_CALLTREE_ROOT] = top;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct tg_calltree_node *node = &tree->nodes[i];
        places[i] = add_node(writer, places[node->parent], number_of(writer, node->frame), &node->self);
    }
    if (tree->count > 0 && tree->nodes[TG_CALLTREE_ROOT].self.sample_count > 0) {
        add_node(writer, top, FRAME_NONE, &tree->nodes[TG_CALLTREE_ROOT].self);
    }
    if (tree->lost.sample_count > 0) {
        add_node(writer, top, FRAME_LOST, &tree->lost);
    }
    free(places);
}

static void collect_nodes(struct writer *writer) {
    uint32_t *process_nodes = calloc(writer->groups->count + 1, sizeof *process_nodes);
    tg_json_init(&writer->nodes, &writer->nodes_text);
    tg_json_init(&writer->weights, &writer->weights_text);
    tg_json_begin_array(&writer->nodes);
    tg_json_begin_array(&writer->weights);
    add_node(writer, NODE_ALL, FRAME_ALL, NULL);
    writer->failed = !process_nodes;
    for (uint32_t i = 0; i < writer->groups->count && !writer->failed; i++) {
        add_group(writer, i, process_nodes);
    }
    tg_json_end_array(&writer->nodes);
    tg_json_end_array(&writer->weights);
    free(process_nodes);
}

static void put_frame(struct tg_json *json, const struct tg_symbol *symbol, uint32_t line) {
    tg_json_begin_array(json);
    tg_json_string(json, symbol->name);
    tg_json_string(json, symbol->file);
    tg_json_uint(json, line);
    tg_json_uint(json, symbol->first_line);
    tg_json_end_array(json);
}

static void put_label(struct tg_json *json, const char *name) {
    struct tg_symbol symbol = {.name = name, .file = ""};
    put_frame(json, &symbol, 0);
}

static void put_frames(const struct writer *writer, struct tg_json *json) {
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    put_label(json, "all");
    put_label(json, TG_EXPORT_NO_FRAME);
    put_label(json, TG_EXPORT_LOST);
    for (size_t i = 0; i < writer->groups->count; i++) {
        put_label(json, writer->groups->items[i].process);
        put_label(json, writer->groups->items[i].thread);
    }
    for (uint32_t i = 1; i < writer->frames.count; i++) {
        struct tg_frame frame = writer->frames.nodes[i].frame;
        struct tg_symbol symbol = tg_symbols_get(&writer->profile->symbols, frame.symbol);
        put_frame(json, &symbol, tg_export_line(&symbol, frame));
    }
    tg_json_end_array(json);
}

static void put_quality(const struct tg_profile *profile, struct tg_json *json) {
    const struct {
        const char *key;
        uint64_t value;
    } figures[] = {
        {"duration_ns", profile->duration_ns},   {"period_ns", profile->period_ns},
        {"taken", profile->quality.taken_count}, {"missed", profile->quality.missed_count},
        {"torn", profile->quality.torn_count},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        tg_json_key(json, figures[i].key);
        tg_json_uint(json, figures[i].value);
    }
}

static void put_profile(struct writer *writer, const struct tg_export_options *options, struct tg_strbuf *out) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    tg_json_key(&json, "title");
    tg_json_string(&json, options->title);
    tg_json_key(&json, "program");
    tg_json_string(&json, options->program);
    tg_json_key(&json, "measure");
    tg_json_string(&json, tg_export_measure_names[options->measure]);
    put_quality(writer->profile, &json);
    put_frames(writer, &json);
    tg_json_key(&json, "nodes");
    tg_json_verbatim(&json, tg_strbuf_text(&writer->nodes_text), writer->nodes_text.length);
    tg_json_key(&json, "weights");
    tg_json_verbatim(&json, tg_strbuf_text(&writer->weights_text), writer->weights_text.length);
    tg_json_end_object(&json);
}

/* Copies the page up to the mark, and goes on behind it. */
static void copy_until(struct tg_strbuf *out, const char **page, const char *mark) {
    const char *found = strstr(*page, mark);
    if (found) {
        tg_strbuf_append_bytes(out, *page, (size_t)(found - *page));
        *page = found + strlen(mark);
    }
}

static void write_page(const struct tg_strbuf *profile, struct tg_strbuf *out) {
    const char *page = (const char *)flamegraph_html; /* tools/embed ends it with a zero byte */
    copy_until(out, &page, "{{style}}");
    tg_strbuf_append_bytes(out, flamegraph_css, flamegraph_css_length);
    copy_until(out, &page, "{{profile}}");
    tg_json_append_in_page(out, tg_strbuf_text(profile), profile->length);
    copy_until(out, &page, "{{script}}");
    tg_strbuf_append_bytes(out, flamegraph_js, flamegraph_js_length);
    tg_strbuf_append(out, page);
}

static enum tg_status write_flamegraph(const struct tg_profile *profile, const struct tg_export_options *options,
                                       struct tg_strbuf *out, struct tg_error *err) {
    struct tg_export_groups groups;
    struct tg_strbuf json = TG_STRBUF_INIT;
    struct writer writer = {.profile = profile, .groups = &groups, .budget = {.limit_bytes = SIZE_MAX}};
    if (tg_export_groups_make(&groups, profile, options->by_thread, err) != TG_OK) {
        return TG_ERROR_MEMORY;
    }
    tg_calltree_init(&writer.frames, &writer.budget, true);
    collect_nodes(&writer);
    put_profile(&writer, options, &json);
    write_page(&json, out);
    bool failed = writer.failed || tg_strbuf_status(&writer.nodes_text) != TG_OK
                  || tg_strbuf_status(&writer.weights_text) != TG_OK || tg_strbuf_status(&json) != TG_OK
                  || tg_strbuf_status(out) != TG_OK;
    tg_calltree_release(&writer.frames);
    tg_strbuf_release(&writer.nodes_text);
    tg_strbuf_release(&writer.weights_text);
    tg_strbuf_release(&json);
    tg_export_groups_release(&groups);
    return failed ? tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write a flame graph") : TG_OK;
}

const struct tg_export_format tg_export_flamegraph = {
    .name = "flamegraph",
    .summary = "a page of HTML that opens in any browser",
    .suffix = ".html",
    .write = write_flamegraph,
};
