/* access: see access.h. */
#include "serve/access.h"

#include "serve/authority.h"
#include "serve/credentials.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN_LEAST    20 /* characters */
#define PASSWORD_LEAST 12

static enum tg_status read_files(struct tg_access *access, struct tg_error *err) {
    const struct tg_access_options *options = &access->options;
    enum tg_status status = TG_OK;
    access->has_password = options->password_file != NULL;
    access->has_token = options->token_file || !options->password_file;
    if (options->password_file) {
        status = tg_secret_read(access->password, options->password_file, "password file", PASSWORD_LEAST, err);
    }
    if (status == TG_OK && options->token_file) {
        status = tg_secret_read(access->token, options->token_file, "token file", TOKEN_LEAST, err);
    } else if (status == TG_OK && access->has_token) {
        status = tg_secret_make(access->token, err);
    }
    return status;
}

enum tg_status tg_access_init(struct tg_access *access, const struct tg_access_options *options, struct tg_error *err) {
    *access = (struct tg_access){.options = *options, .is_loopback = tg_authority_is_loopback(options->bind)};
    if (!access->is_loopback && !options->token_file && !options->password_file) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "%s is an address that others reach: give --password-file or --token-file, or leave "
                            "--bind out and come by 'ssh -L'",
                            options->bind);
    }
    if (options->user_count && !options->password_file) {
        return tg_error_set(err, TG_ERROR_INVALID, "--users names who may give a password: give --password-file too");
    }
    enum tg_status status = read_files(access, err);
    if (status == TG_OK) {
        status = tg_secret_make(access->session, err);
    }
    return status == TG_OK ? tg_secret_make(access->csrf, err) : status;
}

void tg_access_set_port(struct tg_access *access, uint16_t port) {
    snprintf(access->cookie, sizeof access->cookie, "tachograph_%u", port);
}

void tg_access_release(struct tg_access *access) {
    if (access) {
        explicit_bzero(access, sizeof *access);
    }
}

static bool is_ours(const struct tg_access *access, const struct tg_authority *authority) {
    if (strcmp(authority->host, "localhost") == 0) {
        return true;
    }
    /* An address cannot be made to lead elsewhere, as a name can. */
    if (authority->is_address && (!access->is_loopback || tg_authority_is_loopback(authority->host))) {
        return true;
    }
    for (size_t i = 0; i < access->options.host_count; i++) {
        if (strcasecmp(access->options.hosts[i], authority->host) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_other_site(const struct tg_access_head *head, const struct tg_access_need *need) {
    if (head->origin && !tg_authority_is_origin(head->origin, head->host)) {
        return true;
    }
    if (!head->fetch_site || (need->is_page && !need->is_change)) {
        return false;
    }
    /* "none": by the person's own hand, as from the address line; that changes nothing. */
    return strcmp(head->fetch_site, "same-origin") != 0 && (need->is_change || strcmp(head->fetch_site, "none") != 0);
}

static bool is_user(const struct tg_access *access, const char *user) {
    for (size_t i = 0; i < access->options.user_count; i++) {
        if (strcmp(access->options.users[i], user) == 0) {
            return true;
        }
    }
    return access->options.user_count == 0;
}

static enum tg_access_verdict judge_basic(const struct tg_access *access, const char *authorization) {
    struct tg_basic_credentials credentials;
    enum tg_access_verdict verdict = TG_ACCESS_UNKNOWN;
    if (access->has_password && tg_credentials_basic(&credentials, authorization)
        && tg_secret_is(access->password, credentials.password, strlen(credentials.password))) {
        verdict = is_user(access, credentials.user) ? TG_ACCESS_GRANTED : TG_ACCESS_FORBIDDEN;
    }
    explicit_bzero(&credentials, sizeof credentials);
    return verdict;
}

bool tg_access_is_token(const struct tg_access *access, const char *text, size_t length) {
    return access->has_token && tg_secret_is(access->token, text, length);
}

static enum tg_access_verdict judge_sender(const struct tg_access *access, const struct tg_access_head *head) {
    struct tg_span cookie = tg_credentials_cookie(head->cookie, access->cookie);
    struct tg_span bearer = tg_credentials_bearer(head->authorization);
    if (cookie.text && tg_secret_is(access->session, cookie.text, cookie.length)) {
        return TG_ACCESS_GRANTED;
    }
    if (bearer.text && tg_access_is_token(access, bearer.text, bearer.length)) {
        return TG_ACCESS_GRANTED;
    }
    return judge_basic(access, head->authorization);
}

enum tg_access_verdict tg_access_judge(const struct tg_access *access, const struct tg_access_head *head,
                                       const struct tg_access_need *need) {
    struct tg_authority authority;
    if (!head->host || !tg_authority_parse(&authority, head->host)) {
        return TG_ACCESS_BAD_HOST;
    }
    if (!is_ours(access, &authority)) {
        return TG_ACCESS_HOST;
    }
    if (is_of_other_site(head, need)) {
        return TG_ACCESS_SITE;
    }
    if (need->is_open || need->is_sign_in) {
        return TG_ACCESS_GRANTED;
    }
    enum tg_access_verdict verdict = judge_sender(access, head);
    if (verdict == TG_ACCESS_GRANTED && need->is_change
        && !(head->csrf && tg_secret_is(access->csrf, head->csrf, strlen(head->csrf)))) {
        verdict = TG_ACCESS_CSRF;
    }
    return verdict;
}

unsigned tg_access_http_status(enum tg_access_verdict verdict) {
    static const unsigned statuses[] = {
        [TG_ACCESS_GRANTED] = 200, [TG_ACCESS_BAD_HOST] = 400,  [TG_ACCESS_HOST] = 403, [TG_ACCESS_SITE] = 403,
        [TG_ACCESS_UNKNOWN] = 401, [TG_ACCESS_FORBIDDEN] = 403, [TG_ACCESS_CSRF] = 403,
    };
    return statuses[verdict];
}

const char *tg_access_message(enum tg_access_verdict verdict) {
    static const char *const messages[] = {
        [TG_ACCESS_GRANTED] = "",
        [TG_ACCESS_BAD_HOST] = "the request names no host: send a Host header",
        [TG_ACCESS_HOST] = "this server does not go by the name in Host: start it with --allow-host NAME",
        [TG_ACCESS_SITE] = "the request comes from a page of another site",
        [TG_ACCESS_UNKNOWN] =
            "sign in: open the address of 'tachograph serve', or send its token as Authorization: Bearer",
        [TG_ACCESS_FORBIDDEN] = "this user is not among --users",
        [TG_ACCESS_CSRF] = "send the csrf value of /api/v1/session as X-Tachograph-CSRF",
    };
    return messages[verdict];
}
