/*
 * Hostile bytes as a batch: what can be read is valid, stays within the bytes, and is written again as it was. What an
 * older version wrote is written as the newest, and that as it was.
 */
#include "base/strbuf.h"
#include "store/batch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void write_again(const struct tg_batch *batch, const uint8_t *bytes, size_t count) {
    static struct tg_batch_storage storage;
    struct tg_strbuf again = TG_STRBUF_INIT;
    tg_batch_encode(batch, &again);
    const char *text = tg_strbuf_text(&again);
    if (bytes[0] == TG_BATCH_VERSION) {
        if (again.length != count || memcmp(text, bytes, count) != 0) {
            abort();
        }
    } else {
        struct tg_batch newest;
        if (tg_batch_decode(&newest, &storage, text, again.length, NULL) != TG_OK) {
            abort();
        }
        write_again(&newest, (const uint8_t *)text, again.length);
    }
    tg_strbuf_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static struct tg_batch_storage storage;
    struct tg_batch batch;
    struct tg_error err;
    if (tg_batch_decode(&batch, &storage, bytes, count, &err) != TG_OK) {
        return 0;
    }
    if (!tg_batch_is_valid(&batch)) {
        abort();
    }
    write_again(&batch, bytes, count);
    return 0;
}
