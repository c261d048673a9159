/* Writes the spools that the corpus of fuzz_spool.c begins with into $TACHOGRAPH_RUNTIME_DIR. */
#include "collect/spool.h"

#include <stdlib.h>

static int write_spool(uint8_t number, uint64_t batch_count) {
    struct tg_spool spool;
    struct tg_spool_origin origin = {.store_url = "sqlite:///a.db", .recording = "/nowhere/a.tgr"};
    const uint8_t uuid[16] = {number};
    struct tg_batch_function function = {.name = {.data = "m::f", .length = 4}, .call_count = 1};
    if (tg_spool_open(&spool, getenv("TACHOGRAPH_RUNTIME_DIR"), uuid, &origin, NULL) != TG_OK) {
        return 1;
    }
    for (uint64_t seq = 1; seq <= batch_count; seq++) {
        struct tg_batch batch = {.process = {.service = {.data = "shop", .length = 4}},
                                 .seq = seq,
                                 .interval_ns = 1,
                                 .functions = &function,
                                 .function_count = 1};
        if (tg_spool_append(&spool, &batch, NULL) != TG_OK) {
            return 1;
        }
    }
    tg_spool_close(&spool);
    return 0;
}

int main(void) {
    return write_spool(1, 0) || write_spool(2, 1) || write_spool(3, 3);
}
