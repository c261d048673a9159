/*
 * descriptor: file descriptors inside a program that does not know of them. It may close all it finds, as daemons do,
 * and get their numbers for files of its own.
 */
#ifndef TG_DESCRIPTOR_H
#define TG_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

/* Moves a descriptor (or -1) out of the low numbers: one of them the program may have closed and expect to get again,
 * and 0 to 2 are written to by habit. The number to use from now on; close-on-exec. */
int tg_descriptor_lift(int fd);

/* Whether the number still stands for the file it was given for. */
bool tg_descriptor_is(int fd, dev_t device, ino_t inode);

#endif
