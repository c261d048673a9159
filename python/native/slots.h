/*
 * Slots of heap types. ISO C has no conversion from a function pointer to the void pointer that PyType_Slot holds; by
 * way of an integer it is the implementation's business, and on every platform of CPython it works.
 */
#ifndef TG_SLOTS_H
#define TG_SLOTS_H

#include <stdint.h>

#define TG_SLOT(ID, FUNCTION)                                                                                          \
    { ID, (void *)(uintptr_t)(FUNCTION) }

#endif
