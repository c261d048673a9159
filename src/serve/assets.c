/* assets: see assets.h. */
#include "serve/assets.h"

#include <string.h>

const struct tg_asset *tg_assets_find(const char *path) {
    for (const struct tg_asset *asset = tg_assets; asset->path; asset++) {
        if (strcmp(asset->path, path) == 0) {
            return asset;
        }
    }
    return NULL;
}
