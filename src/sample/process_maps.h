/*
 * process_maps: which program files a process has loaded, and where (/proc/PID/maps).
 */
#ifndef TG_PROCESS_MAPS_H
#define TG_PROCESS_MAPS_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TG_MAPS_NAME_BYTES 64

/* One file of which some part is mapped to be executed. */
struct tg_loaded_file {
    uint64_t base; /* where its first byte is mapped */
    uint64_t inode;
    bool is_executable;            /* the process's program itself */
    char name[TG_MAPS_NAME_BYTES]; /* without its directory, cut to fit */
};

struct tg_process_maps {
    struct tg_loaded_file *files;
    size_t count;
};

/* Lists the loaded files, in the order of their addresses. Fails as the system does; the message says what helps. */
TG_NODISCARD enum tg_status tg_process_maps_read(struct tg_process_maps *maps, pid_t pid, struct tg_error *err);
/* Where the stack of the process's first thread is mapped, as far down as it has reached. False: not known. */
bool tg_process_maps_find_stack(pid_t pid, uint64_t *begin, uint64_t *end);

/* NULL and a second call are fine. */
void tg_process_maps_release(struct tg_process_maps *maps);

#endif
