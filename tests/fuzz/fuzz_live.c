/*
 * Hostile bytes for live figures: a recording that is read, changes, and is read again, then summed up in every way.
 * The last bytes of the input say what changes. The corpus begins with what seed_recording.c writes.
 */
#include "profile/live_process.h"
#include "profile/live_view.h"

#include "fuzz_file.h"

#include <string.h>

#define CHANGES 8 /* of four bytes: a place of three, and what is there then */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static volatile uint64_t sink;

static void change_file(const uint8_t *changes, size_t count) {
    for (size_t i = 0; i < CHANGES; i++) {
        const uint8_t *change = &changes[i * 4];
        size_t place = ((size_t)change[0] << 16U | (size_t)change[1] << 8U | change[2]) % count;
        if (pwrite(fuzz_fd, &change[3], 1, (off_t)place) != 1) {
            abort();
        }
    }
}

static void look_at_all(const struct tg_live *live) {
    for (int group = TG_LIVE_FUNCTIONS; group <= TG_LIVE_THREADS; group++) {
        struct tg_live_query query = {.group = (enum tg_live_group)group, .filter = "a"};
        struct tg_live_view view;
        if (tg_live_view_make(&view, live, &query, NULL) == TG_OK) {
            for (size_t i = 0; i < view.row_count; i++) {
                sink += view.rows[i].since_p99_ns + strlen(view.rows[i].thread_name);
            }
            tg_live_view_release(&view);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct tg_header header;
    bool alive = false;
    if (count < sizeof header + CHANGES * 4UL) {
        return 0;
    }
    fuzz_write_file(bytes, count);
    if (tg_reader_peek(fuzz_path, &header, &alive) != TG_OK) {
        return 0;
    }
    struct tg_catalog_entry entry = {.path = fuzz_path, .pid = header.pid, .started_wall_ns = header.started_wall_ns};
    struct tg_live live;
    struct tg_live_process *process = NULL;
    tg_live_init(&live, &(struct tg_live_options){.path_count = 0});
    if (tg_live_process_new(&process, &entry, NULL) != TG_OK) {
        return 0;
    }
    live.processes = &process;
    live.process_count = 1;
    for (int turn = 0; turn < 3; turn++) {
        process->is_read = false; /* as if it lived */
        if (tg_live_process_read(process, &live.names, turn == 0, NULL) == TG_OK) {
            look_at_all(&live);
        }
        change_file(bytes + count - CHANGES * 4UL, count - CHANGES * 4UL);
    }
    tg_live_process_free(process);
    tg_live_names_release(&live.names);
    return 0;
}
