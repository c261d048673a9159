/* project_file: see project_file.h. */
#include "settings/project_file.h"

#include "base/nearest.h"
#include "base/utf8.h"
#include "store/store_url.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tomlc17.h>
#include <unistd.h>

#define BYTES_MAX ((size_t)4 << 20) /* of a file that people write */
#define TABLE     "[tool.tachograph]"

/* Where a value stands, for messages. */
struct place {
    const struct tg_project *project;
    const struct tg_setting *setting;
    int line;
};

static enum tg_status no_memory(const struct tg_project *project, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read \"%s\"", project->path);
}

static enum tg_status read_bytes(const struct tg_project *project, struct tg_strbuf *bytes, struct tg_error *err) {
    char part[16384];
    ssize_t got = -1;
    int fd = open(project->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (fd >= 0 && bytes->length <= BYTES_MAX && (got = read(fd, part, sizeof part)) > 0) {
        tg_strbuf_append_bytes(bytes, part, (size_t)got);
    }
    int error = errno;
    if (fd >= 0) {
        close(fd);
    }
    if (got < 0) {
        return tg_error_set_errno(err, error, "cannot read the settings in \"%s\"", project->path);
    }
    if (bytes->length > BYTES_MAX) {
        return tg_error_set(err, TG_ERROR_FORMAT, "%s: larger than 4 MiB; no settings are read from it", project->path);
    }
    return tg_strbuf_status(bytes) == TG_OK ? TG_OK : no_memory(project, err);
}

/* What TOML is made of; tomlc17 does not look by itself. */
static enum tg_status check_utf8(const struct tg_project *project, const struct tg_strbuf *bytes,
                                 struct tg_error *err) {
    const char *text = tg_strbuf_text(bytes);
    int line = 1;
    for (size_t i = 0; i < bytes->length;) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(text + i, bytes->length - i, &character);
        if (taken == 0 || character == 0) {
            return tg_error_set(err, TG_ERROR_FORMAT, "%s:%d: no UTF-8; save the file in that encoding", project->path,
                                line);
        }
        line += character == '\n';
        i += taken;
    }
    return TG_OK;
}

/* The parser's "(line 3) missing value" as "path:3: missing value". */
static enum tg_status refuse_syntax(const struct tg_project *project, const char *message, struct tg_error *err) {
    static const char start[] = "(line ";
    char *end = NULL;
    long line = strncmp(message, start, sizeof start - 1) == 0 ? strtol(message + sizeof start - 1, &end, 10) : 0;
    if (end && *end == ')') {
        end += 1 + strspn(end + 1, " ");
        return tg_error_set(err, TG_ERROR_FORMAT, "%s:%ld: no TOML: %s; mend that line", project->path, line, end);
    }
    return tg_error_set(err, TG_ERROR_FORMAT, "%s: no TOML: %s; mend it", project->path, message);
}

static const char *type_name(toml_type_t type) {
    switch (type) {
    case TOML_STRING:
        return "a text";
    case TOML_INT64:
    case TOML_FP64:
        return "a number";
    case TOML_BOOLEAN:
        return "true or false";
    case TOML_ARRAY:
        return "a list";
    case TOML_TABLE:
        return "a table";
    default:
        return "a date or time";
    }
}

static enum tg_status refuse_type(const struct place *place, toml_type_t type, struct tg_error *err) {
    static const char *const wanted[] = {
        [TG_SETTING_TEXT] = "a text in quotes",
        [TG_SETTING_URL] = "a text in quotes",
        [TG_SETTING_PROGRAM] = "a text in quotes",
        [TG_SETTING_SECONDS] = "a number of seconds, without quotes",
        [TG_SETTING_HZ] = "a number, without quotes",
        [TG_SETTING_YES_NO] = "true or false, without quotes",
        [TG_SETTING_PATTERNS] = "a pattern in quotes, or a list of them",
    };
    return tg_error_set(err, TG_ERROR_INVALID, "%s:%d: '%s' in " TABLE " wants %s, not %s", place->project->path,
                        place->line, place->setting->key, wanted[place->setting->kind], type_name(type));
}

/* A text that the environment can hold too, and that is there. */
static enum tg_status append_text(struct tg_strbuf *out, const struct place *place, const toml_datum_t *value,
                                  struct tg_error *err) {
    const char *text = value->u.str.ptr;
    size_t length = (size_t)value->u.str.len;
    if (length == 0 || strlen(text) != length || strchr(text, '\n')) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s:%d: '%s' in " TABLE " cannot be %s; leave it out or give it one",
                            place->project->path, value->lineno ? value->lineno : place->line, place->setting->key,
                            length == 0 ? "an empty text" : "a text of several lines");
    }
    tg_strbuf_append(out, text);
    return TG_OK;
}

static enum tg_status append_list(struct tg_strbuf *out, const struct place *place, const toml_datum_t *list,
                                  struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (int32_t i = 0; i < list->u.arr.size && status == TG_OK; i++) {
        const toml_datum_t *item = &list->u.arr.elem[i];
        tg_strbuf_append(out, i ? "\n" : "");
        status = item->type == TOML_STRING ? append_text(out, place, item, err) : refuse_type(place, item->type, err);
    }
    return status;
}

/* The value as its variable would have it. */
static enum tg_status append_value(struct tg_strbuf *out, const struct place *place, const toml_datum_t *value,
                                   struct tg_error *err) {
    enum tg_setting_kind kind = place->setting->kind;
    bool is_number = kind == TG_SETTING_SECONDS || kind == TG_SETTING_HZ;
    if (is_number && value->type == TOML_INT64) {
        tg_strbuf_printf(out, "%" PRId64, value->u.int64);
    } else if (is_number && value->type == TOML_FP64) {
        tg_strbuf_printf(out, "%.15g", value->u.fp64);
    } else if (kind == TG_SETTING_YES_NO && value->type == TOML_BOOLEAN) {
        tg_strbuf_append(out, value->u.boolean ? "1" : "0");
    } else if (!is_number && kind != TG_SETTING_YES_NO && value->type == TOML_STRING) {
        return append_text(out, place, value, err);
    } else if (kind == TG_SETTING_PATTERNS && value->type == TOML_ARRAY) {
        return append_list(out, place, value, err);
    } else {
        return refuse_type(place, value->type, err);
    }
    return TG_OK;
}

/* Puts the file's directory before a path. */
static void append_beside(struct tg_strbuf *out, const struct place *place, const char *path) {
    const char *file = place->project->path;
    tg_strbuf_append_bytes(out, file, (size_t)(strrchr(file, '/') - file) + 1);
    tg_strbuf_append(out, path);
}

/* Paths are relative to the file: it is read from many directories. */
static enum tg_status resolve(struct tg_strbuf *value, const struct place *place, struct tg_error *err) {
    struct tg_strbuf whole = TG_STRBUF_INIT;
    const char *text = tg_strbuf_text(value);
    struct tg_store_url url = {.path = NULL};
    enum tg_status status = TG_OK;
    if (place->setting->kind == TG_SETTING_PROGRAM && strchr(text, '/') && text[0] != '/') {
        append_beside(&whole, place, text);
    } else if (place->setting->kind == TG_SETTING_URL && strcmp(text, TG_NO_STORE) != 0) {
        status = tg_store_url_parse(&url, text, err);
        if (status == TG_OK && url.path && url.path[0] != '/') {
            append_beside(&whole, place, url.path);
            free(url.path);
            url.path = strdup(tg_strbuf_text(&whole));
            tg_strbuf_truncate(&whole, 0);
            if (url.path) {
                tg_store_url_shown(&url, &whole);
            } else {
                status = no_memory(place->project, err);
            }
        }
        tg_store_url_release(&url);
    }
    if (status == TG_OK && whole.length > 0) {
        tg_strbuf_truncate(value, 0);
        tg_strbuf_append_bytes(value, tg_strbuf_text(&whole), whole.length);
    }
    tg_strbuf_release(&whole);
    return status;
}

static enum tg_status keep(struct tg_project *project, const struct place *place, const toml_datum_t *value,
                           struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_project_value *kept = &project->values[place->setting - tg_setting_table];
    enum tg_status status = append_value(&text, place, value, err);
    if (status == TG_OK) {
        status = place->setting->check ? place->setting->check(tg_strbuf_text(&text), err) : TG_OK;
        if (status == TG_OK) {
            status = resolve(&text, place, err);
        }
        if (status != TG_OK) {
            tg_error_prefix(err, "%s:%d: '%s' in " TABLE, project->path, place->line, place->setting->key);
        }
    }
    if (status == TG_OK) {
        *kept = (struct tg_project_value){.text = strdup(tg_strbuf_text(&text)), .line = place->line};
        status = tg_strbuf_status(&text) == TG_OK && kept->text ? TG_OK : no_memory(project, err);
    }
    tg_strbuf_release(&text);
    return status;
}

static enum tg_status refuse_key(const struct tg_project *project, const char *key, int line, struct tg_error *err) {
    const char *meant = tg_setting_nearest_key(key);
    if (meant) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s:%d: unknown key '%s' in " TABLE "; did you mean '%s'?",
                            project->path, line, key, meant);
    }
    return tg_error_set(err, TG_ERROR_INVALID,
                        "%s:%d: unknown key '%s' in " TABLE "; 'tachograph help settings' lists those there are",
                        project->path, line, key);
}

static enum tg_status take_settings(struct tg_project *project, const toml_datum_t *table, struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (table->type != TOML_TABLE) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s:%d: tool.tachograph is %s; write a table: " TABLE, project->path,
                            table->lineno, type_name(table->type));
    }
    for (int32_t i = 0; i < table->u.tab.size; i++) {
        const toml_datum_t *value = &table->u.tab.value[i];
        struct tg_error *first = status == TG_OK ? err : NULL; /* a mistake takes no word to redact away */
        struct place place = {
            .project = project, .setting = tg_setting_of_key(table->u.tab.key[i]), .line = value->lineno};
        enum tg_status taken = place.setting ? keep(project, &place, value, first)
                                             : refuse_key(project, table->u.tab.key[i], value->lineno, first);
        status = status == TG_OK ? taken : status;
    }
    return status;
}

static enum tg_status take_name(struct tg_project *project, toml_datum_t name, struct tg_error *err) {
    if (name.type != TOML_STRING || name.u.str.len == 0 || strlen(name.u.str.ptr) != (size_t)name.u.str.len) {
        return TG_OK; /* its own tools will say so */
    }
    project->name = strdup(name.u.str.ptr);
    return project->name ? TG_OK : no_memory(project, err);
}

/* A table of a name that comes near to ours, and that no tool is known to have. */
static enum tg_status refuse_misspelt_table(const struct tg_project *project, toml_datum_t tools,
                                            struct tg_error *err) {
    for (int32_t i = 0; tools.type == TOML_TABLE && i < tools.u.tab.size; i++) {
        struct tg_nearest nearest;
        tg_nearest_init(&nearest, tools.u.tab.key[i]);
        tg_nearest_offer(&nearest, "tachograph");
        if (nearest.count > 0) {
            return tg_error_set(err, TG_ERROR_INVALID, "%s:%d: nothing reads [tool.%s]; did you mean " TABLE "?",
                                project->path, tools.u.tab.value[i].lineno, tools.u.tab.key[i]);
        }
    }
    return TG_OK;
}

enum tg_status tg_project_read_file(struct tg_project *project, struct tg_error *err) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    enum tg_status status = read_bytes(project, &bytes, err);
    if (status == TG_OK) {
        status = check_utf8(project, &bytes, err);
    }
    if (status != TG_OK) {
        tg_strbuf_release(&bytes);
        return status;
    }
    toml_result_t parsed = toml_parse(tg_strbuf_text(&bytes), (int)bytes.length);
    if (parsed.ok) {
        status = take_name(project, toml_seek(parsed.toptab, "project.name"), err);
        toml_datum_t table = toml_seek(parsed.toptab, "tool.tachograph");
        if (status == TG_OK && table.type != TOML_UNKNOWN) {
            status = take_settings(project, &table, err);
        } else if (status == TG_OK) {
            status = refuse_misspelt_table(project, toml_seek(parsed.toptab, "tool"), err);
        }
    } else {
        status = refuse_syntax(project, parsed.errmsg, err);
    }
    toml_free(parsed);
    tg_strbuf_release(&bytes);
    return status;
}
