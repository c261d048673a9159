"""Functions of any shape do the same with and without timing, in everyone's eyes, and every call that begins ends.

Hypothesis makes the choices that generated/grammar.py turns into a module; generated/worker.py, a process of its own so
that a crash is a failure like others, runs it both ways. `make test` tries the same examples each time,
TACHOGRAPH_SOAK=1 new ones, for longer.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import select
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent / "generated"
VERSION = "{}.{}".format(*sys.version_info)
SECONDS = 100.0
# Each example's functions stay registered in the recording, so a process answers only so many.
QUESTIONS = 300


def soak(test: Callable[..., None]) -> Callable[..., None]:
    """Only with TACHOGRAPH_SOAK=1."""
    skipped = pytest.mark.skipif("TACHOGRAPH_SOAK" not in os.environ, reason="takes long: set TACHOGRAPH_SOAK=1")
    for mark in (skipped, pytest.mark.timeout(0), pytest.mark.soak):
        test = mark(test)
    return test


specification = importlib.util.spec_from_file_location("grammar", HERE / "grammar.py")
assert specification is not None
assert specification.loader is not None
grammar: Any = importlib.util.module_from_spec(specification)
sys.modules["grammar"] = grammar  # its dataclass looks there
specification.loader.exec_module(grammar)


class Worker:
    """The process that runs the examples; another one after a crash."""

    def __init__(self, runtime: Path) -> None:
        self.environment = {**os.environ, "TACHOGRAPH_RUNTIME_DIR": str(runtime)}
        self.process: subprocess.Popen[str] | None = None
        self.number = 0
        self.totals: Counter[str] = Counter()

    def ask(self, source: str) -> dict[str, Any]:
        """What became of a module."""
        self.number += 1
        if self.process is None or self.number % QUESTIONS == 0:
            self.stop()
            command = [sys.executable, str(HERE / "worker.py")]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, env=self.environment, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"number": self.number, "source": source}) + "\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            return {"difference": f"the process ended with {self.stop()}" if ready else f"no end after {self.stop()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> int | None:
        """Ends the process, however it is."""
        process, self.process = self.process, None
        if process is None:
            return None
        assert process.stdin is not None
        process.stdin.close()
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, tell: list[str]) -> Iterator[Worker]:
    runtime = tmp_path_factory.mktemp("runtime")
    runtime.chmod(0o700)
    worker = Worker(runtime)
    yield worker
    worker.stop()
    totals = worker.totals
    tell.append(
        f"CPython {VERSION} generated functions: {totals['examples']} modules, {totals['lines']} lines, "
        f"{totals['calls']} calls timed, {totals['events']} events compared"
    )


def judge(worker: Worker, source: str) -> None:
    """The module does the same both ways, or is none: the grammar knows not every rule of the language."""
    answer = worker.ask(source)
    assume("invalid" not in answer)
    assert answer["difference"] is None, f"{answer['difference']}\n{source}"
    worker.totals.update(examples=1, lines=source.count("\n"), calls=answer["calls"], events=answer["events"])


COMMON: dict[str, Any] = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
CHOICES = st.randoms(use_true_random=False)


@pytest.mark.timeout(1200)  # a failure is made small for up to five minutes
@settings(max_examples=100, derandomize=True, **COMMON)
@given(choices=CHOICES)
def test_any_function(choices: random.Random, worker: Worker) -> None:
    judge(worker, grammar.write_module(choices))


@pytest.mark.timeout(1200)  # a failure is made small for up to five minutes
@settings(max_examples=50, derandomize=True, **COMMON)
@given(seed=st.integers(0, 2**32))
def test_long_functions(seed: int, worker: Worker) -> None:
    """What Hypothesis, which prefers small choices, rarely gets to."""
    judge(worker, grammar.write_module(random.Random(seed)))


@soak
@settings(max_examples=5000, print_blob=True, **COMMON)
@given(choices=CHOICES)
def test_new_functions(choices: random.Random, worker: Worker) -> None:
    judge(worker, grammar.write_module(choices))


@soak
@settings(max_examples=5000, **COMMON)
@given(seed=st.integers(0, 2**32))
def test_new_long_functions(seed: int, worker: Worker) -> None:
    judge(worker, grammar.write_module(random.Random(seed)))
