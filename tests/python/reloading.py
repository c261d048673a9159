"""What the tests of hot reload share: files saved as editors do, and what was told of it."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from pathlib import Path

SECONDS = 60


class Told(logging.Handler):
    """What the logger was told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.put(record.getMessage())

    def next(self) -> str:
        """Waits for the next line."""
        return self.lines.get(timeout=SECONDS)

    def until(self, is_so: Callable[[], bool]) -> None:
        """Waits for lines until something is so."""
        while not is_so():
            self.next()


def write(path: Path, text: str) -> Path:
    """As editors save: another file takes the place of the one before."""
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
    return path
