"""What the tests of the command line share: the program, an environment of their own, recordings made by hand.

The program is the one that the environment variable TACHOGRAPH names, else the one installed next to the interpreter.
Recordings are written here from the specification in src/record/format.h, not by the code under test, so that a reader
meets names and bytes that no writer of ours would leave.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tachograph
from histories import History, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

UNIT = 64
HEADER_BYTES = 4096
BUCKETS = 306
NO_MINIMUM = 2**64 - 1


def bucket_of(ns: int) -> int:
    """The bucket of a duration (src/measure/histogram.h)."""
    if ns < 32:
        return 0
    bit = ns.bit_length() - 1
    return BUCKETS - 1 if bit >= 43 else (bit - 6) * 8 + (ns >> (bit - 3)) + 1


@dataclasses.dataclass
class Function:
    """One function of a recording, with the durations of its calls."""

    name: bytes | str
    calls: list[int]
    file: bytes | str = "/src/shop/cart.py"
    line: int = 12
    errors: int = 0
    running: int = 0
    self_ns: int | None = None

    @property
    def name_bytes(self) -> bytes:
        """The name as it is written."""
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def file_bytes(self) -> bytes:
        """The file's path as it is written."""
        return self.file.encode() if isinstance(self.file, str) else self.file


@dataclasses.dataclass
class Recording:
    """The bytes of a recording, format version 1."""

    functions: list[Function]
    pid: int = 4_000_000
    run: bytes = bytes(16)
    program: str = "shop.py --fast"
    service: str = "shop"
    started_ns: int = 1_700_000_000_000_000_000
    thread_name: str = "worker"
    thread_id: int = 77
    version: int = 1
    data: bytearray = dataclasses.field(default_factory=lambda: bytearray(HEADER_BYTES))

    def reserve(self, size: int) -> int:
        """Space at the end; its place."""
        place = len(self.data) // UNIT
        self.data.extend(bytes((size + UNIT - 1) // UNIT * UNIT))
        return place

    def put(self, place: int, offset: int, form: str, *values: int | bytes) -> None:
        """Writes numbers or bytes at an offset from a place."""
        struct.pack_into("<" + form, self.data, place * UNIT + offset, *values)

    def _write_header(self, function_chunk: int, thread_chunk: int) -> None:
        self.put(0, 0, "8sIIII", b"TAGRAP1\n", self.version, HEADER_BYTES, 0x01020304, 192)
        self.put(0, 24, "Q16s16s", 64 << 20, struct.pack("<QQ", self.pid, self.started_ns), self.run)
        self.put(0, 64, "QQqqII", self.pid, 1, self.started_ns, 5, 1, 0x030B07F0)
        self.put(0, 128, "64s128s64s512s", b"box", self.service.encode(), b"1.2", self.program.encode())
        self.put(0, 896, "QQQQQ", len(self.data), len(self.data), 0, 0, 0)
        self.put(0, 936, "IIIIQ", 1, len(self.functions) + 1, 2, 0, 0)
        self.put(0, 960, "I", function_chunk)
        self.put(0, 960 + 64 * 4, "I", thread_chunk)

    def _write_function(self, function: Function) -> int:
        name, file = function.name_bytes, function.file_bytes
        place = self.reserve(24 + len(name) + len(file))
        self.put(place, 0, "QIIII", 0, function.line, len(name), len(file), 0)
        self.put(place, 24, f"{len(name)}s{len(file)}s", name, file)
        return place

    def _write_counters(self, number: int, function: Function) -> int:
        calls, total = function.calls, sum(function.calls)
        self_ns = total if function.self_ns is None else function.self_ns
        last = calls[-1] if calls else 0
        low, high = min(calls, default=NO_MINIMUM), max(calls, default=0)
        place = self.reserve(192)
        buckets = self.reserve(BUCKETS * 4) if len(calls) > 1 else 0
        self.put(place, 0, "IIQQQQQQQ", 2, number, len(calls), total, total, self_ns, total, last, 0)
        self.put(place, 64, "QQQQQIi", function.errors, low, NO_MINIMUM, high, 0, 0, function.running)
        self.put(place, 112, "IIII", buckets, 0, 0, 0)
        self.put(place, 128, "QQQ", NO_MINIMUM, 0, 0)
        if buckets:
            counts = [0] * BUCKETS
            for ns in calls:
                counts[bucket_of(ns)] += 1
            self.put(buckets, 0, f"{BUCKETS}I", *counts)
        return place

    def _write_thread(self) -> int:
        place = self.reserve(2304)
        self.put(place, 0, "QQQ32s", 1, self.thread_id, 5, self.thread_name.encode())
        return place

    def build(self) -> bytes:
        """All of it."""
        function_chunks = [self.reserve(1024 * 4) for _ in range(len(self.functions) // 1024 + 1)]
        thread_chunk = self.reserve(64 * 4)
        ended, thread = self.reserve(2304), self._write_thread()
        self.put(thread_chunk, 0, "II", ended, thread)
        blocks: dict[int, int] = {}
        for number, function in enumerate(self.functions, 1):
            place = self._write_function(function)
            self.put(function_chunks[number // 1024], number % 1024 * 4, "I", place)
            if number // 128 not in blocks:
                blocks[number // 128] = self.reserve(128 * 4)
                self.put(thread, 256 + number // 128 * 4, "I", blocks[number // 128])
            self.put(blocks[number // 128], number % 128 * 4, "I", self._write_counters(number, function))
        self._write_header(function_chunks[0], thread_chunk)
        for index, chunk in enumerate(function_chunks):
            self.put(0, 960 + index * 4, "I", chunk)
        return bytes(self.data)


@dataclasses.dataclass
class Cli:
    """Runs the program under test, in a directory and with recordings of the test's own."""

    program: Path
    directory: Path
    runtime: Path
    environment: dict[str, str]

    def __call__(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs it to its end, without a terminal."""
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        return self.plain(*self.command(*words), **options)

    def plain(self, *words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs any command in the same surroundings, to compare with."""
        if "stdout" not in options:
            options["capture_output"] = True
        return subprocess.run(list(map(str, words)), **self._options(options), timeout=60, check=False)

    def start(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Starts it, with pipes to its standard output and error."""
        return self.start_other(*self.command(*words), **options)

    def start_other(self, *words: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Starts any command in the same surroundings."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen(list(map(str, words)), **self._options(options))

    def on_terminal(self, width: int, *words: str | Path, **options: Any) -> str:
        """What it writes to a terminal of so many columns."""
        main, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, width, 0, 0))
        code = options.pop("code", 0)
        process = self.start(*words, stdout=terminal, stderr=terminal, stdin=terminal, **options)
        os.close(terminal)
        written = b""
        with contextlib.suppress(OSError):  # all have closed it
            while part := os.read(main, 65536):
                written += part
        os.close(main)
        assert process.wait(20) == code, written
        return written.decode().replace("\r\n", "\n")

    def command(self, *words: str | Path) -> list[str]:
        """The words of its command line."""
        return [str(self.program), *map(str, words)]

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        environment = {**self.environment, **options.pop("env", {})}
        return {"cwd": self.directory, "env": environment, "text": True, "errors": "surrogateescape", **options}

    def script(self, text: str, name: str = "app.py") -> Path:
        """Writes a program into the directory."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def record(self, functions: Iterable[Function], name: str = "4000000-a.tgr", **header: Any) -> Path:
        """Writes a recording into the directory of recordings."""
        path = self.runtime / name
        path.write_bytes(Recording(list(functions), **header).build())
        return path

    def recordings(self) -> list[Path]:
        """What has been recorded, oldest first."""
        return sorted(self.runtime.glob("*.tgr"), key=lambda path: path.stat().st_mtime_ns)


@pytest.fixture(scope="session")
def program() -> Path:
    """The program under test."""
    path = Path(os.environ.get("TACHOGRAPH") or Path(sys.executable).with_name("tachograph"))
    assert path.exists(), f"no program at {path}: run `make build`, or set TACHOGRAPH"
    return path


@pytest.fixture
def cli(program: Path, tmp_path: Path) -> Cli:
    """The program, with an environment in which nothing but the test decides."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    directory = tmp_path / "work"
    directory.mkdir()
    foreign = ("TACHOGRAPH", "PYTHON", "VIRTUAL_ENV", "NO_COLOR", "COLUMNS", "XDG_RUNTIME_DIR")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    found = tmp_path / "found"  # what a shell would take for `tachograph`
    found.mkdir()
    (found / "tachograph").symlink_to(program)
    environment |= {
        "PATH": f"{found}{os.pathsep}{os.environ['PATH']}",
        "TACHOGRAPH_RUNTIME_DIR": str(runtime),
        "TACHOGRAPH_PYTHON": sys.executable,
        "TACHOGRAPH_STORE": "none",  # what a run keeps has tests of its own
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "TERM": "xterm",
    }
    return Cli(program, directory, runtime, environment)


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """The first true answer of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.005)
    pytest.fail(f"waited in vain for {what}")


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Any:
    """Waits for a condition, with a limit."""
    return wait_until


LATE = """
import ctypes, signal, sys, time
libc = ctypes.PyDLL(None)
stack = ctypes.create_string_buffer(1 << 16)
top = ctypes.c_void_p((ctypes.addressof(stack) + len(stack)) & ~15)
VFORK = 0x4000 | 0x100
def turn(n):
    return n + 1
def call(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        for i in range(100): turn(i)
libc.prctl(0x59616D61, -1, 0, 0, 0)
print("ready", flush=True)
call(3)
libc.clone(ctypes.cast(libc.WAIT, ctypes.c_void_p), top, VFORK | signal.SIGCHLD, ctypes.c_void_p(1))
call(0.2)
print("through", flush=True)
"""  # it has the lock, and does not stop until the one that borrowed its memory has ended


@pytest.fixture
def late(cli: Cli) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a program that makes calls, waits in "sleep" for a second or in "pause" until its child is killed, in such
    a way that it cannot be stopped, and makes calls again.
    """
    processes = []

    def start(wait: str) -> subprocess.Popen[str]:
        stopped = {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}  # where its processor cannot be taken for a moment
        process = cli.start_other(sys.executable, "-c", LATE.replace("WAIT", wait), env=stopped)
        processes.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            process.kill()
        process.communicate()


class Prefix:
    """The program as it was installed, with its package and a neighbour of that, somewhere else."""

    def __init__(self, cli: Cli) -> None:
        version = f"python3.{sys.version_info[1]}"
        self.program = cli.directory / "prefix" / "bin" / "tachograph"
        self.packages = cli.directory / "prefix" / "lib" / version / "site-packages"
        self.program.parent.mkdir(parents=True)
        self.packages.mkdir(parents=True)
        shutil.copy(cli.program, self.program)
        shutil.copytree(Path(tachograph.__file__).parent, self.packages / "tachograph")
        (self.packages / "neighbour.py").write_text("raise SystemExit('a neighbour was imported')")


@pytest.fixture
def prefix(cli: Cli) -> Prefix:
    """Where the program is installed, and the Python it runs is not."""
    return Prefix(cli)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with nothing in it."""
    directory = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(directory)], check=True, timeout=60)
    return directory / "bin" / "python"


@pytest.fixture
def history(cli: Any, tmp_path: Path) -> History:
    """An empty one."""
    return History(cli, tmp_path / "shop.db")


@pytest.fixture
def shop(history: History) -> Path:
    """One with a service of two versions."""
    fill(history.service())
    return history.done()


@pytest.fixture(name="function")
def function_fixture() -> type[Function]:
    """To describe the functions of a recording."""
    return Function
