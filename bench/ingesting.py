"""Function-intervals stored in SQLite each second, and Python's sqlite3 with executemany on the seed's table.

The seed's table gets the same write-ahead log as ours, so that neither waits longer for the disk.
"""

import sqlite3
import tempfile

from harness.claim import rounds
from harness.filling import DIRECTORY, Filling
from harness.seed_table import INSERT, SQLITE, Row
from harness.storing import compare


def main() -> None:
    with tempfile.TemporaryDirectory(dir=DIRECTORY) as directory:
        filling = Filling(f"sqlite:///{directory}/history.db")
        connection = sqlite3.connect(f"{directory}/seed.db")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        for statement in SQLITE:
            connection.execute(statement)
        cursor = connection.cursor()

        def insert(rows: list[Row]) -> None:
            cursor.executemany(INSERT.replace("%s", "?"), rows)
            connection.commit()

        compare("sqlite", filling, insert, rounds(9))
        connection.close()
        filling.close()


if __name__ == "__main__":
    main()
