"""Samplers to measure: ours through c/sample_cost.c, and py-spy as the program that it is."""

import ctypes
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from types import TracebackType
from typing import Self

from harness.claim import ROOT

PROGRAMS = Path(sys.executable).parent
TACHOGRAPH = PROGRAMS / "tachograph"
PY_SPY = PROGRAMS / "py-spy"
TARGETS = ROOT / "tests" / "targets"


class _Cost(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_int),
        ("window_count", ctypes.c_int),
        ("window_ticks", ctypes.c_int),
        ("with_clocks", ctypes.c_int),
        ("window_ns", ctypes.POINTER(ctypes.c_int64)),
        ("depth", ctypes.c_uint64),
        ("stopped", ctypes.c_uint64),
        ("lost", ctypes.c_uint64),
    )


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(ROOT / "build" / "bench" / "sample_cost.so"))
    library.tg_cost_open.restype = ctypes.c_void_p
    library.tg_cost_open.argtypes = (ctypes.c_int, ctypes.c_double, ctypes.c_int)
    library.tg_cost_run.argtypes = (ctypes.c_void_p, ctypes.c_double, ctypes.c_int64)
    library.tg_cost_wake.argtypes = (ctypes.c_double, ctypes.c_int64)
    library.tg_cost_begin_signals.argtypes = (ctypes.c_int, ctypes.c_double)
    library.tg_cost_signals.restype = ctypes.c_uint64
    library.tg_cost_counts.argtypes = (ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint64))
    library.tg_cost_close.argtypes = (ctypes.c_void_p,)
    return library


def _set_hooks(library: ctypes.CDLL, pid: int) -> None:
    """As `tachograph.start` does it in the own process, with Python's lock."""
    if pid == os.getpid():
        ctypes.PYFUNCTYPE(None)(("tg_cost_hook", library))()


def cost(pid: int, windows: int, *, with_clocks: bool) -> dict[str, float]:
    """Processor time of one sample after the other, in microseconds each: of the best window, and others."""
    window_ns = (ctypes.c_int64 * windows)()
    asked = _Cost(pid, windows, 200, with_clocks, window_ns)
    library = _library()
    _set_hooks(library, pid)
    library.tg_cost_measure(ctypes.byref(asked))
    if asked.window_count == 0:
        raise SystemExit(f"process {pid} could not be sampled")
    each = [ns / asked.window_ticks / 1e3 for ns in window_ns]
    return {
        "least": min(each),
        "decile": quantiles(each, n=10)[0],
        "median": median(each),
        "depth": asked.depth,
        "stopped": asked.stopped,
        "lost": asked.lost,
    }


class Sampling:
    """A sampler of ours, to be run now and then."""

    def __init__(self, pid: int, *, may_interrupt: bool = True) -> None:
        """Opens the process; `may_interrupt`: as who may have the kernel read a thread in an interrupt."""
        self._library = _library()
        _set_hooks(self._library, pid)
        self._sampling = self._library.tg_cost_open(pid, 100, may_interrupt)
        if not self._sampling:
            raise SystemExit(f"process {pid} could not be sampled")

    def run(self, hz: float, seconds: float) -> None:
        """Samples for so long."""
        self._library.tg_cost_run(self._sampling, hz, int(seconds * 1e9))

    def counts(self) -> list[int]:
        """Looks, looks that fell out, samples, samples for which a thread was stopped, or displaced, or its processor
        interrupted, samples lost.
        """
        counts = (ctypes.c_uint64 * 7)()
        self._library.tg_cost_counts(self._sampling, counts)
        return list(counts)

    def __enter__(self) -> Self:
        """To be closed in the end."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Lets go of the process."""
        self._library.tg_cost_close(self._sampling)


def wake(hz: float, seconds: float) -> None:
    """Is woken as often as a sampler, for so long, and looks at nobody."""
    _library().tg_cost_wake(hz, int(seconds * 1e9))


class Signals:
    """Signals to this thread, so many in each second, at random, which are handled by doing nothing."""

    def __init__(self) -> None:
        """None so far."""
        self._library = _library()

    def begin(self, hz: float) -> None:
        """From now on."""
        self._library.tg_cost_begin_signals(threading.get_native_id(), hz)

    def end(self) -> None:
        """No more."""
        self._library.tg_cost_end_signals()

    def count(self) -> int:
        """How many have come so far."""
        return int(self._library.tg_cost_signals())


@contextmanager
def running(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A Python program that has said that it is ready. It is killed in the end, should it still run."""
    with subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{words[0]} did not begin")
            yield process
        finally:
            process.kill()


def spy(pid: int, hz: int, seconds: int, *options: str) -> tuple[list[str], float]:
    """Stacks as py-spy sees them, folded, and the processor seconds that it took for all of it."""
    with tempfile.NamedTemporaryFile("r") as file:
        where = ["-o", file.name, "-f", "raw", "-p", str(pid), "-r", str(hz), "-d", str(seconds)]
        command = [str(PY_SPY), "record", *where, *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"py-spy ended with exit code {process.returncode}")
        return file.read().splitlines(), usage.ru_utime + usage.ru_stime


def samples_of(lines: list[str]) -> int:
    """How many samples folded stacks are."""
    return sum(int(line.rpartition(" ")[2]) for line in lines)


def record(pid: int, hz: int, seconds: float, *options: str) -> tuple[list[str], int, int]:
    """Stacks as `tachograph record` sees them, with lines, folded; how many samples they are, and how many were lost."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "stacks"
        command = [TACHOGRAPH, "record", "-p", str(pid), "-d", f"{seconds:g}", "-r", str(hz), "-f", "folded", "-l"]
        done = subprocess.run([*command, *options, "-o", path], capture_output=True, text=True, check=True)
        said = done.stdout + done.stderr
        taken = re.search(r"([\d,]+) samples? of", said)
        lost = re.search(r"([\d,]+) of [\d,]+ stacks? read could not", said)
        if not taken:
            raise SystemExit(f"tachograph record did not say how many samples it took: {said}")
        return path.read_text().splitlines(), _number(taken[1]), _number(lost[1]) if lost else 0


def _number(text: str) -> int:
    return int(text.replace(",", ""))
