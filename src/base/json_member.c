/* json_member: see json_member.h. */
#include "base/json_member.h"

#include <string.h>

void tg_json_member_uint(struct tg_json *json, const char *key, uint64_t value) {
    tg_json_key(json, key);
    tg_json_uint(json, value);
}

void tg_json_member_int(struct tg_json *json, const char *key, int64_t value) {
    tg_json_key(json, key);
    tg_json_int(json, value);
}

void tg_json_member_double(struct tg_json *json, const char *key, double value) {
    tg_json_key(json, key);
    tg_json_double(json, value);
}

void tg_json_member_bool(struct tg_json *json, const char *key, bool value) {
    tg_json_key(json, key);
    tg_json_bool(json, value);
}

void tg_json_member_if(struct tg_json *json, const char *key, bool known, uint64_t value) {
    tg_json_key(json, key);
    if (known) {
        tg_json_uint(json, value);
    } else {
        tg_json_null(json);
    }
}

void tg_json_member_int_if(struct tg_json *json, const char *key, bool known, int64_t value) {
    tg_json_key(json, key);
    if (known) {
        tg_json_int(json, value);
    } else {
        tg_json_null(json);
    }
}

void tg_json_member_double_if(struct tg_json *json, const char *key, bool known, double value) {
    tg_json_key(json, key);
    if (known) {
        tg_json_double(json, value);
    } else {
        tg_json_null(json);
    }
}

void tg_json_member_string(struct tg_json *json, const char *key, const char *text) {
    tg_json_key(json, key);
    if (text) {
        tg_json_string(json, text);
    } else {
        tg_json_null(json);
    }
}

void tg_json_member_bytes(struct tg_json *json, const char *key, const char *bytes, size_t length) {
    tg_json_key(json, key);
    if (length) {
        tg_json_string_bytes(json, bytes, length);
    } else {
        tg_json_null(json);
    }
}

void tg_json_member_text(struct tg_json *json, const char *key, const char *text) {
    tg_json_member_bytes(json, key, text, text ? strlen(text) : 0);
}

void tg_json_member_uuid(struct tg_json *json, const char *key, const uint8_t uuid[16]) {
    static const char digits[] = "0123456789abcdef";
    char text[32];
    bool any = false;
    for (size_t i = 0; i < 16; i++) {
        text[2 * i] = digits[uuid[i] >> 4U];
        text[2 * i + 1] = digits[uuid[i] & 0xFU];
        any = any || uuid[i];
    }
    tg_json_member_bytes(json, key, text, any ? sizeof text : 0);
}
