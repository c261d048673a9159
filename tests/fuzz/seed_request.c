/* Seeds for fuzz_request.c: parts of requests as browsers and clients send them. */
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    static const char *const seeds[] = {
        "service=shop&since=-1h&function=shop.orders%3A%3AOrders.search&filter=a+b",
        "localhost:7373",
        "[::1]:7373",
        "http://127.0.0.1:7373",
        "theme=dark; tachograph_7373=0123456789abcdef; x=y",
        "Bearer 0123456789abcdef",
        "Basic YW5uYTpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=",
        "same-origin",
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/request-%zu", getenv("TACHOGRAPH_RUNTIME_DIR"), i);
        FILE *file = fopen(path, "w");
        failed = !file || fputs(seeds[i], file) < 0 || failed;
        failed = (file && fclose(file) != 0) || failed;
    }
    return failed;
}
