/* Writes the batches that the corpus of fuzz_batch.c begins with into $TACHOGRAPH_RUNTIME_DIR. */
#include "base/strbuf.h"
#include "measure/histogram.h"
#include "store/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tg_bytes text(const char *from) {
    return (struct tg_bytes){.data = from, .length = strlen(from)};
}

static int write_batch(size_t function_count, size_t failure_count) {
    const struct tg_batch_failure failures[] = {
        {.fingerprint = 0x1122334455667788,
         .name = text("shop::pay"),
         .file = text("shop.py"),
         .type = text("ValueError"),
         .count = 300,
         .first_wall_ns = 6500,
         .last_wall_ns = 6900},
        {.name = text("shop::*"), .count = 1},
    };
    const struct tg_batch_failure_sample samples[] = {
        {.failure = 0,
         .wall_ns = 6600,
         .native_id = 4711,
         .message = text("no card"),
         .traceback = text("File \"shop.py\", line 3, in pay\n"),
         .args = text("[{\"card\": \"[redacted]\"}]"),
         .kwargs = text("{}"),
         .rebound = text("card"),
         .thread = text("worker")},
        {.failure = 1, .wall_ns = 6700},
    };
    struct tg_batch_function functions[3];
    struct tg_strbuf histogram = TG_STRBUF_INIT;
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_histogram counts = {.counts = {[3] = 7, [200] = 1}};
    tg_histogram_encode(&counts, &histogram);
    for (size_t i = 0; i < function_count; i++) {
        functions[i] = (struct tg_batch_function){.name = text("shop.cart::Cart.add"),
                                                  .file = text("shop/cart.py"),
                                                  .code_hash = 77,
                                                  .line = 12,
                                                  .call_count = 8,
                                                  .error_count = 1,
                                                  .total_ns = 1000,
                                                  .cumulative_ns = 900,
                                                  .self_ns = 800,
                                                  .active_ns = 1000,
                                                  .minimum_ns = 9,
                                                  .maximum_ns = 700,
                                                  .histogram = {.data = histogram.data, .length = histogram.length}};
    }
    struct tg_batch batch = {.process = {.uuid = {1, 2},
                                         .pid = 4711,
                                         .python_version = 0x030b07f0,
                                         .started_wall_ns = 5000,
                                         .service = text("shop"),
                                         .service_version = text("1.4.2"),
                                         .host = text("host"),
                                         .program = text("python -m shop")},
                             .seq = 3,
                             .began_wall_ns = 6000,
                             .ended_wall_ns = 7000,
                             .interval_ns = 1000,
                             .end = TG_BATCH_ENDED,
                             .functions = functions,
                             .function_count = function_count,
                             .failures = {.groups = failures,
                                          .group_count = failure_count,
                                          .samples = samples,
                                          .sample_count = failure_count,
                                          .serial = 9,
                                          .lost_count = 1}};
    tg_batch_encode(&batch, &out);
    char path[4096];
    snprintf(path, sizeof path, "%s/batch-%zu-%zu", getenv("TACHOGRAPH_RUNTIME_DIR"), function_count, failure_count);
    FILE *file = fopen(path, "wb");
    int failed = !file || fwrite(tg_strbuf_text(&out), 1, out.length, file) != out.length;
    failed = (file && fclose(file) != 0) || failed;
    tg_strbuf_release(&out);
    tg_strbuf_release(&histogram);
    return failed;
}

int main(void) {
    return write_batch(0, 0) || write_batch(1, 0) || write_batch(3, 0) || write_batch(0, 1) || write_batch(3, 2);
}
