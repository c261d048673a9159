/* own_name: see own_name.h. */
#include "cli/own_name.h"

#include "cli/printable.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usual_name[] = "tachograph";
static const char *name = usual_name;

/* Whether the first program of the usual name on PATH is this one. */
static bool is_on_path(void) {
    const char *path = getenv("PATH");
    struct tg_strbuf file = TG_STRBUF_INIT;
    struct stat own;
    struct stat found;
    bool any = false;
    bool is_own = false;
    while (path && *path && !any) {
        size_t length = strcspn(path, ":");
        tg_strbuf_truncate(&file, 0);
        tg_strbuf_append_bytes(&file, length ? path : ".", length ? length : 1);
        tg_strbuf_printf(&file, "/%s", usual_name);
        any = access(tg_strbuf_text(&file), X_OK) == 0 && stat(tg_strbuf_text(&file), &found) == 0
              && S_ISREG(found.st_mode);
        path += length + (path[length] == ':');
    }
    if (any && stat("/proc/self/exe", &own) == 0) {
        is_own = own.st_dev == found.st_dev && own.st_ino == found.st_ino;
    }
    tg_strbuf_release(&file);
    return is_own;
}

void tg_own_name_prepare(const char *started_as) {
    name = started_as && strchr(started_as, '/') && !is_on_path() ? started_as : usual_name;
}

void tg_own_name_append(struct tg_strbuf *out) {
    tg_printable_append_word(out, name);
}
