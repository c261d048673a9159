/* How the corpus of a fuzzer of texts begins: a file with each of them in $TACHOGRAPH_RUNTIME_DIR. */
#ifndef TG_SEED_TEXTS_H
#define TG_SEED_TEXTS_H

#include <stdio.h>
#include <stdlib.h>

/* Writes files "0SUFFIX", "1SUFFIX" and so on; what main() returns. */
static inline int seed_texts(const char *const *texts, size_t count, const char *suffix) {
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%zu%s", getenv("TACHOGRAPH_RUNTIME_DIR"), i, suffix);
        FILE *file = fopen(path, "w");
        if (!file || fputs(texts[i], file) < 0 || fclose(file) != 0) {
            return 1;
        }
    }
    return 0;
}

#endif
