"""What the tests of the history share: programs that count for themselves, and what a store has of them.

A program's own count lies in files that survive its kill (programs/counted.py); the store is read with its engine's own
tools, not by the code under test. Whatever happens in between, both are the same in the end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
SOAK = "TACHOGRAPH_SOAK" in os.environ
SECONDS = 60 if not SOAK else 600


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: takes long; only with TACHOGRAPH_SOAK=1")
    config.addinivalue_line("markers", "longer: takes longer with TACHOGRAPH_SOAK=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("soak"):
            reason = "takes long: set TACHOGRAPH_SOAK=1"
            item.add_marker(pytest.mark.timeout(SECONDS * 2) if SOAK else pytest.mark.skip(reason=reason))
        elif item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("longer") and SOAK:
            item.add_marker(pytest.mark.timeout(SECONDS * 2))


def wait_until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.01)
    pytest.fail(f"waited in vain for {what}")


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Any:
    """Waits for a condition, with a limit."""
    return wait_until


@dataclasses.dataclass
class Kept:
    """What a store has of a process, or of several that had the same id one after the other."""

    processes: int = 0
    intervals: int = 0
    calls: int = 0
    errors: int = 0


class Driven:
    """A program (programs/driven.py) that does what it is told, when it is told."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """Waits until it is ready."""
        self.process = process
        self.log = b""
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        assert self.answer() == "ready", self.lines()

    def _read_log(self) -> None:
        assert self.process.stderr
        with contextlib.suppress(ValueError):  # it was closed
            while part := os.read(self.process.stderr.fileno(), 65536):
                self.log += part

    def send(self, words: str) -> None:
        """Tells it something, and does not wait."""
        assert self.process.stdin
        self.process.stdin.write(words.encode())
        self.process.stdin.flush()

    def answer(self) -> str:
        """Its next line."""
        assert self.process.stdout
        return self.process.stdout.readline().decode().rstrip("\n")

    def tell(self, words: str) -> str:
        """Tells it something; its answer."""
        self.send(words + "\n")
        return self.answer()

    def lines(self) -> list[str]:
        """What is in its log so far."""
        return self.log.decode().splitlines()

    def wait_for_lines(self, count: int) -> list[str]:
        """Its log, when there are so many lines in it."""
        return wait_until(lambda: len(self.lines()) >= count and self.lines(), f"{count} lines in {self.lines()}")

    def end(self) -> list[str]:
        """Lets it end; the whole log."""
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert code == 7, self.lines()
        assert self.process.stdout
        assert self.process.stdout.read() == b""
        return self.lines()


class History:
    """A store in a directory, the programs that write to it, and what they should have written."""

    def __init__(self, program: Path, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.file = directory / "store" / "history.db"
        self.store = str(self.file)
        self.counts = directory / "counts"
        self.runtime = directory / "runtime"
        self.spool = directory / "spool"
        self.interval = 0.02
        for path in (self.file.parent, self.counts, self.runtime, self.spool, directory / "work"):
            path.mkdir(mode=0o700)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TACHOGRAPH", "PYTHON"))}
        self.environment = {
            **kept,
            "TACHOGRAPH_RUNTIME_DIR": str(self.runtime),
            "TACHOGRAPH_SPOOL_DIR": str(self.spool),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_DATA_HOME": str(directory / "data"),
            "HOME": str(directory),
            "COUNTS": str(self.counts),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "error",
        }
        self.wait_until = wait_until
        self._processes: list[subprocess.Popen[Any]] = []

    # Programs.

    def command(self, name: str, *arguments: object, under: tuple[str, ...] = ()) -> list[str]:
        """The words that start one of programs/, `under` others."""
        return [*under, sys.executable, str(PROGRAMS / name), *map(str, arguments)]

    def run_command(self, name: str, *arguments: object) -> list[str]:
        """The same under `tachograph run`."""
        options = ["--store", self.store, "--interval", str(self.interval), "--time", "counted::work", "--no-report"]
        python = ["--python", sys.executable, "--service", "test"]
        return [str(self.program), "run", *options, *python, str(PROGRAMS / name), *map(str, arguments)]

    def options(self, *, keeping: bool = True, **more: str) -> dict[str, Any]:
        """For subprocess: where a program runs, and with a history if it is `keeping` one."""
        history = {"STORE": self.store, "INTERVAL": str(self.interval)} if keeping else {}
        return {"cwd": self.directory / "work", "env": {**self.environment, **history, **more}}

    def finish(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            command,
            **{**self.options(), **options},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[Any]:
        """Starts a command, with pipes to its input and output. It ends with the test at the latest."""
        piped = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, **{**piped, **self.options(), **options})
        self._processes.append(process)
        return process

    def drive(self, *, under: tuple[str, ...] = (), **more: str) -> Driven:
        """Starts programs/driven.py."""
        return Driven(self.start(self.command("driven.py", under=under), **self.options(**more)))

    def drive_by(self, command: list[str]) -> Driven:
        """The same by a command of one's own."""
        return Driven(self.start(command))

    def collect(self, *, store: str | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        """`tachograph collect`, of this store alone: other candidates for recordings are not the test's."""
        return self.finish(self.collect_command(store), **self.options(keeping=False, **more))

    def collect_command(self, store: str | None = None) -> list[str]:
        """The words of `tachograph collect`."""
        return [str(self.program), "collect", "--json", "--store", store or self.store]

    def close(self) -> None:
        """Ends what still runs."""
        for process in self._processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()

    # What is true, and what is kept.

    def counted(self) -> dict[int, tuple[int, int]]:
        """Calls that ended and that began, by process."""
        counted: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for path in self.counts.iterdir():
            begun, ended = struct.unpack("qq", path.read_bytes().ljust(16, b"\0"))
            pid = int(path.name.split("-")[0])
            counted[pid] = (counted[pid][0] + ended, counted[pid][1] + begun)
        return {pid: counts for pid, counts in counted.items() if counts[1]}

    def recorded(self) -> dict[int, int]:
        """Calls in the recording of each process, as `tachograph report` says."""
        calls: dict[int, int] = defaultdict(int)  # a process that executes another program has two
        for path in self.runtime.glob("*.tgr"):
            told = self.finish([str(self.program), "report", "--json", str(path)], **self.options(keeping=False))
            assert told.returncode == 0, told.stderr
            rows = {row["name"]: row["call_count"] for row in json.loads(told.stdout)["functions"]}
            calls[int(path.name.split("-")[0])] += rows.get("counted::work", 0)
        return dict(calls)

    def rows(self, question: str) -> list[tuple[Any, ...]]:
        """The answer of the store's engine."""
        if self.store.startswith("mysql:"):
            return _ask_server(self.store, question)
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=SECONDS)) as connection:
            return connection.execute(question).fetchall()

    def is_there(self) -> bool:
        """Whether the file has its tables; they come all at once."""
        tables = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'processes'"
        return self.file.exists() and self.rows(tables) == [(1,)]

    def kept(self) -> dict[int, Kept]:
        """What the store has, by process; each process's intervals are numbered without a gap."""
        question = (  # one, for it may be asked while more is stored
            "SELECT p.pid, COUNT(*), MIN(i.seq), MAX(i.seq), SUM(x.call_count), SUM(x.error_count) FROM processes p"
            " JOIN intervals i ON i.process_id = p.id"
            " LEFT JOIN functions f ON f.service_id = i.service_id AND f.name = 'counted::work'"
            " LEFT JOIN function_intervals x ON x.service_id = i.service_id AND x.iteration = i.iteration"
            " AND x.function_id = f.id AND x.interval_id = i.id GROUP BY p.id, p.pid"
        )
        kept: dict[int, Kept] = defaultdict(Kept)
        for row in self.rows(question):
            pid, intervals, first, last, calls, errors = (0 if one in (None, "NULL") else int(one) for one in row)
            assert (first, last) == (1, intervals), f"the intervals of process {pid} have gaps"
            before = kept[pid]
            more = before.processes + bool(calls), before.intervals + intervals
            kept[pid] = Kept(*more, before.calls + calls, before.errors + errors)
        return dict(kept)

    def expect_all(self, *, processes: int) -> dict[int, Kept]:
        """Asserts that the store has each call that each process counted, and nothing waits; what it has."""
        counted, kept = self.counted(), self.kept()
        assert {pid: (one.calls, one.calls) for pid, one in kept.items() if one.calls} == counted
        assert sum(one.processes for one in kept.values()) == processes
        return kept


def _ask_server(url: str, question: str) -> list[tuple[Any, ...]]:
    parts = urlsplit(url)
    client = shutil.which("mariadb") or "mysql"
    words = [client, "--no-defaults", "-N", "-B", "-h", str(parts.hostname), "-P", str(parts.port)]
    words += ["-u", str(parts.username), "-e", question, parts.path.strip("/")]
    environment = {**os.environ, "MYSQL_PWD": str(parts.password)}
    told = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=SECONDS, check=True)
    return [tuple(line.split("\t")) for line in told.stdout.splitlines()]


@pytest.fixture(scope="session")
def program() -> Path:
    """The program `tachograph`: named, or next to this Python."""
    path = Path(os.environ.get("TACHOGRAPH") or Path(sys.executable).with_name("tachograph"))
    assert path.exists(), f"no program at {path}: run `make build`, or set TACHOGRAPH"
    return path


@pytest.fixture
def new_history(program: Path, tmp_path: Path) -> Iterator[Callable[[], History]]:
    """Makes histories, each with a directory of its own."""
    with contextlib.ExitStack() as stack:

        def make() -> History:
            directory = Path(tempfile.mkdtemp(dir=tmp_path))
            return stack.enter_context(contextlib.closing(History(program, directory)))

        yield make


@pytest.fixture
def history(new_history: Callable[[], History]) -> History:
    """An empty one, in a file that is not there yet."""
    return new_history()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the package, for this Python."""
    environment = Path(sys.prefix)
    if not (environment / "bin" / "auditwheel").exists():
        pytest.skip("needs what is in requirements/wheel.txt")
    out = tmp_path_factory.mktemp("dist")
    build = ROOT / "build" / f"package-{environment.name}"  # where the package has been built for these tests
    command = [ROOT / "tools" / "build_wheel", environment, build if build.exists() else out / "build", out]
    kept = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


# Whoever started the tests may ignore it, and what is ignored is inherited.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
