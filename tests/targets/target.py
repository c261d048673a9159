"""What the programs of this folder share: they run for so many seconds, and then say what was true of them.

Each of them is a program of its own, for any interpreter and any sampler: ``python tests/targets/split.py --seconds 5``.
It prints ``ready`` when its work begins, and when it has ended a line of JSON: what it has measured of itself, by the
clocks of the process, for `truth.py` to compare with. Which stacks are possible is read from its source.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any


def run(work: Callable[[float], dict[str, Any]]) -> None:
    """Calls ``work(deadline)``, the deadline being one of `time.monotonic`, and prints what it returns."""
    parser = argparse.ArgumentParser(description="A program whose true profile is known.")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long to run")
    seconds = parser.parse_args().seconds
    print("ready", flush=True)
    print(json.dumps(work(time.monotonic() + seconds)), flush=True)


class Stopwatch:
    """Adds up how long pieces of work have taken, by name.

    On the clock of the thread, so that what other programs do to it does not count; work that waits needs another one.
    """

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._since = clock()

    def start(self) -> None:
        """Forgets the time until now."""
        self._since = self._clock()

    def lap(self, name: str) -> None:
        """Gives the time since the last lap, or the start, to a piece of work."""
        now = self._clock()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def shares(self) -> dict[str, float]:
        """Of all that was measured, in percent."""
        whole = sum(self.seconds.values())
        return {name: 100 * seconds / whole for name, seconds in self.seconds.items()}
