"""A program of so many threads with fifty calls each: one works, the others wait. ``python deep.py THREADS``."""

import sys
import threading
from collections.abc import Callable

DEPTH = 50


def descend(calls: int, work: Callable[[], object]) -> None:
    """Calls itself until `calls` more frames are there, then the work."""
    if calls > 1:
        descend(calls - 1, work)
    else:
        work()


def spin() -> None:
    """A loop that calls nothing."""
    n = 0
    while True:
        n += 1


def wait_in_threads(count: int) -> None:
    """Starts threads that wait as deep as the other one works."""
    for _ in range(count):
        started = threading.Event()

        def wait(started: threading.Event = started) -> None:
            started.set()
            threading.Event().wait()

        threading.Thread(target=descend, args=(DEPTH - 6, wait), daemon=True).start()
        started.wait()


if __name__ == "__main__":
    wait_in_threads(int(sys.argv[1]) - 1)
    print("ready", flush=True)
    descend(DEPTH - 2, spin)
