"""What has been recorded of exceptions, read back from the history that it came into."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tachograph


@dataclass(frozen=True)
class Sample:
    """One exception that was kept."""

    message: str
    traceback: str
    args: Any
    kwargs: Any
    rebound: str
    thread: str
    native_id: int
    wall_ns: int


@dataclass(frozen=True)
class Group:
    """Exceptions that are alike."""

    function: str
    type: str
    fingerprint: int
    count: int
    first_ns: int
    last_ns: int
    samples: list[Sample]

    @property
    def sample(self) -> Sample:
        """The only one."""
        [sample] = self.samples
        return sample


class Recorded:
    """The history of this process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, **options: Any) -> None:
        """Begins it."""
        tachograph.start(**{"service": "shop", "store": str(self.path), "interval": 3600} | options)

    def groups(self) -> list[Group]:
        """All of it up to now, in the order in which it failed first."""
        assert tachograph.flush(timeout=60)
        return self.read()

    def read(self) -> list[Group]:
        """What is in the store."""
        connection = sqlite3.connect(self.path)
        connection.row_factory = sqlite3.Row
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'exceptions'").fetchone():
            connection.close()
            return []  # nothing at all has been stored
        rows = connection.execute(
            "SELECT e.id, f.name AS function, e.type, e.fingerprint, SUM(c.count) AS count, e.first_ns, e.last_ns"
            " FROM exceptions e JOIN functions f ON f.id = e.function_id"
            " JOIN exception_counts c ON c.exception_id = e.id GROUP BY e.id ORDER BY e.first_ns, e.id"
        ).fetchall()
        found = []
        for row in map(dict, rows):
            samples = connection.execute(
                "SELECT message, traceback, args, kwargs, rebound, thread, native_id, wall_ns"
                " FROM exception_samples WHERE exception_id = ? ORDER BY wall_ns, id",
                (row.pop("id"),),
            ).fetchall()
            found.append(Group(**row, samples=[self._sample(dict(sample)) for sample in samples]))
        connection.close()
        return found

    @staticmethod
    def _sample(row: dict[str, Any]) -> Sample:
        for name in ("args", "kwargs"):
            row[name] = json.loads(row[name]) if row[name] else None
        return Sample(**row)

    def group(self) -> Group:
        """The only one."""
        [group] = self.groups()
        return group

    def counts(self) -> dict[tuple[str, str], int]:
        """By function and type."""
        return {(group.function, group.type): group.count for group in self.groups()}
