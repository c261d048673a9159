/*
 * line_table: co_linetable, which says of each instruction on which line it was written (CPython 3.11 on).
 *
 * It is a sequence of entries, each for one to eight code units (of two bytes). An entry's first byte has bit 7 set,
 * then four bits of kind and three of units less one. The line is counted from co_firstlineno: kinds 0 to 9 stay on it
 * (one byte with columns follows), 10 to 12 go 0 to 2 lines on (two bytes with columns), 13 goes on or back by a signed
 * number, 14 likewise (three numbers follow: last line and columns), 15 has no line and moves none. Numbers come in
 * pieces of six bits, the lowest first, bit 6 set on all but the last; a signed one has its sign in bit 0.
 *
 * Pure: bytes in, runs of one line out.
 */
#ifndef TG_LINE_TABLE_H
#define TG_LINE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code units from this one to the next run's were written on one line. */
struct tg_line_run {
    uint32_t first_unit;
    uint32_t line; /* 0: none */
};

/* Decodes a table of `bytes` bytes into `runs`, which has room for as many as there are bytes. False when the table is
 * not well-formed: then it was torn while it was read, or is no table. Units past `unit_count` are left out. */
bool tg_line_table_decode(const uint8_t *table, size_t bytes, int32_t first_line, uint32_t unit_count,
                          struct tg_line_run *runs, size_t *run_count);

/* The line of a code unit; 0: none. */
uint32_t tg_line_runs_find(const struct tg_line_run *runs, size_t run_count, uint32_t unit);

#endif
