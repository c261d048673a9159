"""That the check of sampled stacks (tests/targets/truth.py) finds what cannot be, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TARGETS = Path(__file__).resolve().parents[1] / "targets"
SHARED = {"target.py", "truth.py", "reference.py", "inside.py"}
PROGRAMS = sorted(path.name for path in TARGETS.glob("*.py") if path.name not in SHARED)

sys.path.insert(0, str(TARGETS))
import truth  # noqa: E402


def place(program: str, function: str, words: str) -> str:
    """A frame of a function, at its first line with these words in it."""
    source = truth.Program(TARGETS / program)
    lines = (TARGETS / program).read_text(encoding="utf-8").splitlines()
    known = source.functions[function]
    for number in range(known.first_line, known.last_line + 1):
        if words in lines[number - 1]:
            return f"{program}:{function}:{number}"
    raise AssertionError(f"no line of {function} has {words}")


def judge(program: str, *frames: str, said: dict | None = None) -> truth.Verdict:
    """What is said of one stack, seen three times."""
    return truth.judge(TARGETS / program, truth.parse([";".join(frames) + " 3"]), said)


def base(program: str) -> list[str]:
    """The frames that every stack begins with."""
    return [place(program, "<module>", "run(work)"), "/targets/target.py:run:23"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_python_says_of_its_own_stacks_is_possible(program, tmp_path):
    command = [sys.executable, str(TARGETS / "reference.py"), str(TARGETS / program), "--seconds", "0.3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    verdict = truth.judge(TARGETS / program, truth.parse(done.stdout.splitlines()))
    assert verdict.samples > 0
    assert verdict.impossible == 0, verdict.examples


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_run_alone_and_say_what_was_true(program, tmp_path):
    command = [sys.executable, str(TARGETS / program), "--seconds", "0.1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    ready, said = done.stdout.splitlines()
    assert ready == "ready"
    shares = json.loads(said).get("shares")
    assert not shares or sum(shares.values()) == pytest.approx(100)


def test_a_callee_of_another_caller_cannot_be():
    program = "pairs.py"
    above = [
        *base(program),
        place(program, "work", "alternate()"),
        place(program, "alternate", "left(n)"),
        place(program, "left", "left_end"),
    ]
    assert judge(program, *above, place(program, "left_end", "return")).impossible == 0
    verdict = judge(program, *above, place(program, "right_end", "return"))
    assert verdict.impossible == 3
    assert "does not mention right_end" in verdict.examples[0]


def test_a_callee_at_another_line_of_its_caller_cannot_be():
    program = "pairs.py"
    above = [*base(program), place(program, "work", "alternate()"), place(program, "alternate", "right(n)")]
    assert judge(program, *above, place(program, "right", "return")).impossible == 0
    assert judge(program, *above, place(program, "left", "return")).impossible == 3


def test_a_stack_that_has_lost_its_lower_half_cannot_be():
    program = "call_dense_from_c.py"
    assert judge(program, place(program, "key", "key_leaf"), place(program, "key_leaf", "return")).impossible == 3
    assert judge(program, "/lib/threading.py:Thread.run:982").impossible == 3
    assert judge(program, "/lib/threading.py:Thread._bootstrap:1002").impossible == 0


def test_a_line_outside_its_function_cannot_be():
    program = "split.py"
    above = [*base(program), place(program, "work", "half()")]
    assert judge(program, *above, place(program, "half", "n += i")).impossible == 0
    assert judge(program, *above, place(program, "third", "n += i").replace("third", "half")).impossible == 3
    assert judge(program, *above, "split.py:nobody:1").impossible == 3


def test_only_callbacks_are_called_from_elsewhere():
    program = "call_dense_from_c.py"
    above = [*base(program), place(program, "work", "once()"), place(program, "once", "substituting()")]
    library = "/lib/re/__init__.py:sub:185"
    called = [*above, place(program, "substituting", "WORDS.sub"), library]
    assert judge(program, *called, place(program, "substitute", "return")).impossible == 0
    assert judge(program, *called, place(program, "substitute_leaf", "return")).impossible == 3


def test_made_functions_belong_to_their_makers():
    program = "tiny_functions.py"
    above = [*base(program), place(program, "work", "call_all"), place(program, "call_all", "caller(1)")]
    assert judge(program, *above, "tiny-7:caller_7:5", "tiny-7:tiny_7:2").impossible == 0
    assert judge(program, *above, "tiny-7:caller_7:5", "tiny-8:tiny_8:2").impossible == 3


def test_too_deep_and_off_the_line_are_counted():
    program = "recursion.py"
    down = [place(program, "descend", "descend(n - 1)")] * 5
    above = [*base(program), place(program, "work", "descend(DEPTH)")]
    assert judge(program, *above, *down, said={"at_most": {"descend": 5}}).too_deep == 0
    assert judge(program, *above, *down, said={"at_most": {"descend": 4}}).too_deep == 3
    above = [*base("long_sleep.py"), place("long_sleep.py", "work", "wait(deadline)")]
    assert judge("long_sleep.py", *above, place("long_sleep.py", "wait", "sleep")).wrong_line == 0
    assert judge("long_sleep.py", *above, place("long_sleep.py", "wait", "return")).wrong_line == 3


def test_shares_are_of_what_the_program_measured():
    lines = [
        f"{frame} {count}" for frame, count in (("split.py:half:9", 6), ("split.py:third:16", 2), ("x.py:f:1", 99))
    ]
    verdict = truth.judge(TARGETS / "split.py", truth.parse(lines), {"shares": {"half": 50, "third": 30, "fifth": 20}})
    assert verdict.shares == {"half": 75, "third": 25, "fifth": 0}
    assert verdict.worst == 25


def test_frames_are_spelt_in_two_ways():
    one, other = truth.parse(["/srv/a.py:f.<locals>.g:7 1", "f.<locals>.g (/srv/a.py:7) 1"])
    assert one == other
    assert one.frames == (truth.Frame("a.py", "f.<locals>.g", 7),)


def test_a_first_word_that_is_no_frame_is_the_thread():
    (stack,) = truth.parse(["worker 7;split.py:half:9 4"])
    assert (stack.thread, len(stack.frames), stack.count) == ("worker 7", 1, 4)
