"""Functions that are not timed: after uninstrument(), with hot_reload, and when tachograph is merely imported.

Copies of one function lie at different addresses and differ by nanoseconds for that alone, so several copies of each
kind are measured, and what two groups of never timed ones differ by is the noise.
"""

import importlib
from statistics import mean, median

from harness import workloads
from harness.claim import report, rounds
from harness.rounds import Contender, measure, pin
from harness.workloads import contender

COPIES = 8


def group(kind: str, made: list[Contender]) -> dict[str, Contender]:
    return {f"{kind} {i}": one for i, one in enumerate(made)}


def main() -> None:
    pin()
    alone = group("alone", [contender("empty") for _ in range(COPIES)])
    before = measure(alone, rounds(40))

    tachograph = importlib.import_module("tachograph")

    def timed_once(function):
        tachograph.timing(function)
        for _ in range(100):
            function()
        tachograph.uninstrument(function)
        return function

    def reloaded(function):
        function.__globals__["__file__"] = workloads.__file__  # its file has to be one
        return tachograph.hot_reload(function)

    kinds = {
        "never": [contender("empty") for _ in range(COPIES)],
        "noise": [contender("empty") for _ in range(COPIES)],
        "reloaded": [contender("empty", reloaded) for _ in range(COPIES)],
        "after": [contender("empty", timed_once) for _ in range(COPIES)],
    }
    everything = {name: one for kind, made in kinds.items() for name, one in group(kind, made).items()}
    samples = measure(everything, rounds(40))

    def level(found: dict[str, list[float]], kind: str) -> float:
        return mean(median(values) for name, values in found.items() if name.startswith(kind))

    noise = level(samples, "noise") - level(samples, "never")
    report("uninstrumented", level(samples, "after") - level(samples, "never"), noise_ns=noise)
    report("hot_reload", level(samples, "reloaded") - level(samples, "never"), noise_ns=noise)
    imported = measure(alone, rounds(40))
    report("imported", level(imported, "alone") - level(before, "alone"))


if __name__ == "__main__":
    main()
