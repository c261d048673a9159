/*
 * cmocka with the headers it needs before it.
 */
#ifndef TG_CMOCKA_ALL_H
#define TG_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
