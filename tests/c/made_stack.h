/*
 * made_stack: a thread's state, its chunk and three frames, as CPython lays them out in memory, made by hand: for tests
 * of the walk, and as what its fuzzer begins with.
 */
#ifndef MADE_STACK_H
#define MADE_STACK_H

#include "sample/layout.h"

#include <stdint.h>
#include <string.h>

#define MADE_BYTES 65536

/* Where things lie. */
#define MADE_CFRAME 2048
#define MADE_CALLER 2304 /* the C frame before */
#define MADE_SHIM   2560 /* 3.12: a frame that lies on the C stack */
#define MADE_CHUNK  4096
#define MADE_CODE   20480
#define MADE_TYPE   61440

#define MADE_FRAMES      3
#define MADE_FRAME_WORDS 20 /* of each: header, variables, stack */
#define MADE_UNITS       10

struct made_stack {
    const struct tg_layout *layout;
    uint8_t *bytes;
    uint64_t base;                /* the address of the bytes, which all pointers in them are made of */
    uint64_t frames[MADE_FRAMES]; /* offsets; the outermost first */
};

static void made_put(const struct made_stack *made, uint64_t offset, uint64_t word) {
    memcpy(made->bytes + offset, &word, sizeof word);
}

static void made_put_int(const struct made_stack *made, uint64_t offset, uint32_t value) {
    memcpy(made->bytes + offset, &value, sizeof value);
}

static void made_put_code(const struct made_stack *made, uint64_t at) {
    const struct tg_layout_code *code = &made->layout->code;
    made_put(made, at + made->layout->object.type, made->base + MADE_TYPE);
    made_put(made, at + code->unit_count, MADE_UNITS);
    made_put_int(made, at + code->first_line, 3);
    made_put_int(made, at + code->locals_count, 2);
    made_put_int(made, at + code->stack_words, MADE_FRAME_WORDS - 2 - made->layout->frame.locals / 8);
    if (code->frame_words != TG_LAYOUT_NONE) {
        made_put_int(made, at + code->frame_words, MADE_FRAME_WORDS);
    }
    made_put(made, at + code->qualified_name, made->base + at + 512);
    made_put(made, at + code->file_name, made->base + at + 640);
    made_put(made, at + code->line_table, made->base + at + 768);
}

/* All of it, in MADE_BYTES at `bytes`; the thread's state is at its beginning. */
static void made_stack_make(struct made_stack *made, const struct tg_layout *layout, uint8_t *bytes, uint64_t base) {
    *made = (struct made_stack){.layout = layout, .bytes = bytes, .base = base};
    memset(bytes, 0, MADE_BYTES);
    uint64_t at = MADE_CHUNK + layout->chunk.data + 8; /* a word is left free before the first */
    for (int i = 0; i < MADE_FRAMES; i++) {
        uint64_t code = MADE_CODE + (uint64_t)i * 1024;
        made->frames[i] = at;
        made_put_code(made, code);
        made_put(made, at + layout->frame.code, base + code);
        made_put(made, at + layout->frame.previous, i ? base + made->frames[i - 1] : 0);
        made_put(made, at + layout->frame.instruction, base + code + layout->code.size + 2 * (uint64_t)i);
        at += MADE_FRAME_WORDS * 8;
    }
    uint64_t innermost = base + made->frames[MADE_FRAMES - 1];
    made_put(made, MADE_CHUNK + layout->chunk.size, 8192);
    made_put(made, layout->thread.datastack_chunk, base + MADE_CHUNK);
    made_put(made, layout->thread.datastack_top, base + at);
    made_put(made, layout->thread.datastack_limit, base + MADE_CHUNK + 8192);
    if (layout->thread.cframe != TG_LAYOUT_NONE) {
        made_put(made, layout->thread.cframe, base + MADE_CFRAME);
        made_put(made, MADE_CFRAME + layout->cframe.current_frame, innermost);
    } else {
        made_put(made, layout->thread.current_frame, innermost);
    }
}

/* Up to 3.12: C code called into Python with this frame; see tg_walk_has_entered(). Else it changes nothing. */
static inline void made_stack_enter(const struct made_stack *made, int frame) {
    const struct tg_layout *layout = made->layout;
    uint64_t caller = frame ? made->base + made->frames[frame - 1] : 0;
    if (layout->thread.cframe == TG_LAYOUT_NONE) {
        return;
    }
    made_put(made, MADE_CFRAME + layout->cframe.previous, made->base + MADE_CALLER);
    made_put(made, MADE_CALLER + layout->cframe.current_frame, caller);
    if (layout->frame.is_entry != TG_LAYOUT_NONE) {
        made->bytes[made->frames[frame] + layout->frame.is_entry] = 1;
    } else {
        made->bytes[MADE_SHIM + layout->frame.owner] = layout->owner_shim_first;
        made_put(made, MADE_SHIM + layout->frame.previous, caller);
        made_put(made, made->frames[frame] + layout->frame.previous, made->base + MADE_SHIM);
    }
}

#endif
