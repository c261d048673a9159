/* router: see router.h. */
#include "serve/router.h"

#include "base/json_member.h"

#include <string.h>
#include <strings.h>

#define PATH_SIZE    256
#define SIGN_IN      "/sign-in"
#define SIGN_IN_PAGE "/sign_in.html"
#define SESSION      "/api/v1/session"
#define FORM         "application/x-www-form-urlencoded"

static void reply_asset(const struct tg_asset *asset, unsigned http_status, bool accepts_gzip, struct tg_reply *reply) {
    bool gzip = accepts_gzip && asset->gzip_bytes;
    *reply = (struct tg_reply){
        .http_status = http_status,
        .content_type = asset->content_type,
        .fixed_bytes = gzip ? asset->gzip_bytes : asset->bytes,
        .fixed_length = gzip ? asset->gzip_length : asset->length,
        .is_gzip = gzip,
        .may_be_gzip = asset->gzip_bytes != NULL,
    };
    const char *etag = gzip ? asset->gzip_etag : asset->etag;
    if (http_status == 200 && strlen(etag) < sizeof reply->etag) {
        memcpy(reply->etag, etag, strlen(etag) + 1);
    }
}

static void reply_session(const struct tg_access *access, struct tg_reply *reply) {
    struct tg_json json;
    reply->http_status = 200;
    reply->content_type = TG_REPLY_JSON;
    tg_json_init(&json, &reply->body);
    tg_json_begin_object(&json);
    tg_json_member_text(&json, "csrf", access->csrf);
    tg_json_end_object(&json);
    tg_strbuf_append_char(&reply->body, '\n');
}

/* Who has not signed in and opens the page sees the one that signs in; it is a refusal all the same. */
static void refuse(enum tg_access_verdict verdict, const char *path, bool accepts_gzip, struct tg_reply *reply) {
    const struct tg_asset *page = tg_assets_find(SIGN_IN_PAGE);
    if (verdict == TG_ACCESS_UNKNOWN && strcmp(path, "/") == 0 && page) {
        reply_asset(page, 401, accepts_gzip, reply);
    } else {
        tg_reply_fail(reply, tg_access_http_status(verdict), NULL, tg_access_message(verdict));
    }
}

/* The target's path, which is never decoded: all of ours are plain. False: too long to be one. */
static bool cut_path(char path[PATH_SIZE], const char *target) {
    size_t length = strcspn(target, "?#");
    if (length >= PATH_SIZE) {
        return false;
    }
    memcpy(path, target, length);
    path[length] = '\0';
    return true;
}

static void take_parameters(struct tg_routed *routed, const struct tg_api_route *api, const char *text,
                            struct tg_reply *reply) {
    struct tg_error err = TG_ERROR_INIT;
    const char *blamed = NULL;
    if (tg_parameters_parse(&routed->parameters, text, &err) != TG_OK
        || tg_api_check(api, &routed->parameters, &blamed, &err) != TG_OK) {
        tg_reply_fail_with(reply, blamed, &err);
    } else {
        routed->api = api;
    }
}

/* May be answered; what is it? */
static void answer(const struct tg_access *access, const struct tg_request *request, const char *path,
                   struct tg_routed *routed, struct tg_reply *reply) {
    const struct tg_asset *asset = tg_assets_find(path);
    const struct tg_api_route *api = tg_api_find(path, false);
    const char *question = strchr(request->target, '?');
    if (asset) {
        reply_asset(asset, 200, routed->accepts_gzip, reply);
    } else if (strcmp(path, SESSION) == 0) {
        reply_session(access, reply);
    } else if (!api) {
        tg_reply_fail(reply, 404, NULL, "there is nothing of that name: /api/v1/openapi.json has what there is");
    } else {
        take_parameters(routed, api, question ? question + 1 : NULL, reply);
    }
}

static bool is_form(const char *content_type) {
    size_t length = content_type ? strcspn(content_type, "; \t") : 0;
    return length == strlen(FORM) && strncasecmp(content_type, FORM, length) == 0;
}

/* A change that may be made, once its body is there. */
static void expect_body(const struct tg_request *request, const struct tg_api_route *api, struct tg_routed *routed,
                        struct tg_reply *reply) {
    if (strchr(request->target, '?')) {
        tg_reply_fail(reply, 400, NULL, "the parameters of a change are sent as its body");
    } else if (!is_form(request->content_type)) {
        tg_reply_fail(reply, 415, NULL, "send the parameters as Content-Type: " FORM);
    } else {
        routed->api = api;
        routed->is_change = true;
    }
}

void tg_router_take_body(struct tg_routed *routed, const char *body, size_t length, struct tg_reply *reply) {
    const struct tg_api_route *api = routed->api;
    routed->api = NULL;
    if (strlen(body) != length) {
        tg_reply_fail(reply, 400, NULL, "the body is no form: it has zero bytes");
    } else {
        take_parameters(routed, api, body, reply);
    }
}

/* The methods that a path is asked by; 405 where it is another. */
static bool is_method_of(const char *path, enum tg_method method, struct tg_reply *reply) {
    bool is_sign_in = strcmp(path, SIGN_IN) == 0;
    bool is_post = is_sign_in || tg_api_find(path, true);
    bool is_read = !is_post || tg_api_find(path, false);
    if ((method == TG_METHOD_READ && is_read) || (method == TG_METHOD_POST && is_post)) {
        return true;
    }
    tg_reply_fail(reply, 405, NULL, "this is asked for by another method");
    reply->allow = !is_post ? "GET, HEAD" : is_read ? "GET, HEAD, POST" : "POST";
    return false;
}

void tg_router_route(const struct tg_access *access, const struct tg_request *request, struct tg_routed *routed,
                     struct tg_reply *reply) {
    char path[PATH_SIZE] = "";
    *routed = (struct tg_routed){.accepts_gzip = tg_reply_takes_gzip(request->accept_encoding)};
    if (request->has_double_header) {
        tg_reply_fail(reply, 400, NULL, "a header that may stand once stands twice");
        return;
    }
    bool is_path = cut_path(path, request->target);
    const struct tg_asset *asset = is_path ? tg_assets_find(path) : NULL;
    bool is_sign_in = strcmp(path, SIGN_IN) == 0;
    const struct tg_access_need need = {
        .is_open = asset && asset->is_open,
        .is_page = strcmp(path, "/") == 0,
        .is_change = request->method != TG_METHOD_READ,
        .is_sign_in = is_sign_in && request->method == TG_METHOD_POST,
    };
    enum tg_access_verdict verdict = tg_access_judge(access, &request->head, &need);
    if (verdict != TG_ACCESS_GRANTED) {
        refuse(verdict, path, routed->accepts_gzip, reply);
    } else if (!is_method_of(path, request->method, reply)) {
        return;
    } else if (is_sign_in) {
        routed->is_sign_in = true;
    } else if (request->method == TG_METHOD_POST) {
        expect_body(request, tg_api_find(path, true), routed, reply);
    } else {
        answer(access, request, path, routed, reply);
    }
}

void tg_routed_release(struct tg_routed *routed) {
    tg_parameters_release(&routed->parameters);
}

void tg_router_sign_in(const struct tg_access *access, const char *body, size_t length, struct tg_reply *reply) {
    if (!tg_access_is_token(access, body, length)) {
        tg_reply_fail(reply, 401, NULL, "that is not the token: each start of 'tachograph serve' prints a new one");
        return;
    }
    reply->http_status = 204;
    reply->cookie = access->cookie;
    reply->cookie_value = access->session;
}
