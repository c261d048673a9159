/*
 * sqlite_system: what our own copy of SQLite asks of the operating system where the usual would not do. It is our own,
 * linked in and hidden, so nothing of this reaches the SQLite that the application uses.
 *
 * Locks. SQLite's locks are POSIX locks, which a process loses as soon as anything in it closes the same file: the
 * application's own sqlite3, or a plain open() and close(). Ours are open-file-description locks (F_OFD_SETLK), which
 * only their own descriptor gives up; the two kinds respect each other. SQLite keeps books on locks by inode and sets
 * them on whichever of its descriptors is at hand, so all descriptors of a database must be one description: the file
 * is opened once in a process (struct tg_sqlite_file), and every further open by SQLite is a dup() of it. Any number of
 * connections in a process is then fine, in any threads, and they see each other as they would in two processes.
 *
 * Forks. A description is inherited, and with it the lock: a child would hold what its parent no longer can give up.
 * In a child all descriptors that SQLite has open are therefore closed at once, and its mappings are not inherited.
 * Connections made before are dead there (tg_sqlite_system_generation() has changed: do not touch them, not even to
 * close) and new ones work, because inodes show another device to SQLite from then on, so that its books of the
 * parent's time are not found. SQLite's own static mutexes are held over the fork so that the child finds them free.
 *
 * Threads: everything here may be called from any thread.
 */
#ifndef TG_SQLITE_SYSTEM_H
#define TG_SQLITE_SYSTEM_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>

/* A database file that this process has open, and its one description. */
struct tg_sqlite_file;

/* Opens the file, or takes part in it if it is open. `create`: makes it (mode 0600) and the folders to it (0700) where
 * they are missing. Also the first thing to call: prepares SQLite. */
TG_NODISCARD enum tg_status tg_sqlite_file_open(struct tg_sqlite_file **file, const char *path, bool create,
                                                struct tg_error *err);
/* After SQLite's connection is closed. NULL is fine. */
void tg_sqlite_file_close(struct tg_sqlite_file *file);

/* The file may be read only. */
bool tg_sqlite_file_is_read_only(const struct tg_sqlite_file *file);
/* Whether `path` still leads to the file. */
bool tg_sqlite_file_is_at(const struct tg_sqlite_file *file, const char *path);

/* Counts the forks that lie behind this process. */
unsigned tg_sqlite_system_generation(void);

#endif
