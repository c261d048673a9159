/*
 * json_check: whether a text is JSON, for texts that are to stand in an answer as they are (tg_json_verbatim()) and
 * have been where anyone could write.
 */
#ifndef TG_JSON_CHECK_H
#define TG_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

/* Deeper is none: readers have limits of their own. */
#define TG_JSON_DEPTH_MAX 64

/* Whether `length` bytes are one value of JSON (RFC 8259) in valid UTF-8, with nothing around it but white space. */
bool tg_json_is_value(const char *text, size_t length);

#endif
