"""Uploading to the table ``function_statistics``, for programs that bring a database connection of their own."""

from __future__ import annotations

import os

from tachograph import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsIndex

    from tachograph._upload_table import Connection, Cursor, Row, Table

    Counts = dict[str, tuple[int, int]]  # by function: calls that ended, and their total in nanoseconds

_STATEMENT_ROWS = 200  # an old SQLite takes 999 parameters


class _Uploads:
    """What this process has uploaded. A forked child records anew, and has uploads of its own."""

    def __init__(self) -> None:
        import threading

        self.lock = threading.Lock()
        self._done: Counts = {}
        # A row's key, the rows, and the counts they lead to, as long as nobody knows whether they are committed.
        self._doubt: tuple[int, list[Row], Counts] | None = None

    def upload(self, iteration: int, connection: Connection, cursor: Cursor) -> None:
        """Inserts and commits what is new, if anything is."""
        if not self._new():
            return
        from tachograph._upload_table import Table

        table = Table(connection, cursor)
        self._resolve_doubt(table)
        new = list(self._new().items())
        for start in range(0, len(new), _STATEMENT_ROWS):
            self._upload_some(iteration, connection, table, dict(new[start : start + _STATEMENT_ROWS]))

    def _new(self) -> Counts:
        """The functions with calls that are not uploaded. Seconds keep every nanosecond for 100 days."""
        known = {
            name: (function.call_count, round(function.total_time * 1e9))
            for name, function in _native.statistics().items()
        }
        return {name: counts for name, counts in known.items() if counts[0] > self._done.get(name, (0, 0))[0]}

    def _upload_some(self, iteration: int, connection: Connection, table: Table, counts: Counts) -> None:
        from tachograph._upload_table import Row

        rows = []
        for name, (call_count, total_ns) in counts.items():
            done_count, done_ns = self._done.get(name, (0, 0))
            rows.append(Row(name, iteration, call_count - done_count, (total_ns - done_ns) / 1e9))
        key = table.insert(rows)
        self._doubt = None if key is None else (key, rows, counts)
        connection.commit()
        self._finish(counts)

    def _finish(self, counts: Counts) -> None:
        self._done.update(counts)
        self._doubt = None

    def _resolve_doubt(self, table: Table) -> None:
        """Looks whether a commit that failed has happened all the same, as when the answer was lost on its way."""
        if self._doubt is not None:
            key, rows, counts = self._doubt
            if table.has(key, rows):
                self._finish(counts)
            self._doubt = None


_uploads: dict[int, _Uploads] = {}  # by process


def upload_function_statistics(iteration: SupportsIndex, connection: Connection, cursor: Cursor) -> None:
    """Stores what was timed since the last upload in the table ``function_statistics``, and commits.

    The table is made where it is missing: ``id, function_name, iteration, call_count, total_time, average_time,
    created_at``, times in seconds. A row is inserted for each function with new calls. Nothing is reset: what an upload
    that fails did not store is part of the next one's rows, and neither `drain` nor a history notices.

    Args:
        iteration: the number that the rows get.
        connection: of any DB-API module; its transaction is committed, or rolled back if anything fails.
        cursor: of this connection.

    Raises:
        TypeError: ``iteration`` is no integer, or the connection of no DB-API module.
        Exception: what the database raises.
    """
    import contextlib
    import operator

    number = operator.index(iteration)
    uploads = _uploads.setdefault(os.getpid(), _Uploads())
    with uploads.lock:
        try:
            uploads.upload(number, connection, cursor)
        except BaseException:
            with contextlib.suppress(Exception):  # the first error is the one to tell
                connection.rollback()
            raise
