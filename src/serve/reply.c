/* reply: see reply.h. */
#include "serve/reply.h"

#include "base/hash.h"
#include "base/json_member.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_LEAST  1024 /* bytes: less fits into a packet anyway */
#define GZIP_LEVEL  1    /* series shrink to a sixth with it; more takes far longer for little */
#define GZIP_WINDOW (15 + 16)
#define GZIP_MEMORY 8

void tg_reply_release(struct tg_reply *reply) {
    if (reply) {
        tg_strbuf_release(&reply->body);
    }
}

void tg_reply_fail(struct tg_reply *reply, unsigned http_status, const char *parameter, const char *message) {
    struct tg_json json;
    tg_strbuf_truncate(&reply->body, 0);
    *reply = (struct tg_reply){.http_status = http_status, .content_type = TG_REPLY_JSON, .body = reply->body};
    tg_json_init(&json, &reply->body);
    tg_json_begin_object(&json);
    tg_json_key(&json, "error");
    tg_json_begin_object(&json);
    tg_json_member_uint(&json, "status", http_status);
    tg_json_member_text(&json, "parameter", parameter);
    tg_json_member_string(&json, "message", message);
    tg_json_end_object(&json);
    tg_json_end_object(&json);
    tg_strbuf_append_char(&reply->body, '\n');
}

void tg_reply_fail_with(struct tg_reply *reply, const char *parameter, const struct tg_error *err) {
    unsigned http_status = 503;
    switch (err->status) {
    case TG_ERROR_INVALID:
        http_status = 400;
        break;
    case TG_ERROR_NOT_FOUND:
        http_status = 404;
        break;
    case TG_ERROR_MEMORY:
    case TG_ERROR_IO:
    case TG_ERROR_FORMAT:
    case TG_ERROR_VERSION:
    case TG_ERROR_EXISTS:
    case TG_ERROR_PERMISSION:
    case TG_ERROR_FULL:
    case TG_ERROR_BUSY:
    case TG_ERROR_UNSUPPORTED:
    case TG_OK:
    default:
        break;
    }
    tg_reply_fail(reply, http_status, parameter, err->message);
}

/* False: it stays as it is. */
static bool compress_body(struct tg_strbuf *body) {
    z_stream stream = {.zalloc = Z_NULL};
    struct tg_strbuf out = TG_STRBUF_INIT;
    unsigned char chunk[16384];
    int code = Z_OK;
    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        return false;
    }
    stream.next_in = (unsigned char *)body->data;
    stream.avail_in = (uInt)body->length;
    while (code == Z_OK) {
        stream.next_out = chunk;
        stream.avail_out = sizeof chunk;
        code = deflate(&stream, Z_FINISH);
        tg_strbuf_append_bytes(&out, chunk, sizeof chunk - stream.avail_out);
    }
    deflateEnd(&stream);
    if (code != Z_STREAM_END || tg_strbuf_status(&out) != TG_OK) {
        tg_strbuf_release(&out);
        return false;
    }
    tg_strbuf_release(body);
    *body = out;
    return true;
}

void tg_reply_finish(struct tg_reply *reply, bool accepts_gzip) {
    if (tg_strbuf_status(&reply->body) != TG_OK) {
        tg_reply_fail(reply, 503, NULL, "not enough memory for the answer: ask for less");
        return;
    }
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, tg_strbuf_text(&reply->body), reply->body.length);
    reply->may_be_gzip = reply->body.length >= GZIP_LEAST && reply->body.length < UINT32_MAX;
    reply->is_gzip = accepts_gzip && reply->may_be_gzip && compress_body(&reply->body);
    if (reply->http_status == 200) {
        snprintf(reply->etag, sizeof reply->etag, "\"%016" PRIx64 "%s\"", hash, reply->is_gzip ? "-gzip" : "");
    }
}

/* The next element of a list in a header, without spaces around it; its length is 0 at the end. */
static size_t next_element(const char **at) {
    *at += strspn(*at, " \t,");
    size_t length = strcspn(*at, ",");
    while (length > 0 && ((*at)[length - 1] == ' ' || (*at)[length - 1] == '\t')) {
        length--;
    }
    return length;
}

bool tg_reply_is_known(const struct tg_reply *reply, const char *if_none_match) {
    size_t length = 0;
    if (!if_none_match || !reply->etag[0]) {
        return false;
    }
    for (const char *at = if_none_match; (length = next_element(&at)) > 0; at += length) {
        size_t weak = length > 2 && strncmp(at, "W/", 2) == 0 ? 2 : 0;
        if ((length == 1 && *at == '*')
            || (strlen(reply->etag) == length - weak && strncmp(reply->etag, at + weak, length - weak) == 0)) {
            return true;
        }
    }
    return false;
}

bool tg_reply_takes_gzip(const char *accept_encoding) {
    size_t length = 0;
    for (const char *at = accept_encoding; at && (length = next_element(&at)) > 0; at += length) {
        if (length < 4 || strncasecmp(at, "gzip", 4) != 0 || (length > 4 && !strchr("; \t", at[4]))) {
            continue;
        }
        const char *quality = memchr(at, '=', length);
        size_t rest = quality ? length - (size_t)(quality - at) - 1 : 0;
        /* "q=0" and "q=0.000" refuse. */
        return !quality || strspn(quality + 1, "0.") < rest;
    }
    return false;
}
