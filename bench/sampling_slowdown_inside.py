"""How much slower a program is while it samples itself.

A window's figure is the work done in it, by the clock on the wall; the time that it waited for a processor while other
processes had it is taken off. Windows are measured in groups, in an order left to chance: one in which the program is
sampled, one in which its sampler is paused, for who makes calls one in which as many signals arrive as we have sent, and
are handled by doing nothing ("signalled"), and another one in which it is paused, which says how large the noise is.
And pairs tell what a sampler that is paused costs beside none at all ("paused"). "loop" calls nothing, "steps" makes a
call each 40 microseconds, "calls" does nothing else.

The sampler is begun once for each rate, and paused and unpaused, as a service does it that is looked at for a while. A
program's speed wanders by some percent within tenths of a second, so windows are short.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from statistics import mean

import tachograph
from harness.claim import rounds
from harness.counting import Count, load
from harness.sampling import Signals
from harness.slowdown import PROCESSES, RATES, Found, Rate, add, available, compare, tell, waited
from ox_profile.core.launchers import SimpleLauncher
from pyinstrument import Profiler

WINDOW_S = 0.02
SETTLE_S = 0.003  # before each window, and up to a period
WARM_UP_WINDOWS = 10
ROUNDS = rounds(1000) // PROCESSES

Details = dict[str, dict[str, float]]  # by the name of a group, and what it is


def nothing() -> None:
    """Nobody samples."""


def wake() -> None:
    """Has the sampler's thread woken, as where it is to sample."""
    tachograph.unpause()
    tachograph.pause()


class Itself:
    """This process, which samples itself at some rate: windows of it, and how many signals have come in them."""

    def __init__(self, do: Callable[[Count, float], None], hz: float) -> None:
        """Begins, and samples until caches are warm, and it is known how many signals that are."""
        self._do = do
        self._hz = hz
        self._signals = Signals()
        self._arrived: dict[str, int] = defaultdict(int)  # by kind of window
        self._seconds: dict[str, float] = defaultdict(float)
        self._start()
        sampled = self.sampled()
        for _ in range(WARM_UP_WINDOWS):
            sampled()

    def _start(self) -> None:
        tachograph.start(store="none", sample_hz=self._hz, sample_paused=True)

    def _start_anew(self) -> None:
        tachograph.stop()
        self._start()

    def _work(self, seconds: float) -> int:
        """Units, at least one."""
        count = [0]
        self._do(count, time.thread_time() + seconds)
        return count[0]

    def _clocks(self) -> tuple[float, float, float]:
        return time.perf_counter(), waited(os.getpid()), time.process_time() - time.thread_time()

    def _count_signals(self) -> int:
        return tachograph.sampling_state().signals + self._signals.count()

    def _measure(self, kind: str, begin: Callable[[], object], end: Callable[[], object]) -> float:
        begin()
        self._work(SETTLE_S + random.uniform(0, 1 / self._hz))
        signals, began = self._count_signals(), self._clocks()
        units = self._work(WINDOW_S)
        passed, waited_for, ours = (now - then for now, then in zip(self._clocks(), began, strict=True))
        self._arrived[kind] += self._count_signals() - signals
        self._seconds[kind] += passed
        end()
        return units / available(passed, waited_for, ours)

    def window(self, kind: str, begin: Callable[[], object], end: Callable[[], object]) -> Rate:
        """Of a moment that has nothing to do with the begin. All windows are made by the same function: where the frames of
        a program of calls happen to lie makes it quicker or slower by some percent.
        """
        return partial(self._measure, kind, begin, end)

    def plain(self) -> Rate:
        """The sampler is paused."""
        return self.window("", wake, nothing)

    def sampled(self) -> Rate:
        """Sampled by us."""
        return self.window("sampled", tachograph.unpause, tachograph.pause)

    def signalled(self) -> Rate:
        """As many signals arrive as we have sent so far."""
        return self.window(
            "signalled", lambda: self._signals.begin(max(1, self.each_second("sampled"))), self._signals.end
        )

    def begun(self) -> Rate:
        """The sampler was begun anew, and is paused."""
        return self.window("", self._start_anew, nothing)

    def stopped(self) -> Rate:
        """There is none."""
        return self.window("", tachograph.stop, self._start)

    def each_second(self, kind: str) -> float:
        """How many signals have come in a second of such windows."""
        return self._arrived[kind] / self._seconds[kind]


def watch_us(do: Callable[[Count, float], None], *, signalled: bool) -> tuple[Found, Details]:
    """This process, sampled by itself at one rate after the other."""
    found: Found = {"control": [[[]], [[]]]}
    details: Details = {}
    for name, hz in RATES.items():
        itself = Itself(do, hz)
        group = [itself.sampled(), itself.plain(), *([itself.signalled()] if signalled else []), itself.plain()]
        *windows, idle = compare(ROUNDS, {name: tuple(group)})[name]
        found[name] = windows
        for mine, more in zip(found["control"], (idle, windows[1]), strict=True):
            mine[0].extend(more[0])
        details[name] = {"signals_each_second": itself.each_second("sampled")}
        if signalled:
            details[f"{name}_signalled"] = {"signals_each_second": itself.each_second("signalled")}
        if name == "100":
            found |= compare(ROUNDS, {"paused": (itself.begun(), itself.stopped())})
    tachograph.stop()
    return found, details


def watch_others(do: Callable[[Count, float], None]) -> Found:
    """This process, sampled by pyinstrument, and by a thread that asks `sys._current_frames`."""
    launcher = SimpleLauncher()
    launcher.start()
    profiler = Profiler(interval=0.001)
    itself = Itself(do, 1000)
    others: dict[str, tuple[Rate, ...]] = {
        "pyinstrument": (itself.window("", profiler.start, profiler.stop), itself.plain()),
        "ox_profile": (itself.window("", launcher.unpause, launcher.pause), itself.plain()),
    }
    found = compare(ROUNDS, others)
    tachograph.stop()
    launcher.cancel()
    return found


def watch_itself(work: str) -> tuple[Found, Details]:
    """All of one process."""
    do = load(work)
    found, details = watch_us(do, signalled=work != "loop")
    return found | watch_others(do), details


def from_inside(work: str) -> None:
    """Some processes, one after the other."""
    found: Found = {}
    several: list[Details] = []
    for _ in range(PROCESSES):
        said = subprocess.run([sys.executable, __file__, work], stdout=subprocess.PIPE, text=True, check=True)
        more, details = json.loads(said.stdout)
        add(found, more)
        several.append(details)
    means = {
        name: {key: mean(details[name][key] for details in several) for key in first}
        for name, first in several[0].items()
    }
    tell(f"slow_{work}_inside", found, means, *([] if work == "loop" else ["_signalled"]))


def main() -> None:
    """All of it; or, with the name of a work, what the process that does it itself has found."""
    if len(sys.argv) > 1:
        print(json.dumps(watch_itself(sys.argv[1])))
        return
    for work in ("loop", "steps", "calls"):
        from_inside(work)


if __name__ == "__main__":
    main()
