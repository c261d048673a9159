/* await_sleep: for tests in which a thread has to be asleep before they go on. */
#ifndef AWAIT_SLEEP_H
#define AWAIT_SLEEP_H

#include "cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Waits until a thread of this process sleeps; that it never does is for the test's time limit. */
static void await_sleep(int tid) {
    char path[64], text[512] = "";
    const char *name_end = NULL;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    while (!name_end || name_end[2] != 'S') {
        int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        ssize_t length = read(fd, text, sizeof text - 1);
        close(fd);
        text[length > 0 ? length : 0] = '\0';
        name_end = strrchr(text, ')');
    }
}

#endif
