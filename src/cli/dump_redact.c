/* dump_redact: a dump without the secrets in its variables. See dump.h. */
#include "base/utf8.h"
#include "cli/dump.h"
#include "cli/secret_words.h"
#include "failure/redact.h"

#include <string.h>

static void hide(struct tg_dump_local *local) {
    local->is_redacted = true;
    memset(&local->value, 0, sizeof local->value);
}

static void redact_text(struct tg_dump_local *local) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_python_value *value = &local->value;
    tg_redact_text(value->text, value->size, &text, NULL);
    if (tg_strbuf_status(&text) != TG_OK) {
        hide(local); /* rather than what may be one */
    } else if (text.length != value->size || memcmp(tg_strbuf_text(&text), value->text, value->size) != 0) {
        size_t most = sizeof value->text - 1;
        value->is_cut = value->is_cut || text.length > most;
        value->size = text.length > most ? tg_utf8_cut(tg_strbuf_text(&text), text.length, most) : text.length;
        memcpy(value->text, tg_strbuf_text(&text), value->size);
        value->text[value->size] = '\0';
    }
    tg_strbuf_release(&text);
}

void tg_dump_redact(struct tg_dump *dump) {
    tg_secret_words_know();
    for (size_t i = 0; i < dump->count; i++) {
        struct tg_dump_details *details = &dump->threads[i].details;
        for (size_t k = 0; k < details->local_count; k++) {
            struct tg_dump_local *local = &details->locals[k];
            if (tg_redact_is_secret_key(local->name, strlen(local->name))) {
                hide(local);
            } else if (local->value.kind == TG_VALUE_STR || local->value.kind == TG_VALUE_BYTES) {
                redact_text(local);
            }
        }
    }
}
