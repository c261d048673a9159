/* Seeds for fuzz_route.c: targets and bodies as the page and clients send them. */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    static const char *const seeds[] = {
        "/",
        "/api/v1/functions?sort=p99&order=ascending&filter=a+b&limit=25&offset=50&percentiles=yes",
        "/api/v1/series?column=total&minimum=5e9&last=5000&since=-1h",
        "/api/v1/call-tree-diff?a=version%3A1&b=iteration%3A20..29&nodes=3&measure=cpu",
        "/api/v1/events",
        "text=deployed+1.4&service=shop",
        "process=0123456789abcdef0123456789abcdef&rate_hz=100",
        "0123456789abcdefghij",
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/route-%zu", getenv("TACHOGRAPH_RUNTIME_DIR"), i);
        FILE *file = fopen(path, "w");
        failed = !file || fputs(seeds[i], file) < 0 || failed;
        failed = (file && fclose(file) != 0) || failed;
    }
    return failed;
}
