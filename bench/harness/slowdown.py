"""Windows in which a program is sampled, and others in which it is not: by turns, many times, in several processes.

Each is measured in some processes one after the other: where its memory happens to lie makes a process differ from the
next by up to a percent, however long it is measured.
"""

import random
from collections.abc import Callable, Mapping
from math import sqrt
from pathlib import Path
from statistics import mean, median, stdev

from harness.claim import report
from harness.rounds import uncertainty

RATES = {"100": 100, "1k": 1000, "10k": 10_000}
PROCESSES = 5
STUDENT_T = 2.78  # of as many, less one: 95 percent

Rate = Callable[[], float]  # makes a window; units of work in each second of it
Found = dict[str, list[list[list[float]]]]  # such rates, by the name of a group, its windows, processes, and rounds


def compare(rounds: int, windows: dict[str, tuple[Rate, ...]]) -> Found:
    """Units a second in each window of a group, by name and round. The order is another one in each round."""
    found: Found = {name: [[[]] for _ in group] for name, group in windows.items()}
    for _ in range(rounds):
        for name, group in windows.items():
            for which in random.sample(range(len(group)), len(group)):
                found[name][which][0].append(group[which]())
    return found


def add(found: Found, more: Found) -> None:
    """Adds the rounds of another process."""
    for name, group in more.items():
        for mine, rates in zip(found.setdefault(name, [[] for _ in group]), group, strict=True):
            mine.extend(rates)


def slower_by(sampled: list[list[float]], plain: list[list[float]]) -> list[list[float]]:
    """Percent, by process and round."""
    return [
        [100 * (1 - mine / other) for mine, other in zip(*rounds, strict=True)]
        for rounds in zip(sampled, plain, strict=True)
    ]


def chance_of(processes: list[float]) -> float:
    """How far their middle may be from the truth by chance, as far as they tell."""
    return STUDENT_T * stdev(processes) / sqrt(len(processes)) if len(processes) > 1 else 0.0


def percent(sampled: list[list[float]], plain: list[list[float]]) -> tuple[float, float]:
    """By how much slower it was in the middle, and how far from the truth that may be by chance: that of rounds, or that
    of processes, of which there are fewer, whichever is larger.
    """
    processes = slower_by(sampled, plain)
    slower = [of_round for process in processes for of_round in process]
    by_chance = uncertainty(slower, [0.0] * len(slower))
    return median(slower), max(by_chance, chance_of([median(process) for process in processes]))


def percent_in_all(sampled: list[list[float]], plain: list[list[float]]) -> tuple[float, float]:
    """By how much less work was done in all windows together, the worst ones too; and the chance of processes."""
    processes = [100 * (1 - sum(mine) / sum(other)) for mine, other in zip(sampled, plain, strict=True)]
    return mean(processes), chance_of(processes)


def tell(claim: str, found: Found, details: Mapping[str, Mapping[str, float]], *kinds: str) -> None:
    """Reports all, with the control's figure. The second of each group is what the others are compared with; `kinds`:
    what those are that come behind it. `details`: what else there is to be told of a group.
    """
    control, noise = percent(*found.pop("control"))
    report(f"{claim}_control", control, uncertainty=noise)
    for name, (sampled, plain, *others) in found.items():
        for kind, rates in zip(("", *kinds), (sampled, *others), strict=False):
            slower, error = percent(rates, plain)
            in_all, error_in_all = percent_in_all(rates, plain)
            more = dict(details.get(name + kind, {}))
            if not kind and others:  # the same with them in place of the plain ones
                for other, instead in zip(kinds, others, strict=True):
                    more[f"beyond{other}"], more[f"beyond{other}_uncertainty"] = percent(sampled, instead)
            report(
                f"{claim}_{name}{kind}",
                slower,
                uncertainty=error,
                control=control,
                control_uncertainty=noise,
                in_all=in_all,
                in_all_uncertainty=error_in_all,
                **more,
            )


def waited(pid: int) -> float:
    """Seconds in which the first thread of a process could have run, had there been a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def available(passed: float, waited_for: float, ours: float) -> float:
    """Of so many seconds those in which the thread might have worked: others had the processor in the rest. Not for as
    long as we had one ourselves: a sampler that takes the program's processor is not another.
    """
    return passed - max(0.0, waited_for - ours)
