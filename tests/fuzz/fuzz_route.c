/* Hostile bytes as targets and bodies of requests: what is routed where, which parameters a route takes, and that
 * nobody gets anywhere without the token. No question is asked of a store. */
#include "serve/assets.h"
#include "serve/router.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* The page's files are made where the program is built. */
const struct tg_asset tg_assets[] = {
    {.path = "/", .content_type = "text/html", .etag = "\"a\"", .gzip_etag = "\"b\""},
    {.path = "/sign_in.html", .content_type = "text/html", .etag = "\"a\"", .gzip_etag = "\"b\"", .is_open = true},
    {.path = NULL},
};

static void check(bool holds) {
    if (!holds) {
        abort();
    }
}

/* What may be answered has all parameters that it needs, and none that it does not know. */
static void check_accepted(const struct tg_routed *routed) {
    struct tg_error err = TG_ERROR_INIT;
    const char *blamed = NULL;
    check(routed->api != NULL);
    check(tg_api_check(routed->api, &routed->parameters, &blamed, &err) == TG_OK);
}

static void route(const struct tg_access *access, const char *target, bool is_known) {
    struct tg_routed routed;
    struct tg_reply reply = {.http_status = 0};
    const struct tg_request request = {
        .method = TG_METHOD_READ,
        .target = target,
        .head = {.host = "localhost:7373", .authorization = is_known ? "Bearer 0123456789abcdefghij" : NULL},
    };
    tg_router_route(access, &request, &routed, &reply);
    if (reply.http_status == 0) {
        check(is_known && !routed.is_change);
        check_accepted(&routed);
    } else {
        check(is_known || reply.http_status != 200 || strncmp(target, "/sign_in.html", 13) == 0);
    }
    tg_reply_release(&reply);
    tg_routed_release(&routed);
}

static void change(const char *body, size_t length) {
    for (const struct tg_api_route *known = tg_api_routes; known->path; known++) {
        struct tg_routed routed = {.api = known, .is_change = true};
        struct tg_reply reply = {.http_status = 0};
        if (!known->is_change) {
            continue;
        }
        tg_router_take_body(&routed, body, length, &reply);
        if (reply.http_status == 0) {
            check_accepted(&routed);
        } else {
            check(reply.http_status == 400 && !routed.api);
        }
        tg_reply_release(&reply);
        tg_routed_release(&routed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static const struct tg_access access = {
        .options = {.bind = "127.0.0.1"},
        .has_token = true,
        .is_loopback = true,
        .token = "0123456789abcdefghij",
        .session = "a session that is not in any corpus: 90af",
        .csrf = "a value that is not in any corpus: 1e24",
        .cookie = "tachograph_7373",
    };
    struct tg_reply reply = {.http_status = 0};
    char *text = malloc(count + 1);
    check(text != NULL);
    memcpy(text, bytes, count);
    text[count] = '\0';
    route(&access, text, true);
    route(&access, text, false);
    change(text, count);
    tg_router_sign_in(&access, text, count, &reply);
    bool is_token = count == strlen(access.token) && memcmp(text, access.token, count) == 0;
    check((reply.http_status == 204) == is_token);
    tg_reply_release(&reply);
    free(text);
    return 0;
}
