/* Hostile bytes as the parts of a request that are read here: parameters, Host, Origin, credentials, who may ask. */
#include "base/utf8.h"
#include "serve/access.h"
#include "serve/authority.h"
#include "serve/credentials.h"
#include "serve/parameters.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_text(const char *text) {
    size_t length = strlen(text);
    for (size_t at = 0; at < length;) {
        uint32_t character = 0;
        size_t taken = tg_utf8_decode(text + at, length - at, &character);
        check(taken > 0);
        at += taken;
    }
}

static void read_parameters(const char *text) {
    struct tg_parameters parameters;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_parameters_parse(&parameters, text, &err) == TG_OK) {
        for (size_t i = 0; i < parameters.count; i++) {
            check_text(parameters.items[i].name);
            check_text(parameters.items[i].value);
            check(tg_parameters_find(&parameters, parameters.items[i].name) == parameters.items[i].value);
        }
    } else {
        check_text(err.message);
    }
    tg_parameters_release(&parameters);
}

/* Whoever has neither token nor cookie is let in by nothing. */
static void ask(const struct tg_access *access, const char *text) {
    const struct tg_access_need need = {.is_open = false};
    const struct tg_access_need change = {.is_change = true};
    const struct tg_access_head heads[] = {
        {.host = text},
        {.host = "localhost", .authorization = text},
        {.host = "localhost", .cookie = text},
        {.host = "localhost", .origin = text, .cookie = text},
        {.host = "localhost", .fetch_site = text, .csrf = text},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        check(tg_access_judge(access, &heads[i], &need) != TG_ACCESS_GRANTED);
        check(tg_access_judge(access, &heads[i], &change) != TG_ACCESS_GRANTED);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static const struct tg_access access = {
        .options = {.bind = "127.0.0.1"},
        .has_token = true,
        .has_password = true,
        .is_loopback = true,
        .token = "a token that is not in any corpus: 5c8e0d6f",
        .password = "a password that is not in any corpus: 77b1",
        .session = "a session that is not in any corpus: 90af",
        .csrf = "a value that is not in any corpus: 1e24",
        .cookie = "tachograph_7373",
    };
    struct tg_authority authority;
    struct tg_basic_credentials basic;
    char *text = malloc(count + 1);
    check(text != NULL);
    memcpy(text, bytes, count);
    text[count] = '\0';
    read_parameters(text);
    if (tg_authority_parse(&authority, text)) {
        check(strlen(authority.host) > 0 && strpbrk(authority.host, " /@\\?#%") == NULL);
    }
    (void)tg_authority_is_origin(text, "localhost:7373");
    struct tg_span cookie = tg_credentials_cookie(text, "tachograph_7373");
    check(!cookie.text || (cookie.text >= text && cookie.text + cookie.length <= text + count));
    struct tg_span bearer = tg_credentials_bearer(text);
    check(!bearer.text || (bearer.text >= text && bearer.text + bearer.length <= text + count));
    if (tg_credentials_basic(&basic, text)) {
        check(strlen(basic.user) + strlen(basic.password) + 2 <= sizeof basic.text);
    }
    ask(&access, text);
    free(text);
    return 0;
}
