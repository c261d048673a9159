/* store_place: whether a store can be meant at all, before somebody works for hours on its behalf. See store.h. */
#include "store/store.h"

#include "base/strbuf.h"
#include "base/trial.h"
#include "store/store_url.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_NS INT64_C(1000000000)

/* The folders to it are made with it. */
static enum tg_status check_new(const char *path, struct tg_error *err) {
    struct tg_strbuf folder = TG_STRBUF_INIT;
    tg_trial_append_existing(&folder, path);
    int error = tg_strbuf_status(&folder) == TG_OK ? tg_trial_directory(tg_strbuf_text(&folder)) : ENOMEM;
    enum tg_status status = TG_OK;
    if (error) {
        status = tg_error_set_errno(err, error, "the history \"%s\" cannot be made in \"%s\"; name a file elsewhere",
                                    path, tg_strbuf_text(&folder));
    }
    tg_strbuf_release(&folder);
    return status;
}

static enum tg_status check_existing(const char *url, const char *path, struct tg_error *err) {
    static const struct tg_store_options looking = {.read_only = true, .timeout_ns = LOOK_NS};
    struct tg_store *store = NULL;
    struct tg_error why = TG_ERROR_INIT;
    if (access(path, W_OK) != 0) {
        return tg_error_set_errno(err, errno, "the history \"%s\" cannot be written to; name another file", path);
    }
    enum tg_status status = tg_store_open(&store, url, &looking, &why);
    tg_store_close(store);
    return status == TG_ERROR_FORMAT || status == TG_ERROR_PERMISSION ? tg_error_set(err, status, "%s", why.message)
                                                                      : TG_OK;
}

enum tg_status tg_store_check_place(const char *text, struct tg_error *err) {
    struct tg_store_url url;
    struct stat info;
    enum tg_status status = tg_store_check_url(text, err);
    if (status == TG_OK) {
        status = tg_store_url_parse(&url, text, err);
    }
    if (status != TG_OK) {
        return status;
    }
    if (url.path && stat(url.path, &info) == 0) {
        status = check_existing(text, url.path, err);
    } else if (url.path) {
        status = check_new(url.path, err);
    }
    tg_store_url_release(&url);
    return status;
}
