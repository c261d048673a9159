/* exchange: see exchange.h. */
#include "serve/exchange.h"

#include "serve/router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX 4096 /* bytes: a token, an event */

enum stage {
    STAGE_BEGUN,    /* the first line is there */
    STAGE_HEAD,     /* the head is there, and maybe a part of the body */
    STAGE_WAITING,  /* for a worker; the connection is suspended */
    STAGE_ANSWERED, /* the reply is ready */
};

struct exchange {
    struct tg_job job; /* first: a job is its exchange */
    struct tg_server *server;
    struct MHD_Connection *connection;
    enum stage stage;
    char *target;
    struct tg_routed routed;
    struct tg_reply reply;
    struct tg_strbuf body; /* of the request */
    bool body_is_too_large;
    const char *if_none_match; /* borrowed from libmicrohttpd until the end */
};

/* The headers that anything depends on. */
struct headers {
    struct tg_request request;
    const char *if_none_match;
    const char *content_length;
    const char *transfer_encoding;
};

static struct tg_connection *connection_of(const struct tg_server *server, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        server->mhd.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *tg_exchange_begin(void *given, const char *target, struct MHD_Connection *connection) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        return NULL;
    }
    exchange->server = given;
    exchange->connection = connection;
    exchange->target = strdup(target);
    if (!exchange->target) {
        free(exchange);
        return NULL;
    }
    return exchange;
}

void tg_exchange_end(void *given, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode how) {
    struct tg_server *server = given;
    struct exchange *exchange = *slot;
    (void)how;
    tg_connections_extend(&server->connections, connection_of(server, connection), TG_EXCHANGE_SILENCE_NS);
    if (exchange) {
        tg_routed_release(&exchange->routed);
        tg_reply_release(&exchange->reply);
        tg_strbuf_release(&exchange->body);
        free(exchange->target);
        free(exchange);
    }
    *slot = NULL;
}

static enum MHD_Result take_header(void *given, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct headers *headers = given;
    struct tg_request *request = &headers->request;
    const struct {
        const char *name;
        const char **place;
    } known[] = {
        {"Host", &request->head.host},
        {"Origin", &request->head.origin},
        {"Sec-Fetch-Site", &request->head.fetch_site},
        {"Authorization", &request->head.authorization},
        {"Cookie", &request->head.cookie},
        {"X-Tachograph-CSRF", &request->head.csrf},
        {"Accept-Encoding", &request->accept_encoding},
        {"Content-Type", &request->content_type},
        {"If-None-Match", &headers->if_none_match},
        {"Content-Length", &headers->content_length},
        {"Transfer-Encoding", &headers->transfer_encoding},
    };
    (void)kind;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(name, known[i].name) == 0) {
            request->has_double_header = request->has_double_header || *known[i].place;
            *known[i].place = value ? value : "";
        }
    }
    return MHD_YES;
}

static enum tg_method method_of(const char *method) {
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
        return TG_METHOD_READ;
    }
    return strcmp(method, MHD_HTTP_METHOD_POST) == 0 ? TG_METHOD_POST : TG_METHOD_OTHER;
}

/* The same for all answers: what a browser may do with them, which is next to nothing. */
static const struct {
    const char *name;
    const char *value;
} fixed_headers[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};

static void add_header(const struct tg_server *server, struct MHD_Response *response, const char *name,
                       const char *value) {
    if (value) {
        (void)server->mhd.MHD_add_response_header(response, name, value);
    }
}

static void add_headers(const struct tg_server *server, struct MHD_Response *response, const struct tg_reply *reply) {
    bool keeps = reply->etag[0] != '\0';
    for (size_t i = 0; i < sizeof fixed_headers / sizeof fixed_headers[0]; i++) {
        add_header(server, response, fixed_headers[i].name, fixed_headers[i].value);
    }
    add_header(server, response, "Content-Type", reply->content_type);
    add_header(server, response, "Content-Encoding", reply->is_gzip ? "gzip" : NULL);
    add_header(server, response, "Vary", reply->may_be_gzip ? "Accept-Encoding" : NULL);
    add_header(server, response, "ETag", keeps ? reply->etag : NULL);
    add_header(server, response, "Cache-Control", keeps ? "private, no-cache" : "no-store");
    add_header(server, response, "Allow", reply->allow);
    add_header(server, response, "Retry-After", reply->http_status == 503 ? "1" : NULL);
    if (reply->http_status == 401) {
        add_header(server, response, "WWW-Authenticate",
                   server->access.has_password ? "Basic realm=\"tachograph\", charset=\"UTF-8\""
                                               : "Bearer realm=\"tachograph\"");
    }
    if (reply->cookie) {
        char cookie[TG_ACCESS_COOKIE_SIZE + TG_SECRET_SIZE + 64];
        snprintf(cookie, sizeof cookie, "%s=%s; Path=/; HttpOnly; SameSite=Strict", reply->cookie, reply->cookie_value);
        add_header(server, response, "Set-Cookie", cookie);
        explicit_bzero(cookie, sizeof cookie);
    }
}

/* Hands the body over to the response. */
static struct MHD_Response *make_response(const struct tg_server *server, struct tg_reply *reply) {
    if (reply->fixed_bytes || reply->body.length == 0) {
        /* libmicrohttpd only reads it. */
        return server->mhd.MHD_create_response_from_buffer(reply->fixed_length, (void *)(uintptr_t)reply->fixed_bytes,
                                                           MHD_RESPMEM_PERSISTENT);
    }
    struct MHD_Response *response =
        server->mhd.MHD_create_response_from_buffer(reply->body.length, reply->body.data, MHD_RESPMEM_MUST_FREE);
    if (response) {
        reply->body = (struct tg_strbuf){.data = NULL};
    }
    return response;
}

static enum MHD_Result send_reply(struct exchange *exchange) {
    const struct tg_server *server = exchange->server;
    struct tg_reply *reply = &exchange->reply;
    if (reply->http_status == 200 && tg_reply_is_known(reply, exchange->if_none_match)) {
        tg_strbuf_release(&reply->body);
        reply->fixed_bytes = NULL;
        reply->fixed_length = 0;
        reply->http_status = 304;
        reply->content_type = NULL;
        reply->is_gzip = false;
    }
    struct MHD_Response *response = make_response(server, reply);
    if (!response) {
        return MHD_NO;
    }
    add_headers(server, response, reply);
    enum MHD_Result result = server->mhd.MHD_queue_response(exchange->connection, reply->http_status, response);
    server->mhd.MHD_destroy_response(response);
    return result;
}

/* By what was answered a moment ago, or by asking. */
static void answer(struct exchange *exchange, struct tg_reading *reading) {
    struct tg_server *server = exchange->server;
    struct tg_reply *reply = &exchange->reply;
    const struct tg_api_route *route = exchange->routed.api;
    struct tg_api_call call = {
        .parameters = &exchange->routed.parameters,
        .reading = reading,
        .live = &server->live,
        .service = server->options.service,
        .out = &reply->body,
    };
    struct tg_error err = TG_ERROR_INIT;
    bool store_failed = false;
    bool accepts_gzip = exchange->routed.accepts_gzip;
    bool may_be_kept = !route->is_change && (route->needs_store || route->needs_service);
    uint64_t stamp = tg_reading_stamp(reading); /* before anything is read */
    if (may_be_kept && tg_answers_find(&server->answers, exchange->target, accepts_gzip, stamp, reply)) {
        return;
    }
    tg_ns began_ns = tg_clock_monotonic_ns();
    if (tg_api_answer(route, &call, &store_failed, &err) == TG_OK) {
        reply->http_status = 200;
        reply->content_type = route->content_type ? route->content_type : TG_REPLY_JSON;
        tg_reply_finish(reply, accepts_gzip);
        if (route->is_change) {
            reply->etag[0] = '\0'; /* it is about what was done, and no page to keep */
        }
        if (may_be_kept) {
            tg_answers_keep(&server->answers, exchange->target, accepts_gzip, stamp, reply,
                            tg_clock_monotonic_ns() - began_ns);
        }
    } else if (store_failed) {
        tg_reply_fail(reply, 503, NULL, err.message);
    } else {
        tg_reply_fail_with(reply, call.blamed, &err);
    }
}

/* A worker's work. After the connection is resumed, the exchange is the other thread's again. */
static void run_job(struct tg_job *job, void *context, bool late) {
    struct exchange *exchange = (struct exchange *)job;
    const struct tg_server *server = exchange->server;
    if (late || !context) {
        tg_reply_fail(&exchange->reply, 503, NULL, "the server is too busy: try again");
    } else {
        answer(exchange, context);
    }
    exchange->stage = STAGE_ANSWERED;
    server->mhd.MHD_resume_connection(exchange->connection);
}

static void submit(struct exchange *exchange) {
    struct tg_server *server = exchange->server;
    exchange->stage = STAGE_WAITING;
    exchange->job.run = run_job;
    /* Suspended first: the worker may be done before this returns. */
    server->mhd.MHD_suspend_connection(exchange->connection);
    if (!tg_workers_submit(server->workers, &exchange->job)) {
        tg_reply_fail(&exchange->reply, 503, NULL, "too many questions wait for an answer: try again");
        exchange->stage = STAGE_ANSWERED;
        server->mhd.MHD_resume_connection(exchange->connection);
    }
}

/* Whether the head announces more than is taken. What comes in pieces is counted when it comes. */
static bool announces_too_much(const struct headers *headers) {
    char *end = NULL;
    if (!headers->content_length) {
        return false;
    }
    errno = 0;
    unsigned long long length = strtoull(headers->content_length, &end, 10);
    return *end != '\0' || errno != 0 || length > BODY_MAX;
}

static enum MHD_Result take_head(struct exchange *exchange, const char *method) {
    struct tg_server *server = exchange->server;
    struct headers headers = {.request = {.method = method_of(method), .target = exchange->target}};
    server->mhd.MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, take_header, &headers);
    tg_connections_extend(&server->connections, connection_of(server, exchange->connection), TG_EXCHANGE_ANSWER_NS);
    exchange->if_none_match = headers.if_none_match;
    tg_router_route(&server->access, &headers.request, &exchange->routed, &exchange->reply);
    exchange->stage = exchange->reply.http_status ? STAGE_ANSWERED : STAGE_HEAD;
    bool has_body = headers.content_length || headers.transfer_encoding;
    if (announces_too_much(&headers)) {
        tg_reply_fail(&exchange->reply, 413, NULL, "the body of the request is too large");
        exchange->stage = STAGE_ANSWERED;
    }
    /* A refusal need not wait for a body: the connection is closed behind it. */
    return exchange->stage == STAGE_ANSWERED && has_body ? send_reply(exchange) : MHD_YES;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t *count) {
    if (exchange->body.length + *count > BODY_MAX) {
        exchange->body_is_too_large = true;
    } else {
        tg_strbuf_append_bytes(&exchange->body, bytes, *count);
    }
    *count = 0;
    return MHD_YES;
}

static enum MHD_Result take_end(struct exchange *exchange) {
    struct tg_server *server = exchange->server;
    if (exchange->body_is_too_large) {
        tg_reply_fail(&exchange->reply, 413, NULL, "the body of the request is too large");
    } else if (exchange->routed.is_sign_in) {
        tg_router_sign_in(&server->access, tg_strbuf_text(&exchange->body), exchange->body.length, &exchange->reply);
    } else if (exchange->routed.is_change) {
        tg_router_take_body(&exchange->routed, tg_strbuf_text(&exchange->body), exchange->body.length,
                            &exchange->reply);
    }
    if (exchange->reply.http_status == 0) {
        submit(exchange);
        return MHD_YES;
    }
    exchange->stage = STAGE_ANSWERED;
    return send_reply(exchange);
}

enum MHD_Result tg_exchange_handle(void *given, struct MHD_Connection *connection, const char *path, const char *method,
                                   const char *version, const char *upload, size_t *upload_bytes, void **slot) {
    struct exchange *exchange = *slot;
    (void)given;
    (void)connection;
    (void)path;
    (void)version;
    if (!exchange) {
        return MHD_NO; /* there was no memory for it */
    }
    if (exchange->stage == STAGE_BEGUN) {
        return take_head(exchange, method);
    }
    if (*upload_bytes > 0) {
        return take_body(exchange, upload, upload_bytes);
    }
    return exchange->stage == STAGE_ANSWERED ? send_reply(exchange) : take_end(exchange);
}
