/* message: see message.h. */
#include "cli/message.h"

#include "base/strbuf.h"
#include "cli/output.h"
#include "cli/printable.h"

#include <stdarg.h>
#include <unistd.h>

static void say(const char *prefix, const char *format, va_list args) TG_PRINTF(2, 0);

static void say(const char *prefix, const char *format, va_list args) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_strbuf_vprintf(&text, format, args);
    tg_strbuf_append(&line, prefix);
    tg_printable_append(&line, tg_strbuf_text(&text), text.length);
    tg_strbuf_append_char(&line, '\n');
    /* Where stderr cannot be written to there is nowhere to say so. */
    (void)!tg_output_write(STDERR_FILENO, tg_strbuf_text(&line), line.length);
    tg_strbuf_release(&line);
    tg_strbuf_release(&text);
}

void tg_message_error(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("tachograph: ", format, args);
    va_end(args);
}

void tg_message_warning(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("tachograph: warning: ", format, args);
    va_end(args);
}
