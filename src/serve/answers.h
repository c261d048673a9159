/*
 * answers: those given a moment ago, for those who ask the same: several who look at one page, and pages that ask again
 * and again, cost what one does.
 *
 * An answer is right as long as the history's files are as they were before it was read, and then for a second at
 * most: "-1h" moves, a server's tables have no files, and what files say of themselves is as coarse as their clock.
 * One that took long stands for longer, five times what it took and at most ten seconds, so that who asks it again and
 * again does not keep a worker busy for good.
 */
#ifndef TG_ANSWERS_H
#define TG_ANSWERS_H

#include "measure/clock.h"
#include "serve/reply.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_ANSWERS_LEAST_NS  INT64_C(1000000000)
#define TG_ANSWERS_MOST_NS   INT64_C(10000000000)
#define TG_ANSWERS_TIMES     5
#define TG_ANSWERS_COUNT     32
#define TG_ANSWERS_BYTES_MAX (4U * 1024 * 1024) /* of one: larger ones are not kept */

struct tg_answer_entry {
    char *target; /* NULL: free */
    bool is_gzip_wanted;
    uint64_t stamp;
    tg_ns until_ns;
    struct tg_reply reply;
};

struct tg_answers {
    pthread_mutex_t lock;
    struct tg_answer_entry entries[TG_ANSWERS_COUNT];
};

void tg_answers_init(struct tg_answers *answers);
void tg_answers_release(struct tg_answers *answers);

/* Copies the answer that was given to this target, where it is still right. */
bool tg_answers_find(struct tg_answers *answers, const char *target, bool accepts_gzip, uint64_t stamp,
                     struct tg_reply *reply);
/* Keeps a copy of a finished reply that took `took_ns`, in the place of the one that is over first. Without memory it
 * is not kept. */
void tg_answers_keep(struct tg_answers *answers, const char *target, bool accepts_gzip, uint64_t stamp,
                     const struct tg_reply *reply, tg_ns took_ns);

#endif
