/* authority: see authority.h. */
#include "serve/authority.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

static bool is_of_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool copy_host(struct tg_authority *authority, const char *text, size_t length) {
    if (length == 0 || length >= sizeof authority->host) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        authority->host[i] = text[i];
        if (text[i] >= 'A' && text[i] <= 'Z') {
            authority->host[i] = "abcdefghijklmnopqrstuvwxyz"[text[i] - 'A'];
        }
    }
    authority->host[length] = '\0';
    return true;
}

static bool read_port(struct tg_authority *authority, const char *text) {
    unsigned port = 0;
    if (*text == '\0') {
        return true;
    }
    if (*text++ != ':' || *text == '\0') {
        return false;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(*text - '0');
        if (port > UINT16_MAX) {
            return false;
        }
    }
    authority->port = (uint16_t)port;
    return port > 0;
}

static bool read_ipv6(struct tg_authority *authority, const char *text) {
    struct in6_addr address;
    const char *end = strchr(text, ']');
    if (!end || !copy_host(authority, text + 1, (size_t)(end - text - 1))
        || inet_pton(AF_INET6, authority->host, &address) != 1) {
        return false;
    }
    authority->is_address = true;
    return read_port(authority, end + 1);
}

bool tg_authority_parse(struct tg_authority *authority, const char *text) {
    struct in_addr address;
    *authority = (struct tg_authority){.port = 0};
    if (text[0] == '[') {
        return read_ipv6(authority, text);
    }
    size_t length = strcspn(text, ":");
    if (!copy_host(authority, text, length)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_of_name(authority->host[i])) {
            return false;
        }
    }
    authority->is_address = inet_pton(AF_INET, authority->host, &address) == 1;
    return read_port(authority, text + length);
}

bool tg_authority_is_origin(const char *origin, const char *host) {
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], length) == 0) {
            return strcasecmp(origin + length, host) == 0;
        }
    }
    return false;
}

bool tg_authority_is_loopback(const char *address) {
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (strcmp(address, "localhost") == 0) {
        return true;
    }
    if (inet_pton(AF_INET, address, &ipv4) == 1) {
        return ntohl(ipv4.s_addr) >> 24U == IN_LOOPBACKNET;
    }
    return inet_pton(AF_INET6, address, &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}
