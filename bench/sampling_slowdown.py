"""How much slower a program is while it is sampled: windows with and without, by turns, many times.

A window's figure is the work done in it. From outside by the clock on the wall, for a program that is stopped takes no
processor time; the time that it waited for a processor while others had it is taken off. From inside nobody is stopped,
and processor time is what counts. Beside each window in which it is sampled stands one, before or after by turns, in which it is not. Pairs in which nobody
samples either time say how large the noise is. The loop calls nothing; the other program does nothing but call.
"""

import mmap
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import tachograph
from harness.claim import report, rounds
from harness.counting import load
from harness.rounds import uncertainty
from harness.sampling import PY_SPY, Sampling, running
from ox_profile.core.launchers import SimpleLauncher
from pyinstrument import Profiler

COUNTING = Path(__file__).parent / "harness" / "counting.py"
RATES = {"100": 100, "1k": 1000, "10k": 10_000}
WINDOW_S = 0.1
SPY_WINDOW_S = 2.0
SPY_START_S = 1.5

Rate = Callable[[], float]  # makes a window; units of work in each second of it


def compare(pairs: int, windows: dict[str, tuple[Rate, Rate]]) -> dict[str, tuple[list[float], list[float]]]:
    """Units a second with and without, by name and pair."""
    found: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in windows}
    for number in range(pairs):
        for name, (sampled, plain) in windows.items():
            first, second = (sampled, plain) if number % 2 else (plain, sampled)
            rates = {first: first()}
            rates[second] = second()
            found[name][0].append(rates[sampled])
            found[name][1].append(rates[plain])
    return found


def percent(sampled: list[float], plain: list[float]) -> tuple[float, float]:
    """By how much slower it was, and how far from the truth that may be by chance."""
    slower = [100 * (1 - mine / other) for mine, other in zip(sampled, plain, strict=True)]
    return median(slower), uncertainty(slower, [0.0] * len(slower))


def tell(claim: str, found: dict[str, tuple[list[float], list[float]]]) -> None:
    """Reports all, with the control's figure."""
    control, noise = percent(*found.pop("control"))
    report(f"{claim}_control", control, uncertainty=noise)
    for name, (sampled, plain) in found.items():
        slower, error = percent(sampled, plain)
        report(f"{claim}_{name}", slower, uncertainty=error, control=control, control_uncertainty=noise)


def waited(pid: int) -> float:
    """Seconds in which a process of one thread could have run, had there been a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def from_outside(work: str) -> None:
    """Another process, sampled by us and by py-spy."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes(8))
        file.flush()
        with running(COUNTING, work, file.name) as process, mmap.mmap(file.fileno(), 8) as shared:
            count = memoryview(shared).cast("Q")

            def now() -> float:
                return time.perf_counter() - waited(process.pid)

            def window(during: Callable[[], object]) -> float:
                began, before = now(), count[0]
                while count[0] == before:  # others may have had the processor all the time
                    during()
                return float((count[0] - before) / (now() - began))

            def idle() -> float:
                return window(lambda: time.sleep(WINDOW_S))

            with Sampling(process.pid) as sampling:

                def sampled(hz: float) -> Rate:
                    return lambda: window(lambda: sampling.run(hz, WINDOW_S))

                sampled(1000)()
                windows: dict[str, tuple[Rate, Rate]] = {name: (sampled(hz), idle) for name, hz in RATES.items()}
                windows["control"] = (lambda: idle(), idle)
                tell(f"slow_{work}_outside", compare(rounds(200), windows))
            tell(f"slow_{work}_spy", compare(max(2, rounds(40) // 6), spied(process.pid, window)))
            count.release()


def spied(pid: int, window: Callable[[Callable[[], object]], float]) -> dict[str, tuple[Rate, Rate]]:
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


def from_inside(work: str) -> None:
    """This process, sampled by itself, by pyinstrument, and by a thread that asks `sys._current_frames`."""
    unit = load(work)
    launcher = SimpleLauncher()
    launcher.start()

    def window(around: Callable[[], AbstractContextManager[Any]]) -> float:
        done = 0
        with around():
            began = time.thread_time()
            while time.thread_time() - began < WINDOW_S:
                unit()
                done += 1
            return done / (time.thread_time() - began)

    def idle() -> float:
        return window(nullcontext)

    @contextmanager
    def by_ox_profile() -> Any:
        launcher.unpause()
        yield
        launcher.pause()

    windows: dict[str, tuple[Rate, Rate]] = {
        name: (lambda hz=hz: window(sampled_at(hz)), idle) for name, hz in RATES.items()
    }
    windows["control"] = (lambda: idle(), idle)
    windows["pyinstrument"] = (lambda: window(lambda: Profiler(interval=0.001)), idle)
    windows["ox_profile"] = (lambda: window(by_ox_profile), idle)
    tachograph.start(store="none", sample_hz=1000, sample_paused=True)
    tell(f"slow_{work}_inside", compare(rounds(200), windows))
    tachograph.stop()
    launcher.cancel()


def sampled_at(hz: float) -> Callable[[], AbstractContextManager[None]]:
    """A window of our own sampler's."""

    @contextmanager
    def around() -> Any:
        tachograph.start(store="none", sample_hz=hz, sample_paused=False)
        yield
        tachograph.pause()

    return around


def main() -> None:
    for work in ("loop", "calls"):
        from_outside(work)
        from_inside(work)


if __name__ == "__main__":
    main()
