/* export_group: see export_group.h. */
#include "export/export_group.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write the profile");
}

static bool has_several_processes(const struct tg_profile *profile) {
    for (size_t i = 1; i < profile->thread_count; i++) {
        if (profile->threads[i]->process_id != profile->threads[0]->process_id) {
            return true;
        }
    }
    return false;
}

static void name_thread(char label[TG_EXPORT_LABEL_SIZE], const struct tg_profile_thread *thread) {
    if (thread->thread_id == 0) {
        snprintf(label, TG_EXPORT_LABEL_SIZE, "threads that were too many");
    } else if (thread->name[0]) {
        snprintf(label, TG_EXPORT_LABEL_SIZE, "%s (%" PRIu64 ")", thread->name, thread->thread_id);
    } else {
        snprintf(label, TG_EXPORT_LABEL_SIZE, "thread %" PRIu64, thread->thread_id);
    }
}

static bool is_empty(const struct tg_calltree *tree) {
    return tree->count == 0 && tree->lost.sample_count == 0;
}

static void add_threads(struct tg_export_groups *groups, const struct tg_profile *profile, bool several) {
    for (size_t i = 0; i < profile->thread_count; i++) {
        const struct tg_profile_thread *thread = profile->threads[i];
        struct tg_export_group *group = &groups->items[groups->count];
        if (is_empty(&thread->tree)) {
            continue;
        }
        name_thread(group->thread, thread);
        if (several) {
            snprintf(group->process, TG_EXPORT_LABEL_SIZE, "process %" PRIu64, thread->process_id);
        }
        group->tree = &thread->tree;
        groups->count++;
    }
}

/* The merged tree of a process's threads (all processes': 0), which is new or known. */
static struct tg_calltree *tree_of(struct tg_export_groups *groups, const struct tg_profile *profile,
                                   uint64_t process_id) {
    char label[TG_EXPORT_LABEL_SIZE] = "";
    if (process_id) {
        snprintf(label, sizeof label, "process %" PRIu64, process_id);
    }
    for (size_t i = 0; i < groups->count; i++) {
        if (strcmp(groups->items[i].process, label) == 0) {
            return &groups->merged[i];
        }
    }
    struct tg_export_group *group = &groups->items[groups->count];
    struct tg_calltree *tree = &groups->merged[groups->count++];
    memcpy(group->process, label, sizeof label);
    group->tree = tree;
    tg_calltree_init(tree, &groups->budget, profile->by_line);
    groups->merged_count = groups->count;
    return tree;
}

static enum tg_status merge(struct tg_export_groups *groups, const struct tg_profile *profile, bool several,
                            struct tg_error *err) {
    for (size_t i = 0; i < profile->thread_count; i++) {
        const struct tg_profile_thread *thread = profile->threads[i];
        if (is_empty(&thread->tree)) {
            continue;
        }
        struct tg_calltree *tree = tree_of(groups, profile, several ? thread->process_id : 0);
        enum tg_status status = tg_calltree_merge(tree, &thread->tree, NULL, err);
        if (status != TG_OK) {
            return status;
        }
    }
    return TG_OK;
}

enum tg_status tg_export_groups_make(struct tg_export_groups *groups, const struct tg_profile *profile, bool by_thread,
                                     struct tg_error *err) {
    bool several = has_several_processes(profile);
    *groups = (struct tg_export_groups){.budget = {.limit_bytes = SIZE_MAX}};
    groups->items = calloc(profile->thread_count + 1, sizeof *groups->items);
    groups->merged = calloc(profile->thread_count + 1, sizeof *groups->merged);
    enum tg_status status = groups->items && groups->merged ? TG_OK : no_memory(err);
    if (status == TG_OK && by_thread) {
        add_threads(groups, profile, several);
    } else if (status == TG_OK) {
        status = merge(groups, profile, several, err);
    }
    if (status != TG_OK) {
        tg_export_groups_release(groups);
    }
    return status;
}

void tg_export_groups_release(struct tg_export_groups *groups) {
    if (!groups) {
        return;
    }
    for (size_t i = 0; i < groups->merged_count; i++) {
        tg_calltree_release(&groups->merged[i]);
    }
    free(groups->merged);
    free(groups->items);
    *groups = (struct tg_export_groups){.items = NULL};
}

void tg_export_group_append_name(const struct tg_export_group *group, struct tg_strbuf *out) {
    tg_strbuf_append(out, group->process);
    tg_strbuf_append(out, group->process[0] && group->thread[0] ? ", " : "");
    tg_strbuf_append(out, group->thread[0] || group->process[0] ? group->thread : "all threads");
}

/* What follows the last `mark` in the text; NULL: it is not in it. */
static const char *after_last(const char *text, const char *mark) {
    const char *found = NULL;
    for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark)) {
        found = at + strlen(mark);
    }
    return found;
}

const char *tg_export_short_file(const char *file) {
    static const char *const packages[] = {"/site-packages/", "/dist-packages/"};
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++) {
        const char *found = after_last(file, packages[i]);
        if (found) {
            return found;
        }
    }
    const char *library = after_last(file, "/lib/python3.");
    const char *slash = library ? strchr(library, '/') : NULL;
    return slash ? slash + 1 : file;
}

uint32_t tg_export_line(const struct tg_symbol *symbol, struct tg_frame frame) {
    return frame.line ? frame.line : symbol->first_line;
}
