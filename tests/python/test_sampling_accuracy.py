"""What the sampler inside a process says of programs whose stacks are known (tests/targets)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TARGETS = Path(__file__).resolve().parents[1] / "targets"
SHARED = {"target.py", "truth.py", "reference.py", "inside.py"}
PROGRAMS = sorted(path.name for path in TARGETS.glob("*.py") if path.name not in SHARED)

sys.path.insert(0, str(TARGETS))
import truth  # noqa: E402


class Seen:
    """What was seen of a program."""

    def __init__(self, program: str, lines: list[str], said: dict[str, Any], state: dict[str, Any]) -> None:
        self.stacks = list(truth.parse(lines))
        self.said = said
        self.state = state
        self.verdict = truth.judge(TARGETS / program, self.stacks, said)

    def threads(self) -> dict[str, list[truth.Stack]]:
        """The stacks of each thread, by the name that it was given."""
        stacks: dict[str, list[truth.Stack]] = {}
        for stack in self.stacks:
            stacks.setdefault(stack.thread, []).append(stack)
        return stacks


@pytest.fixture
def sample(environment: dict[str, str], tmp_path: Path) -> Any:
    """Runs a program of tests/targets while it is sampled from inside."""

    def run(program: str, *options: str, hz: float = 1000, seconds: float = 1.5) -> Seen:
        words = [str(TARGETS / "inside.py"), "stacks", "--hz", str(hz), *options, str(TARGETS / program)]
        command = [sys.executable, "-X", "faulthandler", *words, "--seconds", str(seconds)]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        said, state = map(json.loads, done.stdout.splitlines()[1:])
        return Seen(program, (tmp_path / "stacks").read_text(encoding="utf-8").splitlines(), said, state)

    return run


@pytest.mark.parametrize("options", [(), ("--timed",)], ids=["plain", "timed"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_no_stack_is_impossible_and_few_are_lost(sample: Any, program: str, options: tuple[str, ...]) -> None:
    seen = sample(program, *options)
    assert seen.verdict.samples > 0
    assert seen.verdict.impossible == 0, seen.verdict.examples
    assert seen.verdict.too_deep == 0
    assert seen.verdict.wrong_line == 0
    assert seen.state["obstacle"] == ""
    assert seen.state["torn"] < 0.05 * (seen.state["taken"] + seen.state["torn"]) + 2, seen.state


@pytest.mark.parametrize(
    "program", ["call_dense.py", "call_dense_from_c.py", "c_calls.py", "awaits.py", "recursion.py"]
)
def test_without_signals_no_stack_is_impossible(sample: Any, program: str, environment: dict[str, str]) -> None:
    environment["TACHOGRAPH_SAMPLE_SIGNALS"] = "0"
    seen = sample(program)
    assert seen.state["signals"] == 0
    assert seen.verdict.samples > 0
    assert seen.verdict.impossible == 0, seen.verdict.examples


@pytest.mark.parametrize("options", [(), ("--timed",)], ids=["plain", "timed"])
@pytest.mark.parametrize("program", ["split.py", "backwards.py", "unicode_names.py"])
def test_shares_are_right(sample: Any, program: str, options: tuple[str, ...]) -> None:
    """Of the processor's time, which no other program takes part of. They are sampled until chance, which is greater
    where the sampler waits for a processor, no longer moves them by as much; what is wrong stays wrong. At higher rates
    the looks themselves make the program another one (docs/adr/0038).
    """
    taken = 0
    off_by: dict[str, float] = {}
    while taken < 7_500 or (taken < 60_000 and any(abs(points) > 1.5 * taken for points in off_by.values())):
        seen = sample(program, "--mode", "cpu", *options, hz=2000, seconds=4)
        assert seen.state["taken"] > 0
        taken += seen.state["taken"]
        for name, points in seen.verdict.off_by.items():
            off_by[name] = off_by.get(name, 0.0) + points * seen.state["taken"]
    assert all(abs(points) < 1.5 * taken for points in off_by.values()), (off_by, taken)


def test_each_thread_is_where_it_is(sample: Any) -> None:
    """One works, ten wait, and nobody is seen in two places."""
    seen = sample("named_threads.py")
    places = {}
    for thread, stacks in seen.threads().items():
        own = {frame.function for stack in stacks for frame in stack.frames if frame.file == "named_threads.py"}
        places[thread] = own & {"spin", "wait"}
        assert len(places[thread]) <= 1  # also before it has a name
    named = {thread.partition(" (")[0]: place for thread, place in places.items()}
    assert {name: named.get(name) for name in seen.said["threads"]} == {
        name: {place} for name, place in seen.said["threads"].items()
    }


def test_each_task_of_asyncio_is_what_calls(sample: Any) -> None:
    """Also where the next one lies in the memory of the one before."""
    seen = sample("asyncio_tasks.py")
    right, nameless, wrong = truth.count_tasks(seen.stacks, seen.said["tasks"])
    assert not wrong
    assert right > 10_000  # microseconds
    assert nameless < 0.02 * right + 5000  # before it was seen in asyncio


def test_a_greenlet_is_told_by_the_function_that_it_runs(run: Any) -> None:
    """Its stack begins there, whoever switched to it."""
    pytest.importorskip("gevent")
    run(
        """
import time
import gevent, tachograph
tachograph.start(store="none", sample_hz=1000)
def leaf(n): return n + 1
def spin(seconds):
    end = time.process_time() + seconds
    n = 0
    while time.process_time() < end:
        for _ in range(200): n = leaf(n)
def reader():
    for _ in range(40): spin(0.003); gevent.sleep(0)
def writer():
    for _ in range(40): spin(0.003); gevent.sleep(0)
gevent.joinall([gevent.spawn(reader), gevent.spawn(writer), gevent.spawn(reader)])
tachograph.pause()
first = {"reader": 0, "writer": 0}
for line in tachograph.export_samples("folded").splitlines():
    stack, _, weight = line.rpartition(" ")
    names = [frame.partition(" (")[0] for frame in stack.split(";")]
    assert len({"reader", "writer"} & set(names)) <= 1, line
    if "spin" in names:
        assert names[:2] in (["reader", "spin"], ["writer", "spin"]), line
        first[names[0]] += int(weight)
assert min(first.values()) > 0, (first, tachograph.sampling_state())
state = tachograph.sampling_state()
assert state.torn <= 0.02 * (state.taken + state.torn) + 2, state
"""
    )
