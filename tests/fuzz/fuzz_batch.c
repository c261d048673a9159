/* Hostile bytes as a batch: what can be read is valid, stays within the bytes, and is written again as it was. */
#include "base/strbuf.h"
#include "store/batch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    static struct tg_batch_storage storage;
    struct tg_batch batch;
    struct tg_error err;
    if (tg_batch_decode(&batch, &storage, bytes, count, &err) != TG_OK) {
        return 0;
    }
    struct tg_strbuf again = TG_STRBUF_INIT;
    tg_batch_encode(&batch, &again);
    if (!tg_batch_is_valid(&batch) || again.length != count || memcmp(tg_strbuf_text(&again), bytes, count) != 0) {
        abort();
    }
    tg_strbuf_release(&again);
    return 0;
}
