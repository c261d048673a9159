/* server_absent: what server.h and saved_page.h are where this program was built without libmicrohttpd. */
#include "serve/saved_page.h"
#include "serve/server.h"

static enum tg_status refuse(const char *what, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                        "this tachograph was built without %s: install libmicrohttpd-dev and zlib1g-dev (Debian, "
                        "Ubuntu) or libmicrohttpd-devel and zlib-devel (Fedora), and build it again",
                        what);
}

enum tg_status tg_server_start(struct tg_server **server, const struct tg_server_options *options,
                               struct tg_error *err) {
    (void)options;
    *server = NULL;
    return refuse("a server", err);
}

void tg_server_tend(struct tg_server *server) {
    (void)server;
}

bool tg_server_stop(struct tg_server *server) {
    return !server;
}

void tg_server_append_address(const struct tg_server *server, bool with_token, struct tg_strbuf *out) {
    (void)server;
    (void)with_token;
    (void)out;
}

bool tg_server_found(const struct tg_server *server, struct tg_server_finding *finding) {
    (void)server;
    (void)finding;
    return false;
}

bool tg_server_append_outer_address(const struct tg_server *server, struct tg_strbuf *out) {
    (void)server;
    (void)out;
    return false;
}

enum tg_status tg_saved_page_append(struct tg_strbuf *out, const struct tg_saved_page_options *options,
                                    struct tg_error *err) {
    (void)out;
    (void)options;
    return refuse("the dashboard", err);
}
