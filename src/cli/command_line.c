/* command_line: see command_line.h. */
#include "cli/command_line.h"

#include "cli/printable.h"

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
    for (ssize_t i = 0; i < length; i++) {
        if (words[i] == '\0') {
            words[i] = ' ';
        }
    }
    struct tg_strbuf line = TG_STRBUF_INIT;
    tg_printable_append(&line, words, (size_t)length);
    tg_strbuf_append(out, " (");
    tg_printable_shorten(out, tg_strbuf_text(&line), line.length, WIDTH_MAX);
    tg_strbuf_append(out, ")");
    tg_strbuf_release(&line);
}
