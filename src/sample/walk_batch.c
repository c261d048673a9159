/*
 * walk_batch: which pieces of memory a walk needs, and their copies.
 */
#include "sample/walk_batch.h"

#include "sample/arena_hook.h"
#include "sample/instant.h"

#include <string.h>

/* A thousand threads' stacks at once; a stack that is larger than all of it is TG_WALK_DEEP. */
#define BYTE_CAPACITY  ((size_t)32 << 20)
#define PIECE_CAPACITY ((size_t)16384)

/* Of the stack's top is read again what a thread may change while it is being read, or it would be caught. */
#define AGAIN_BYTES 4096
/* Beyond what was in use at the last sample: calls that were made since. */
#define GROWTH_BYTES 512
/* Nothing is held for longer than it takes to read so many pieces: who frees might have to wait for it. */
#define HELD_PIECES 64
/* A larger chunk would hold one frame with ten million variables. */
#define CHUNK_MAX_BYTES ((uint64_t)1 << 27)

enum tg_status tg_walker_init(struct tg_walker *walker, const struct tg_python_process *process, struct tg_error *err) {
    *walker = (struct tg_walker){.process = process};
    walker->pieces = malloc(PIECE_CAPACITY * sizeof *walker->pieces);
    walker->bytes = malloc(BYTE_CAPACITY);
    if (!walker->pieces || !walker->bytes) {
        tg_walker_release(walker);
        return tg_error_set(err, TG_ERROR_MEMORY, "no memory to sample with");
    }
    return TG_OK;
}

void tg_walker_release(struct tg_walker *walker) {
    if (walker) {
        free(walker->pieces);
        free(walker->bytes);
        walker->pieces = NULL;
        walker->bytes = NULL;
    }
}

void tg_walker_begin(struct tg_walker *walker) {
    walker->byte_count = 0;
    tg_walker_begin_more(walker);
}

void tg_walker_begin_more(struct tg_walker *walker) {
    walker->piece_count = 0;
    walker->batch_at = walker->byte_count;
    walker->calm = NULL;
}

uint32_t tg_walker_add(struct tg_walker *walker, uint64_t address, uint32_t size) {
    if (walker->piece_count == PIECE_CAPACITY || size > BYTE_CAPACITY - walker->byte_count) {
        return UINT32_MAX;
    }
    walker->pieces[walker->piece_count++] = tg_memory_piece(address, size);
    uint32_t at = (uint32_t)walker->byte_count;
    walker->byte_count += size;
    return at;
}

/* Whether the chunks of a stack, which are held, are those that were learned. Each is looked at only when what leads to
 * it has been. */
static bool has_learned_chunks(const struct tg_walker *walker, const struct tg_stack *stack) {
    const struct tg_layout *layout = &walker->process->layout;
    uint64_t chunk = tg_own_memory_word(stack->thread + layout->thread.datastack_chunk);
    for (uint32_t i = 0; i < stack->chunk_count; i++) {
        if (chunk != stack->chunks[i].address
            || tg_own_memory_word(chunk + layout->chunk.size) != stack->chunk_bytes[i]) {
            return false;
        }
        chunk = tg_own_memory_word(chunk + layout->chunk.previous);
    }
    return chunk == 0;
}

/* Whether a piece of the batch is there, while the chunks of the calm stack are held. */
static bool is_in_place(const struct tg_walker *walker, const struct iovec *piece) {
    const struct tg_stack *stack = walker->calm;
    uint64_t address = (uint64_t)(uintptr_t)piece->iov_base;
    bool is_there = tg_own_memory_has(walker->own, address, piece->iov_len);
    for (uint32_t i = 0; i < stack->chunk_count && !is_there; i++) {
        struct tg_own_range chunk = {stack->chunks[i].address, stack->chunks[i].address + stack->chunk_bytes[i]};
        is_there = tg_own_range_has(&chunk, address, piece->iov_len);
    }
    return is_there;
}

/* Reads the batch in its order: what is there in place, and what lies between by the system. The bytes read. */
static size_t read_in_place(const struct tg_walker *walker, uint8_t *bytes) {
    const struct iovec *piece = walker->pieces, *end = walker->pieces + walker->piece_count;
    size_t total = 0, wanted = 0;
    while (piece < end && total == wanted) {
        if (is_in_place(walker, piece)) {
            tg_own_memory_copy(bytes + total, (uint64_t)(uintptr_t)piece->iov_base, piece->iov_len);
            total += piece->iov_len;
            wanted = total;
            piece++;
            continue;
        }
        const struct iovec *first = piece;
        while (piece < end && !is_in_place(walker, piece)) {
            wanted += piece++->iov_len;
        }
        total += tg_memory_read_batch(&walker->process->memory, first, (size_t)(piece - first), bytes + total);
    }
    return total;
}

bool tg_walker_read(struct tg_walker *walker) {
    uint8_t *bytes = walker->bytes + walker->batch_at;
    bool may_hold = walker->calm && walker->piece_count <= HELD_PIECES, is_read = false;
    size_t count = 0;
    if (walker->instant) {
        is_read = true;
        count = tg_instant_read(walker->instant, walker->pieces, walker->piece_count, bytes);
    } else if (may_hold && tg_arena_hook_hold(walker->own->pid)) {
        is_read = has_learned_chunks(walker, walker->calm);
        count = is_read ? read_in_place(walker, bytes) : 0;
        walker->in_place_count += is_read;
        tg_arena_hook_let_go();
    }
    if (!is_read) {
        count = tg_memory_read_batch(&walker->process->memory, walker->pieces, walker->piece_count, bytes);
    }
    walker->read_count = walker->batch_at + count;
    return walker->read_count == walker->byte_count;
}

/* Whether it is there for certain, by the thread's own look at itself: on the first thread's C stack, or in the data of
 * the runtime. */
static bool stays(const struct tg_walker *walker, uint64_t address, uint32_t size) {
    return walker->is_direct && walker->own && tg_own_memory_has(walker->own, address, size);
}

static bool read_piece(const struct tg_walker *walker, uint64_t address, uint8_t *bytes, uint32_t size) {
    if (stays(walker, address, size)) {
        memcpy(bytes, tg_in_place(address), size);
        return true;
    }
    struct iovec piece = tg_memory_piece(address, size);
    return walker->instant ? tg_instant_read(walker->instant, &piece, 1, bytes) == size
                           : tg_memory_read(&walker->process->memory, address, bytes, size);
}

uint32_t tg_walker_read_now(struct tg_walker *walker, uint64_t address, uint32_t size) {
    size_t at = walker->byte_count;
    if (size > BYTE_CAPACITY - at || !read_piece(walker, address, walker->bytes + at, size)) {
        return UINT32_MAX;
    }
    walker->byte_count += size;
    return (uint32_t)at;
}

/* The same of what is certain to be there: plain memory of this process. */
static uint32_t copy_now(struct tg_walker *walker, uint64_t address, uint32_t size) {
    size_t at = walker->byte_count;
    if (size > BYTE_CAPACITY - at) {
        return UINT32_MAX;
    }
    memcpy(walker->bytes + at, tg_in_place(address), size);
    walker->byte_count += size;
    walker->batch_at = walker->byte_count; /* what is read by the system follows */
    return (uint32_t)at;
}

/* Reads what hangs on the thread's state. */
static bool read_state(const struct tg_walker *walker, uint64_t address, void *bytes, size_t count) {
    if (walker->is_direct) {
        memcpy(bytes, tg_in_place(address), count);
        return true;
    }
    return tg_memory_read(&walker->process->memory, address, bytes, count);
}

void tg_stack_init(struct tg_stack *stack, uint64_t thread) {
    *stack = (struct tg_stack){.thread = thread};
}

void tg_stack_release(struct tg_stack *stack) {
    if (stack) {
        free(stack->frames);
        free(stack->fresh);
        stack->frames = NULL;
        stack->fresh = NULL;
        stack->capacity = 0;
    }
}

static bool grow(struct tg_raw_frame **frames, uint32_t capacity) {
    struct tg_raw_frame *grown = realloc(*frames, capacity * sizeof **frames);
    if (grown) {
        *frames = grown;
    }
    return grown;
}

bool tg_stack_grow(struct tg_stack *stack) {
    uint32_t capacity = stack->capacity ? 2 * stack->capacity : 128;
    if (stack->is_fixed || capacity > TG_WALK_MAX_FRAMES || !grow(&stack->frames, capacity)
        || !grow(&stack->fresh, capacity)) {
        return false;
    }
    stack->capacity = capacity;
    return true;
}

enum tg_status tg_stack_reserve(struct tg_stack *stack, uint32_t frame_count, struct tg_error *err) {
    if (!grow(&stack->frames, frame_count) || !grow(&stack->fresh, frame_count)) {
        return tg_error_set(err, TG_ERROR_MEMORY, "no memory for the frames of a stack");
    }
    stack->capacity = frame_count;
    stack->is_fixed = true;
    return TG_OK;
}

/* What is in use of the thread's newest chunk, and a little more. */
static void set_top_size(struct tg_stack *stack, uint64_t top) {
    uint64_t used = top - stack->chunks[0].address + GROWTH_BYTES;
    stack->chunks[0].size = (uint32_t)(used < stack->chunk_bytes[0] ? used : stack->chunk_bytes[0]);
}

bool tg_stack_fit(struct tg_stack *stack, uint64_t top) {
    if (top - stack->chunks[0].address > stack->chunk_bytes[0]) {
        return false;
    }
    uint32_t size = stack->chunks[0].size;
    uint64_t used = top - stack->chunks[0].address;
    if (used + GROWTH_BYTES / 4 > size || used + 4 * GROWTH_BYTES < size) {
        set_top_size(stack, top);
    }
    return used <= size;
}

/* Learns one chunk from its header; its address, and false: this is none. */
static bool learn_chunk(const struct tg_walker *walker, struct tg_stack *stack, uint64_t address, uint64_t top,
                        uint64_t *next) {
    const struct tg_layout_chunk *layout = &walker->process->layout.chunk;
    uint8_t header[64];
    if (address % sizeof(uint64_t) || stack->chunk_count == TG_WALK_MAX_CHUNKS
        || !read_state(walker, address, header, layout->data)) {
        return false;
    }
    uint64_t bytes = tg_word(header + layout->size);
    uint64_t words = tg_word(header + layout->top);
    if (bytes < layout->data || bytes > CHUNK_MAX_BYTES) {
        return false;
    }
    uint32_t i = stack->chunk_count++;
    stack->chunk_bytes[i] = bytes;
    stack->chunks[i] = (struct tg_walk_piece){.address = address};
    *next = tg_word(header + layout->previous);
    if (i == 0) {
        set_top_size(stack, top);
        return top >= address && top - address <= bytes;
    }
    stack->chunks[i].size = layout->data + (uint32_t)(words * sizeof(uint64_t));
    return words <= (bytes - layout->data) / sizeof(uint64_t);
}

bool tg_stack_learn(const struct tg_walker *walker, struct tg_stack *stack) {
    const struct tg_layout_thread *layout = &walker->process->layout.thread;
    const struct tg_layout_cframe *cframe = &walker->process->layout.cframe; /* its members lie in this order */
    uint8_t state[TG_LAYOUT_MAX_READ_BYTES];
    stack->is_learned = false;
    stack->chunk_count = 0;
    stack->apart_used = 0; /* what lies elsewhere may be gone, too */
    if (!read_state(walker, stack->thread, state, layout->size)) {
        return false;
    }
    bool has_cframe = layout->cframe != TG_LAYOUT_NONE;
    stack->cframe = has_cframe ? tg_word(state + layout->cframe) : 0;
    stack->state = (struct tg_walk_piece){.address = stack->thread, .size = layout->size};
    stack->place = (struct tg_walk_piece){
        .address = has_cframe ? stack->cframe + cframe->current_frame : stack->thread + layout->current_frame,
        .size = has_cframe ? cframe->previous - cframe->current_frame + sizeof(uint64_t) : sizeof(uint64_t),
    };
    uint64_t top = tg_word(state + layout->datastack_top);
    for (uint64_t chunk = tg_word(state + layout->datastack_chunk); chunk;) {
        if (!learn_chunk(walker, stack, chunk, top, &chunk)) {
            return false;
        }
    }
    stack->is_learned = true;
    return true;
}

void tg_stack_follow_cframe(struct tg_walker *walker, struct tg_stack *stack) {
    const struct tg_layout *layout = &walker->process->layout;
    if (layout->thread.cframe == TG_LAYOUT_NONE || stack->state.first + stack->state.size > walker->read_count) {
        return;
    }
    uint64_t cframe = tg_word(walker->bytes + stack->state.first + layout->thread.cframe);
    uint64_t address = cframe + layout->cframe.current_frame;
    uint32_t copy = cframe != stack->cframe ? tg_walker_read_now(walker, address, stack->place.size) : UINT32_MAX;
    if (copy != UINT32_MAX) {
        stack->cframe = cframe;
        stack->place.address = address;
        stack->place.first = copy;
    }
}

static bool plan_first(struct tg_walker *walker, struct tg_walk_piece *piece) {
    piece->first = walker->is_direct ? copy_now(walker, piece->address, piece->size)
                                     : tg_walker_add(walker, piece->address, piece->size);
    return piece->first != UINT32_MAX;
}

static bool plan_apart(struct tg_walker *walker, struct tg_stack *stack) {
    bool fits = true;
    for (uint32_t i = 0; fits && i < stack->apart_used; i++) {
        stack->apart[i].again = 0;
        stack->apart[i].first = tg_walker_add(walker, stack->apart[i].address, stack->apart[i].size);
        fits = stack->apart[i].first != UINT32_MAX;
    }
    return fits;
}

static bool plan_second(struct tg_walker *walker, struct tg_walk_piece *piece, uint32_t size) {
    piece->again = piece->size < size ? piece->size : size;
    piece->second = tg_walker_add(walker, piece->address + piece->size - piece->again, piece->again);
    return piece->second != UINT32_MAX;
}

static bool plan_frames_again(struct tg_walker *walker, struct tg_stack *stack) {
    bool fits = !stack->chunk_count || plan_second(walker, &stack->chunks[0], AGAIN_BYTES);
    for (uint32_t i = 0; fits && i < stack->apart_used; i++) {
        fits = plan_second(walker, &stack->apart[i], stack->apart[i].size);
    }
    return fits;
}

/* Later rounds are copied as the first one. */
static bool plan_round(struct tg_walker *walker, struct tg_stack *stack) {
    return plan_frames_again(walker, stack) && plan_second(walker, &stack->place, stack->place.size);
}

bool tg_stack_plan_again(struct tg_walker *walker, struct tg_stack *stack) {
    size_t piece_first = walker->piece_count, byte_first = walker->byte_count;
    if (!plan_round(walker, stack)) {
        return false;
    }
    size_t piece_count = walker->piece_count - piece_first;
    stack->round_bytes = (uint32_t)(walker->byte_count - byte_first);
    stack->round_count = TG_WALK_ROUNDS;
    for (uint32_t i = 1; i < stack->round_count; i++) {
        for (size_t k = 0; k < piece_count; k++) {
            struct iovec piece = walker->pieces[piece_first + k];
            if (tg_walker_add(walker, (uint64_t)(uintptr_t)piece.iov_base, (uint32_t)piece.iov_len) == UINT32_MAX) {
                return false;
            }
        }
    }
    return true;
}

/* The thread state, and where its current frame is told, which since 3.13 is in it. */
static bool plan_moment(struct tg_walker *walker, struct tg_stack *stack) {
    uint32_t inside = walker->process->layout.thread.current_frame;
    bool fits = inside != TG_LAYOUT_NONE || plan_first(walker, &stack->place);
    fits = fits && plan_first(walker, &stack->state);
    stack->place.first = inside != TG_LAYOUT_NONE ? stack->state.first + inside : stack->place.first;
    stack->place.again = 0;
    return fits;
}

static bool plan_all(struct tg_walker *walker, struct tg_stack *stack) {
    bool fits = true;
    for (uint32_t i = 0; fits && i < stack->chunk_count; i++) {
        stack->chunks[i].again = 0;
        fits = plan_first(walker, &stack->chunks[i]);
    }
    if (walker->is_direct) { /* no order matters: the thread rests */
        return fits && plan_moment(walker, stack) && plan_apart(walker, stack);
    }
    fits = fits && plan_apart(walker, stack) && plan_moment(walker, stack);
    if (!fits || stack->mode != TG_WALK_RUNNING) {
        return fits;
    }
    if (stack->is_calm) {
        stack->round_count = 1;
        if (walker->own && tg_own_memory_has(walker->own, stack->thread, stack->state.size)) {
            walker->calm = stack;
        }
        return plan_frames_again(walker, stack);
    }
    return tg_stack_plan_again(walker, stack);
}

bool tg_walk_plan(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode) {
    size_t pieces = walker->piece_count, bytes = walker->byte_count;
    stack->mode = mode;
    stack->caller_copy = UINT32_MAX;
    if (!plan_all(walker, stack)) {
        walker->piece_count = pieces;
        walker->byte_count = bytes;
        return false;
    }
    stack->apart_count = stack->apart_used;
    stack->ends_at = (uint32_t)walker->byte_count;
    return true;
}
