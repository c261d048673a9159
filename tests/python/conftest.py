"""What the tests share: processes of their own, a clock that stands still, and programs run as a user would.

`@pytest.mark.isolated` runs a test in a forked child, because timing begins once in a process and cannot be undone: the
pytest process itself never times anything. `clock` gives such a test exact figures, `run` starts whole programs.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest
from recorded import Recorded
from reloading import Told

PROGRAMS = Path(__file__).resolve().parent / "programs"
SECONDS = 100 if "TACHOGRAPH_SOAK" not in os.environ else 1000


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "isolated: run the test in a forked process")
    config.addinivalue_line("markers", "any_python: of what is the same whichever Python runs it")
    config.addinivalue_line("markers", "soak: takes long; only with TACHOGRAPH_SOAK=1")
    config.addinivalue_line("markers", "longer: takes longer with TACHOGRAPH_SOAK=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "TACHOGRAPH_SOAK" not in os.environ and item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.skip(reason="takes long: set TACHOGRAPH_SOAK=1"))
        elif "TACHOGRAPH_SOAK" in os.environ:
            item.add_marker(pytest.mark.timeout(SECONDS))


class Clock:
    """A clock that moves only when told to, and the figures it leads to, in nanoseconds."""

    def __init__(self) -> None:
        self.now = 0

    def tick(self, ns: int) -> None:
        """Lets time pass."""
        from tachograph import _native

        self.now += ns
        _native.set_test_clock(self.now)

    def figures(self, function: str | Callable[..., Any]) -> dict[str, int]:
        """Everything that is known of a function."""
        import tachograph

        known = tachograph.statistics()[full_name(function)]
        times = ("total", "cumulative", "self", "active", "min", "max", "last")
        return {
            "count": known.call_count,
            "running": known.running_count,
            "exceptions": known.exception_count,
            **{name: round(getattr(known, f"{name}_time") * 1e9) for name in times},
        }

    def expect(self, function: str | Callable[..., Any], /, *, count: int, total: int, **others: int) -> None:
        """Asserts all figures of a function. Those not given are those of calls of equal length that call nothing."""
        each = total // count if count else 0
        expected = {
            "count": count,
            "running": 0,
            "exceptions": 0,
            "total": total,
            "cumulative": total,
            "self": others.get("active", total),
            "active": total,
            "min": each,
            "max": each,
            "last": each,
        }
        assert self.figures(function) == {**expected, **others}


def full_name(function: str | Callable[..., Any]) -> str:
    if isinstance(function, str):
        return function
    plain = getattr(function, "__func__", function)
    return f"{plain.__module__}::{plain.__qualname__}"


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still; for isolated tests."""
    return Clock()


def _run_and_report(item: pytest.Function, arguments: dict[str, Any], report: int) -> None:
    try:
        if isinstance(arguments.get("clock"), Clock):
            arguments["clock"].tick(1000)
        item.obj(**arguments)
    except pytest.skip.Exception as skipped:
        os.write(report, b"skip" + str(skipped).encode())
    except BaseException:
        os.write(report, b"fail" + traceback.format_exc().encode(errors="backslashreplace"))
    else:
        os.write(report, b"pass")


def _collect(child: int, report: int) -> str:
    """What the child has to say; it is ended when it says nothing for too long."""
    text = b""
    deadline = time.monotonic() + SECONDS
    while True:
        ready, _, _ = select.select([report], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"fail: no end after {SECONDS} s"
        part = os.read(report, 65536)
        if not part:
            break
        text += part
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return text.decode() if code == 0 and text else f"fail: the process ended with {code} {text.decode()}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs isolated tests in a child; the others as ever."""
    if pyfuncitem.get_closest_marker("isolated") is None:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_and_report(pyfuncitem, arguments, writing)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    os.close(writing)
    outcome = _collect(child, reading)
    os.close(reading)
    if outcome.startswith("skip"):
        pytest.skip(outcome.removeprefix("skip"))
    if outcome != "pass":
        pytest.fail(outcome.removeprefix("fail"), pytrace=False)
    return True


class Run(Protocol):
    """Starts a program: source text, or the path of one in programs/."""

    def __call__(
        self,
        program: str | Path,
        *arguments: str,
        flags: tuple[str, ...] = ...,
        environment: Mapping[str, str] = ...,
        code: int | None = ...,
        timeout: float = ...,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A directory for recordings."""
    directory = tmp_path / "runtime"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def environment(runtime: Path) -> dict[str, str]:
    """The environment of a program that records into `runtime`, where every warning is an error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACHOGRAPH_")}
    own = {
        "TACHOGRAPH_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(runtime.parent / "data"),
        "XDG_STATE_HOME": str(runtime.parent / "state"),
    }
    return {**kept, **own, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a program and looks at its exit code (0; None: whichever) and, if that is 0, that it complained of nothing."""
    given = environment

    def run_program(
        program: str | Path,
        *arguments: str,
        flags: tuple[str, ...] = (),
        environment: Mapping[str, str] = {},
        code: int | None = 0,
        timeout: float = SECONDS,
    ) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAMS / program)] if isinstance(program, Path) else ["-c", program]
        done = subprocess.run(
            [sys.executable, *flags, *command, *arguments],
            env={**given, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        told = f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert code is None or done.returncode == code, told
        assert code != 0 or not done.stderr, told
        return done

    return run_program


def _command() -> str | None:
    """The program `tachograph`: named, next to this Python, or in .venv."""
    near = os.pathsep.join([str(Path(sys.executable).parent), str(PROGRAMS.parents[2] / ".venv" / "bin")])
    return os.environ.get("TACHOGRAPH") or shutil.which("tachograph", path=near)


@pytest.fixture
def command() -> str:
    """The program `tachograph`."""
    found = _command()
    if found is None:
        pytest.skip("needs the program tachograph: run make build")
    return found


@pytest.fixture
def report() -> Callable[..., dict[str, dict[str, int]]]:
    """Reads recordings as `tachograph report` does: rows by function; `whole` when nothing may be lost or damaged, else
    what was lost is another row, "quality"."""
    command = _command()
    if command is None:
        pytest.skip("needs the program tachograph: run make build")

    def read(*recordings: Path | str, whole: bool = True) -> dict[str, dict[str, int]]:
        done = subprocess.run(
            [command, "report", "--json", *map(str, recordings)], capture_output=True, text=True, timeout=60, check=True
        )
        told = json.loads(done.stdout)
        rows: dict[str, dict[str, int]] = {row["name"]: row for row in told["functions"]}
        if whole:
            assert not any(told["quality"].values()), told["quality"]
            return rows
        return {**rows, "quality": told["quality"]}

    return read


@pytest.fixture
def module_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on sys.path, for modules that a test writes."""
    directory = tmp_path / "modules"
    directory.mkdir()
    monkeypatch.syspath_prepend(str(directory))
    return directory


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension `probe_for_tests`, the rewriter with a probe that logs: imported if it is there, else compiled for this
    run, with CC and CFLAGS."""
    native = PROGRAMS.parents[2] / "python" / "native"
    if importlib.util.find_spec("probe_for_tests") is None:
        target = tmp_path_factory.mktemp("native") / "probe_for_tests.so"
        sources = [PROGRAMS.parent / "native" / "probe_for_tests.c", *sorted(native.glob("rewrite*.c"))]
        command = [os.environ.get("CC", "cc"), "-std=c11", "-O1", "-shared", "-fPIC", f"-I{native}"]
        command += ["-isystem", sysconfig.get_path("include"), *os.environ.get("CFLAGS", "").split()]
        subprocess.run([*command, *map(str, sources), "-o", str(target)], check=True)
        sys.path.insert(0, str(target.parent))
    return importlib.import_module("probe_for_tests")


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """What is recorded of exceptions in an isolated test, in directories of its own."""
    for variable in ("TACHOGRAPH_STORE", "TACHOGRAPH_SERVICE", "TACHOGRAPH_SERVICE_VERSION"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("TACHOGRAPH_RUNTIME_DIR", "TACHOGRAPH_SPOOL_DIR", "XDG_DATA_HOME"):
        directory = tmp_path / variable.lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(variable, str(directory))
    return Recorded(tmp_path / "history.db")


@pytest.fixture
def told() -> Iterator[Told]:
    """What is told of reloads."""
    logger = logging.getLogger("tachograph.reload")
    handler = Told()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
