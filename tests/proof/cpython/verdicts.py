"""Runs one of CPython's own test modules: verdicts.py MODULE FILE writes the verdict of each test to FILE, as JSON.

Started by test_cpython.py, by plain `python` and by `tachograph run --time '*'`. When functions are timed, FILE also
tells whether the books balance: a call is running exactly if the frame of a thread or of a generator holds it.
"""

from __future__ import annotations

import dis
import gc
import json
import re
import sys
import threading
import time
import unittest
from collections import Counter
from types import CodeType, FrameType, FunctionType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class Verdicts(unittest.TestResult):
    """One word for each test, and the text behind it. A test with a failing part has failed."""

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, tuple[str, str]] = {}

    def note(self, test: unittest.TestCase, verdict: str, text: str = "") -> None:
        name = re.sub(r"0x[0-9a-fA-F]+", "0x…", test.id())
        before, said = self.known.get(name, ("passed", ""))
        self.known[name] = (verdict if before == "passed" else before, (said + text)[-5000:])

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.note(test, "passed")

    def addFailure(self, test: unittest.TestCase, err: ExceptionInfo) -> None:  # noqa: N802
        self.note(test, "failed", self._text(err, test))

    def addError(self, test: unittest.TestCase, err: ExceptionInfo) -> None:  # noqa: N802
        self.note(test, "error", self._text(err, test))

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self.note(test, "skipped", reason)

    def addExpectedFailure(self, test: unittest.TestCase, err: ExceptionInfo) -> None:  # noqa: N802
        self.note(test, "failed as expected")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.note(test, "passed unexpectedly")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: ExceptionInfo | None) -> None:  # noqa: N802
        if err is not None:
            failed = err[0] is not None and issubclass(err[0], test.failureException)
            self.note(test, "failed" if failed else "error", f"{subtest}\n{self._text(err, test)}")

    def _text(self, err: ExceptionInfo, test: unittest.TestCase) -> str:
        text: str = self._exc_info_to_string(err, test)  # type: ignore[attr-defined]
        return text


def probe_name(code: CodeType) -> str | None:
    """The name under which calls of the code are recorded; None: they are not."""
    probe = code.co_consts[-1] if code.co_consts else None
    return repr(probe)[len("<probe ") : -1] if type(probe).__name__ == "Probe" else None


def has_begun(frame: FrameType) -> bool:
    """Whether the frame has passed the instruction that begins the call: a new generator has not."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.opname == "RESUME":
            return frame.f_lasti > instruction.offset
    return False


def frames_alive() -> Iterator[FrameType]:
    """The frames on all threads' stacks, and those that generators and coroutines hold."""
    seen = set()
    for top in sys._current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            seen.add(id(frame))
            yield frame
            frame = frame.f_back
    for holder in gc.get_objects():
        for attribute in ("gi_frame", "cr_frame", "ag_frame"):
            held = getattr(holder, attribute, None) if type(holder).__name__ in HOLDERS else None
            if held is not None and id(held) not in seen:
                yield held


def statistics() -> dict[str, Any]:
    """What is recorded. The package is not imported for it: a plain run has nothing to do with it."""
    known: dict[str, Any] = sys.modules["tachograph"].statistics()
    return known


HOLDERS = ("generator", "coroutine", "async_generator")


def unbalanced() -> dict[str, list[int]]:
    """Functions that are running according to the recording (first figure) but not in truth (second), or otherwise."""
    truth: Counter[str] = Counter()
    for frame in frames_alive():
        name = probe_name(frame.f_code)
        if name is not None and has_begun(frame):
            truth[name] += 1
    recorded = {name: known.running_count for name, known in statistics().items()}
    return {
        name: [recorded.get(name, 0), truth[name]]
        for name in recorded.keys() | truth.keys()
        if recorded.get(name, 0) != truth[name] and not name.startswith("__main__::")
    }


def untimed_functions(modules: list[str]) -> list[str]:
    """Functions that these modules' files define and that nobody times."""
    files = {getattr(sys.modules.get(name), "__file__", None): name for name in modules}
    return sorted(
        {
            f"{function.__module__}::{function.__qualname__}"
            for function in gc.get_objects()
            if isinstance(function, FunctionType)
            and function.__code__.co_filename in files
            and function.__code__.co_name not in ("<module>", "<genexpr>", "<listcomp>", "__annotate__")
            and probe_name(function.__code__) is None
        }
    )


def books(module: str) -> dict[str, Any]:
    """What the recording says at the end."""
    gc.collect()
    wrong = unbalanced()
    for _ in range(20):  # threads that are about to end may do so
        if wrong:
            time.sleep(0.05)
            gc.collect()
            wrong = unbalanced()
    known = statistics()
    return {
        "functions": len(known),
        "calls": sum(function.call_count for function in known.values()),
        "calls_in_module": sum(f.call_count for name, f in known.items() if name.startswith(f"{module}::")),
        "unbalanced": wrong,
        "untimed": untimed_functions([module]),
        "threads": threading.active_count(),
    }


def main(name: str, file: str) -> None:
    """Runs the tests of test.NAME and writes FILE."""
    module = f"test.{name}"
    sys.argv = ["python -m unittest"]  # what tests of the standard library expect to see
    result = Verdicts()
    suite = unittest.defaultTestLoader.loadTestsFromName(module)
    suite.run(result)
    told: dict[str, Any] = {"verdicts": result.known, "books": None}
    if "tachograph" in sys.modules:
        if module == "test.test_inspect" and hasattr(sys.modules[module], "test_inspect"):
            module = "test.test_inspect.test_inspect"  # a package in some versions
        told["books"] = books(module)
    with open(file, "w") as out:
        json.dump(told, out)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
