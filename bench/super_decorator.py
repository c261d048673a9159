"""What super_decorator costs a call that does not fail, beside timing alone.

Copies of one function differ by nanoseconds for where they lie, so several of each kind are measured, and what two
groups of timed ones differ by is the noise.
"""

from statistics import mean, median

import tachograph
from harness import workloads
from harness.claim import report, rounds
from harness.rounds import Contender, measure, pin
from harness.workloads import contender

COPIES = 8


def decorated(function):
    function.__globals__["__file__"] = workloads.__file__  # it is watched: its file has to be one
    return tachograph.super_decorator(function)


def group(kind: str, made: list[Contender]) -> dict[str, Contender]:
    return {f"{kind} {i}": one for i, one in enumerate(made)}


def main() -> None:
    pin()
    kinds = {"plain": None, "timed": tachograph.timing, "noise": tachograph.timing, "super": decorated}
    made = {kind: [contender("empty", decorate) for _ in range(COPIES)] for kind, decorate in kinds.items()}
    samples = measure({name: one for kind, some in made.items() for name, one in group(kind, some).items()}, rounds(40))
    level = {kind: mean(median(samples[f"{kind} {i}"]) for i in range(COPIES)) for kind in kinds}
    report("super_ns", level["super"] - level["plain"])
    report("super_timing", level["super"] - level["timed"], noise_ns=level["noise"] - level["timed"])


if __name__ == "__main__":
    main()
