/*
 * history_files: the histories that lie where they are kept when nobody says otherwise: one file for each service under
 * $XDG_DATA_HOME/tachograph (store/store_url.h).
 */
#ifndef TG_HISTORY_FILES_H
#define TG_HISTORY_FILES_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"

#include <stddef.h>

struct tg_history_file {
    char *path;
    tg_ns written_wall_ns;
};
struct tg_history_files {
    struct tg_history_file *items; /* the one written to last comes first */
    size_t count;
};

/* No directory and no files are no failure. */
TG_NODISCARD enum tg_status tg_history_files_list(struct tg_history_files *files, struct tg_error *err);
void tg_history_files_release(struct tg_history_files *files);

#endif
