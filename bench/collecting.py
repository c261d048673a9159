"""What a running collector costs: processor time of its own thread, and what it adds to that of the program's.

1,000 functions are called without a pause, so that all of them are in every batch.
"""

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from types import FunctionType

import tachograph
from harness.claim import QUICK, report, rounds
from harness.filling import DIRECTORY, FUNCTIONS
from harness.rounds import Contender, added, measure, uncertainty

SECONDS = 3 if QUICK else 8
SHORT_INTERVAL = 0.1  # s: ten times as often as the bar says, so that every round has some intervals
LOOPS = 1000


def make_functions() -> list[Callable[[], object]]:
    names: dict[str, object] = {"__name__": "many"}
    exec("\n".join(f"def function_{i}(): pass" for i in range(FUNCTIONS)), names)
    return [tachograph.timing(function) for function in names.values() if isinstance(function, FunctionType)]


def collector_cpu_ns() -> int:
    """Of the thread, by the processor-time clock that Linux has for each (pthread_getcpuclockid() names it alike)."""
    for task in Path("/proc/self/task").iterdir():
        if (task / "comm").read_text() == "tachograph\n":
            return time.clock_gettime_ns((~int(task.name) << 3) | 6)
    raise SystemExit("the collector does not run")


def measure_share(functions: list[Callable[[], object]], store: str) -> None:
    def call_for(seconds: float) -> float:
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            for function in functions:
                function()
        return time.monotonic() - started

    tachograph.start(service="share", store=store, interval=1)
    call_for(1.5)
    before = collector_cpu_ns()
    taken = call_for(SECONDS)
    spent = collector_cpu_ns() - before
    tachograph.stop(30)
    with sqlite3.connect(store) as connection:
        told = connection.execute(
            "SELECT SUM(collector_cpu_ns), SUM(interval_ns), MIN(function_count) FROM intervals"
            " WHERE seq > 2 AND seq < (SELECT MAX(seq) FROM intervals)"
        ).fetchone()
    connection.close()
    if told[2] < FUNCTIONS:
        raise SystemExit(f"a batch had {told[2]} functions only")
    report("collector_share", spent / 1e7 / taken, told_percent=100 * told[0] / told[1])


def measure_calls(functions: list[Callable[[], object]], store: str) -> None:
    @contextmanager
    def collecting() -> Iterator[None]:
        tachograph.start(service="calls", store=store, interval=SHORT_INTERVAL)
        yield
        tachograph.stop(30)

    def run() -> None:
        for _ in range(LOOPS):
            for function in functions:
                function()

    def contender() -> Contender:
        return Contender(run, LOOPS * FUNCTIONS, clock=time.thread_time_ns)

    contenders = {"without": contender(), "again": contender(), "collecting": contender()}
    contenders["collecting"].around = collecting
    samples = measure(contenders, rounds(20))
    plain, again, collected = samples["without"], samples["again"], samples["collecting"]
    report(
        "collected_ns",
        added(collected, plain),
        noise_ns=max(abs(added(again, plain)), uncertainty(again, plain), uncertainty(collected, plain)),
        call_ns=median(plain),
    )


def main() -> None:
    functions = make_functions()
    with tempfile.TemporaryDirectory(dir=DIRECTORY) as directory:
        os.environ["TACHOGRAPH_SPOOL_DIR"] = f"{directory}/spool"
        measure_share(functions, f"{directory}/share.db")
        measure_calls(functions, f"{directory}/calls.db")


if __name__ == "__main__":
    main()
