"""What exceptions cost: a function that could record them, one that is kept, one that is only counted, a storm of them.

The rival is what programs do by hand: traceback.format_exc() and json.dumps() of the arguments.
"""

import json
import os
import sqlite3
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import tachograph
from harness.claim import QUICK, report, rounds
from harness.recorded import used_bytes
from harness.rounds import Contender, added, measure, pin
from harness.workloads import contender

CALLS = 100
KINDS = 20  # of exceptions, each of which is kept ten times in an interval: five times warming up, five times measured
STORM_SECONDS = 2 if QUICK else 10
STORM_THREADS = 4

FAILING = """
def inner(order):
    raise ValueError("no stock", order)

def function(user, order, prices):
    inner(order)

def run(times, handle):
    for i in times:
        try:
            function("ada", i, {"pear": 1.5, "apple": 2})
        except ValueError:
            handle("ada", i, {"pear": 1.5, "apple": 2})
"""


def nothing(*args: object) -> None:
    """What a program does that keeps nothing."""


def by_hand(*args: object) -> None:
    """What a program does that keeps the same, but for the writing."""
    traceback.format_exc()
    json.dumps(args)


def make_failing(name: str, decorate: Callable[[FunctionType], object] | None) -> Callable[..., object]:
    """Makes a function that fails, of this name, as others are made; runs it."""
    names: dict[str, object] = {"__name__": "workload"}
    exec(FAILING.replace("function", name), names)
    if decorate:
        function = names[name]
        assert isinstance(function, FunctionType)
        names[name] = decorate(function)
    run = names["run"]
    assert callable(run)
    return run


def failing(
    prefix: str,
    kinds: int,
    decorate: Callable[[FunctionType], object] | None = None,
    handle: Callable[..., object] = nothing,
) -> Contender:
    """Functions that fail: each one's exceptions are a kind."""
    made = [make_failing(f"{prefix}_{kind}", decorate) for kind in range(kinds)]
    return Contender(lambda: [run(range(CALLS // kinds), handle) for run in made], CALLS)


def measure_calls() -> None:
    samples = measure(
        {
            "plain": contender("empty"),
            "timed": contender("empty", tachograph.timing),
            "returning": contender("empty", tachograph.exception_logger),
            "raising": contender("empty", tachograph.exception_logger(reraise=True)),
        },
        rounds(80),
    )
    timed = added(samples["timed"], samples["plain"])
    for name in ("returning", "raising"):
        report(f"exception_logger_{name}", added(samples[name], samples["timed"]), timed_ns=timed)


class NewInterval:
    """In each, as many exceptions are kept as in the one before."""

    def __enter__(self) -> None:
        if not tachograph.flush(timeout=60):
            raise SystemExit("the store does not take what it is given")

    def __exit__(self, *_: object) -> None:
        pass


def measure_exceptions() -> None:
    watch = tachograph.exception_logger(reraise=True)
    contenders = {
        "plain": failing("plain", KINDS),
        "hand": failing("hand", KINDS, handle=by_hand),
        "kept": failing("kept", KINDS, watch),
        "counted": failing("counted", 1, watch),
    }
    contenders["kept"].around = NewInterval
    samples = measure(contenders, rounds(80))
    kept, hand, counted = (added(samples[name], samples["plain"]) for name in ("kept", "hand", "counted"))
    report("exception_kept_us", kept / 1e3)
    report("exception_hand", hand / kept, hand_us=hand / 1e3, kept_us=kept / 1e3)
    report("exception_counted_us", counted / 1e3)


def storm(run: Callable[..., object]) -> int:
    """Fails in many threads at once; how often."""
    totals = [0] * STORM_THREADS
    deadline = time.monotonic() + STORM_SECONDS

    def work(number: int) -> None:
        while time.monotonic() < deadline:
            run(range(CALLS), nothing)
            totals[number] += CALLS

    threads = [threading.Thread(target=work, args=(number,)) for number in range(STORM_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(totals)


def stored(store: Path, function: str) -> int:
    connection = sqlite3.connect(store)
    [(total,)] = connection.execute(
        "SELECT SUM(c.count) FROM exception_counts c JOIN exceptions e ON e.id = c.exception_id"
        " JOIN functions f ON f.id = e.function_id WHERE f.name = ?",
        (f"workload::{function}",),
    ).fetchall()
    connection.close()
    return int(total or 0)


def measure_storm(store: Path) -> None:
    run = make_failing("storm", tachograph.exception_logger(reraise=True))
    used = used_bytes()
    made = storm(run)
    taken = used_bytes() - used
    with NewInterval():
        report("storm_lost", made - stored(store, "storm"), exceptions=made)
    report("storm_mib", taken / 2**20, exceptions_per_second=made / STORM_SECONDS)


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory) / "history.db"
        tachograph.start(service="bench", store=store, interval=3600)
        affinity = os.sched_getaffinity(0)
        pin()
        measure_calls()
        measure_exceptions()
        os.sched_setaffinity(0, affinity)
        tachograph.stop(timeout=60)
        tachograph.start(service="bench", store=store, interval=1)
        measure_storm(store)
        tachograph.stop(timeout=60)


if __name__ == "__main__":
    main()
