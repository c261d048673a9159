/* Seeds for fuzz_route.c: targets and bodies as the page and clients send them. */
#include "seed_texts.h"

static const char *const texts[] = {
    "/",
    "/api/v1/functions?sort=p99&order=ascending&filter=a+b&limit=25&offset=50&percentiles=yes",
    "/api/v1/series?column=total&minimum=5e9&last=5000&since=-1h",
    "/api/v1/call-tree-diff?a=version%3A1&b=iteration%3A20..29&nodes=3&measure=cpu",
    "/api/v1/events",
    "text=deployed+1.4&service=shop",
    "process=0123456789abcdef0123456789abcdef&rate_hz=100",
    "0123456789abcdefghij",
};

int main(void) {
    return seed_texts(texts, sizeof texts / sizeof texts[0], "");
}
