"""How much slower a program is while it is sampled: windows with and without, by turns, many times.

A window's figure is the work done in it. From outside by the clock on the wall, for a program that is stopped takes no
processor time; the time that it waited for a processor while others had it is taken off, but for as much as we had one
ourselves: a sampler that takes the program's processor is not another. From inside nobody is stopped, and processor
time is what counts. Windows are measured in groups, in turning order: one in which it is sampled, one in which it is
not, and for the loop from outside two more, which tell what the machine does to a program beside which somebody works:
one in which a thread is only woken as often ("woken"), and one in which the same sampler looks as often at another
program, which has its interpreter's lock and waits ("elsewhere"). From inside there is one more for who makes calls, in
which as many signals arrive as we have sent, and are handled by doing nothing ("signalled"). For calls from outside
there are pairs in which it is sampled as a user does it who may not have the kernel run programs ("displaced"). Pairs
in which nobody samples either time say how large the noise is. "loop" calls nothing, "steps" makes a call each 40
microseconds, "calls" does nothing else.

Each is measured in some processes one after the other: where its memory happens to lie makes a process differ from the
next by up to a percent, however long it is measured. py-spy, which costs more than that, in the first alone.
"""

import json
import mmap
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import mean, median, stdev

import tachograph
from harness.claim import report, rounds
from harness.counting import load
from harness.rounds import uncertainty
from harness.sampling import PY_SPY, Sampling, Signals, running, wake
from ox_profile.core.launchers import SimpleLauncher
from pyinstrument import Profiler

COUNTING = Path(__file__).parent / "harness" / "counting.py"
RATES = {"100": 100, "1k": 1000, "10k": 10_000}
# A program that has its interpreter's lock and waits: a look at it is as much work as one at a program that runs.
WAITING = "import ctypes; print('ready', flush=True); ctypes.PyDLL(None).sleep(1_000_000)"
PROCESSES = 5
STUDENT_T = 2.78  # of as many, less one: 95 percent
WINDOW_S = 0.1
SPY_WINDOW_S = 2.0
SPY_START_S = 1.5

Rate = Callable[[], float]  # makes a window; units of work in each second of it
Found = dict[str, list[list[list[float]]]]  # such rates, by the name of a group, its windows, processes, and rounds


def compare(rounds: int, windows: dict[str, tuple[Rate, ...]]) -> Found:
    """Units a second in each window of a group, by name and round. The order turns with each round."""
    found: Found = {name: [[[]] for _ in group] for name, group in windows.items()}
    for number in range(rounds):
        for name, group in windows.items():
            for k in range(len(group)):
                which = (k + number) % len(group)
                found[name][which][0].append(group[which]())
    return found


def add(found: Found, more: Found) -> None:
    """Adds the rounds of another process."""
    for name, group in more.items():
        for mine, rates in zip(found.setdefault(name, [[] for _ in group]), group, strict=True):
            mine.extend(rates)


def percent(sampled: list[list[float]], plain: list[list[float]]) -> tuple[float, float]:
    """By how much slower it was, and how far from the truth that may be by chance: that of rounds, or that of
    processes, of which there are fewer, whichever is larger.
    """
    processes = [
        [100 * (1 - mine / other) for mine, other in zip(*rounds, strict=True)]
        for rounds in zip(sampled, plain, strict=True)
    ]
    slower = [of_round for process in processes for of_round in process]
    by_chance = uncertainty(slower, [0.0] * len(slower))
    if len(processes) > 1:
        by_chance = max(by_chance, STUDENT_T * stdev(map(median, processes)) / sqrt(len(processes)))
    return median(slower), by_chance


def tell(claim: str, found: Found, details: Callable[[str], dict[str, float]], *kinds: str) -> None:
    """Reports all, with the control's figure. The second of each group is what the others are compared with; `kinds`:
    what those are that come behind it.
    """
    control, noise = percent(*found.pop("control"))
    report(f"{claim}_control", control, uncertainty=noise)
    for name, (sampled, plain, *others) in found.items():
        for kind, rates in zip(("", *kinds), (sampled, *others), strict=False):
            slower, error = percent(rates, plain)
            more = {} if kind else details(name)
            report(
                f"{claim}_{name}{kind}", slower, uncertainty=error, control=control, control_uncertainty=noise, **more
            )


def no_details(_name: str) -> dict[str, float]:
    """Where there is nothing more to be told."""
    return {}


def waited(pid: int) -> float:
    """Seconds in which a process of one thread could have run, had there been a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


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
        return float((self._count[0] - before) / (passed - max(0, waited_for - ours)))

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
    tell(f"slow_{work}_outside", found, lambda name: shares(happened.get(name, Counter())), "_woken", "_elsewhere")
    if found_by_spy:
        tell(f"slow_{work}_spy", found_by_spy, no_details)


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


class Itself:
    """This process: windows in which it is sampled by itself, and the signals that our sampler has sent in them."""

    def __init__(self, work: str) -> None:
        """Nobody samples it yet."""
        self._do = load(work)
        self._signals = Signals()
        self._sent: Counter[float] = Counter()  # by rate
        self._windows: Counter[float] = Counter()

    def window(
        self,
        begin: Callable[[], object] = lambda: None,
        end: Callable[[], object] = lambda: None,
        *,
        hz: float = 1000,
        paused: bool = True,
    ) -> float:
        """Units in each second of processor time. Whoever samples, the same calls to our sampler are made: what a
        program allocates shifts what comes later.
        """
        count = [0]
        tachograph.start(store="none", sample_hz=hz, sample_paused=paused)
        before = tachograph.sampling_state().signals
        begin()
        began = time.thread_time()
        self._do(count, began + WINDOW_S)
        rate = count[0] / (time.thread_time() - began)
        end()
        tachograph.pause()
        sent = tachograph.sampling_state().signals - before
        if not paused:
            self._sent[hz] += sent
            self._windows[hz] += 1
        return rate

    def sampled(self, hz: float) -> float:
        """Sampled by us."""
        return self.window(hz=hz, paused=False)

    def signalled(self, hz: float) -> float:
        """As many signals arrive as we have sent so far."""
        return self.window(lambda: self._signals.begin(max(1, self.each_second(hz))), self._signals.end)

    def each_second(self, hz: float) -> float:
        """How many signals our sampler has sent so far."""
        return self._sent[hz] / (self._windows[hz] * WINDOW_S)


def watch_itself(work: str) -> tuple[Found, dict[str, float]]:
    """This process, sampled by itself, by pyinstrument, and by a thread that asks `sys._current_frames`; and how many
    signals our sampler has sent in a second.
    """
    itself = Itself(work)
    launcher = SimpleLauncher()
    launcher.start()
    profiler = Profiler(interval=0.001)

    def group(hz: float) -> tuple[Rate, ...]:
        signalled = () if work == "loop" else (partial(itself.signalled, hz),)
        return (partial(itself.sampled, hz), itself.window, *signalled)

    windows: dict[str, tuple[Rate, ...]] = {name: group(hz) for name, hz in RATES.items()}
    windows["control"] = (lambda: itself.window(), itself.window)
    windows["pyinstrument"] = (partial(itself.window, profiler.start, profiler.stop), itself.window)
    windows["ox_profile"] = (partial(itself.window, launcher.unpause, launcher.pause), itself.window)
    for hz in RATES.values():  # until caches are warm, and it is known how many signals that are
        itself.sampled(hz)
    found = compare(rounds(200) // PROCESSES, windows)
    tachograph.stop()
    launcher.cancel()
    return found, {name: itself.each_second(hz) for name, hz in RATES.items()}


def from_inside(work: str) -> None:
    """Some processes, one after the other."""
    found: Found = {}
    sent: dict[str, list[float]] = {}
    for _ in range(PROCESSES):
        said = subprocess.run([sys.executable, __file__, work], stdout=subprocess.PIPE, text=True, check=True)
        more, signals = json.loads(said.stdout)
        add(found, more)
        for name, each_second in signals.items():
            sent.setdefault(name, []).append(each_second)

    def details(name: str) -> dict[str, float]:
        return {"signals_each_second": mean(sent[name])} if name in sent else {}

    tell(f"slow_{work}_inside", found, details, "_signalled")


def main() -> None:
    """All of it; or, with the name of a work, what the process that does it itself has found."""
    if len(sys.argv) > 1:
        print(json.dumps(watch_itself(sys.argv[1])))
        return
    for work in ("loop", "steps", "calls"):
        from_outside(work)
        from_inside(work)


if __name__ == "__main__":
    main()
