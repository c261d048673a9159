/*
 * "Did you mean ...?": the names closest to one that was not found, for patterns, commands, options,
 * settings.
 *
 *     struct tg_nearest nearest;
 *     tg_nearest_init(&nearest, "shp.cart");
 *     tg_nearest_offer(&nearest, "shop.cart");     for every name there is
 *     if (nearest.count > 0) ... nearest.names[0]
 *
 * Distance is the number of characters to insert, delete, change or swap with their neighbour (bytes, for
 * text that is not ASCII); a `*` or `?` in what was wanted costs nothing. Names further away than a third of
 * the wanted name's length are not near. No allocation. Threads: each caller its own struct.
 */
#ifndef TG_NEAREST_H
#define TG_NEAREST_H

#include <stddef.h>

#define TG_NEAREST_MAX       3   /* names kept */
#define TG_NEAREST_NAME_SIZE 256 /* longer names are not offered */

struct tg_nearest {
    const char *wanted; /* borrowed until the last offer */
    size_t count;
    unsigned distances[TG_NEAREST_MAX];               /* of names[], ascending */
    char names[TG_NEAREST_MAX][TG_NEAREST_NAME_SIZE]; /* nearest first, each once */
};

void tg_nearest_init(struct tg_nearest *nearest, const char *wanted);
void tg_nearest_offer(struct tg_nearest *nearest, const char *name);

/* The distance as defined above; UINT_MAX when a name is too long. */
unsigned tg_nearest_distance(const char *wanted, const char *name);

#endif
