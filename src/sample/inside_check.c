/* inside_check: whether what the sampler reads of a stack is what Python says of it. See inside.h. */
#include "sample/inside.h"

#include "sample/walk.h"

#include <unistd.h>

/* The frames that Python shows, one after the other. */
static enum tg_status compare(const struct tg_stack *stack, const struct tg_inside_frame *frames, size_t count,
                              struct tg_error *err) {
    size_t at = 0;
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        const struct tg_raw_frame *raw = &stack->frames[i];
        if (tg_raw_frame_is_hidden(raw)) {
            continue;
        }
        if (at >= count || raw->code != frames[at].code || raw->unit * 2 != frames[at].instruction) {
            return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                                "its stacks are not what they should be in this version (frame %zu of %zu is another "
                                "one); please report the build of Python",
                                at + 1, count);
        }
        at++;
    }
    return at == count ? TG_OK
                       : tg_error_set(err, TG_ERROR_UNSUPPORTED,
                                      "its stacks are not what they should be in this version (%zu frames of %zu were "
                                      "found); please report the build of Python",
                                      at, count);
}

static enum tg_status walk(const struct tg_python_process *process, const void *thread,
                           const struct tg_inside_frame *frames, size_t count, struct tg_error *err) {
    struct tg_walker walker;
    struct tg_stack stack;
    enum tg_status status = tg_walker_init(&walker, process, err);
    if (status != TG_OK) {
        return status;
    }
    tg_stack_init(&stack, (uint64_t)(uintptr_t)thread);
    walker.now_ns = tg_clock_monotonic_ns();
    enum tg_walk_result result = tg_walk(&walker, &stack, TG_WALK_STOPPED, 0);
    status = result == TG_WALK_WHOLE
                 ? compare(&stack, frames, count, err)
                 : tg_error_set(err, TG_ERROR_UNSUPPORTED,
                                "its own stack cannot be read (%s); please report the build of Python",
                                tg_walk_result_name(result));
    tg_stack_release(&stack);
    tg_walker_release(&walker);
    return status;
}

enum tg_status tg_inside_check(const void *thread, const struct tg_inside_frame *frames, size_t count,
                               struct tg_error *err) {
    struct tg_python_process process;
    enum tg_status status = tg_python_process_open(&process, getpid(), err);
    if (status == TG_OK) {
        status = walk(&process, thread, frames, count, err);
        tg_python_process_close(&process);
    }
    return status;
}
