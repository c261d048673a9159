"""CPython's own tests come out the same with every function timed: those of the library, and those of the tests.

Each module runs in processes of its own, plain and under `tachograph run --time '*'`. Verdicts are compared test by
test; cpython/differences.txt lists the tests that may differ. The plain verdicts are kept in build/ until the
interpreter changes. A test that differs is run twice more both ways: it counts as different when it differs once more.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import sysconfig
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent / "cpython"
VERSION = "{}.{}".format(*sys.version_info)
TIMEOUT = 900.0
LISTED_MOST = 40
# The longest first: two run at a time.
MODULES = [
    "test_threading",
    "test_pickle",
    "test_asyncio.test_tasks",
    "test_sys_settrace",
    "test_traceback",
    "test_inspect",
    "test_functools",
    "test_descr",
    "test_exceptions",
    "test_dataclasses",
    "test_asyncio.test_locks",
    "test_asyncio.test_futures",
    "test_asyncio.test_futures2",
    "test_asyncio.test_queues",
    "test_generators",
    "test_coroutines",
    "test_asyncgen",
    "test_contextlib",
    "test_contextlib_async",
    "test_with",
]


class Runs(Protocol):
    """The fixture `runner`."""

    def run(self, *arguments: str | Path, timed: bool, cwd: Path, timeout: float) -> Any: ...


@dataclass
class Outcome:
    """What one run of a module came to."""

    verdicts: dict[str, tuple[str, str]]
    books: dict[str, Any] | None
    complaint: str  # why there is no result, or nothing

    def verdict(self, test: str) -> str:
        return self.verdicts.get(test, ("absent", ""))[0]


@functools.cache
def listed() -> dict[str, str]:
    """The tests that may differ in this version, with the reasons."""
    tests = {}
    for line in (HERE / "differences.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            versions, test, reason = (part.strip() for part in line.split("|", 2))
            assert reason, f"{test} has no reason"
            if VERSION in versions.split():
                tests[test] = reason
    return tests


def run_module(runner: Runs, module: str, timed: bool) -> Outcome:
    """One run, in an empty directory."""
    with tempfile.TemporaryDirectory(prefix="tachograph-proof-", ignore_cleanup_errors=True) as directory:
        file = Path(directory) / "verdicts.json"
        cwd = Path(directory) / "cwd"
        cwd.mkdir()
        done = runner.run(HERE / "verdicts.py", module, file, timed=timed, cwd=cwd, timeout=TIMEOUT)
        if done.returncode != 0 or not file.exists():
            return Outcome({}, None, f"exit code {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        told = json.loads(file.read_text())
        return Outcome({test: tuple(said) for test, said in told["verdicts"].items()}, told["books"], "")


def kept_file(module: str) -> Path:
    """Where plain verdicts stay: another interpreter, or another way to run them, is another place."""
    about = [sys.version, sysconfig.get_path("stdlib"), (HERE / "verdicts.py").read_text()]
    about.append(str(os.stat(os.path.realpath(sys.executable)).st_mtime_ns))
    key = hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]
    return ROOT / "build" / "proof" / f"{VERSION}-{key}" / f"{module}.json"


def run_plain(runner: Runs, module: str) -> Outcome:
    """The plain verdicts, from an earlier run if there was one."""
    file = kept_file(module)
    if file.exists():
        return Outcome({test: tuple(said) for test, said in json.loads(file.read_text()).items()}, None, "")
    outcome = run_module(runner, module, timed=False)
    if not outcome.complaint:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(outcome.verdicts))
        temporary.replace(file)
    return outcome


def run_both(runner: Runs, module: str) -> tuple[Outcome, Outcome]:
    """Plain and timed."""
    return run_plain(runner, module), run_module(runner, module, timed=True)


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest, runner: Runs) -> Iterator[dict[str, Future[tuple[Outcome, Outcome]]]]:
    """The selected modules, running on all processors."""
    selected = {
        item.callspec.params["module"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == Path(__file__) and hasattr(item, "callspec")
    }
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1)) as pool:
        yield {module: pool.submit(run_both, runner, module) for module in MODULES if module in selected}
        pool.shutdown(cancel_futures=True)


@dataclass
class Comparison:
    """Tests by what became of them."""

    different: dict[str, str]
    unsteady_plain: list[str]
    unsteady_timed: list[str]


def compare(runner: Runs, module: str, plain: Outcome, timed: Outcome) -> Comparison:
    """Finds the tests that differ, and asks twice more when there are any that may not."""
    tests = plain.verdicts.keys() | timed.verdicts.keys()
    suspects = [test for test in sorted(tests) if plain.verdict(test) != timed.verdict(test)]
    result = Comparison({}, [], [])
    if not set(suspects) - set(listed()):
        result.different = {test: timed.verdicts.get(test, ("", ""))[1] for test in suspects}
        return result
    plains = [plain, *(run_module(runner, module, timed=False) for _ in range(2))]
    timeds = [timed, *(run_module(runner, module, timed=True) for _ in range(2))]
    for test in suspects:
        without = [outcome.verdict(test) for outcome in plains]
        within = [outcome.verdict(test) for outcome in timeds]
        if len(set(without)) > 1 and set(within) <= set(without):
            result.unsteady_plain.append(f"{test}: plain {without}, timed {within}")
        elif sum(verdict not in without for verdict in within) == 1:
            result.unsteady_timed.append(f"{test}: plain {without}, timed {within}")
        else:
            text = timed.verdicts.get(test, ("", "gone"))[1]
            result.different[test] = f"plain {without}, timed {within}\n{text}"
    return result


def judge_books(books: dict[str, Any] | None) -> None:
    """Something was timed, nothing was forgotten, and each call that has begun has ended or is still running."""
    assert books, "nothing was timed"
    assert books["calls"] > 1000
    assert books["calls_in_module"] > 0
    assert books["unbalanced"] == {}
    assert books["untimed"] == []


@pytest.mark.timeout(6 * TIMEOUT)
@pytest.mark.parametrize("module", MODULES)
def test_same_verdicts(
    module: str, outcomes: dict[str, Future[tuple[Outcome, Outcome]]], runner: Runs, tell: list[str]
) -> None:
    plain, timed = outcomes[module].result()
    assert not plain.complaint
    assert plain.verdicts
    assert not timed.complaint
    found = compare(runner, module, plain, timed)
    mine = {test for test in listed() if test.startswith(f"test.{module}.")}
    calls = timed.books["calls"] if timed.books else 0
    tell.append(
        f"CPython {VERSION} {module}: {len(plain.verdicts)} tests, {calls} calls timed, "
        f"{len(found.different)} different, {len(mine)} listed"
    )
    tell += [f"  listed, but no longer different: {test}" for test in sorted(mine - found.different.keys())]
    tell += [f"  differs from run to run without us: {line}" for line in found.unsteady_plain]
    tell += [f"  differed in one of three timed runs: {line}" for line in found.unsteady_timed]
    unlisted = {test: text for test, text in found.different.items() if test not in listed()}
    assert not unlisted, "\n\n".join(f"{test}: {text}" for test, text in unlisted.items())
    judge_books(timed.books)


def test_list_is_short() -> None:
    assert len(listed()) <= LISTED_MOST
    assert all(any(test.startswith(f"test.{module}.") for module in MODULES) for test in listed())
