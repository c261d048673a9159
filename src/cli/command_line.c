/* command_line: see command_line.h. */
#include "cli/command_line.h"

#include "cli/printable.h"
#include "cli/secret_words.h"
#include "failure/command_words.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define WIDTH_MAX ((size_t)100)

void tg_command_line_append(struct tg_strbuf *out, pid_t pid) {
    char path[40];
    char words[1024];
    snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, words, sizeof words);
    if (fd >= 0) {
        close(fd);
    }
    while (length > 0 && words[length - 1] == '\0') {
        length--;
    }
    if (length <= 0) {
        return;
    }
    struct tg_strbuf plain = TG_STRBUF_INIT;
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_secret_words_know();
    tg_command_words_append(&plain, words, (size_t)length);
    tg_printable_append(&line, tg_strbuf_text(&plain), plain.length);
    tg_strbuf_append(out, " (");
    tg_printable_shorten(out, tg_strbuf_text(&line), line.length, WIDTH_MAX);
    tg_strbuf_append(out, ")");
    tg_strbuf_release(&line);
    tg_strbuf_release(&plain);
}
