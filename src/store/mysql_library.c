/* mysql_library: see mysql_library.h. */
#include "store/mysql_library.h"

#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t place; /* in struct tg_mysql_library */
} functions[] = {
#define NAME_AND_PLACE(NAME) {#NAME, offsetof(struct tg_mysql_library, NAME)},
    TG_MYSQL_FUNCTIONS(NAME_AND_PLACE)
#undef NAME_AND_PLACE
};

static struct {
    pthread_mutex_t lock;
    struct tg_mysql_library library;
    bool loaded;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum tg_status find_functions(struct tg_mysql_library *library, void *handle, const char *name,
                                     struct tg_error *err) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(handle, functions[i].name);
        if (!function) {
            return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                                "%s has no function %s; install MariaDB Connector/C 3.1 or newer", name,
                                functions[i].name);
        }
        static_assert(sizeof function == sizeof library->mysql_init, "dlsym gives functions as pointers to data");
        memcpy((char *)library + functions[i].place, &function, sizeof function);
    }
    return TG_OK;
}

/* Once in a process; does nothing when the application's own use of the library has done it. */
static enum tg_status initialize(const struct tg_mysql_library *library, struct tg_error *err) {
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    int failure = library->mysql_server_init(0, NULL, NULL);
    sigaction(SIGPIPE, &before, NULL);
    return failure ? tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to use libmariadb") : TG_OK;
}

static enum tg_status load(const char *name, struct tg_error *err) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "a store in MariaDB or MySQL needs libmariadb, which cannot be loaded: %s; install it: "
                            "apt-get install libmariadb3 (Debian, Ubuntu) or dnf install mariadb-connector-c (Fedora)",
                            reason ? reason : name);
    }
    struct tg_mysql_library library;
    enum tg_status status = find_functions(&library, handle, name, err);
    if (status == TG_OK) {
        status = initialize(&library, err);
    }
    if (status != TG_OK) {
        dlclose(handle);
        return status;
    }
    state.library = library;
    state.loaded = true;
    return TG_OK;
}

enum tg_status tg_mysql_library_load(const struct tg_mysql_library **library, const char *name, struct tg_error *err) {
    pthread_mutex_lock(&state.lock);
    enum tg_status status = state.loaded ? TG_OK : load(name, err);
    pthread_mutex_unlock(&state.lock);
    *library = status == TG_OK ? &state.library : NULL;
    return status;
}
