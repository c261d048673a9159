/*
 * Writes the line table of a plan: that of the original, with every entry as long as what its instructions have
 * become.
 *
 * An entry is a first byte (bit 7, four bits of kind, length - 1 in three bits) and bytes without bit 7. Entries are
 * copied as they are, never decoded: a longer one is followed by more of the same position, whose line is given as
 * "the same as before". Only lines are relative; an entry without a position does not touch them.
 */
#include "rewrite_plan.h"

#include <string.h>

enum entry_kind {
    KIND_ONE_LINE_0 = 10, /* columns in two bytes, as for the next two, which are one and two lines further down */
    KIND_ONE_LINE_2 = 12,
    KIND_NO_COLUMNS = 13, /* a signed number of lines */
    KIND_LONG = 14,       /* the same, then three numbers */
    KIND_NONE = 15,
};

#define MAX_ENTRY_BYTES 32
#define MAX_ENTRY_UNITS 8

struct lines {
    struct tg_plan *plan;
    uint8_t *next;
    const uint8_t *entry; /* being copied */
    int entry_bytes;
    bool is_continued; /* part of the entry has been written */
    uint32_t pending;  /* units to write of it */
    int32_t index;     /* the instruction that the entry has come to ... */
    uint32_t inside;   /* ... and units of it that lie behind */
};

static uint8_t *write_head(uint8_t *next, int kind, uint32_t units) {
    *next++ = (uint8_t)(128 | kind << 3 | (units - 1));
    return next;
}

/* The entry once more, without its step to another line. */
static uint8_t *write_continuation(uint8_t *next, const uint8_t *entry, int entry_bytes, uint32_t units) {
    int kind = (entry[0] >> 3) & 15;
    int skipped = 1;
    if (kind > KIND_ONE_LINE_0 && kind <= KIND_ONE_LINE_2) {
        kind = KIND_ONE_LINE_0;
    }
    next = write_head(next, kind, units);
    if (kind == KIND_NO_COLUMNS || kind == KIND_LONG) {
        while (skipped < entry_bytes && entry[skipped++] & 64) {
        }
        *next++ = 0;
    }
    memcpy(next, entry + skipped, (size_t)(entry_bytes - skipped));
    return next + (entry_bytes - skipped);
}

/* Writes the entry for the pending units. */
static void flush(struct lines *lines) {
    while (lines->pending > 0) {
        uint32_t units = lines->pending < MAX_ENTRY_UNITS ? lines->pending : MAX_ENTRY_UNITS;
        if (lines->is_continued) {
            lines->next = write_continuation(lines->next, lines->entry, lines->entry_bytes, units);
        } else {
            lines->next = write_head(lines->next, (lines->entry[0] >> 3) & 15, units);
            memcpy(lines->next, lines->entry + 1, (size_t)lines->entry_bytes - 1);
            lines->next += lines->entry_bytes - 1;
            lines->is_continued = true;
        }
        lines->pending -= units;
    }
}

/* Units without a position. */
static void write_none(struct lines *lines, uint32_t count) {
    for (; count > MAX_ENTRY_UNITS; count -= MAX_ENTRY_UNITS) {
        lines->next = write_head(lines->next, KIND_NONE, MAX_ENTRY_UNITS);
    }
    if (count > 0) {
        lines->next = write_head(lines->next, KIND_NONE, count);
    }
}

/* What comes before an instruction of `size` units in the original, and prefixes that it did not have. */
static void begin_instruction(struct lines *lines, const struct tg_instruction *at, uint32_t size) {
    uint32_t before = at->own - at->begin;
    if (at->hook == TG_HOOK_GUARD) {
        flush(lines);
        write_none(lines, 1); /* the jump; its line begins with the NOP */
        before--;
    }
    lines->pending += before + tg_own_units(at) - size;
}

/* The instruction is behind us: so is what follows it. */
static void end_instruction(struct lines *lines, const struct tg_instruction *at) {
    uint32_t after = at[1].begin - at->own - tg_own_units(at);
    if (at->hook == TG_HOOK_ENTER) {
        flush(lines);
        write_none(lines, after);
    } else {
        lines->pending += after;
    }
    lines->index++;
    lines->inside = 0;
}

/* Takes `count` units of the original. Returns false when there are not as many. */
static bool take(struct lines *lines, uint32_t count) {
    while (count > 0) {
        if (lines->index == lines->plan->instruction_count) {
            return false;
        }
        const struct tg_instruction *at = &lines->plan->instructions[lines->index];
        uint32_t size = at[1].unit - at->unit;
        if (lines->inside == 0) {
            begin_instruction(lines, at, size);
        }
        uint32_t left = size - lines->inside;
        uint32_t taken = count < left ? count : left;
        lines->pending += taken;
        lines->inside += taken;
        count -= taken;
        if (lines->inside == size) {
            end_instruction(lines, at);
        }
    }
    return true;
}

static bool copy_entries(struct lines *lines, const uint8_t *table, const uint8_t *end) {
    for (const uint8_t *next = table; next < end;) {
        lines->entry = next++;
        while (next < end && !(*next & 128)) {
            next++;
        }
        lines->entry_bytes = (int)(next - lines->entry);
        lines->is_continued = false;
        if (!(lines->entry[0] & 128) || next - lines->entry > MAX_ENTRY_BYTES
            || !take(lines, (lines->entry[0] & 7u) + 1)) {
            return false;
        }
        flush(lines);
    }
    return lines->index == lines->plan->instruction_count;
}

PyObject *tg_plan_make_lines(struct tg_plan *plan) {
    const uint8_t *table = (const uint8_t *)PyBytes_AS_STRING(plan->code->co_linetable);
    size_t table_bytes = (size_t)PyBytes_GET_SIZE(plan->code->co_linetable);
    /*
     * an entry is written once, and once more for each 8 units it has grown by; guard and entry may split one more
     * each
     */
    size_t more_entries = plan->new_unit_count / MAX_ENTRY_UNITS + 6;
    uint8_t *memory = PyMem_Malloc(table_bytes + more_entries * (MAX_ENTRY_BYTES + 1));
    if (memory == NULL) {
        return PyErr_NoMemory();
    }
    PyObject *bytes = NULL;
    struct lines lines = {.plan = plan, .next = memory};
    if (!copy_entries(&lines, table, table + table_bytes)) {
        tg_plan_refuse(plan, "the line table does not fit the code");
        goto done;
    }
    write_none(&lines, plan->new_unit_count - plan->instructions[plan->instruction_count].begin);
    bytes = PyBytes_FromStringAndSize((const char *)memory, lines.next - memory);
done:
    PyMem_Free(memory);
    return bytes;
}
