#include "sample/python_value.h"

#include "sample/python_dict.h"
#include "sample/python_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_NAME_BYTES 64
/* Types that programs make are on the heap; a static one of that name is Python's own. */
#define HEAP_TYPE (UINT64_C(1) << 9)
#define READY     (UINT64_C(1) << 12)

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

struct type {
    bool is_static;
    char name[TYPE_NAME_BYTES];
};

/* A string of C, cut where it is long. It may end where memory does, so it is read in pieces that lie in one page. */
static bool read_string(const struct tg_memory *memory, uint64_t address, char *text, size_t size) {
    size_t used = 0;
    while (used < size - 1) {
        size_t count = 16 - (size_t)((address + used) % 16);
        count = count < size - 1 - used ? count : size - 1 - used;
        if (!tg_memory_read(memory, address + used, text + used, count)) {
            return false;
        }
        if (memchr(text + used, '\0', count)) {
            return true;
        }
        used += count;
    }
    text[used] = '\0';
    return true;
}

static bool is_printable(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at >= ' ' && *at != 0x7F) {
        at++;
    }
    return *at == '\0' && *text;
}

static bool read_type(const struct tg_python_process *process, uint64_t object, struct type *type) {
    const struct tg_layout *layout = &process->layout;
    uint64_t address, flags, name;
    if (!read_at(process, object + layout->object.type, &address)
        || !read_at(process, address + layout->type.flags, &flags) || !(flags & READY)
        || !read_at(process, address + layout->type.name, &name)
        || !read_string(&process->memory, name, type->name, sizeof type->name) || !is_printable(type->name)) {
        return false;
    }
    type->is_static = !(flags & HEAP_TYPE);
    return true;
}

bool tg_python_is_a(const struct tg_python_process *process, uint64_t object, const char *name) {
    struct type type;
    return object && read_type(process, object, &type) && type.is_static && strcmp(type.name, name) == 0;
}

bool tg_python_is_called(const struct tg_python_process *process, uint64_t object, const char *name) {
    struct type type;
    return object && read_type(process, object, &type) && strcmp(type.name, name) == 0;
}

/* --- Kinds. Each returns false where what is there cannot be that. --- */

static bool put_number(struct tg_python_value *value, const char *text) {
    value->kind = TG_VALUE_NUMBER;
    value->size = (size_t)snprintf(value->text, sizeof value->text, "%s", text);
    return true;
}

static bool read_none(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    (void)process, (void)object;
    return put_number(value, "None");
}

static bool read_bool(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    uint64_t number;
    bool negative;
    return tg_python_integer_read(process, object, &number, &negative) && number < 2
           && put_number(value, number ? "True" : "False");
}

static bool read_int(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    uint64_t number;
    bool negative;
    char text[24];
    if (!tg_python_integer_read(process, object, &number, &negative)) {
        return false; /* or it is larger than a word */
    }
    snprintf(text, sizeof text, "%s%" PRIu64, negative ? "-" : "", number);
    return put_number(value, text);
}

/* As repr() has it: the fewest digits that mean the same number. */
static bool read_float(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    double number;
    char text[40];
    if (!tg_memory_read(&process->memory, object + process->layout.real.value, &number, sizeof number)) {
        return false;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
    put_number(value, text);
    if (!strpbrk(text, ".en")) {
        value->size = (size_t)snprintf(value->text, sizeof value->text, "%s.0", text);
    }
    return true;
}

static bool read_str(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    const struct tg_memory *memory = &process->memory;
    const struct tg_layout *layout = &process->layout;
    if (!tg_python_text_read(memory, layout, object, value->text, sizeof value->text)
        || !read_at(process, object + layout->unicode.length, &value->length)) {
        return false;
    }
    value->kind = TG_VALUE_STR;
    value->size = strlen(value->text); /* a zero character ends it here */
    size_t characters = 0;
    for (size_t i = 0; i < value->size; i++) {
        characters += ((unsigned char)value->text[i] & 0xC0) != 0x80;
    }
    value->is_cut = characters < value->length;
    return true;
}

static bool read_bytes(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    uint64_t data;
    size_t count;
    if (!tg_python_bytes_find(&process->memory, &process->layout, object, SIZE_MAX / 2, &data, &count)) {
        return false;
    }
    value->size = count < sizeof value->text - 1 ? count : sizeof value->text - 1;
    value->kind = TG_VALUE_BYTES;
    value->length = count;
    value->is_cut = value->size < count;
    return tg_memory_read(&process->memory, data, value->text, value->size);
}

static const struct {
    const char *type;
    bool (*read)(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value);
} kinds[] = {
    {"NoneType", read_none}, {"bool", read_bool}, {"int", read_int},
    {"float", read_float},   {"str", read_str},   {"bytes", read_bytes},
};

void tg_python_value_read(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value) {
    struct type type;
    memset(value, 0, sizeof *value);
    if (!read_type(process, object, &type)) {
        return; /* UNREADABLE */
    }
    for (size_t i = 0; type.is_static && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(type.name, kinds[i].type) == 0 && kinds[i].read(process, object, value)) {
            return;
        }
    }
    memset(value, 0, sizeof *value);
    value->kind = TG_VALUE_OTHER;
    value->size = (size_t)snprintf(value->text, sizeof value->text, "%s", type.name);
}

/* --- Locals --- */

/* What a variable holds; 0: nothing. Variables that are shared with other functions lie in a cell. */
static uint64_t read_variable(const struct tg_python_process *process, uint64_t place, uint8_t kind) {
    const struct tg_layout *layout = &process->layout;
    uint64_t object, content;
    if (!read_at(process, place, &object)) {
        return 0;
    }
    object &= ~(uint64_t)layout->tag_mask;
    if (object && (kind & TG_LOCAL_CELL) && tg_python_is_a(process, object, "cell")) {
        return read_at(process, object + layout->cell.content, &content) ? content : 0;
    }
    return object;
}

void tg_python_locals_read(const struct tg_python_process *process, uint64_t frame, uint64_t code,
                           tg_local_visit *visit, void *context) {
    const struct tg_layout *layout = &process->layout;
    uint64_t names, kinds_bytes, data, count;
    uint8_t flags[TG_LOCALS_MAX];
    size_t kind_count;
    if (!read_at(process, code + layout->code.local_names, &names) || !tg_python_is_a(process, names, "tuple")
        || !read_at(process, names + layout->tuple.count, &count)
        || !read_at(process, code + layout->code.local_kinds, &kinds_bytes)
        || !tg_python_is_a(process, kinds_bytes, "bytes")
        || !tg_python_bytes_find(&process->memory, layout, kinds_bytes, 1 << 20, &data, &kind_count)
        || count != kind_count) {
        return;
    }
    count = count < TG_LOCALS_MAX ? count : TG_LOCALS_MAX;
    if (!tg_memory_read(&process->memory, data, flags, (size_t)count)) {
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct tg_python_value value;
        char name[TG_LOCAL_NAME_BYTES];
        uint64_t text, object = read_variable(process, frame + layout->frame.locals + i * sizeof(uint64_t), flags[i]);
        if (object && read_at(process, names + layout->tuple.items + i * sizeof(uint64_t), &text)
            && tg_python_is_a(process, text, "str")
            && tg_python_text_read(&process->memory, layout, text, name, sizeof name)) {
            tg_python_value_read(process, object, &value);
            visit(context, name, &value);
        }
    }
}
