/* Writes the profiles that the corpus of fuzz_profile.c begins with into $TACHOGRAPH_RUNTIME_DIR. */
#include "profile/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(struct tg_profile *profile, uint64_t threads) {
    static const char *const names[] = {"<module>", "main", "Cart.add", "add"};
    for (uint64_t i = 0; i < 8 * threads; i++) {
        struct tg_frame frames[5];
        for (uint64_t j = 0; j < 5; j++) {
            const char *name = names[(i + j) % 4];
            frames[j].symbol = tg_symbols_intern(&profile->symbols, name, strlen(name), "shop.py", 7, 3);
            frames[j].line = (uint32_t)(i * j);
        }
        struct tg_weight weight = {.sample_count = 1, .wall_ns = 10000000, .cpu_ns = 5000000, .gil_ns = i};
        struct tg_profile_thread *thread = tg_profile_thread(profile, 4711, 4711 + i % threads, "worker");
        if (thread) {
            tg_calltree_add(&thread->tree, frames, i % 6, &weight);
        }
    }
    profile->quality.taken_count = 8 * threads;
}

static int write_profile(uint64_t threads, bool by_line) {
    struct tg_profile profile;
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_profile_init(&profile, (size_t)1 << 20U, by_line);
    if (threads > 0) {
        fill(&profile, threads);
    }
    int failed = tg_profile_encode(&profile, &out, NULL) != TG_OK;
    char path[4096];
    snprintf(path, sizeof path, "%s/profile-%u-%d", getenv("TACHOGRAPH_RUNTIME_DIR"), (unsigned)threads, by_line);
    FILE *file = fopen(path, "wb");
    failed = failed || !file || fwrite(tg_strbuf_text(&out), 1, out.length, file) != out.length;
    failed = (file && fclose(file) != 0) || failed;
    tg_strbuf_release(&out);
    tg_profile_release(&profile);
    return failed;
}

int main(void) {
    return write_profile(0, false) || write_profile(1, true) || write_profile(3, false);
}
