/*
 * capture: values as JSON that is never longer, deeper or wider than is good for a record, and holds no secret: what
 * the arguments of a failed call are written with.
 *
 * Bounds: TG_CAPTURE_DEPTH containers in one another, TG_CAPTURE_BREADTH members each, TG_CAPTURE_CHARACTERS of a text,
 * and as many bytes in all as the caller says. Where something is left out, the JSON says so: `…` ends a text, and
 * `"… 80 more"` stands for the members that did not fit. It is valid UTF-8 and valid JSON whatever is written.
 *
 *     tg_capture_begin(&capture, 8192);
 *     if (tg_capture_open_array(&capture)) {
 *         for (i = 0; i < count && tg_capture_may_add(&capture); i++) {
 *             tg_capture_int(&capture, values[i]);
 *         }
 *         tg_capture_close(&capture, count - i);
 *     }
 *
 * A value under a secret key (redact.h), or behind one in a list, is not asked for; texts lose what looks like one.
 * With `found` all that is kept out is remembered, if those values are written into a capture that `gathers`; with
 * `known` texts lose what was remembered.
 */
#ifndef TG_CAPTURE_H
#define TG_CAPTURE_H

#include "base/json.h"
#include "base/strbuf.h"
#include "failure/secret_values.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_CAPTURE_DEPTH      5
#define TG_CAPTURE_BREADTH    20
#define TG_CAPTURE_CHARACTERS 200
#define TG_CAPTURE_BYTES      8192
/* What is looked at of a text: secrets are found in so much, and then it is cut. */
#define TG_CAPTURE_WINDOW_BYTES 4096

/* The least that a caller may allow. */
#define TG_CAPTURE_BYTES_LEAST 512

struct tg_capture {
    struct tg_secret_values *found;       /* borrowed, or NULL: where secrets are added */
    const struct tg_secret_values *known; /* borrowed, or NULL: what is taken out of texts */
    bool gathers;                         /* every text is a secret; what is written is of no use */
    struct tg_strbuf text;                /* the JSON */
    struct tg_strbuf scratch;
    struct tg_json json;
    size_t bytes_max;
    bool is_full;
    unsigned depth;
    struct {
        unsigned count; /* of members that were begun */
        unsigned left;  /* of those, for which there was no room */
        bool is_object;
        bool hides_next; /* the item before was the name of a secret, or the key is one */
    } levels[TG_CAPTURE_DEPTH];
};

void tg_capture_init(struct tg_capture *capture);
void tg_capture_release(struct tg_capture *capture);

/* Begins a new text of one value, keeping the memory of the last. */
void tg_capture_begin(struct tg_capture *capture, size_t bytes_max);
/* The same, of a value that lies as deep as what `outer` is due to write: it has no more levels left than that. */
void tg_capture_begin_within(struct tg_capture *capture, const struct tg_capture *outer, size_t bytes_max);

void tg_capture_null(struct tg_capture *capture);
void tg_capture_bool(struct tg_capture *capture, bool value);
void tg_capture_int(struct tg_capture *capture, int64_t value);
/* What JSON has no number for is a text. */
void tg_capture_double(struct tg_capture *capture, double value);
/* A number's digits. */
void tg_capture_number(struct tg_capture *capture, const char *digits, size_t length);
/* Bytes, as Python shows them; `is_cut` as below. */
void tg_capture_bytes(struct tg_capture *capture, const char *bytes, size_t length, bool is_cut);
/* `is_cut`: the text goes on beyond what is given, which is TG_CAPTURE_WINDOW_BYTES as a rule. */
void tg_capture_text(struct tg_capture *capture, const char *text, size_t length, bool is_cut);
/* What is no value of the program but a word of ours, such as a type's name: nothing in it is looked for. */
void tg_capture_note(struct tg_capture *capture, const char *text);
void tg_capture_redacted(struct tg_capture *capture);

/* Open a container, whose members come next. False: it would lie too deep, and a note stands in its place. */
bool tg_capture_open_array(struct tg_capture *capture);
bool tg_capture_open_object(struct tg_capture *capture);
/* Whether there is room for one more member of the container that is open. */
bool tg_capture_may_add(struct tg_capture *capture);
/* The key of the member that comes next. False: its value is not to be written, because it is a secret or there is no
 * room. */
bool tg_capture_key(struct tg_capture *capture, const char *key, size_t length);
/* After that: whether it was a secret. */
bool tg_capture_is_secret(const struct tg_capture *capture);
/* The item of an array that comes next. False: it is not to be written, because the one before it, a text or bytes,
 * names a secret: `["--password", "x"]`, `("Authorization", "x")`. */
bool tg_capture_item(struct tg_capture *capture);
/* Closes it; so many members were left out. */
void tg_capture_close(struct tg_capture *capture, size_t left_count);

/* Appends a message's text without its secrets and those that are `known` (may be NULL), of at most so many bytes.
 * `is_cut` as above. */
void tg_capture_message(struct tg_strbuf *out, const struct tg_secret_values *known, const char *text, size_t length,
                        bool is_cut, size_t bytes_max);

#endif
