"""What a sample costs the sampler in processor time: stacks of 50 calls, one thread that loops, others that wait."""

import os
import sys
import threading
from pathlib import Path

from harness.claim import QUICK, report, rounds
from harness.deep import DEPTH, descend
from harness.sampling import cost, running, samples_of, spy

DEEP = Path(__file__).parent / "harness" / "deep.py"


def from_outside(claim: str, threads: int) -> None:
    """Of another process: reading and walking, then all of a sample; and py-spy."""
    with running(DEEP, str(threads)) as process:
        walk = cost(process.pid, rounds(400), with_clocks=False)
        whole = cost(process.pid, rounds(400), with_clocks=True)
        report(f"{claim}_us", walk["decile"], **walk)
        report(f"{claim}_whole_us", whole["decile"], **whole)
        for name, options in (("blocking", []), ("nonblocking", ["--nonblocking"])):
            short, long = (1, 2) if QUICK else (2, 6)
            hz = 200 if threads == 1 else 20
            before, start = spy(process.pid, hz, short, "--idle", *options)
            after, end = spy(process.pid, hz, long, "--idle", *options)
            taken = (samples_of(after) - samples_of(before)) / threads
            report(f"{claim}_spy_{name}", 1e6 * (end - start) / taken / walk["decile"], samples=taken)


def from_inside() -> None:
    """Of the own process, by a thread of the library's."""
    found: list[dict[str, float]] = []

    def ask() -> None:
        found.append(cost(os.getpid(), rounds(400), with_clocks=False))

    def spin() -> None:
        n = 0
        while not found:
            n += 1

    asker = threading.Thread(target=ask)
    asker.start()
    descend(DEPTH - 2, spin)
    asker.join()
    report("sample_inside_us", found[0]["decile"], **found[0])


def main() -> None:
    sys.setrecursionlimit(1000)
    from_outside("sample_outside", 1)
    from_outside("sample_outside_64", 64)
    from_inside()


if __name__ == "__main__":
    main()
