/* stored_name: see stored_name.h. */
#include "store/stored_name.h"

#include <stdbool.h>
#include <string.h>

static const char main_module[] = "__main__::";
static const char main_file[] = "__main__.py";
static const char notebook_folder[] =
    "ipykernel_"; /* a cell's file is named by what it says: no two runs have the same */

static bool starts_with(struct tg_bytes bytes, const char *start) {
    size_t length = strlen(start);
    return bytes.length >= length && memcmp(bytes.data, start, length) == 0;
}

/* The last `count` parts of a path. */
static struct tg_bytes tail_of(struct tg_bytes path, int count) {
    const char *data = path.data;
    for (size_t i = path.length; i > 0; i--) {
        if (data[i - 1] == '/' && --count == 0) {
            return (struct tg_bytes){.data = data + i, .length = path.length - i};
        }
    }
    return path;
}

enum tg_status tg_stored_name(struct tg_bytes *stored, struct tg_bytes name, struct tg_bytes file,
                              struct tg_strbuf *buffer) {
    *stored = name;
    if (!starts_with(name, main_module) || file.length == 0 || starts_with(file, "<")) { /* <string>, <stdin> */
        return TG_OK;
    }
    struct tg_bytes tail = tail_of(file, 1);
    if (tail.length == sizeof main_file - 1 && starts_with(tail, main_file)) {
        tail = tail_of(file, 2);
    }
    if (tail.length == 0 || starts_with(tail_of(file, 2), notebook_folder)) {
        return TG_OK;
    }
    tg_strbuf_truncate(buffer, 0);
    tg_strbuf_append_bytes(buffer, tail.data, tail.length);
    tg_strbuf_append_bytes(buffer, (const char *)name.data + sizeof "__main__" - 1,
                           name.length - (sizeof "__main__" - 1));
    *stored = (struct tg_bytes){.data = tg_strbuf_text(buffer), .length = buffer->length};
    return tg_strbuf_status(buffer);
}
