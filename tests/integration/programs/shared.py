"""Keeps a history, and opens and closes the same file with an SQLite of its own, so many rounds."""

import contextlib
import os
import sqlite3
import sys

from counted import call, keep_history


def use_file(number):
    with contextlib.closing(sqlite3.connect(os.environ["STORE"], timeout=60)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS mine (number)")
        connection.execute("INSERT INTO mine VALUES (?)", [number])
        connection.commit()
    with contextlib.closing(sqlite3.connect(os.environ["STORE"], timeout=60)) as connection:
        (intervals,) = connection.execute("SELECT COUNT(*) FROM intervals").fetchone()
        return intervals


if __name__ == "__main__":
    keep_history()
    before = use_file(0)
    rounds = 0
    while rounds < int(sys.argv[1]) or use_file(rounds) < before + 10:
        call(10)
        use_file(rounds)
        rounds += 1
    with contextlib.closing(sqlite3.connect(os.environ["STORE"], timeout=60)) as connection:
        print(connection.execute("PRAGMA integrity_check").fetchone()[0])
