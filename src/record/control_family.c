/* control_family: see control_family.h. */
#include "record/control_family.h"

#include "record/catalog.h"
#include "record/reader.h"

#include <stdlib.h>
#include <string.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to look for samplers");
}

static bool is_alike(const struct tg_header *a, const struct tg_header *b) {
    return a->parent_pid == b->parent_pid && memcmp(a->service, b->service, sizeof a->service) == 0
           && memcmp(a->program, b->program, sizeof a->program) == 0;
}

static enum tg_status add(struct tg_control_family *family, const char *path, const struct tg_header *header,
                          struct tg_error *err) {
    struct tg_control_member *members = realloc(family->members, (family->count + 1) * sizeof *members);
    char *copy = strdup(path);
    if (members) {
        family->members = members;
    }
    if (!members || !copy) {
        free(copy);
        return no_memory(err);
    }
    members[family->count++] = (struct tg_control_member){
        .path = copy, .pid = header->pid, .status = tg_control_status(header), .obeyed = true};
    return TG_OK;
}

static int by_pid(const void *one, const void *other) {
    const struct tg_control_member *a = one;
    const struct tg_control_member *b = other;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static enum tg_status find_in(struct tg_control_family *family, const struct tg_catalog *catalog,
                              const struct tg_header *own, struct tg_error *err) {
    struct tg_header header;
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < catalog->count && status == TG_OK; i++) {
        const struct tg_catalog_entry *entry = &catalog->entries[i];
        bool alive = false;
        if (entry->alive && tg_reader_peek(entry->path, &header, &alive) == TG_OK && alive && is_alike(&header, own)
            && tg_control_status(&header).state != TG_SAMPLER_NONE) {
            status = add(family, entry->path, &header, err);
        }
    }
    return status;
}

enum tg_status tg_control_family_find(struct tg_control_family *family, const char *path, struct tg_error *err) {
    struct tg_catalog catalog;
    struct tg_header own;
    bool alive = false;
    *family = (struct tg_control_family){.members = NULL};
    enum tg_status status = tg_reader_peek(path, &own, &alive);
    if (status != TG_OK) {
        return tg_error_set(err, status, "cannot read the recording \"%s\"", path);
    }
    status = tg_catalog_read(&catalog, 0, err);
    if (status == TG_OK) {
        status = find_in(family, &catalog, &own, err);
        tg_catalog_release(&catalog);
    }
    if (status == TG_OK && family->count > 0) {
        qsort(family->members, family->count, sizeof *family->members, by_pid);
    }
    return status;
}

void tg_control_family_release(struct tg_control_family *family) {
    for (size_t i = 0; family && i < family->count; i++) {
        free(family->members[i].path);
    }
    if (family) {
        free(family->members);
        *family = (struct tg_control_family){.members = NULL};
    }
}

void tg_control_family_give(struct tg_control_family *family, const struct tg_control_order *order, tg_ns patience_ns) {
    for (size_t i = 0; i < family->count; i++) {
        struct tg_control_member *member = &family->members[i];
        struct tg_sampler_status status;
        member->obeyed = tg_control_give(member->path, order, patience_ns, &status, NULL) == TG_OK;
        member->status = member->obeyed ? status : member->status;
    }
}
