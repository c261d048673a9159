/* Seeds for fuzz_request.c: parts of requests as browsers and clients send them. */
#include "seed_texts.h"

static const char *const texts[] = {
    "service=shop&since=-1h&function=shop.orders%3A%3AOrders.search&filter=a+b",
    "localhost:7373",
    "[::1]:7373",
    "http://127.0.0.1:7373",
    "theme=dark; tachograph_7373=0123456789abcdef; x=y",
    "Bearer 0123456789abcdef",
    "Basic YW5uYTpjb3JyZWN0IGhvcnNlIGJhdHRlcnk=",
    "same-origin",
};

int main(void) {
    return seed_texts(texts, sizeof texts / sizeof texts[0], "");
}
