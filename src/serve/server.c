/* server: see server.h. */
#include "serve/server.h"

#include "analyze/scope.h"
#include "serve/exchange.h"
#include "serve/reading.h"
#include "serve/server_state.h"
#include "store/store.h"
#include "store/store_url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

#define CONNECTIONS_MAX   2048
#define DESCRIPTORS_SPARE 64          /* of stores, recordings, the epoll */
#define HEAD_BYTES_MAX    (16 * 1024) /* of a request, and of its answer's head */
#define SILENCE_SECONDS   60U
#define WORKERS_MIN       2
#define WORKERS_MAX       8
#define QUEUE_MAX         256
#define PATIENCE_NS       (10 * NS_PER_S) /* that a question waits for a worker */
#define QUESTION_NS       (30 * NS_PER_S) /* that a statement may take */
#define GRACE_NS          (2 * NS_PER_S)

static void *new_reading(void *shared) {
    struct tg_server *server = shared;
    struct tg_reading *reading = calloc(1, sizeof *reading);
    if (reading
        && tg_reading_init(reading, server->options.url, tg_strbuf_text(&server->place), QUESTION_NS, NULL) != TG_OK) {
        free(reading);
        return NULL;
    }
    return reading;
}

static void free_reading(void *context) {
    tg_reading_release(context);
    free(context);
}

static void notice_connection(void *given, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode what) {
    struct tg_server *server = given;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            server->mhd.MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info ? tg_connections_add(&server->connections, info->connect_fd, TG_EXCHANGE_SILENCE_NS) : NULL;
    } else {
        tg_connections_remove(&server->connections, *context);
        *context = NULL;
    }
}

/* As many connections as there may be descriptors for. */
static unsigned connection_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return CONNECTIONS_MAX / 4;
    }
    rlim_t wanted = CONNECTIONS_MAX + DESCRIPTORS_SPARE;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted) {
        return CONNECTIONS_MAX;
    }
    return limit.rlim_cur > 2 * DESCRIPTORS_SPARE ? (unsigned)limit.rlim_cur - DESCRIPTORS_SPARE : DESCRIPTORS_SPARE;
}

static enum tg_status start_workers(struct tg_server *server, struct tg_error *err) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = processors < WORKERS_MIN ? WORKERS_MIN : (size_t)processors;
    const struct tg_workers_options options = {
        .count = count > WORKERS_MAX ? WORKERS_MAX : count,
        .queue_max = QUEUE_MAX,
        .patience_ns = PATIENCE_NS,
        .new_context = new_reading,
        .free_context = free_reading,
        .shared = server,
    };
    return tg_workers_start(&server->workers, &options, err);
}

/* The options of libmicrohttpd, whose own messages go nowhere: they are of clients that leave. */
static enum tg_status start_daemon(struct tg_server *server, struct tg_error *err) {
    server->daemon = server->mhd.MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, server->listener.port, NULL, NULL, tg_exchange_handle,
        server, MHD_OPTION_LISTEN_SOCKET, server->listener.fd, MHD_OPTION_URI_LOG_CALLBACK, tg_exchange_begin, server,
        MHD_OPTION_NOTIFY_COMPLETED, tg_exchange_end, server, MHD_OPTION_NOTIFY_CONNECTION, notice_connection, server,
        MHD_OPTION_CONNECTION_LIMIT, connection_limit(), MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!server->daemon) {
        return tg_error_set(err, TG_ERROR_IO, "libmicrohttpd cannot start a server on port %u", server->listener.port);
    }
    server->listener.fd = -1; /* closed by the daemon */
    return TG_OK;
}

static void release(struct tg_server *server) {
    tg_listener_close(&server->listener);
    tg_connections_release(&server->connections);
    tg_answers_release(&server->answers);
    tg_live_source_release(&server->live);
    tg_access_release(&server->access);
    tg_strbuf_release(&server->place);
    free(server);
}

static enum tg_status start(struct tg_server *server, struct tg_error *err) {
    enum tg_status status = tg_store_check_url(server->options.url, err);
    if (status == TG_OK) {
        status = tg_store_url_append_place(&server->place, server->options.url, err);
    }
    if (status == TG_OK) {
        status = tg_mhd_library_load(&server->mhd, TG_MHD_LIBRARY_NAME, err);
    }
    if (status == TG_OK) {
        status = tg_access_init(&server->access, &server->options.access, err);
    }
    if (status == TG_OK) {
        status = tg_listener_open(&server->listener, server->options.access.bind, server->options.port,
                                  server->options.port_option, err);
    }
    if (status == TG_OK) {
        tg_access_set_port(&server->access, server->listener.port);
        status = start_workers(server, err);
    }
    return status == TG_OK ? start_daemon(server, err) : status;
}

static void look_at_service(struct tg_server *server, struct tg_reading *reading) {
    struct tg_server_finding *finding = &server->look.finding;
    struct tg_scope scope;
    finding->store = tg_scope_init(&scope, reading->store, tg_strbuf_text(&server->place), &finding->err);
    if (finding->store == TG_OK && scope.services.count > 0 && !tg_scope_has(&scope, server->options.service)) {
        finding->service = tg_scope_choose(&scope, server->options.service, &finding->err);
    }
    tg_scope_release(&scope);
}

/* A worker's work. */
static void look_at_store(struct tg_job *job, void *context, bool late) {
    struct tg_server_look *look = (struct tg_server_look *)job;
    struct tg_reading *reading = context;
    if (reading && !late) {
        look->finding.store = tg_reading_begin(reading, &look->finding.err);
        if (look->finding.store == TG_OK) {
            look_at_service(look->server, reading);
        }
        tg_reading_end(reading, look->finding.store);
    }
    atomic_store_explicit(&look->has_ended, true, memory_order_release);
}

enum tg_status tg_server_start(struct tg_server **started, const struct tg_server_options *options,
                               struct tg_error *err) {
    struct tg_server *server = calloc(1, sizeof *server);
    *started = NULL;
    if (!server) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to start a server");
    }
    server->options = *options;
    server->listener.fd = -1;
    tg_connections_init(&server->connections);
    tg_live_source_init(&server->live);
    tg_answers_init(&server->answers);
    enum tg_status status = start(server, err);
    if (status != TG_OK) {
        (void)tg_workers_stop(server->workers, GRACE_NS);
        release(server);
        return status;
    }
    server->look.server = server;
    server->look.job.run = look_at_store;
    if (!tg_workers_submit(server->workers, &server->look.job)) { /* those who wait are told instead */
        atomic_store(&server->look.has_ended, true);
    }
    *started = server;
    return TG_OK;
}

void tg_server_tend(struct tg_server *server) {
    tg_connections_cut(&server->connections);
}

bool tg_server_stop(struct tg_server *server) {
    if (!server) {
        return true;
    }
    /* Workers first: what they have suspended is resumed before the daemon ends. */
    if (!tg_workers_stop(server->workers, GRACE_NS)) {
        return false;
    }
    server->mhd.MHD_stop_daemon(server->daemon);
    release(server);
    return true;
}

bool tg_server_found(const struct tg_server *server, struct tg_server_finding *finding) {
    if (!atomic_load_explicit(&server->look.has_ended, memory_order_acquire)) {
        return false;
    }
    *finding = server->look.finding;
    return true;
}

static void append_address(struct tg_strbuf *out, const char *address, uint16_t port) {
    tg_strbuf_printf(out, strchr(address, ':') ? "http://[%s]:%u/" : "http://%s:%u/", address, port);
}

bool tg_server_append_outer_address(const struct tg_server *server, struct tg_strbuf *out) {
    char address[TG_LISTENER_ADDRESS_SIZE];
    if (!server->access.is_loopback && tg_listener_outer(&server->listener, address)) {
        append_address(out, address, server->listener.port);
    }
    return !server->access.is_loopback;
}

void tg_server_append_address(const struct tg_server *server, bool with_token, struct tg_strbuf *out) {
    append_address(out, tg_listener_inner(&server->listener), server->listener.port);
    if (with_token && server->access.has_token) {
        tg_strbuf_printf(out, "#token=%s", server->access.token);
    }
}
