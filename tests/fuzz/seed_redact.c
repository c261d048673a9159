/* Writes the files that the corpus of fuzz_redact.c begins with into $TACHOGRAPH_RUNTIME_DIR. */
#include "seed_texts.h"

static const char *const texts[] = {
    "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "mysql://me:pw@db/shop https://u:p@h redis://:x@h:1",
    "Authorization: Bearer abcdef0123456789 password='x' token=y&api_key=z",
    "{\"password\": \"a\\\"\", 'token' : b'x', \"secrets\": [\"a\", {'b': \"c]\"}]} ('api_key', 'y')",
    "Cookie: a=b; c=\"d\"\nAuthorization: Digest username=\"x\", qop=auth\n--password x password: str = 'y'",
    "app.py --password x --token=y API_KEY=z -p mysql://me:pw@h",
    "{\\\"password\\\": \\\"x\\\"} environ['SECRET'] := y",
    "\x20password\x10 x\x09\xC3\xA9\xF0\x9F\x90\xA2\xED\xA0\x80",
};

int main(void) {
    return seed_texts(texts, sizeof texts / sizeof texts[0], "");
}
