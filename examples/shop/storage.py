"""The SQLite file behind the shop."""

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    note TEXT NOT NULL,
    cents INTEGER NOT NULL,
    grams INTEGER NOT NULL,
    carrier TEXT
);
CREATE TABLE IF NOT EXISTS order_lines (
    number INTEGER NOT NULL REFERENCES orders,
    sku TEXT NOT NULL,
    pieces INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS order_lines_number ON order_lines (number);
"""


class Storage:
    """Connections for any number of threads: each is lent to one at a time. One thread writes at a time."""

    def __init__(self, path: Path) -> None:
        """Makes the tables where the file has none."""
        self._path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._writing = threading.Lock()
        with self.reading() as connection:
            connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the connections. All of them must have been given back."""
        while not self._idle.empty():
            self._idle.get().close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lends a connection."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.put(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lends a connection for one transaction: committed at the end, rolled back when something is raised."""
        with self._writing, self.reading() as connection, connection:
            yield connection
