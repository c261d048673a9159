/* wrap: see wrap.h. */
#include "cli/wrap.h"

#include "cli/printable.h"

#include <stdbool.h>
#include <string.h>

void tg_wrap_append(struct tg_strbuf *out, const char *text, size_t width, size_t column, size_t indent) {
    bool first = true;
    while (*text) {
        size_t length = strcspn(text, " ");
        size_t columns = tg_printable_width(text, length);
        if (!first && width && column + 1 + columns > width) {
            tg_strbuf_append_char(out, '\n');
            tg_strbuf_append_repeated(out, ' ', indent);
            column = indent;
        } else if (!first) {
            tg_strbuf_append_char(out, ' ');
            column++;
        }
        tg_strbuf_append_bytes(out, text, length);
        column += columns;
        text += length;
        text += strspn(text, " ");
        first = false;
    }
    tg_strbuf_append_char(out, '\n');
}
