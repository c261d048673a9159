/* credentials: see credentials.h. */
#include "serve/credentials.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static const char *skip_spaces(const char *text) {
    return text + strspn(text, " \t");
}

static size_t without_spaces(const char *text, size_t length) {
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    return length;
}

struct tg_span tg_credentials_cookie(const char *header, const char *name) {
    size_t name_length = strlen(name);
    for (const char *at = header; at && *at;) {
        at = skip_spaces(at);
        size_t length = strcspn(at, ";");
        if (length > name_length && strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            const char *value = at + name_length + 1;
            return (struct tg_span){value, without_spaces(value, length - name_length - 1)};
        }
        at += length;
        at += *at == ';';
    }
    return (struct tg_span){.text = NULL};
}

/* What follows the name of a scheme; NULL: it is another. */
static const char *after_scheme(const char *authorization, const char *scheme) {
    size_t length = strlen(scheme);
    if (!authorization || strncasecmp(authorization, scheme, length) != 0 || authorization[length] != ' ') {
        return NULL;
    }
    return skip_spaces(authorization + length);
}

struct tg_span tg_credentials_bearer(const char *authorization) {
    const char *token = after_scheme(authorization, "Bearer");
    return (struct tg_span){token, token ? without_spaces(token, strlen(token)) : 0};
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The bytes decoded, without a zero byte among them; 0: that is no base64, or does not fit. */
static size_t decode_base64(const char *text, size_t length, char *out, size_t size) {
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t count = 0;
    size_t padding = 0;
    if (length == 0 || length % 4 != 0) {
        return 0;
    }
    while (padding < 2 && text[length - 1 - padding] == '=') {
        padding++;
    }
    for (size_t i = 0; i < length - padding; i++) {
        int value = base64_value(text[i]);
        if (value < 0) {
            return 0;
        }
        bits = bits << 6U | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            char byte = (char)(bits >> bit_count & 0xFFU);
            if (byte == '\0' || count == size) {
                return 0;
            }
            out[count++] = byte;
        }
    }
    return count;
}

bool tg_credentials_basic(struct tg_basic_credentials *credentials, const char *authorization) {
    const char *text = after_scheme(authorization, "Basic");
    if (!text) {
        return false;
    }
    size_t length =
        decode_base64(text, without_spaces(text, strlen(text)), credentials->text, sizeof credentials->text - 1);
    credentials->text[length] = '\0';
    char *colon = strchr(credentials->text, ':');
    if (length == 0 || !colon) {
        return false;
    }
    *colon = '\0';
    credentials->user = credentials->text;
    credentials->password = colon + 1;
    return true;
}
