/*
 * format_speedscope: the JSON that https://www.speedscope.app opens, and editors do: a profile for each group, of kind
 * "sampled", in nanoseconds.
 *
 * Samples are merged by then, and stand by weight along each branch; there is no order of time to be read from them.
 * Schema: https://www.speedscope.app/file-format-schema.json
 */
#include "base/json.h"
#include "export/export.h"
#include "export/export_group.h"

#include <stdlib.h>
#include <string.h>

/* Frames are numbered as they are met: which function and line got which number. */
struct frames {
    struct tg_calltree tree; /* whose root has each frame as a child: node n + 1 is frame n */
    struct tg_budget budget;
};

struct writer {
    const struct tg_profile *profile;
    const struct tg_export_options *options;
    struct tg_json json;
    struct tg_strbuf samples; /* of the group that is being written, as JSON */
    struct tg_strbuf weights;
    struct frames frames;
    uint32_t *path;
    uint64_t value_ns; /* of the group's samples so far */
    bool failed;
};

/* Frames that are no functions come first, at these numbers. */
enum { FRAME_NONE = 0, FRAME_LOST = 1, FRAME_FIRST = 2 };

static uint32_t number_of(struct writer *writer, struct tg_frame frame) {
    uint32_t node = tg_calltree_child(&writer->frames.tree, TG_CALLTREE_ROOT, frame);
    writer->failed = writer->failed || node == 0;
    return node - 1 + FRAME_FIRST;
}

static void end_sample(struct writer *writer, struct tg_json *samples, struct tg_json *weights, uint64_t value_ns) {
    tg_json_end_array(samples);
    tg_json_uint(weights, value_ns);
    writer->value_ns = tg_weight_sum(writer->value_ns, value_ns);
}

static void add_pseudo(struct writer *writer, struct tg_json *samples, struct tg_json *weights, uint32_t frame,
                       const struct tg_weight *weight) {
    uint64_t value_ns = tg_export_measure_of(weight, writer->options->measure);
    if (value_ns) {
        tg_json_begin_array(samples);
        tg_json_uint(samples, frame);
        end_sample(writer, samples, weights, value_ns);
    }
}

/* The next node when children come after their parents and before their siblings. */
static uint32_t next_node(const struct tg_calltree *tree, uint32_t node, uint32_t *depth) {
    if (tree->nodes[node].first_child) {
        (*depth)++;
        return tree->nodes[node].first_child;
    }
    while (node != TG_CALLTREE_ROOT && !tree->nodes[node].next_sibling) {
        node = tree->nodes[node].parent;
        (*depth)--;
    }
    return node == TG_CALLTREE_ROOT ? TG_CALLTREE_ROOT : tree->nodes[node].next_sibling;
}

static void collect_samples(struct writer *writer, const struct tg_calltree *tree) {
    struct tg_json samples;
    struct tg_json weights;
    tg_json_init(&samples, &writer->samples);
    tg_json_init(&weights, &writer->weights);
    tg_json_begin_array(&samples);
    tg_json_begin_array(&weights);
    uint32_t depth = 0;
    uint32_t node = tree->count > 0 ? next_node(tree, TG_CALLTREE_ROOT, &depth) : TG_CALLTREE_ROOT;
    while (node != TG_CALLTREE_ROOT) {
        uint64_t value_ns = tg_export_measure_of(&tree->nodes[node].self, writer->options->measure);
        writer->path[depth - 1] = number_of(writer, tree->nodes[node].frame);
        if (value_ns) {
            tg_json_begin_array(&samples);
            for (uint32_t i = 0; i < depth; i++) {
                tg_json_uint(&samples, writer->path[i]);
            }
            end_sample(writer, &samples, &weights, value_ns);
        }
        node = next_node(tree, node, &depth);
    }
    if (tree->count > 0) {
        add_pseudo(writer, &samples, &weights, FRAME_NONE, &tree->nodes[TG_CALLTREE_ROOT].self);
    }
    add_pseudo(writer, &samples, &weights, FRAME_LOST, &tree->lost);
    tg_json_end_array(&samples);
    tg_json_end_array(&weights);
}

static void put_json(struct writer *writer, const char *key, const struct tg_strbuf *value) {
    tg_json_key(&writer->json, key);
    tg_json_verbatim(&writer->json, tg_strbuf_text(value), value->length);
}

static void write_group(struct writer *writer, const struct tg_export_group *group) {
    struct tg_json *json = &writer->json;
    struct tg_strbuf name = TG_STRBUF_INIT;
    tg_export_group_append_name(group, &name);
    tg_strbuf_truncate(&writer->samples, 0);
    tg_strbuf_truncate(&writer->weights, 0);
    writer->value_ns = 0;
    writer->path = malloc(((size_t)group->tree->count + 1) * sizeof *writer->path);
    if (writer->path) {
        collect_samples(writer, group->tree);
    }
    tg_json_begin_object(json);
    tg_json_key(json, "type");
    tg_json_string(json, "sampled");
    tg_json_key(json, "name");
    tg_json_string(json, tg_strbuf_text(&name));
    tg_json_key(json, "unit");
    tg_json_string(json, "nanoseconds");
    tg_json_key(json, "startValue");
    tg_json_uint(json, 0);
    tg_json_key(json, "endValue");
    tg_json_uint(json, writer->value_ns);
    put_json(writer, "samples", &writer->samples);
    put_json(writer, "weights", &writer->weights);
    tg_json_end_object(json);
    writer->failed = writer->failed || !writer->path || tg_strbuf_status(&name) != TG_OK
                     || tg_strbuf_status(&writer->samples) != TG_OK || tg_strbuf_status(&writer->weights) != TG_OK;
    free(writer->path);
    writer->path = NULL;
    tg_strbuf_release(&name);
}

static void write_frame(struct writer *writer, struct tg_frame frame) {
    struct tg_json *json = &writer->json;
    struct tg_symbol symbol = tg_symbols_get(&writer->profile->symbols, frame.symbol);
    uint32_t line = tg_export_line(&symbol, frame);
    tg_json_begin_object(json);
    tg_json_key(json, "name");
    tg_json_string(json, symbol.name);
    if (symbol.file[0]) {
        tg_json_key(json, "file");
        tg_json_string(json, symbol.file);
    }
    if (line) {
        tg_json_key(json, "line");
        tg_json_uint(json, line);
    }
    tg_json_end_object(json);
}

static void write_frames(struct writer *writer) {
    static const char *const pseudo[] = {[FRAME_NONE] = TG_EXPORT_NO_FRAME, [FRAME_LOST] = TG_EXPORT_LOST};
    struct tg_json *json = &writer->json;
    tg_json_key(json, "shared");
    tg_json_begin_object(json);
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = 0; i < FRAME_FIRST; i++) {
        tg_json_begin_object(json);
        tg_json_key(json, "name");
        tg_json_string(json, pseudo[i]);
        tg_json_end_object(json);
    }
    for (uint32_t i = 1; i < writer->frames.tree.count; i++) {
        write_frame(writer, writer->frames.tree.nodes[i].frame);
    }
    tg_json_end_array(json);
    tg_json_end_object(json);
}

static void write_all(struct writer *writer, const struct tg_export_groups *groups) {
    struct tg_json *json = &writer->json;
    tg_json_begin_object(json);
    tg_json_key(json, "$schema");
    tg_json_string(json, "https://www.speedscope.app/file-format-schema.json");
    tg_json_key(json, "exporter");
    tg_json_string(json, writer->options->program);
    tg_json_key(json, "name");
    tg_json_string(json, writer->options->title);
    tg_json_key(json, "activeProfileIndex");
    tg_json_uint(json, 0);
    tg_json_key(json, "profiles");
    tg_json_begin_array(json);
    for (size_t i = 0; i < groups->count; i++) {
        write_group(writer, &groups->items[i]);
    }
    tg_json_end_array(json);
    write_frames(writer);
    tg_json_end_object(json);
    tg_strbuf_append_char(json->out, '\n');
}

static enum tg_status write_speedscope(const struct tg_profile *profile, const struct tg_export_options *options,
                                       struct tg_strbuf *out, struct tg_error *err) {
    struct writer writer = {.profile = profile, .options = options, .frames = {.budget = {.limit_bytes = SIZE_MAX}}};
    struct tg_export_groups groups;
    enum tg_status status = tg_export_groups_make(&groups, profile, options->by_thread, err);
    if (status == TG_OK) {
        tg_json_init(&writer.json, out);
        tg_calltree_init(&writer.frames.tree, &writer.frames.budget, true);
        write_all(&writer, &groups);
        tg_calltree_release(&writer.frames.tree);
        tg_strbuf_release(&writer.samples);
        tg_strbuf_release(&writer.weights);
    }
    tg_export_groups_release(&groups);
    if (status != TG_OK || writer.failed || tg_strbuf_status(out) != TG_OK) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write a profile for speedscope");
    }
    return TG_OK;
}

const struct tg_export_format tg_export_speedscope = {
    .name = "speedscope",
    .summary = "JSON for speedscope.app and editors",
    .suffix = ".json",
    .write = write_speedscope,
};
