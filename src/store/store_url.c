/*
 * A URL is cut into slices first and decoded part by part, so a percent sign never makes a separator. Messages repeat
 * no part of the text that could be a password written without its percent signs.
 */
#include "store/store_url.h"

#include "base/nearest.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SERVICE_BYTES_MAX = 200 }; /* of a file's name; SQLite appends to it */

struct slice {
    const char *at;
    const char *end;
};

/* What may follow the '?'. */
struct setting {
    const char *name;
    size_t place; /* of its string in struct tg_store_url */
};

static const struct setting settings[] = {
    {"unix_socket", offsetof(struct tg_store_url, unix_socket)},
    {"ssl-ca", offsetof(struct tg_store_url, ssl_ca)},
    {"read_default_file", offsetof(struct tg_store_url, option_file)},
};

enum { SETTING_COUNT = sizeof settings / sizeof settings[0] };

static char **place_of(struct tg_store_url *url, const struct setting *setting) {
    return (char **)(void *)((char *)url + setting->place);
}

static size_t length_of(struct slice slice) {
    return (size_t)(slice.end - slice.at);
}

static const char *find(struct slice slice, char c) {
    return slice.at == slice.end ? NULL : memchr(slice.at, c, length_of(slice));
}

/* Cuts `rest` at its first `c`: what stands before it is returned, what follows remains. Without one all is returned,
 * and *found is false. */
static struct slice cut(struct slice *rest, char c, bool *found) {
    struct slice before = *rest;
    const char *at = find(*rest, c);
    *found = at != NULL;
    if (at) {
        before.end = at;
    }
    rest->at = at ? at + 1 : rest->end;
    return before;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    int letter = tolower((unsigned char)c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* Keeps the decoded slice in `*out`; an empty one is not given. */
static enum tg_status keep(char **out, struct slice slice, bool decode, const char *what, struct tg_error *err) {
    if (slice.at == slice.end) {
        return TG_OK;
    }
    char *text = malloc(length_of(slice) + 1);
    if (!text) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the store's URL");
    }
    *out = text; /* released with the URL, also when what follows fails */
    for (const char *at = slice.at; at < slice.end; at++) {
        if (!decode || *at != '%') {
            *text++ = *at;
            continue;
        }
        int high = slice.end - at > 2 ? digit_of(at[1]) : -1;
        int low = slice.end - at > 2 ? digit_of(at[2]) : -1;
        if (high < 0 || low < 0 || (high == 0 && low == 0)) {
            *text = '\0';
            return tg_error_set(err, TG_ERROR_INVALID,
                                "the store's URL has a '%%' in its %s that no two hexadecimal digits follow (or that "
                                "is %%00); write %%25 for the sign itself",
                                what);
        }
        *text++ = (char)(high * 16 + low);
        at += 2;
    }
    *text = '\0';
    return TG_OK;
}

static enum tg_status parse_port(struct tg_store_url *url, struct slice port, struct tg_error *err) {
    unsigned number = 0;
    for (const char *at = port.at; at < port.end && number <= UINT16_MAX; at++) {
        number = *at >= '0' && *at <= '9' ? number * 10 + (unsigned)(*at - '0') : UINT16_MAX + 1U;
    }
    if (number == 0 || number > UINT16_MAX) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the port in the store's URL is no number from 1 to 65535; the form is "
                            "mysql://user:password@host:port/database, with ':' '/' '@' '?' '#' of a password "
                            "written as %%3A %%2F %%40 %%3F %%23");
    }
    url->port = (uint16_t)number;
    return TG_OK;
}

static enum tg_status parse_host(struct tg_store_url *url, struct slice rest, struct tg_error *err) {
    bool has_port = false;
    struct slice host;
    if (rest.at < rest.end && *rest.at == '[') {
        bool closed = false;
        rest.at++;
        host = cut(&rest, ']', &closed);
        has_port = rest.at < rest.end;
        if (!closed || (has_port && *rest.at != ':')) {
            return tg_error_set(err, TG_ERROR_INVALID,
                                "the store's URL has a '[' before its host without the ']' behind it; write an IPv6 "
                                "address as [::1] or [::1]:3306");
        }
        rest.at += has_port;
    } else {
        host = cut(&rest, ':', &has_port);
    }
    enum tg_status status = keep(&url->host, host, true, "host", err);
    return status == TG_OK && has_port ? parse_port(url, rest, err) : status;
}

/* [user[:password]@]host[:port] */
static enum tg_status parse_authority(struct tg_store_url *url, struct slice authority, struct tg_error *err) {
    const char *at = authority.end;
    while (at > authority.at && at[-1] != '@') {
        at--;
    }
    if (at > authority.at) {
        struct slice password = {authority.at, at - 1};
        bool has_password = false;
        struct slice user = cut(&password, ':', &has_password);
        enum tg_status status = keep(&url->user, user, true, "user", err);
        if (status == TG_OK) {
            status = keep(&url->password, password, true, "password", err);
        }
        if (status != TG_OK) {
            return status;
        }
    }
    return parse_host(url, (struct slice){at, authority.end}, err);
}

static enum tg_status unknown_setting(struct slice name, struct tg_error *err) {
    char wanted[64];
    size_t length = length_of(name) < sizeof wanted - 1 ? length_of(name) : sizeof wanted - 1;
    memcpy(wanted, name.at, length);
    wanted[length] = '\0';
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, wanted);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        tg_nearest_offer(&nearest, settings[i].name);
    }
    if (nearest.count > 0) {
        return tg_error_set(err, TG_ERROR_INVALID, "unknown setting '%s' in the store's URL; did you mean '%s'?",
                            wanted, nearest.names[0]);
    }
    return tg_error_set(err, TG_ERROR_INVALID,
                        "unknown setting '%s' in the store's URL; there are unix_socket, ssl-ca and "
                        "read_default_file",
                        wanted);
}

static enum tg_status parse_setting(struct tg_store_url *url, struct slice value, struct tg_error *err) {
    bool has_value = false;
    struct slice name = cut(&value, '=', &has_value);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *known = settings[i].name;
        if (length_of(name) != strlen(known) || memcmp(name.at, known, length_of(name)) != 0) {
            continue;
        }
        char **place = place_of(url, &settings[i]);
        if (*place) {
            return tg_error_set(err, TG_ERROR_INVALID, "the store's URL sets '%s' twice; leave one of them out", known);
        }
        if (value.at == value.end) {
            return tg_error_set(err, TG_ERROR_INVALID, "the store's URL gives '%s' no value; write %s=PATH", known,
                                known);
        }
        return keep(place, value, true, known, err);
    }
    return unknown_setting(name, err);
}

/* What follows "scheme://" of a server's URL. */
static enum tg_status parse_server(struct tg_store_url *url, struct slice rest, struct tg_error *err) {
    size_t length = strcspn(rest.at, "/?#");
    struct slice authority = {rest.at, rest.at + length};
    rest.at += length;
    /* Else a password could pass for a path or a setting, and be shown. */
    if (find(rest, '@') || find(rest, '#')) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the store's URL has an '@' or '#' behind its host; write ':' '/' '@' '?' '#' of a "
                            "password as %%3A %%2F %%40 %%3F %%23, and likewise '@' '#' of a path");
    }
    enum tg_status status = parse_authority(url, authority, err);
    if (status != TG_OK) {
        return status;
    }
    bool has_settings = false;
    struct slice path = cut(&rest, '?', &has_settings);
    path.at += path.at < path.end; /* its '/' */
    if (path.at == path.end || find(path, '/')) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the store's URL names %s; the form is mysql://user:password@host:port/database",
                            path.at == path.end ? "no database" : "more than a database behind its host");
    }
    status = keep(&url->database, path, true, "database", err);
    while (status == TG_OK && rest.at < rest.end) {
        bool more = false;
        status = parse_setting(url, cut(&rest, '&', &more), err);
    }
    return status;
}

/* What follows "sqlite://". */
static enum tg_status parse_file(struct tg_store_url *url, struct slice rest, struct tg_error *err) {
    if (rest.at == rest.end || *rest.at != '/' || rest.end - rest.at == 1) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the store's URL names no file; write sqlite:///relative/path.db, or sqlite:////absolute/"
                            "path.db with four slashes");
    }
    if (find(rest, '?')) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the store's URL has a '?', and sqlite takes no settings; write %%3F where it is part of "
                            "the path");
    }
    rest.at++;
    return keep(&url->path, rest, true, "path", err);
}

/* The length of a scheme with its ':', or 0 when the text starts with none: then it is a path. */
static size_t scheme_length(const char *text) {
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || (length > 0 && text[length] && strchr("+-.", text[length]))) {
        length++;
    }
    return length > 0 && text[length] == ':' ? length + 1 : 0;
}

static enum tg_status parse(struct tg_store_url *url, const char *text, struct tg_error *err) {
    size_t length = scheme_length(text);
    struct slice all = {text, text + strlen(text)};
    static const char sqlite[] = "sqlite";
    if (length == 0) {
        if (!text[0]) {
            return tg_error_set(err, TG_ERROR_INVALID,
                                "the store's URL is empty; write sqlite:///path.db or mysql://user@host/database");
        }
        enum tg_status status = keep(&url->scheme, (struct slice){sqlite, sqlite + strlen(sqlite)}, false, "", err);
        return status == TG_OK ? keep(&url->path, all, false, "path", err) : status;
    }
    if (strncmp(text + length, "//", 2) != 0) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the store's URL has no '//' behind its first ':'; write sqlite:///path.db or "
                            "mysql://user@host/database, or ./ before the name of a file that has a ':'");
    }
    enum tg_status status = keep(&url->scheme, (struct slice){text, text + length - 1}, false, "", err);
    if (status != TG_OK) {
        return status;
    }
    for (char *c = url->scheme; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
    all.at += length + 2;
    return strcmp(url->scheme, sqlite) == 0 ? parse_file(url, all, err) : parse_server(url, all, err);
}

enum tg_status tg_store_url_parse(struct tg_store_url *url, const char *text, struct tg_error *err) {
    *url = (struct tg_store_url){.scheme = NULL};
    enum tg_status status = parse(url, text, err);
    if (status != TG_OK) {
        tg_store_url_release(url);
    }
    return status;
}

void tg_store_url_release(struct tg_store_url *url) {
    if (!url) {
        return;
    }
    if (url->password) {
        explicit_bzero(url->password, strlen(url->password));
    }
    free(url->scheme);
    free(url->path);
    free(url->user);
    free(url->password);
    free(url->host);
    free(url->database);
    free(url->unix_socket);
    free(url->ssl_ca);
    free(url->option_file);
    *url = (struct tg_store_url){.scheme = NULL};
}

/* Appends with everything encoded that is neither unreserved in URLs nor listed in `plain`. */
static void append_encoded(struct tg_strbuf *out, const char *text, const char *plain) {
    for (const char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x80 && (isalnum(c) || strchr("-._~", *at) || strchr(plain, *at))) {
            tg_strbuf_append_char(out, *at);
        } else {
            tg_strbuf_printf(out, "%%%02X", c);
        }
    }
}

static void append_host(const struct tg_store_url *url, struct tg_strbuf *out) {
    if (url->user) {
        append_encoded(out, url->user, "");
        tg_strbuf_append_char(out, '@');
    }
    if (url->host) {
        bool is_ipv6 = strchr(url->host, ':') != NULL;
        tg_strbuf_append(out, is_ipv6 ? "[" : "");
        append_encoded(out, url->host, is_ipv6 ? ":" : "");
        tg_strbuf_append(out, is_ipv6 ? "]" : "");
    }
    if (url->port) {
        tg_strbuf_printf(out, ":%u", (unsigned)url->port);
    }
}

void tg_store_url_shown(const struct tg_store_url *url, struct tg_strbuf *out) {
    tg_strbuf_printf(out, "%s://", url->scheme);
    if (url->path) {
        tg_strbuf_append_char(out, '/');
        append_encoded(out, url->path, "/");
        return;
    }
    append_host(url, out);
    tg_strbuf_append_char(out, '/');
    append_encoded(out, url->database ? url->database : "", "");
    char separator = '?';
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = *(char *const *)(const void *)((const char *)url + settings[i].place);
        if (value) {
            tg_strbuf_printf(out, "%c%s=", separator, settings[i].name);
            append_encoded(out, value, "/");
            separator = '&';
        }
    }
}

/* The service as a file's name. Two services whose names become one share a file, which keeps them apart inside. */
static void append_file_name(struct tg_strbuf *out, const char *service) {
    size_t length = tg_utf8_cut(service, strlen(service), SERVICE_BYTES_MAX);
    size_t taken = 1;
    for (size_t i = 0; i < length; i += taken) {
        uint32_t character = 0;
        taken = tg_utf8_decode(service + i, length - i, &character);
        bool belongs = character >= 0xA0 || (character < 0x80 && isalnum((int)character)) || character == '-'
                       || character == '_' || (character == '.' && i > 0);
        if (taken > 0 && belongs) {
            tg_strbuf_append_bytes(out, service + i, taken);
        } else {
            tg_strbuf_append_char(out, '_');
        }
        taken = taken > 0 ? taken : 1;
    }
    tg_strbuf_append(out, length > 0 ? ".db" : "_.db");
}

enum tg_status tg_store_url_default(struct tg_strbuf *out, const char *service, struct tg_error *err) {
    const char *data = getenv("XDG_DATA_HOME");
    const char *below = "/tachograph/";
    if (!data || data[0] != '/') { /* a relative one is to be ignored, says its specification */
        data = getenv("HOME");
        below = "/.local/share/tachograph/";
    }
    if (!data || data[0] != '/') {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "neither XDG_DATA_HOME nor HOME says where histories lie; set one of them or name the "
                            "store, as in sqlite:////var/lib/shop.db");
    }
    struct tg_strbuf path = TG_STRBUF_INIT;
    tg_strbuf_append(&path, data);
    tg_strbuf_append(&path, below);
    append_file_name(&path, service);
    tg_strbuf_append(out, "sqlite:///");
    append_encoded(out, tg_strbuf_text(&path), "/");
    enum tg_status status = tg_strbuf_status(&path) == TG_OK ? tg_strbuf_status(out) : TG_ERROR_MEMORY;
    tg_strbuf_release(&path);
    return status == TG_OK ? TG_OK : tg_error_set(err, status, "not enough memory for the store's URL");
}

enum tg_status tg_store_url_append_place(struct tg_strbuf *out, const char *text, struct tg_error *err) {
    struct tg_store_url url;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status != TG_OK) {
        return status;
    }
    if (url.path) {
        tg_strbuf_append(out, url.path);
    } else {
        tg_store_url_shown(&url, out);
    }
    tg_store_url_release(&url);
    return TG_OK;
}

enum tg_status tg_store_url_anchor(struct tg_strbuf *out, const char *text, struct tg_error *err) {
    struct tg_store_url url;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status != TG_OK) {
        return status;
    }
    if (!url.path || url.path[0] == '/') {
        tg_strbuf_append(out, text);
    } else {
        char *directory = getcwd(NULL, 0);
        if (directory) {
            tg_strbuf_printf(out, "%s:///", url.scheme);
            append_encoded(out, directory, "/");
            tg_strbuf_append(out, strcmp(directory, "/") == 0 ? "" : "/");
            append_encoded(out, url.path, "/");
        } else {
            status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                                  "the store's path is relative, and the working directory is gone: name an absolute "
                                  "path");
        }
        free(directory);
    }
    tg_store_url_release(&url);
    return status == TG_OK && tg_strbuf_status(out) != TG_OK
               ? tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the store's URL")
               : status;
}
