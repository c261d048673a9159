"""A program that works, unit by unit, and counts them where another process sees it: ``python counting.py WORK FILE``."""

import importlib.util
import mmap
import sys
from collections.abc import Callable
from pathlib import Path

CALLS = Path(__file__).resolve().parents[2] / "tests" / "targets" / "call_dense.py"
LOOP_TURNS = 1000


def loop() -> None:
    """A loop that calls nothing."""
    n = 0
    for i in range(LOOP_TURNS):
        n += i


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


def load(work: str) -> Callable[[], object]:
    """A unit of some 100 microseconds of that work: "loop" or "calls"."""
    if work == "calls":
        return load_calls()
    return lambda: [loop() for _ in range(4)]


def count_for_ever(unit: Callable[[], object], path: Path) -> None:
    """Works."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        count = memoryview(shared).cast("Q")
        print("ready", flush=True)
        while True:
            unit()
            count[0] += 1


if __name__ == "__main__":
    count_for_ever(load(sys.argv[1]), Path(sys.argv[2]))
