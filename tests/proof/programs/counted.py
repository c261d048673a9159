"""Runs a program's main() and counts its calls twice, by tachograph and by `sys.setprofile`.

usage: counted.py RESULT PROGRAM ARGUMENT...

One call of ours is one frame that begins. A profiler sees more: each resumption of a generator or coroutine, and frames
that are never timed (modules, class bodies, comprehensions, generator expressions). So a `call` event counts when the
frame is at the RESUME that begins its code, and its code is that of a function. RESULT gets what came of it, as JSON.

Without TACHOGRAPH_RUN in the environment, so when not under `tachograph run`, everything is instrumented here.
"""

from __future__ import annotations

import dis
import gc
import importlib
import itertools
import json
import os
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

import tachograph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

if "TACHOGRAPH_RUN" not in os.environ:
    tachograph.instrument("*")

CO_FUNCTION = 3  # CO_OPTIMIZED | CO_NEWLOCALS: a function, and no class body or module
RESUME = dis.opmap["RESUME"]


class Counting:
    """Frames that begin, by code object. The callback runs in all threads, and is timed: it calls only C, mostly."""

    def __init__(self) -> None:
        self.beginnings: dict[int, int] = {}
        self.next_number: dict[int, Callable[[], int]] = {}  # counts without a lock
        self.codes: dict[int, tuple[CodeType, str]] = {}

    def callback(self) -> Callable[[FrameType, str, object], None]:
        """The profile function."""
        beginnings, next_number, look = self.beginnings, self.next_number, self.look

        def count(frame: FrameType, event: str, argument: object) -> None:
            if event == "call":
                key = id(frame.f_code)
                if key not in next_number:
                    look(frame)
                if frame.f_lasti == beginnings[key]:
                    next_number[key]()

        return count

    def look(self, frame: FrameType) -> None:
        """Learns where the code begins; -1: it is no function."""
        code = frame.f_code
        self.codes[id(code)] = code, frame.f_globals.get("__name__", "")
        self.beginnings[id(code)] = -1
        if code.co_flags & CO_FUNCTION == CO_FUNCTION and is_timed_name(code.co_name):
            self.beginnings[id(code)] = next(i for i in range(0, len(code.co_code), 2) if code.co_code[i] == RESUME)
        self.next_number.setdefault(id(code), itertools.count().__next__)

    def counts(self) -> Iterator[tuple[CodeType, str, int]]:
        """Each function that has begun, the name of its module, and how often it has."""
        for key, (code, module) in self.codes.items():
            calls = self.next_number[key]()
            if calls:
                yield code, module, calls


def is_timed_name(name: str) -> bool:
    """Whether calls of code of this name are timed: comprehensions, annotations and the like never are."""
    return name == "<lambda>" if name.startswith("<") else name != "__annotate__"


def is_timed(code: CodeType) -> bool:
    return bool(code.co_consts) and type(code.co_consts[-1]).__name__ == "Probe"


def counts_now() -> dict[str, int]:
    """Calls that have begun so far."""
    return {name: known.call_count + known.running_count for name, known in tachograph.statistics().items()}


def run_counted(main: Callable[..., None], arguments: list[str]) -> dict[str, object]:
    """Runs it; what differs, by function: what tachograph has counted, and what the profiler has."""
    counting = Counting()
    count = counting.callback()
    threading.setprofile(count)
    # Finalizers that happen to run inside the profiler are not seen by it, so garbage waits.
    gc.collect()
    gc.disable()
    before = counts_now()
    sys.setprofile(count)
    try:
        main(*arguments)
        gc.collect()
    finally:
        sys.setprofile(None)
    after = counts_now()
    threading.setprofile(None)
    timed: Counter[str] = Counter()
    untimed: dict[str, str] = {}
    for code, module, calls in counting.counts():
        if is_timed(code):
            timed[repr(code.co_consts[-1])[len("<probe ") : -1]] += calls
        else:
            untimed[f"{module}::{code.co_qualname}"] = code.co_filename
    recorded = {name: after[name] - before.get(name, 0) for name in after}
    names = {name for name in timed.keys() | recorded.keys() if not name.startswith("__main__::")}
    return {
        "functions": len(timed),
        "calls": timed.total(),
        "different": {
            name: [recorded.get(name, 0), timed[name]] for name in sorted(names) if recorded.get(name, 0) != timed[name]
        },
        "untimed": untimed,
        "counts": dict(timed),
    }


def main() -> None:
    result, program, *arguments = sys.argv[1:]
    told = run_counted(importlib.import_module(program).main, arguments)
    with open(result, "w") as out:
        json.dump(told, out)


if __name__ == "__main__":
    main()
