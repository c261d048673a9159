/* A thread with its stack, of each version, for the fuzzer to begin with. */
#include "../c/made_stack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMORY_ADDRESS UINT64_C(0x200000000000)
#define USED_BYTES     (MADE_CODE + MADE_FRAMES * 1024)

static uint8_t memory[MADE_BYTES];

int main(void) {
    const char *directory = getenv("TACHOGRAPH_RUNTIME_DIR");
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct made_stack made;
        char path[4096];
        made_stack_make(&made, tg_layout_find(minor), memory, MEMORY_ADDRESS);
        snprintf(path, sizeof path, "%s/stack_3_%u", directory ? directory : ".", minor);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, memory, USED_BYTES) != (ssize_t)USED_BYTES || close(fd) != 0) {
            abort();
        }
    }
    return 0;
}
