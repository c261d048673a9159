"""What sampling has to say."""

from __future__ import annotations

from typing import NamedTuple

from tachograph import _native, _sampling


class SampledFunction(NamedTuple):
    """A function that was on the stack of a thread when somebody looked.

    Its times are what its samples stand for, in seconds: each for the time since the one before.
    """

    name: str
    """The qualified name, such as ``Cart.add``."""
    file: str
    line: int
    """Where its definition begins."""
    hits: int
    """Samples with the function anywhere on the stack; recursion counts once."""
    self_hits: int
    """Samples in which it was the innermost one."""
    wall_time: float
    """Of the hits."""
    cpu_time: float
    """On a processor, by the clocks of threads; of a few hits it may be more than the wall time."""
    gil_time: float
    """Of it, holding Python's lock."""


class Samples(NamedTuple):
    """What was seen."""

    functions: list[SampledFunction]
    total_records: int
    """Samples taken."""


class SamplingState(NamedTuple):
    """How a process is sampled. Counts are since the start of the process."""

    is_sampling: bool
    is_paused: bool
    hz: float
    obstacle: str
    """Why it cannot be sampled, or what hinders it and what to do; empty: nothing."""
    taken: int
    """Samples: looks at a thread that are proven whole."""
    missed: int
    """Looks that came too late to be taken."""
    torn: int
    """Samples that were read but not proven, and left out."""
    threads: int
    """That were seen."""
    signals: int
    """Sent, to threads whose stack could not be read while they ran."""
    mode: str
    """Which threads are looked at: ``wall`` all, ``cpu`` those on a processor, ``gil`` the one with Python's lock."""
    may_signal: bool
    """Whether threads are sent signals at all."""


def state() -> SamplingState:
    """How things stand."""
    known = SamplingState(*_native.sampling_state())
    return known._replace(obstacle=_sampling.obstacle() or known.obstacle)


def read() -> Samples:
    """All of it."""
    rows, total = _native.sampled_functions()
    functions = [SampledFunction(*row) for row in rows]
    functions.sort(key=lambda function: (-function.hits, -function.self_hits, function.name, function.file))
    return Samples(functions, total)


def table(samples: Samples, limit: int, known: SamplingState) -> str:
    """Functions, one a line; shares are of all samples. What is missing is told when it is more than a percent."""
    whole = samples.total_records
    lost = known.missed + known.torn
    missing = ""
    if lost and lost > 0.01 * (whole + lost):
        share = 100 * lost / (whole + lost)
        missing = (
            f"; {share:.2f} % are missing: {known.missed:,} came too late, {known.torn:,} could not be proven whole"
        )
    if not whole:
        return f"no samples{missing}\n"
    lines = [f"{whole:,} samples{missing}", f"{'hits':>10} {'':>6} {'self':>10} {'':>6}  function"]
    for function in samples.functions[:limit]:
        shares = [f"{hits:>10,} {100 * hits / whole:>5.1f}%" for hits in (function.hits, function.self_hits)]
        lines.append(f"{shares[0]} {shares[1]}  {function.name}  {function.file}:{function.line}")
    left_out = len(samples.functions) - limit
    if left_out > 0:
        lines.append(f"and {left_out:,} more functions")
    return "\n".join(lines) + "\n"
