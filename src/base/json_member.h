/*
 * json_member: a key and its value in one call, for the objects that are answers.
 */
#ifndef TG_JSON_MEMBER_H
#define TG_JSON_MEMBER_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void tg_json_member_uint(struct tg_json *json, const char *key, uint64_t value);
void tg_json_member_int(struct tg_json *json, const char *key, int64_t value);
void tg_json_member_double(struct tg_json *json, const char *key, double value);
void tg_json_member_bool(struct tg_json *json, const char *key, bool value);

/* The value, or null where it is not known. */
void tg_json_member_if(struct tg_json *json, const char *key, bool known, uint64_t value);
void tg_json_member_int_if(struct tg_json *json, const char *key, bool known, int64_t value);
void tg_json_member_double_if(struct tg_json *json, const char *key, bool known, double value);

/* The text, or null where it is empty or NULL. */
void tg_json_member_text(struct tg_json *json, const char *key, const char *text);
void tg_json_member_bytes(struct tg_json *json, const char *key, const char *bytes, size_t length);

/* The text, which may be empty, or null where it is NULL. */
void tg_json_member_string(struct tg_json *json, const char *key, const char *text);

/* As 32 hexadecimal digits, or null where all are zero. */
void tg_json_member_uuid(struct tg_json *json, const char *key, const uint8_t uuid[16]);

#endif
