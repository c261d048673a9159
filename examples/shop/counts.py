"""The shop's own count of its calls, by ``module::qualname``: what a profiler's counts can be held against."""

import threading
from collections import Counter

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def count(name: str) -> None:
    """Notes one call of the function called `name`."""
    with _lock:
        _counts[name] += 1


def snapshot() -> dict[str, int]:
    """All counts so far."""
    with _lock:
        return dict(_counts)
