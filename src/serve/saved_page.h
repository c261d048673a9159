/*
 * saved_page: the page of the dashboard as one file, with the answers to what it asks: it opens without a server, and
 * asks nobody (docs/adr/0030).
 *
 * In it, an element `saved` has JSON: what was looked at and when, and `answers`, in which each answer of the API
 * stands under the name of its route and the question's own parameters by name, without those that say what is looked
 * at: "series\ncolumn=total\nlast=5000\nlimit=100". web/saved.js reads it.
 *
 * Functions beyond the first, and pages of functions beyond what a file should hold, are left out; both are counted.
 */
#ifndef TG_SAVED_PAGE_H
#define TG_SAVED_PAGE_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* Texts are borrowed. */
struct tg_saved_page_options {
    const char *url;     /* of the store */
    const char *place;   /* the same, to show */
    const char *service; /* NULL, or one that has no history there: the one written to last */
    bool service_was_named;
    struct tg_scope_words words;
};

/* Appends the page. TG_ERROR_NOT_FOUND: nothing was timed in that part of the history. TG_ERROR_UNSUPPORTED: this
 * program was built without the page. */
TG_NODISCARD enum tg_status tg_saved_page_append(struct tg_strbuf *out, const struct tg_saved_page_options *options,
                                                 struct tg_error *err);

/* A part of the page, which tools/embed_page makes at build time. */
struct tg_saved_part {
    const unsigned char *bytes; /* NULL: another file's, or the answers */
    size_t length;
    const char *asset; /* the path of an asset; NULL: the answers */
};

extern const struct tg_saved_part tg_saved_parts[];
extern const size_t tg_saved_part_count;

#endif
