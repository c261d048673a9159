/*
 * assets: the files of the page, inside the program. tools/embed_assets makes the table from web/ at build time.
 */
#ifndef TG_ASSETS_H
#define TG_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct tg_asset {
    const char *path; /* that it is served under */
    const char *content_type;
    const char *etag; /* of the plain form, with its quotes */
    const char *gzip_etag;
    const unsigned char *bytes;
    const unsigned char *gzip_bytes; /* NULL: compressing does not pay */
    size_t length;
    size_t gzip_length;
    bool is_open; /* for whoever has not signed in */
};

/* Ended by one without a path. */
extern const struct tg_asset tg_assets[];

/* NULL: there is none. */
const struct tg_asset *tg_assets_find(const char *path);

#endif
