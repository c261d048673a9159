/* mhd_library: see mhd_library.h. */
#include "serve/mhd_library.h"

#include <assert.h>
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    size_t place; /* in struct tg_mhd_library */
} functions[] = {
#define NAME_AND_PLACE(NAME) {#NAME, offsetof(struct tg_mhd_library, NAME)},
    TG_MHD_FUNCTIONS(NAME_AND_PLACE)
#undef NAME_AND_PLACE
};

enum tg_status tg_mhd_library_load(struct tg_mhd_library *library, const char *name, struct tg_error *err) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "the dashboard needs libmicrohttpd, which cannot be loaded: %s; install it: apt-get "
                            "install libmicrohttpd12 (Debian, Ubuntu) or dnf install libmicrohttpd (Fedora)",
                            reason ? reason : name);
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *function = dlsym(handle, functions[i].name);
        if (!function) {
            dlclose(handle);
            return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                                "%s has no function %s; install libmicrohttpd 0.9.71 or newer", name,
                                functions[i].name);
        }
        static_assert(sizeof function == sizeof library->MHD_stop_daemon, "dlsym gives functions as pointers to data");
        memcpy((char *)library + functions[i].place, &function, sizeof function);
    }
    return TG_OK;
}
