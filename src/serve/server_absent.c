/* server_absent: what server.h is where this program was built without libmicrohttpd. */
#include "serve/server.h"

enum tg_status tg_server_start(struct tg_server **server, const struct tg_server_options *options,
                               struct tg_error *err) {
    (void)options;
    *server = NULL;
    return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                        "this tachograph was built without a server: install libmicrohttpd-dev and zlib1g-dev (Debian, "
                        "Ubuntu) or libmicrohttpd-devel and zlib-devel (Fedora), and build it again");
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
