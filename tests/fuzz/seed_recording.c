/*
 * Writes what fuzz_recording.c starts from into the directory $TACHOGRAPH_RUNTIME_DIR: recordings of one call, of
 * threads that ended and live, of calls that run, and of one that is full.
 */
#include "record/tracer.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static uint32_t name_function(int number) {
    char name[32];
    snprintf(name, sizeof name, "module::f%d", number);
    return tg_tracer_function(&(struct tg_function_source){
        .name = name, .name_bytes = strlen(name), .file = "/srv/module.py", .file_bytes = 14, .line = 7});
}

static void *call_some(void *functions) {
    for (int i = 0; i < *(const int *)functions; i++) {
        struct tg_call call;
        uint32_t function = name_function(i);
        for (int k = 0; k < 3; k++) {
            tg_tracer_enter(&call, function, 0);
            tg_tracer_exit(&call, k == 2);
        }
    }
    return NULL;
}

static int write_recording(int functions, int threads) {
    struct tg_tracer_options options = {.recording.capacity_bytes = 32 << 10};
    if (tg_clock_init(&options.clock, TG_CLOCK_MONOTONIC, NULL) != TG_OK
        || tg_tracer_open(&options, NULL, NULL) != TG_OK) {
        return 1;
    }
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, call_some, &functions) == 0) {
            pthread_join(thread, NULL);
        }
    }
    struct tg_call running;
    call_some(&functions);
    tg_tracer_enter(&running, name_function(0), 0);
    tg_tracer_close();
    return 0;
}

int main(void) {
    return write_recording(0, 0) || write_recording(1, 0) || write_recording(3, 2) || write_recording(100, 1);
}
