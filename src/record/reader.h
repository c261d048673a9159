/*
 * reader: opens a recording of this or another process, alive or dead, to read. The bytes are untrusted: the header is
 * checked here, once, and every place that is followed later is checked against what is there (tg_view_at).
 *
 * Only the recording of a process that lives is mapped: it changes while it is read, but never gets shorter. A file
 * that nobody holds may be cut or written over at any moment (a copy that is being replaced, a full disk being tidied),
 * and touching a mapping beyond the end is a signal, so it is read into memory instead.
 *
 * Threads: a reader belongs to one thread; the writer is never stopped.
 */
#ifndef TG_READER_H
#define TG_READER_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/format.h"
#include "record/recording.h"

#include <stdbool.h>
#include <stddef.h>

/* What of a recording may be looked at. */
struct tg_view {
    const unsigned char *base;
    size_t bytes;
    uint64_t promised_bytes; /* more than `bytes` where the file is truncated; beyond lies what was made later */
};

struct tg_reader {
    struct tg_view view;
    const struct tg_header *header;
    void *mapping; /* of the file, or of memory with a copy */
    size_t mapping_bytes;
    bool alive;     /* its process lived when the reader was opened */
    bool truncated; /* the file is shorter than it says */
};

/* Opens `path`, which is never written to. TG_ERROR_NOT_FOUND, TG_ERROR_FORMAT (no recording), TG_ERROR_VERSION
 * (written by another version), TG_ERROR_PERMISSION, TG_ERROR_IO. */
TG_NODISCARD enum tg_status tg_reader_open(struct tg_reader *reader, const char *path, struct tg_error *err);
void tg_reader_close(struct tg_reader *reader);

/* Only the header, as it is now, and whether the process lives. Fails as tg_reader_open() does; no message. */
TG_NODISCARD enum tg_status tg_reader_peek(const char *path, struct tg_header *header, bool *alive);

/* The view of this process's own recording. */
struct tg_view tg_view_of_recording(const struct tg_recording *recording);

/* `bytes` bytes at `place`, or NULL when they do not lie in the view. */
static inline const void *tg_view_at(const struct tg_view *view, uint32_t place, size_t bytes) {
    size_t offset = (size_t)place * TG_UNIT_BYTES;
    return place != TG_PLACE_NONE && offset <= view->bytes && bytes <= view->bytes - offset ? view->base + offset
                                                                                            : NULL;
}

#endif
