/* Hostile bytes as a pyproject.toml: what is taken from it can be meant, and what is refused is said of a line. */
#include "base/utf8.h"
#include "fuzz_file.h"
#include "settings/project_file.h"
#include "store/store.h"
#include "store/store_url.h"

#include <string.h>

/* In place of the store's, which asks its engines as well. */
enum tg_status tg_store_check_url(const char *text, struct tg_error *err) {
    struct tg_store_url url;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    tg_store_url_release(status == TG_OK ? &url : NULL);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int count_lines(const uint8_t *bytes, size_t count) {
    int lines = 1;
    for (size_t i = 0; i < count; i++) {
        lines += bytes[i] == '\n';
    }
    return lines;
}

static void check_text(const char *text) {
    for (size_t i = 0, length = strlen(text), taken = 0; i < length; i += taken) {
        uint32_t character = 0;
        taken = tg_utf8_decode(text + i, length - i, &character);
        if (taken == 0) {
            abort();
        }
    }
}

static void check_values(const struct tg_project *project, int line_count) {
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        const struct tg_project_value *value = &project->values[i];
        const struct tg_setting *setting = &tg_setting_table[i];
        if (!value->text) {
            continue;
        }
        check_text(value->text);
        if (!setting->key || value->line < 1 || value->line > line_count
            || (setting->check && setting->check(value->text, NULL) != TG_OK)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_project project = {.name = NULL};
    fuzz_write_file(bytes, count);
    project.path = strdup(fuzz_path);
    if (!project.path) {
        return 0;
    }
    enum tg_status status = tg_project_read_file(&project, &err);
    if (status == TG_OK) {
        check_values(&project, count_lines(bytes, count));
    } else if (strncmp(err.message, fuzz_path, strlen(fuzz_path)) != 0) {
        abort();
    }
    if (project.name) {
        check_text(project.name);
    }
    tg_project_release(&project);
    return 0;
}
