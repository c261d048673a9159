/* parameters: see parameters.h. */
#include "serve/parameters.h"

#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_text(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        size_t bytes = tg_utf8_decode(text + at, length - at, &character);
        if (bytes == 0 || character == 0) {
            return false;
        }
        at += bytes;
    }
    return true;
}

/* Decodes in place: a text only gets shorter. */
static bool decode(char *text) {
    char *out = text;
    for (const char *in = text; *in; in++) {
        if (*in == '%') {
            int high = digit_of(in[1]);
            int low = high < 0 ? -1 : digit_of(in[2]);
            if (low < 0) {
                return false;
            }
            unsigned char byte = (unsigned char)(high * 16 + low);
            memcpy(out++, &byte, 1);
            in += 2;
        } else {
            *out = *in;
            if (*in == '+') {
                *out = ' ';
            }
            out++;
        }
    }
    bool valid = is_text(text, (size_t)(out - text));
    *out = '\0';
    return valid;
}

static enum tg_status add(struct tg_parameters *parameters, char *text, struct tg_error *err) {
    char *value = strchr(text, '=');
    if (value) {
        *value++ = '\0';
    } else {
        value = text + strlen(text);
    }
    if (!decode(text)) {
        return tg_error_set(err, TG_ERROR_INVALID, "the name of a parameter is no percent-encoded UTF-8");
    }
    if (!decode(value)) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s is no percent-encoded UTF-8", text);
    }
    if (tg_parameters_find(parameters, text)) {
        return tg_error_set(err, TG_ERROR_INVALID, "%s is given twice", text);
    }
    if (parameters->count == TG_PARAMETERS_MAX) {
        return tg_error_set(err, TG_ERROR_INVALID, "there are more than %d parameters", TG_PARAMETERS_MAX);
    }
    parameters->items[parameters->count++] = (struct tg_parameter){.name = text, .value = value};
    return TG_OK;
}

enum tg_status tg_parameters_parse(struct tg_parameters *parameters, const char *text, struct tg_error *err) {
    *parameters = (struct tg_parameters){.storage = NULL};
    enum tg_status status = TG_OK;
    if (!text || !*text) {
        return TG_OK;
    }
    parameters->storage = strdup(text);
    if (!parameters->storage) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the request");
    }
    char *rest = parameters->storage;
    while (rest && status == TG_OK) {
        char *end = strchr(rest, '&');
        char *next = end ? end + 1 : NULL;
        if (end) {
            *end = '\0';
        }
        if (*rest) {
            status = add(parameters, rest, err);
        }
        rest = next;
    }
    return status;
}

void tg_parameters_release(struct tg_parameters *parameters) {
    if (parameters) {
        free(parameters->storage);
        *parameters = (struct tg_parameters){.storage = NULL};
    }
}

const char *tg_parameters_find(const struct tg_parameters *parameters, const char *name) {
    for (size_t i = 0; i < parameters->count; i++) {
        if (strcmp(parameters->items[i].name, name) == 0) {
            return parameters->items[i].value;
        }
    }
    return NULL;
}
