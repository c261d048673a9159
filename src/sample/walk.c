/*
 * walk: following the chain of frames through the copies, and the checks.
 */
#include "sample/walk.h"

#include "sample/code_hook.h"
#include "sample/walk_batch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>

/* The instructions of _PyEval_EvalFrameDefault within which the C frame is current and no Python frame is in it. */
#define ENTRY_BYTES 0x100
/* A frame's code is read once for the frames next to it that have the same. */
#define SAME_CODE_DISTANCE 8
#define OWNED_BY_THREAD    0
/* In the place of where a header was read to: it did not have to be. */
#define RECALLED (UINT32_MAX - 1)

const char *tg_walk_result_name(enum tg_walk_result result) {
    static const char *const names[] = {
        [TG_WALK_WHOLE] = "whole",
        [TG_WALK_UNPROVEN] = "unproven",
        [TG_WALK_UNREADABLE] = "memory gone",
        [TG_WALK_MOVED] = "moved",
        [TG_WALK_TORN] = "torn",
        [TG_WALK_OWNER] = "no frame",
        [TG_WALK_CODE] = "no code",
        [TG_WALK_INSTRUCTION] = "no instruction",
        [TG_WALK_ROOT] = "no root",
        [TG_WALK_TOP] = "not at the top",
        [TG_WALK_PC] = "entering",
        [TG_WALK_DEEP] = "too deep",
        [TG_WALK_UNNAMED] = "no name",
        [TG_WALK_SWITCHED] = "threads took turns",
        [TG_WALK_NOT_HELD] = "did not stop",
        [TG_WALK_REFUSED] = "may not be stopped",
    };
    static_assert(sizeof names / sizeof *names == TG_WALK_RESULTS, "each result has a name");
    return names[result];
}

/* The copy of a frame that lies in a chunk; NULL: in none, or (*is_inside) in a part that was not read. */
static const uint8_t *find_in_chunks(const struct tg_walker *walker, const struct tg_stack *stack, uint64_t address,
                                     bool *is_inside) {
    *is_inside = false;
    for (uint32_t i = 0; i < stack->chunk_count && !*is_inside; i++) {
        uint64_t offset = address - stack->chunks[i].address;
        if (offset < stack->chunk_bytes[i]) {
            *is_inside = true;
            bool was_read = offset + walker->process->layout.frame.locals <= stack->chunks[i].size;
            return was_read ? walker->bytes + stack->chunks[i].first + offset : NULL;
        }
    }
    return NULL;
}

/* The number of a frame that lies elsewhere. Those of the last sample were read along, and come in its order; a new one
 * is read now. UINT32_MAX: it cannot be. */
static uint32_t find_apart(struct tg_walker *walker, struct tg_stack *stack, uint64_t address) {
    uint32_t i = stack->apart_used;
    while (i < stack->apart_count && stack->apart[i].address != address) {
        i++;
    }
    if (i < stack->apart_count) {
        return i;
    }
    struct tg_walk_piece piece = {.address = address, .size = walker->process->layout.frame.locals};
    piece.first = i < TG_WALK_MAX_APART ? tg_walker_read_now(walker, address, piece.size) : UINT32_MAX;
    if (piece.first == UINT32_MAX) {
        return UINT32_MAX;
    }
    stack->apart[stack->apart_count++] = piece;
    return i;
}

static const uint8_t *copy_apart(struct tg_walker *walker, struct tg_stack *stack, uint64_t address) {
    uint32_t i = find_apart(walker, stack, address), here = stack->apart_used;
    if (i == UINT32_MAX) {
        return NULL;
    }
    struct tg_walk_piece piece = stack->apart[i];
    stack->apart[i] = stack->apart[here];
    stack->apart[here] = piece;
    stack->apart_used++;
    return walker->bytes + piece.first;
}

/* Whether a frame of the last whole walk stands there as it stood. */
static bool stands(const struct tg_layout *layout, const struct tg_raw_frame *then, const uint8_t *copy) {
    return then->instruction == tg_word(copy + layout->frame.instruction)
           && then->previous == tg_word(copy + layout->frame.previous)
           && then->code == (tg_word(copy + layout->frame.code) & ~(uint64_t)layout->tag_mask)
           && then->owner == copy[layout->frame.owner];
}

/* Takes the frames that stood at the same place, one inside the other, all at once. */
static void take_standing(struct tg_stack *stack) {
    uint32_t count = stack->standing_count;
    if (count) {
        memcpy(&stack->fresh[stack->fresh_count - count], &stack->frames[stack->then - count],
               count * sizeof *stack->fresh);
    }
    stack->standing_count = 0;
}

/* The frame of the last whole walk that was at this address, or the next one outside of it. */
static const struct tg_raw_frame *find_then(struct tg_stack *stack, uint64_t address, uint8_t owner) {
    uint32_t then = stack->then;
    while (owner == OWNED_BY_THREAD && then < stack->frame_count && stack->frames[then].address != address
           && (stack->frames[then].owner != OWNED_BY_THREAD || stack->frames[then].address > address)) {
        then++;
    }
    if (then != stack->then) {
        take_standing(stack);
        stack->then = then;
    }
    return then < stack->frame_count && stack->frames[then].address == address ? &stack->frames[then] : NULL;
}

static bool append(const struct tg_walker *walker, struct tg_stack *stack, uint64_t address, const uint8_t *copy) {
    const struct tg_layout *layout = &walker->process->layout;
    if (stack->fresh_count == stack->capacity && !tg_stack_grow(stack)) {
        return false;
    }
    const struct tg_raw_frame *then = find_then(stack, address, copy[layout->frame.owner]);
    if (then && stands(layout, then, copy)) {
        stack->fresh_count++;
        stack->then++;
        stack->standing_count++;
        return true;
    }
    take_standing(stack);
    stack->then += then != NULL;
    struct tg_raw_frame *frame = &stack->fresh[stack->fresh_count++];
    frame->address = address;
    frame->previous = tg_word(copy + layout->frame.previous);
    frame->code = tg_word(copy + layout->frame.code) & ~(uint64_t)layout->tag_mask;
    frame->instruction = tg_word(copy + layout->frame.instruction);
    frame->owner = copy[layout->frame.owner];
    frame->is_known = false;
    return true;
}

/* Whether C code called into Python with this frame: 3.11; 3.12 puts one of its own beneath it. */
static bool is_entry(const struct tg_layout *layout, const uint8_t *copy) {
    return layout->frame.is_entry != TG_LAYOUT_NONE ? copy[layout->frame.is_entry]
                                                    : copy[layout->frame.owner] >= layout->owner_shim_first;
}

/* One frame; *address becomes the next one outwards. */
static enum tg_walk_result follow_frame(struct tg_walker *walker, struct tg_stack *stack, uint64_t *address) {
    const struct tg_layout *layout = &walker->process->layout;
    bool is_inside;
    if (*address % sizeof(uint64_t)) {
        return TG_WALK_OWNER;
    }
    const uint8_t *copy = find_in_chunks(walker, stack, *address, &is_inside);
    if (!copy) {
        copy = is_inside ? NULL : copy_apart(walker, stack, *address);
    }
    if (!copy) {
        return is_inside ? TG_WALK_MOVED : TG_WALK_UNREADABLE;
    }
    uint8_t owner = copy[layout->frame.owner];
    if (owner >= layout->owner_count) {
        return TG_WALK_OWNER;
    }
    if (owner < layout->owner_shim_first && !append(walker, stack, *address, copy)) {
        return TG_WALK_DEEP;
    }
    if (owner == OWNED_BY_THREAD) {
        stack->outermost = *address;
        if (stack->innermost == UINT32_MAX) {
            stack->innermost = stack->fresh_count - 1;
            stack->innermost_address = *address;
        }
    }
    *address = tg_word(copy + layout->frame.previous);
    if (stack->entered_from == UINT64_MAX && is_entry(layout, copy)) {
        stack->entered_from = *address;
    }
    return TG_WALK_WHOLE;
}

static enum tg_walk_result follow_chain(struct tg_walker *walker, struct tg_stack *stack, uint64_t address) {
    stack->fresh_count = 0;
    stack->apart_used = 0;
    stack->outermost = 0;
    stack->innermost = UINT32_MAX;
    stack->innermost_address = 0;
    stack->entered_from = UINT64_MAX;
    stack->then = 0;
    stack->standing_count = 0;
    for (uint32_t steps = 0; address; steps++) {
        enum tg_walk_result result = steps < TG_WALK_MAX_FRAMES ? follow_frame(walker, stack, &address) : TG_WALK_DEEP;
        if (result != TG_WALK_WHOLE) {
            return result;
        }
    }
    uint32_t outermost = stack->then == stack->frame_count ? stack->standing_count : 0;
    take_standing(stack);
    stack->standing_count = outermost;
    return TG_WALK_WHOLE;
}

/* Whether the chunks, of which `chunk` is the newest, are still those that were read, each up to where it is used. */
static bool has_same_chunks(const struct tg_walker *walker, struct tg_stack *stack, uint64_t chunk) {
    const struct tg_layout_chunk *layout = &walker->process->layout.chunk;
    for (uint32_t i = 0; i < stack->chunk_count; i++) {
        const uint8_t *copy = walker->bytes + stack->chunks[i].first;
        if (chunk != stack->chunks[i].address) {
            return false;
        }
        uint64_t used = layout->data + tg_word(copy + layout->top) * sizeof(uint64_t);
        if (i == 0 ? !tg_stack_fit(stack, stack->top) : used > stack->chunks[i].size) {
            return false;
        }
        chunk = tg_word(copy + layout->previous);
    }
    return chunk == 0;
}

static bool is_at_root(const struct tg_walker *walker, const struct tg_stack *stack) {
    if (stack->chunk_count == 0) {
        return stack->outermost == 0;
    }
    /* The word before a thread's first frame is left free. */
    uint64_t first = stack->chunks[stack->chunk_count - 1].address + walker->process->layout.chunk.data;
    if (stack->outermost) {
        return stack->outermost == first || stack->outermost == first + sizeof(uint64_t);
    }
    bool is_empty = stack->chunk_count == 1 && stack->top <= first + sizeof(uint64_t);
    return is_empty || (stack->fresh_count == 0 && stack->mode != TG_WALK_RUNNING);
}

/* Whether the innermost frame, then and now, has only gone on within its code. */
static bool has_gone_on(const struct tg_stack *stack) {
    const struct tg_raw_frame *now = stack->fresh, *then = stack->frames;
    return stack->fresh_count == stack->frame_count && then->is_known && now->address == then->address
           && now->code == then->code && now->previous == then->previous;
}

uint32_t tg_walk_count_believed(const struct tg_walker *walker, const struct tg_stack *stack) {
    bool is_recent = walker->now_ns - stack->checked_ns < TG_WALK_BELIEVED_NS;
    uint32_t count = 0;
    while (is_recent && count < stack->frame_count && stack->frames[stack->frame_count - 1 - count].is_known) {
        count++;
    }
    return count;
}

/* The outermost frames that stand as they stood in the last sample need not have their code read again. */
static void believe(const struct tg_walker *walker, struct tg_stack *stack) {
    bool is_recent = walker->now_ns - stack->checked_ns < TG_WALK_BELIEVED_NS;
    uint32_t known = 0;
    while (is_recent && known < stack->standing_count && stack->fresh[stack->fresh_count - 1 - known].is_known) {
        known++;
    }
    stack->known_count = known;
    for (uint32_t i = 0; i < stack->fresh_count - known; i++) {
        stack->fresh[i].is_known = false;
    }
    if (is_recent && known + 1 == stack->fresh_count && has_gone_on(stack)) {
        stack->fresh[0].is_known = true;
        stack->fresh[0].header = stack->frames[0].header;
    }
}

/* Whether two copies of a frame say the same. The innermost moves on within its code. */
static bool copies_agree(const struct tg_layout_frame *layout, const uint8_t *first, const uint8_t *second,
                         bool is_innermost) {
    return tg_word(first + layout->code) == tg_word(second + layout->code)
           && tg_word(first + layout->previous) == tg_word(second + layout->previous)
           && first[layout->owner] == second[layout->owner]
           && (is_innermost || tg_word(first + layout->instruction) == tg_word(second + layout->instruction));
}

/* Whether all copies of a frame say the same. */
static bool frame_agrees(const struct tg_walker *walker, const struct tg_stack *stack,
                         const struct tg_walk_piece *piece, uint64_t address, bool is_innermost) {
    const struct tg_layout_frame *layout = &walker->process->layout.frame;
    uint64_t not_again = piece->size - piece->again, offset = address - piece->address;
    if (offset < not_again || offset + layout->locals > piece->size) {
        return true; /* so deep in the stack that it is not read again */
    }
    const uint8_t *first = walker->bytes + piece->first + offset;
    const uint8_t *again = walker->bytes + piece->second + (offset - not_again);
    bool agrees = true;
    for (uint32_t i = 0; i < stack->round_count && agrees; i++) {
        agrees = copies_agree(layout, first, again + (size_t)i * stack->round_bytes, is_innermost);
    }
    return agrees;
}

/* Whether the thread stands in the same frame in all readings. */
static bool place_agrees(const struct tg_walker *walker, const struct tg_stack *stack) {
    const uint8_t *first = walker->bytes + stack->place.first, *again = walker->bytes + stack->place.second;
    bool agrees = true;
    for (uint32_t i = 0; stack->place.again && i < stack->round_count && agrees; i++) {
        agrees = tg_word(first) == tg_word(again + (size_t)i * stack->round_bytes);
    }
    return agrees;
}

/* Whether the later readings say the same as the first. */
static enum tg_walk_result agree(const struct tg_walker *walker, const struct tg_stack *stack,
                                 const struct tg_raw_frame *frames, uint32_t count) {
    uint64_t innermost = count ? frames[0].address : 0;
    if (!place_agrees(walker, stack)) {
        return TG_WALK_MOVED;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (frames[i].owner == OWNED_BY_THREAD
            && !frame_agrees(walker, stack, &stack->chunks[0], frames[i].address, i == 0)) {
            return TG_WALK_TORN;
        }
    }
    for (uint32_t i = 0; i < stack->apart_used; i++) {
        uint64_t address = stack->apart[i].address;
        if (!frame_agrees(walker, stack, &stack->apart[i], address, address == innermost)) {
            return TG_WALK_TORN;
        }
    }
    return TG_WALK_WHOLE;
}

/* Whether there is code, or a frame, that the batch did not hold. */
static bool needs_more(const struct tg_stack *stack) {
    bool needs = stack->fresh_count && !stack->fresh[0].is_known; /* what is believed is outermost */
    for (uint32_t i = 0; i < stack->apart_used && stack->mode == TG_WALK_RUNNING; i++) {
        needs = needs || stack->apart[i].again == 0;
    }
    return needs;
}

/* So many outermost frames are the same, down to the line, as in the whole walk before. */
static uint32_t count_same(const struct tg_stack *stack) {
    uint32_t count = stack->known_count;
    while (count < stack->fresh_count && count < stack->frame_count) {
        const struct tg_raw_frame *now = &stack->fresh[stack->fresh_count - 1 - count];
        const struct tg_raw_frame *then = &stack->frames[stack->frame_count - 1 - count];
        if (now->unit != then->unit || !tg_code_identity_equal(&now->header.identity, &then->header.identity)) {
            break;
        }
        count++;
    }
    return count;
}

static bool find_units(const struct tg_walker *walker, struct tg_stack *stack) {
    for (uint32_t i = 0; i < stack->fresh_count - stack->known_count; i++) {
        struct tg_raw_frame *frame = &stack->fresh[i];
        if (!tg_code_unit_of(&frame->header.identity, &walker->process->layout, frame->instruction, &frame->unit)) {
            return false;
        }
    }
    return true;
}

/* Whether a frame lies where its caller's ends, as each does that was called on the thread's own stack. The frame that
 * is about to be linked to its caller has for that moment the caller of another one, which was there before it. */
static bool adjoins(const struct tg_walker *walker, const struct tg_stack *stack, const struct tg_raw_frame *frame,
                    const struct tg_raw_frame *caller) {
    const struct tg_layout_chunk *layout = &walker->process->layout.chunk;
    uint64_t end = caller->address + caller->header.frame_bytes;
    bool does = frame->address == end;
    for (uint32_t i = 0; i + 1 < stack->chunk_count && !does;
         i++) { /* the first of its chunk, behind the last of one */
        const struct tg_walk_piece *older = &stack->chunks[i + 1];
        uint64_t top =
            older->address + layout->data + tg_word(walker->bytes + older->first + layout->top) * sizeof(uint64_t);
        does = frame->address == stack->chunks[i].address + layout->data && end == top;
    }
    return does;
}

/* Whether those frames that have not been believed already, and their callers, lie as they were called. */
static bool are_in_order(const struct tg_walker *walker, const struct tg_stack *stack) {
    const struct tg_raw_frame *inner = NULL;
    for (uint32_t i = 0; i < stack->fresh_count; i++) {
        const struct tg_raw_frame *outer = &stack->fresh[i];
        if (outer->owner != OWNED_BY_THREAD) {
            continue;
        }
        if (inner && !adjoins(walker, stack, inner, outer)) {
            return false;
        }
        if (i >= stack->fresh_count - stack->known_count) {
            break;
        }
        inner = outer;
    }
    return true;
}

/* The checks that need to know the code, and the end. */
static enum tg_walk_result finish(const struct tg_walker *walker, struct tg_stack *stack) {
    if (!find_units(walker, stack)) {
        return TG_WALK_INSTRUCTION;
    }
    if (stack->mode == TG_WALK_RUNNING && stack->innermost != UINT32_MAX) {
        const struct tg_raw_frame *frame = &stack->fresh[stack->innermost];
        if (frame->address + frame->header.frame_bytes != stack->top) {
            return TG_WALK_TOP;
        }
    }
    if (!are_in_order(walker, stack)) {
        return TG_WALK_TORN;
    }
    stack->same_count = count_same(stack);
    if (stack->fresh_count && !stack->fresh[stack->fresh_count - 1].is_known) {
        stack->checked_ns = walker->now_ns; /* nothing was believed */
    }
    struct tg_raw_frame *frames = stack->fresh;
    stack->fresh = stack->frames;
    stack->frames = frames;
    stack->frame_count = stack->fresh_count;
    stack->walk_count++;
    return TG_WALK_WHOLE;
}

static enum tg_walk_result follow(struct tg_walker *walker, struct tg_stack *stack) {
    const struct tg_layout_thread *layout = &walker->process->layout.thread;
    const uint8_t *state = walker->bytes + stack->state.first;
    if (stack->ends_at > walker->read_count) {
        return TG_WALK_UNREADABLE;
    }
    stack->top = tg_word(state + layout->datastack_top);
    if ((layout->cframe != TG_LAYOUT_NONE && tg_word(state + layout->cframe) != stack->cframe)
        || !has_same_chunks(walker, stack, tg_word(state + layout->datastack_chunk))) {
        return TG_WALK_MOVED;
    }
    enum tg_walk_result result = follow_chain(walker, stack, tg_word(walker->bytes + stack->place.first));
    if (result != TG_WALK_WHOLE) {
        return result;
    }
    return is_at_root(walker, stack) ? TG_WALK_WHOLE : TG_WALK_ROOT;
}

enum tg_walk_result tg_walk_follow(struct tg_walker *walker, struct tg_stack *stack) {
    enum tg_walk_result result = follow(walker, stack);
    if (result != TG_WALK_WHOLE) {
        stack->is_learned = false;
        return result;
    }
    believe(walker, stack);
    result = stack->mode == TG_WALK_RUNNING ? agree(walker, stack, stack->fresh, stack->fresh_count) : TG_WALK_WHOLE;
    if (result != TG_WALK_WHOLE) {
        return result;
    }
    return needs_more(stack) ? TG_WALK_UNPROVEN : finish(walker, stack);
}

/* Where the header of this frame's code will be; frames next to one another often have the same. */
static uint32_t plan_header(struct tg_walker *walker, const struct tg_stack *stack, uint32_t i) {
    uint64_t code = stack->fresh[i].code;
    for (uint32_t k = i; k > 0 && i - k < SAME_CODE_DISTANCE; k--) {
        if (stack->fresh[k - 1].code == code) {
            return stack->fresh[k - 1].header_at;
        }
    }
    return tg_walker_add(walker, code, walker->process->layout.code.size);
}

/* Whether the header of this frame's code is known already. */
static bool recall(const struct tg_walker *walker, struct tg_raw_frame *frame) {
    bool is_known =
        walker->recalls
        && tg_known_code_find(walker->known, frame->code, walker->freed_count, walker->now_ns, &frame->header);
    frame->header_at = is_known ? RECALLED : frame->header_at;
    return is_known;
}

/* Keeps the headers that were read of a whole stack. */
static void keep_headers(const struct tg_walker *walker, const struct tg_stack *stack) {
    for (uint32_t i = 0; i < stack->frame_count && !stack->frames[i].is_known; i++) {
        if (stack->frames[i].header_at != RECALLED) {
            tg_known_code_keep(walker->known, &stack->frames[i].header, walker->freed_count, walker->now_ns);
        }
    }
}

/* Whether all headers are those of code objects, and of the same ones as the `before`. *is_old: none is so young that
 * its memory may have changed hands in this moment. */
static bool read_headers(const struct tg_walker *walker, struct tg_stack *stack, bool has_before, bool *is_old) {
    *is_old = true;
    for (uint32_t i = 0; i < stack->fresh_count && !stack->fresh[i].is_known; i++) {
        struct tg_raw_frame *frame = &stack->fresh[i];
        struct tg_code_identity before = frame->header.identity;
        if (frame->header_at == RECALLED) {
            continue;
        }
        if (!tg_code_header_parse(&frame->header, &walker->process->layout, walker->process->code_type, frame->code,
                                  walker->bytes + frame->header_at)
            || (has_before && !tg_code_identity_equal(&before, &frame->header.identity))) {
            return false;
        }
        *is_old = *is_old && walker->is_old && walker->is_old(walker->context, frame->code, &frame->header.identity);
    }
    return true;
}

/* Reads the code that is not believed, and of a running thread once more what may have changed meanwhile. */
static enum tg_walk_result read_code(struct tg_walker *walker, struct tg_stack *stack, bool has_before, bool *is_old) {
    tg_walker_begin_more(walker);
    for (uint32_t i = 0; i < stack->fresh_count && !stack->fresh[i].is_known; i++) {
        struct tg_raw_frame *frame = &stack->fresh[i];
        if (!recall(walker, frame) && (frame->header_at = plan_header(walker, stack, i)) == UINT32_MAX) {
            return TG_WALK_DEEP;
        }
    }
    if (stack->mode == TG_WALK_RUNNING && !tg_stack_plan_again(walker, stack)) {
        return TG_WALK_DEEP;
    }
    if (!tg_walker_read(walker)) {
        return TG_WALK_UNREADABLE;
    }
    if (!read_headers(walker, stack, has_before, is_old)) {
        return TG_WALK_CODE;
    }
    return stack->mode == TG_WALK_RUNNING ? agree(walker, stack, stack->fresh, stack->fresh_count) : TG_WALK_WHOLE;
}

enum tg_walk_result tg_walk_prove(struct tg_walker *walker, struct tg_stack *stack) {
    bool is_old;
    enum tg_walk_result result = read_code(walker, stack, false, &is_old);
    if (result == TG_WALK_WHOLE && stack->mode == TG_WALK_RUNNING && !is_old) {
        result = read_code(walker, stack, true, &is_old);
    }
    return result == TG_WALK_WHOLE ? finish(walker, stack) : result;
}

bool tg_walk_can_be_late(const struct tg_walker *walker, const struct tg_stack *stack) {
    bool has_versions = walker->process->layout.code.version != TG_LAYOUT_NONE, is_old = walker->is_old && has_versions;
    for (uint32_t i = 0; is_old && i < stack->fresh_count && !stack->fresh[i].is_known; i++) {
        is_old = walker->is_old(walker->context, stack->fresh[i].code, NULL);
    }
    return is_old;
}

enum tg_walk_result tg_walk_prove_late(struct tg_walker *walker, struct tg_stack *stack) {
    bool is_old;
    enum tg_walk_result result = read_code(walker, stack, false, &is_old);
    if (result == TG_WALK_WHOLE && !is_old) {
        result = TG_WALK_CODE;
    }
    return result == TG_WALK_WHOLE ? finish(walker, stack) : result;
}

bool tg_walker_needs_pc(const struct tg_walker *walker) {
    return walker->process->layout.thread.cframe != TG_LAYOUT_NONE;
}

/* Whether a thread was stopped where its C frame is current and no Python frame is in it yet. */
static bool is_entering(const struct tg_walker *walker, uint64_t pc) {
    return tg_walker_needs_pc(walker) && pc - walker->process->eval_frame < ENTRY_BYTES;
}

/* Whether the innermost frame is not one that has returned, and still lies there as it was. */
static bool is_below_top(const struct tg_stack *stack) {
    uint64_t address = stack->innermost_address;
    return !address || address - stack->chunks[0].address >= stack->chunk_bytes[0] || address < stack->top;
}

bool tg_walk_plan_entry(struct tg_walker *walker, struct tg_stack *stack) {
    if (!tg_walker_needs_pc(walker) || !stack->caller) {
        return true;
    }
    stack->caller_copy = tg_walker_add(walker, stack->caller, sizeof(uint64_t));
    return stack->caller_copy != UINT32_MAX;
}

/* What the C frame before the current one has as its frame; false: it cannot be read. */
static bool read_caller(struct tg_walker *walker, struct tg_stack *stack, uint64_t before, uint64_t *caller) {
    uint64_t address = before + walker->process->layout.cframe.current_frame;
    uint32_t copy = stack->caller_copy;
    if (address != stack->caller || copy == UINT32_MAX || copy + sizeof *caller > walker->read_count) {
        copy = tg_walker_read_now(walker, address, sizeof *caller);
    }
    stack->caller = address;
    *caller = copy != UINT32_MAX ? tg_word(walker->bytes + copy) : 0;
    return copy != UINT32_MAX;
}

bool tg_walk_has_entered(struct tg_walker *walker, struct tg_stack *stack) {
    const struct tg_layout_cframe *layout = &walker->process->layout.cframe;
    if (!tg_walker_needs_pc(walker)) {
        return true;
    }
    uint64_t before = tg_word(walker->bytes + stack->place.first + (layout->previous - layout->current_frame));
    uint64_t caller;
    return before && read_caller(walker, stack, before, &caller) && caller == stack->entered_from
           && is_below_top(stack);
}

static bool is_held_by(const struct tg_layout_gil *layout, const uint8_t *lock, uint64_t thread) {
    int32_t locked;
    memcpy(&locked, lock + layout->locked, sizeof locked);
    return locked == 1 && tg_word(lock + layout->holder) == thread;
}

/* Whether the thread whose state was read is the calling one, and has the lock, which was read before it. */
static bool is_own(const struct tg_walker *walker, const struct tg_stack *stack, uint32_t lock_copy) {
    const struct tg_layout *layout = &walker->process->layout;
    const uint8_t *state = walker->bytes + stack->state.first;
    return is_held_by(&layout->gil, walker->bytes + lock_copy, stack->thread)
           && tg_word(state + layout->thread.thread_id) == (uint64_t)pthread_self();
}

/* Whether the state is the calling thread's for certain, and the lock its interpreter's: then both can be read in
 * place. */
static bool is_there(const struct tg_walker *walker, const struct tg_stack *stack, uint64_t lock) {
    const struct tg_layout *layout = &walker->process->layout;
    if (!walker->own_state || (uint64_t)(uintptr_t)walker->own_state() != stack->thread) {
        return false;
    }
    if (layout->interpreter.gil == TG_LAYOUT_NONE) {
        return lock == walker->process->runtime + layout->runtime.gil;
    }
    uint64_t interpreter = tg_word(tg_in_place(stack->thread + layout->thread.interpreter));
    return lock == tg_word(tg_in_place(interpreter + layout->interpreter.gil));
}

static enum tg_walk_result end_walk(struct tg_walker *walker, struct tg_stack *stack) {
    enum tg_walk_result result = tg_walk_follow(walker, stack);
    return result == TG_WALK_UNPROVEN ? tg_walk_prove(walker, stack) : result;
}

/* The calling thread's own stack, in place. */
static enum tg_walk_result walk_in_place(struct tg_walker *walker, struct tg_stack *stack, uint64_t lock) {
    if (!is_held_by(&walker->process->layout.gil, tg_in_place(lock), stack->thread)) {
        return TG_WALK_NOT_HELD;
    }
    walker->is_direct = true;
    tg_walker_begin(walker);
    walker->recalls = walker->known && tg_code_hook_count(&walker->freed_count);
    /* Chunks that it had may be gone. */
    bool is_learned = tg_stack_learn(walker, stack), fits = is_learned && tg_walk_plan(walker, stack, TG_WALK_STOPPED);
    enum tg_walk_result result = is_learned ? TG_WALK_DEEP : TG_WALK_UNREADABLE;
    if (fits) {
        tg_walker_read(walker);
        result = end_walk(walker, stack);
    }
    if (result == TG_WALK_WHOLE && walker->recalls) {
        keep_headers(walker, stack);
    }
    walker->recalls = false;
    walker->is_direct = false;
    return result;
}

/* `lock`: for the caller's own stack; else 0. */
static enum tg_walk_result walk_once(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode,
                                     uint64_t lock) {
    if (lock && is_there(walker, stack, lock)) {
        return walk_in_place(walker, stack, lock);
    }
    if (!stack->is_learned && !tg_stack_learn(walker, stack)) {
        return TG_WALK_UNREADABLE;
    }
    tg_walker_begin(walker);
    uint32_t lock_copy = lock ? tg_walker_add(walker, lock, walker->process->layout.gil.size) : 0;
    if (lock_copy == UINT32_MAX || !tg_walk_plan(walker, stack, mode)) {
        return TG_WALK_DEEP;
    }
    tg_walker_read(walker);
    if (lock && stack->ends_at <= walker->read_count && !is_own(walker, stack, lock_copy)) {
        return TG_WALK_NOT_HELD;
    }
    return end_walk(walker, stack);
}

static enum tg_walk_result walk(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode, uint64_t pc,
                                uint64_t lock) {
    int errnum = errno;
    enum tg_walk_result result = TG_WALK_PC;
    if (!is_entering(walker, pc)) {
        result = walk_once(walker, stack, mode, lock);
        if (result != TG_WALK_WHOLE && result != TG_WALK_NOT_HELD && !stack->is_learned) {
            result = walk_once(walker, stack, mode, lock); /* its chunks were not where they were */
        }
    }
    errno = errnum;
    return result;
}

enum tg_walk_result tg_walk(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode, uint64_t pc) {
    return walk(walker, stack, mode, pc, 0);
}

enum tg_walk_result tg_walk_own(struct tg_walker *walker, struct tg_stack *stack, uint64_t lock, uint64_t pc) {
    return walk(walker, stack, TG_WALK_STOPPED, pc, lock);
}

bool tg_walk_still(struct tg_walker *walker, struct tg_stack *stack) {
    tg_walker_begin_more(walker);
    return tg_stack_plan_again(walker, stack) && tg_walker_read(walker)
           && agree(walker, stack, stack->frames, stack->frame_count) == TG_WALK_WHOLE;
}
