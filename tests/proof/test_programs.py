"""Programs nobody here wrote print the same with everything in them timed, and calls are counted as a profiler does.

programs/counted.py tells what a call is to a profiler, and does the counting.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Protocol

import pytest

PROGRAMS = Path(__file__).resolve().parent / "programs"
VERSION = "{}.{}".format(*sys.version_info)
TIMEOUT = 300.0
# The program, its arguments, and modules whose functions are called equally often in each run.
CASES: dict[str, tuple[str, list[str], str]] = {
    "richards": ("benchmark", ["richards"], "bm_richards"),
    "deltablue": ("benchmark", ["deltablue"], "bm_deltablue"),
    "docutils": ("documents", [], "docutils."),
    "flask": ("flask_site", [], "flask_site"),
    "django": ("django_site", [], "django_site"),
    "aiohttp": ("asynchronous", [], "asynchronous"),
}


class Runs(Protocol):
    """The fixture `runner`."""

    def run(
        self, *arguments: str | Path, timed: bool, options: tuple[str, ...] = ..., cwd: Path, timeout: float
    ) -> Any: ...


def seen(text: str) -> list[str]:
    """What a program printed, without addresses, and without where `run` says that report, recording and history are."""
    ours = re.compile(r"(report|recorded|again|history|this run|trend) +\S")
    return [line for line in re.sub(r"0x[0-9a-f]{6,}", "0x…", text).splitlines() if not ours.match(line)]


@pytest.mark.timeout(3 * TIMEOUT)
@pytest.mark.parametrize("case", CASES)
def test_prints_the_same(case: str, runner: Runs, tmp_path: Path) -> None:
    program, arguments, module = CASES[case]
    command: list[str | Path] = [PROGRAMS / f"{program}.py", *arguments]
    report = tmp_path / "report.json"
    plain = runner.run(*command, timed=False, cwd=tmp_path, timeout=TIMEOUT)
    timed = runner.run(*command, timed=True, options=("--json", "-o", str(report)), cwd=tmp_path, timeout=TIMEOUT)
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout
    assert timed.returncode == 0, timed.stderr
    assert seen(timed.stdout) == seen(plain.stdout)
    assert seen(timed.stderr) == seen(plain.stderr)
    rows = json.loads(report.read_text())["functions"]
    module = "__main__" if module == program else module
    assert sum(row["call_count"] for row in rows if row["name"].startswith(module)) > 0


def judge(counted: dict[str, Any]) -> None:
    """The same counts, apart from what a thread runs before its profiler is set: a part of `threading`."""
    threads = counted["counts"].get("threading::Thread.start", 0)
    different = {
        name: (ours, profilers)
        for name, (ours, profilers) in counted["different"].items()
        if not (name.startswith("threading::") and 0 < ours - profilers <= 2 * threads)
    }
    assert different == {}, "tachograph's count and the profiler's"
    # Code that was made by exec() from no file is not asked for.
    untimed = {name: file for name, file in counted["untimed"].items() if file[0] != "<" or file.startswith("<frozen")}
    assert untimed == {}
    assert counted["functions"] > 100
    assert counted["calls"] > 5000


@pytest.mark.timeout(3 * TIMEOUT)
@pytest.mark.parametrize("way", ["run", "instrument"])
@pytest.mark.parametrize("case", CASES)
def test_counts_what_a_profiler_counts(case: str, way: str, runner: Runs, tmp_path: Path, tell: list[str]) -> None:
    program, arguments, _ = CASES[case]
    result = tmp_path / "counted.json"
    command: list[str | Path] = [PROGRAMS / "counted.py", result, program, *arguments]
    done = runner.run(*command, timed=way == "run", cwd=tmp_path, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    counted = json.loads(result.read_text())
    judge(counted)
    tell.append(
        f"CPython {VERSION} {case} by {way}: {counted['functions']} functions, {counted['calls']} calls, all equal"
    )


def test_report_has_the_same_counts(runner: Runs, tmp_path: Path) -> None:
    """What the report says of a run is what a profiler has counted in another one, where runs are alike."""
    result, report = tmp_path / "counted.json", tmp_path / "report.json"
    for case in ("richards", "deltablue"):  # importing them calls nothing of theirs
        program, arguments, module = CASES[case]
        counting: list[str | Path] = [PROGRAMS / "counted.py", result, program, *arguments]
        assert runner.run(*counting, timed=True, cwd=tmp_path, timeout=TIMEOUT).returncode == 0
        options = ("--json", "-o", str(report))
        command: list[str | Path] = [PROGRAMS / f"{program}.py", *arguments]
        assert runner.run(*command, timed=True, options=options, cwd=tmp_path, timeout=TIMEOUT).returncode == 0
        counted = {
            name: calls for name, calls in json.loads(result.read_text())["counts"].items() if name.startswith(module)
        }
        rows = json.loads(report.read_text())["functions"]
        reported = {row["name"]: row["call_count"] for row in rows if row["name"].startswith(module)}
        assert {name: reported.get(name) for name in counted} == counted
        assert len(counted) > 20
