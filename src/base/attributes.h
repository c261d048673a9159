/*
 * Compiler attributes by a readable name. gcc and clang are the compilers we build with.
 */
#ifndef TG_ATTRIBUTES_H
#define TG_ATTRIBUTES_H

/* The caller must look at the result. C11 has this for functions only, so every function that returns
 * `enum tg_status` says it. */
#define TG_NODISCARD __attribute__((warn_unused_result))

/* Parameter FORMAT (counted from 1) is a printf format for the arguments from FIRST on; 0 for a va_list. */
#define TG_PRINTF(FORMAT, FIRST) __attribute__((format(printf, FORMAT, FIRST)))

#endif
