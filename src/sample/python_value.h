/*
 * python_value: what a variable of the profiled process holds, when that can be told without running its code: values
 * of the built-in types that never change. Of all others there is the type's name.
 *
 * A value is believed when its type is a static one (one that no program makes) of the right name, and its contents are
 * bounded. That the object is still there while it is read is for the caller to see to: its thread is stopped or rests.
 */
#ifndef TG_PYTHON_VALUE_H
#define TG_PYTHON_VALUE_H

#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_VALUE_TEXT_BYTES 120
#define TG_LOCAL_NAME_BYTES 64

/* No function shows more variables than this. */
#define TG_LOCALS_MAX 64

enum tg_value_kind {
    TG_VALUE_UNREADABLE,
    TG_VALUE_NUMBER, /* int, float, bool, None: `text` is what repr() says */
    TG_VALUE_STR,    /* `text` is the contents, cut where `length` is more */
    TG_VALUE_BYTES,  /* likewise; may contain anything */
    TG_VALUE_OTHER,  /* `text` is the type's name */
};

struct tg_python_value {
    enum tg_value_kind kind;
    bool is_cut;
    uint64_t length; /* of a str in characters, of bytes in bytes */
    size_t size;     /* of the text, without the zero byte that ends it */
    char text[TG_VALUE_TEXT_BYTES];
};

/* Whether the object's type is the static one of that name. */
bool tg_python_is_a(const struct tg_python_process *process, uint64_t object, const char *type);

/* Whether the type has that full name, whoever has made it: of extension modules' types, which may be on the heap. */
bool tg_python_is_called(const struct tg_python_process *process, uint64_t object, const char *type);

/* Reads a value; `object` is not 0. */
void tg_python_value_read(const struct tg_python_process *process, uint64_t object, struct tg_python_value *value);

/* One variable that has a value. */
typedef void tg_local_visit(void *context, const char *name, const struct tg_python_value *value);

/* Calls `visit` for the arguments and variables of a frame, in their order. */
void tg_python_locals_read(const struct tg_python_process *process, uint64_t frame, uint64_t code,
                           tg_local_visit *visit, void *context);

#endif
