"""Paired measurements on a noisy machine: many short rounds, each measures everything once, differences within a round.

Time is the processor time of the process, all threads together: what other programs take away does not count. Nothing
that is measured here waits, except threads for their turn.
"""

import gc
import os
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from math import sqrt
from statistics import median, quantiles


def pin() -> None:
    """Keep this process on one processor, the last one it may use."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@dataclass
class Contender:
    """Something that takes time: `run()` makes `calls` calls of what is measured, inside `around()`."""

    run: Callable[[], object]
    calls: int
    around: Callable[[], AbstractContextManager[object]] = field(default=nullcontext)
    clock: Callable[[], int] = time.process_time_ns

    def measure(self) -> float:
        """Nanoseconds for each call, after a run that warms up."""
        with self.around():
            self.run()
            started = self.clock()
            self.run()
            taken = self.clock() - started
        return taken / self.calls


def measure(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Nanoseconds for each call, by contender and round. The order turns with each round."""
    names = list(contenders)
    samples: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                samples[name].append(contenders[name].measure())
    finally:
        gc.enable()
        gc.unfreeze()
    return samples


def added(samples: Iterable[float], base: Iterable[float]) -> float:
    """What the one costs on top of the other: the median of the differences within rounds."""
    return median(mine - other for mine, other in zip(samples, base, strict=True))


def uncertainty(samples: Iterable[float], base: Iterable[float]) -> float:
    """How far added() may be from the truth by chance: twice the standard error of a median."""
    differences = [mine - other for mine, other in zip(samples, base, strict=True)]
    middle = median(differences)
    deviation = 1.4826 * median(abs(difference - middle) for difference in differences)
    return 2 * 1.2533 * deviation / sqrt(len(differences))


def middle_half(samples: list[float]) -> tuple[float, float]:
    """The quartiles: the spread of what was measured."""
    first, _, third = quantiles(samples, n=4)
    return first, third
