/*
 * stored_name: under which name a history keeps a function.
 *
 * The functions of a program's main file all are in a module `__main__`, and the programs of one service would share
 * them. A history therefore names them by their file: `backup.py::main`, `shop/__main__.py::main`. Names of other
 * modules, and of programs without a file (`python -c`, notebooks), stay as they are.
 */
#ifndef TG_STORED_NAME_H
#define TG_STORED_NAME_H

#include "base/attributes.h"
#include "base/strbuf.h"
#include "store/batch.h"

/* `name`, or a name in `buffer`, which has what was there before replaced. TG_ERROR_MEMORY: then nothing is to be
 * stored, for a function stays under the name that it has once. */
TG_NODISCARD enum tg_status tg_stored_name(struct tg_bytes *stored, struct tg_bytes name, struct tg_bytes file,
                                           struct tg_strbuf *buffer);

#endif
