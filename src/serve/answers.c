/* answers: see answers.h. */
#include "serve/answers.h"

#include <stdlib.h>
#include <string.h>

void tg_answers_init(struct tg_answers *answers) {
    *answers = (struct tg_answers){.entries = {{.target = NULL}}};
    pthread_mutex_init(&answers->lock, NULL);
}

static void forget(struct tg_answer_entry *entry) {
    free(entry->target);
    tg_reply_release(&entry->reply);
    *entry = (struct tg_answer_entry){.target = NULL};
}

void tg_answers_release(struct tg_answers *answers) {
    for (size_t i = 0; i < TG_ANSWERS_COUNT; i++) {
        forget(&answers->entries[i]);
    }
    pthread_mutex_destroy(&answers->lock);
}

static bool copy(struct tg_reply *to, const struct tg_reply *from) {
    struct tg_strbuf body = TG_STRBUF_INIT;
    tg_strbuf_append_bytes(&body, tg_strbuf_text(&from->body), from->body.length);
    if (tg_strbuf_status(&body) != TG_OK) {
        tg_strbuf_release(&body);
        return false;
    }
    *to = *from;
    to->body = body;
    return true;
}

static struct tg_answer_entry *find(struct tg_answers *answers, const char *target, bool accepts_gzip) {
    for (size_t i = 0; i < TG_ANSWERS_COUNT; i++) {
        struct tg_answer_entry *entry = &answers->entries[i];
        if (entry->target && entry->is_gzip_wanted == accepts_gzip && strcmp(entry->target, target) == 0) {
            return entry;
        }
    }
    return NULL;
}

bool tg_answers_find(struct tg_answers *answers, const char *target, bool accepts_gzip, uint64_t stamp,
                     struct tg_reply *reply) {
    pthread_mutex_lock(&answers->lock);
    const struct tg_answer_entry *entry = find(answers, target, accepts_gzip);
    bool found =
        entry && entry->stamp == stamp && tg_clock_monotonic_ns() < entry->until_ns && copy(reply, &entry->reply);
    pthread_mutex_unlock(&answers->lock);
    return found;
}

static struct tg_answer_entry *first_over(struct tg_answers *answers) {
    struct tg_answer_entry *entry = &answers->entries[0];
    for (size_t i = 0; i < TG_ANSWERS_COUNT && entry->target; i++) {
        if (!answers->entries[i].target || answers->entries[i].until_ns < entry->until_ns) {
            entry = &answers->entries[i];
        }
    }
    return entry;
}

static tg_ns lifetime_of(tg_ns took_ns) {
    if (took_ns >= TG_ANSWERS_MOST_NS / TG_ANSWERS_TIMES) {
        return TG_ANSWERS_MOST_NS;
    }
    tg_ns lifetime = took_ns * TG_ANSWERS_TIMES;
    return lifetime < TG_ANSWERS_LEAST_NS ? TG_ANSWERS_LEAST_NS : lifetime;
}

void tg_answers_keep(struct tg_answers *answers, const char *target, bool accepts_gzip, uint64_t stamp,
                     const struct tg_reply *reply, tg_ns took_ns) {
    if (reply->http_status != 200 || reply->body.length > TG_ANSWERS_BYTES_MAX) {
        return;
    }
    pthread_mutex_lock(&answers->lock);
    struct tg_answer_entry *entry = find(answers, target, accepts_gzip);
    entry = entry ? entry : first_over(answers);
    forget(entry);
    char *name = strdup(target);
    if (name && copy(&entry->reply, reply)) {
        entry->target = name;
        entry->is_gzip_wanted = accepts_gzip;
        entry->stamp = stamp;
        entry->until_ns = tg_clock_monotonic_ns() + lifetime_of(took_ns);
    } else {
        free(name);
    }
    pthread_mutex_unlock(&answers->lock);
}
