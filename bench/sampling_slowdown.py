"""How much slower a program is while it is sampled from outside.

A window's figure is the work done in it, by the clock on the wall, for a program that is stopped takes no processor time;
the time that it waited for a processor while others had it is taken off. Windows are measured in groups, in an order left
to chance: one in which it is sampled, one in which it is not, and for the loop two more, which tell what the machine does
to a program beside which somebody works: one in which a thread is only woken as often ("woken"), and one in which the
same sampler looks as often at another program, which has its interpreter's lock and waits ("elsewhere"). For calls there
are pairs in which it is sampled as a user does it who may not have the kernel run programs ("displaced"). Pairs in which
nobody samples either time say how large the noise is. "loop" calls nothing, "steps" makes a call each 40 microseconds,
"calls" does nothing else. py-spy, which costs more than the noise of processes, is measured in the first alone.
"""

import mmap
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.claim import rounds
from harness.sampling import PY_SPY, Sampling, running, wake
from harness.slowdown import PROCESSES, RATES, Found, Rate, add, available, compare, tell, waited

COUNTING = Path(__file__).parent / "harness" / "counting.py"
# A program that has its interpreter's lock and waits: a look at it is as much work as one at a program that runs.
WAITING = "import ctypes; print('ready', flush=True); ctypes.PyDLL(None).sleep(1_000_000)"
WINDOW_S = 0.1
SPY_WINDOW_S = 2.0
SPY_START_S = 1.5


def switches(pid: int) -> tuple[int, int]:
    """How often a process of one thread was displaced from its processor, and came to another one."""
    status = Path(f"/proc/{pid}/status").read_text()
    sched = Path(f"/proc/{pid}/sched").read_text()
    displaced = re.search(r"^nonvoluntary_ctxt_switches:\s*(\d+)", status, re.MULTILINE)
    moved = re.search(r"^se\.nr_migrations\s*:\s*(\d+)", sched, re.MULTILINE)
    return int(displaced[1]) if displaced else 0, int(moved[1]) if moved else 0


class Watched:
    """A program from outside: windows of it, and what has happened to it in those in which it is sampled."""

    def __init__(self, pid: int, count: memoryview, sampling: Sampling, happened: dict[str, Counter[str]]) -> None:
        """The program counts in the memory; what happens is added to `happened`."""
        self._pid = pid
        self._count = count
        self._sampling = sampling
        self._happened = happened

    def _clocks(self) -> tuple[float, float, float]:
        return time.perf_counter(), waited(self._pid), time.process_time()

    def window(self, during: Callable[[], object]) -> float:
        """Units a second."""
        began, before = self._clocks(), self._count[0]
        while self._count[0] == before:  # others may have had the processor all the time
            during()
        passed, waited_for, ours = (now - then for now, then in zip(self._clocks(), began, strict=True))
        return float((self._count[0] - before) / available(passed, waited_for, ours))

    def idle(self) -> float:
        """A window in which nobody looks."""
        return self.window(lambda: time.sleep(WINDOW_S))

    def sampled(self, name: str, hz: float) -> float:
        """A window in which it is sampled."""
        looks, _, _, stopped, displaced, interrupted, _ = self._sampling.counts()
        left, moved = switches(self._pid)
        rate = self.window(lambda: self._sampling.run(hz, WINDOW_S))
        after = self._sampling.counts()
        now_left, now_moved = switches(self._pid)
        self._happened.setdefault(name, Counter()).update(
            looks=after[0] - looks,
            stopped=after[3] - stopped,
            displaced=after[4] - displaced,
            interrupted=after[5] - interrupted,
            left=now_left - left,
            moved=now_moved - moved,
        )
        return rate


def shares(happened: Counter[str]) -> dict[str, float]:
    """For each look: how often it was stopped, displaced or interrupted by us, left its processor, and came to
    another one.
    """
    looks = happened["looks"] or 1
    kinds = ("stopped", "displaced", "interrupted", "left", "moved")
    return {kind: happened[kind] / looks for kind in kinds if happened}


def watch(work: str, happened: dict[str, Counter[str]], *, by_spy: bool) -> tuple[Found, Found]:
    """Another process, sampled by us, and by py-spy."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8))
        file.flush()
        with running(COUNTING, work, file.name) as process, mmap.mmap(file.fileno(), 8) as shared:
            count = memoryview(shared).cast("Q")
            with (
                Sampling(process.pid) as sampling,
                Sampling(process.pid, may_interrupt=False) as displacing,
                running("-c", WAITING) as other,
                Sampling(other.pid) as elsewhere,
            ):
                watched = Watched(process.pid, count, sampling, happened)
                displaced = Watched(process.pid, count, displacing, happened)

                def pair(by: Watched, name: str, hz: float) -> tuple[Rate, ...]:
                    return (lambda: by.sampled(name, hz), by.idle)

                def group(name: str, hz: float) -> tuple[Rate, ...]:
                    controls = (
                        lambda: watched.window(lambda: wake(hz, WINDOW_S)),
                        lambda: watched.window(lambda: elsewhere.run(hz, WINDOW_S)),
                    )
                    return (*pair(watched, name, hz), *(controls if work == "loop" else ()))

                watched.sampled("first", 1000)
                displaced.sampled("first", 1000)
                elsewhere.run(1000, WINDOW_S)
                windows = {name: group(name, hz) for name, hz in RATES.items()}
                if work == "calls":
                    windows |= {
                        f"{name}_displaced": pair(displaced, f"{name}_displaced", hz) for name, hz in RATES.items()
                    }
                windows["control"] = (watched.idle, watched.idle)
                found = compare(rounds(200) // PROCESSES, windows)
                spies = spied(process.pid, watched.window) if by_spy else {}
                found_by_spy = compare(max(2, rounds(40) // 6), spies)
            count.release()
    return found, found_by_spy


def from_outside(work: str) -> None:
    """Some processes, one after the other."""
    found: Found = {}
    found_by_spy: Found = {}
    happened: dict[str, Counter[str]] = {}
    for number in range(PROCESSES):
        ours, by_spy = watch(work, happened, by_spy=work != "steps" and number == 0)
        add(found, ours)
        add(found_by_spy, by_spy)
    kinds = ("_woken", "_elsewhere") if work == "loop" else ()
    tell(f"slow_{work}_outside", found, {name: shares(counts) for name, counts in happened.items()}, *kinds)
    if found_by_spy:
        tell(f"slow_{work}_spy", found_by_spy, {})


def spied(pid: int, window: Callable[[Callable[[], object]], float]) -> dict[str, tuple[Rate, ...]]:
    """Windows with py-spy, which takes a while to begin."""

    def idle() -> float:
        return window(lambda: time.sleep(SPY_WINDOW_S))

    def sampled(hz: int, *options: str) -> Rate:
        words = ["-r", str(hz), "-d", str(round(SPY_START_S + SPY_WINDOW_S + 2)), "-f", "raw", "-o", "/dev/null"]
        command = [str(PY_SPY), "record", "-p", str(pid), *words, *options]

        def measure() -> float:
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
                time.sleep(SPY_START_S)
                return idle()

        return measure

    return {
        "100": (sampled(100), idle),
        "1k": (sampled(1000), idle),
        "1k_nonblocking": (sampled(1000, "--nonblocking"), idle),
        "control": (lambda: idle(), idle),
    }


if __name__ == "__main__":
    for each in ("loop", "steps", "calls"):
        from_outside(each)
