"""A program that works, unit by unit, and counts them where another process sees it: ``python counting.py WORK FILE``."""

import importlib.util
import math
import mmap
import sys
import time
from collections.abc import Callable
from pathlib import Path

CALLS = Path(__file__).resolve().parents[2] / "tests" / "targets" / "call_dense.py"
LOOP_TURNS = 1000

Count = list[int] | memoryview  # in its first place


def step() -> None:
    """A loop of some 40 microseconds."""
    n = 0
    for i in range(LOOP_TURNS):
        n += i


def loop(count: Count, until: float) -> None:
    """A loop that calls nothing of Python's."""
    while time.thread_time() < until:
        n = 0
        for i in range(4 * LOOP_TURNS):
            n += i
        count[0] += 1


def load_calls() -> Callable[[], object]:
    """A function of tests/targets/call_dense.py that does nothing but call."""
    sys.path.append(str(CALLS.parent))
    specification = importlib.util.spec_from_file_location("call_dense", CALLS)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    forest: Callable[[], object] = module.forest
    return forest


def load(work: str) -> Callable[[Count, float], None]:
    """That work: "loop"; "steps", with a call each 40 microseconds; or "calls". It is done, and counted in units of some
    100 microseconds, until the thread's clock says so.
    """
    if work == "loop":
        return loop
    unit: Callable[[], object] = load_calls() if work == "calls" else lambda: [step() for _ in range(4)]

    def units(count: Count, until: float) -> None:
        while time.thread_time() < until:
            unit()
            count[0] += 1

    return units


def count_for_ever(work: Callable[[Count, float], None], path: Path) -> None:
    """Works."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        print("ready", flush=True)
        work(memoryview(shared).cast("Q"), math.inf)


if __name__ == "__main__":
    count_for_ever(load(sys.argv[1]), Path(sys.argv[2]))
