/* fact: see fact.h. */
#include "cli/fact.h"

#include "cli/printable.h"
#include "cli/wrap.h"

#include <stdint.h>
#include <string.h>

void tg_fact_append(struct tg_strbuf *out, const struct tg_terminal *terminal, const char *label, const char *text,
                    size_t length) {
    if (length == 0) {
        return;
    }
    struct tg_strbuf shown = TG_STRBUF_INIT;
    tg_printable_append(&shown, text, length);
    tg_strbuf_printf(out, "%s%-*s%s", tg_terminal_dim(terminal), TG_FACT_LABEL_WIDTH, label,
                     tg_terminal_plain(terminal));
    size_t room = terminal->width > 2 * TG_FACT_LABEL_WIDTH ? terminal->width - TG_FACT_LABEL_WIDTH : SIZE_MAX;
    tg_printable_shorten(out, tg_strbuf_text(&shown), shown.length, room);
    tg_strbuf_append_char(out, '\n');
    tg_strbuf_release(&shown);
}

void tg_fact_append_sentence(struct tg_strbuf *out, const struct tg_terminal *terminal, const char *label,
                             const struct tg_strbuf *text) {
    size_t indent = terminal->width > 2 * TG_FACT_LABEL_WIDTH ? TG_FACT_LABEL_WIDTH : 2;
    struct tg_strbuf shown = TG_STRBUF_INIT;
    tg_printable_append(&shown, tg_strbuf_text(text), text->length);
    tg_strbuf_printf(out, "%s%-*s%s", tg_terminal_dim(terminal), TG_FACT_LABEL_WIDTH, label,
                     tg_terminal_plain(terminal));
    tg_wrap_append(out, tg_strbuf_text(&shown), terminal->width, TG_FACT_LABEL_WIDTH, indent);
    tg_strbuf_release(&shown);
}

void tg_fact_append_hidden(struct tg_strbuf *out, const struct tg_terminal *terminal, const struct tg_strbuf *hidden,
                           const char *remedy) {
    static const char label[] = "hidden at this width: ";
    size_t length = sizeof label - 1 + hidden->length + 2 + strlen(remedy);
    if (hidden->length) {
        tg_strbuf_printf(out, "%s%s%s%s\n", label, tg_strbuf_text(hidden), length <= terminal->width ? "; " : "\n",
                         remedy);
    }
}
