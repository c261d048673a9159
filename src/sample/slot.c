#include "sample/slot.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WORD(number, state) ((uint32_t)(number) << 2 | (uint32_t)(state))
#define STATE(word)         ((enum tg_slot_state)((word)&3))
#define NUMBER(word)        ((word) >> 2)

/* So long an answer is looked out for without a pause. */
#define EAGER_NS INT64_C(20000)
/* Where that was in vain it is not tried for so many requests: perhaps there is but the one processor for both. */
#define DOUBTS       64
#define PAUSE_MAX_NS INT64_C(1000000)

static bool is_out(uint32_t word) {
    return STATE(word) == TG_SLOT_SENT || STATE(word) == TG_SLOT_TAKEN;
}

uint32_t tg_slot_send(struct tg_slot *slot) {
    uint32_t number = (NUMBER(atomic_load(&slot->word)) + 1) & (UINT32_MAX >> 2);
    atomic_store(&slot->word, WORD(number, TG_SLOT_SENT));
    if (atomic_load(&slot->is_deserted)) {
        syscall(SYS_futex, &slot->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return number;
}

/* The word, once it has changed or it is no use to look at it any longer. */
static uint32_t await_eagerly(struct tg_slot *slot) {
    tg_ns until_ns = tg_clock_monotonic_ns() + EAGER_NS;
    uint32_t word = atomic_load(&slot->word);
    if (slot->doubts) {
        slot->doubts--;
        return word;
    }
    while (is_out(word) && tg_clock_monotonic_ns() < until_ns) {
        word = atomic_load(&slot->word);
    }
    slot->doubts = is_out(word) ? DOUBTS : 0;
    return word;
}

/* The same, with pauses: half as long as has been waited already. */
static uint32_t await(struct tg_slot *slot, tg_ns start_ns, tg_ns patience_ns) {
    uint32_t word = atomic_load(&slot->word);
    tg_ns passed_ns = tg_clock_monotonic_ns() - start_ns;
    while (is_out(word) && passed_ns < patience_ns) {
        tg_ns pause_ns = passed_ns < EAGER_NS ? EAGER_NS : passed_ns / 2;
        pause_ns = pause_ns < PAUSE_MAX_NS ? pause_ns : PAUSE_MAX_NS;
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        word = atomic_load(&slot->word);
        passed_ns = tg_clock_monotonic_ns() - start_ns;
    }
    return word;
}

enum tg_slot_state tg_slot_wait(struct tg_slot *slot, tg_ns patience_ns) {
    tg_ns start_ns = tg_clock_monotonic_ns();
    uint32_t word = patience_ns > EAGER_NS ? await_eagerly(slot) : atomic_load(&slot->word);
    word = is_out(word) ? await(slot, start_ns, patience_ns) : word;
    if (STATE(word) == TG_SLOT_DONE) {
        atomic_store(&slot->word, WORD(NUMBER(word), TG_SLOT_EMPTY));
    }
    return STATE(word);
}

bool tg_slot_withdraw(struct tg_slot *slot) {
    uint32_t word = atomic_load(&slot->word);
    return STATE(word) == TG_SLOT_SENT
           && atomic_compare_exchange_strong(&slot->word, &word, WORD(NUMBER(word), TG_SLOT_EMPTY));
}

enum tg_slot_state tg_slot_state(struct tg_slot *slot) {
    return STATE(atomic_load(&slot->word));
}

void tg_slot_reset(struct tg_slot *slot) {
    atomic_store(&slot->word, WORD(NUMBER(atomic_load(&slot->word)) + 1, TG_SLOT_EMPTY));
}

bool tg_slot_take(struct tg_slot *slot, uint32_t number) {
    uint32_t expected = WORD(number, TG_SLOT_SENT);
    return atomic_compare_exchange_strong(&slot->word, &expected, WORD(number, TG_SLOT_TAKEN));
}

uint32_t tg_slot_take_next(struct tg_slot *slot) {
    atomic_store(&slot->is_deserted, true);
    uint32_t word = atomic_load(&slot->word);
    while (STATE(word) != TG_SLOT_SENT || !tg_slot_take(slot, NUMBER(word))) {
        syscall(SYS_futex, &slot->word, FUTEX_WAIT_PRIVATE, word, NULL, NULL, 0);
        word = atomic_load(&slot->word);
    }
    atomic_store(&slot->is_deserted, false);
    return NUMBER(word);
}

void tg_slot_finish(struct tg_slot *slot, uint32_t number) {
    atomic_store(&slot->word, WORD(number, TG_SLOT_DONE));
}
