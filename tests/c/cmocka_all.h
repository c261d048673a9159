/*
 * cmocka with the headers it needs before it.
 */
#ifndef TG_CMOCKA_ALL_H
#define TG_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

/* fork(). An assertion that fails in the child ends the child, which would go on with the other tests otherwise. */
static inline pid_t fork_for_test(void) {
    pid_t child = fork();
    if (child == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1);
    }
    return child;
}

#endif
