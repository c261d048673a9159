"""Storing batches against executemany on the seed's table, in turns, on tables that grow alike."""

import time
from collections.abc import Callable
from statistics import median

from harness.claim import report
from harness.filling import FUNCTIONS, Filling
from harness.seed_table import Row, rows

BATCHES = 20  # in each round: some of them pay for sums or a checkpoint, and all share that


def compare(claim: str, filling: Filling, insert: Callable[[list[Row]], object], rounds: int) -> None:
    """State both: thousands of function-intervals a second, and how many times the seed's way takes as long.

    Args:
        claim: both claims begin with this.
        filling: an empty history.
        insert: inserts one upload into the seed's table, which is empty, and commits.
        rounds: of BATCHES batches each; time is wall time, as disks and servers are waited for.
    """
    filling.add(1)
    names = filling.names()
    ours: list[float] = []
    cpu: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        uploads = [rows(names, number * BATCHES + i) for i in range(BATCHES)]
        ours.append(filling.add(BATCHES))
        cpu.append(filling.cpu_seconds())
        started = time.perf_counter()
        for upload in uploads:
            insert(upload)
        theirs.append(time.perf_counter() - started)
    thousands = BATCHES * FUNCTIONS / 1000
    report(
        f"{claim}_rate",
        thousands / median(ours),
        low=thousands / max(ours),
        high=thousands / min(ours),
        seed_rate=thousands / median(theirs),
        histogram_bytes=filling.histogram_bytes(),
        rows=rounds * BATCHES * FUNCTIONS,
    )
    report(f"{claim}_cpu_rate", thousands / median(cpu))
    report(f"{claim}_seed", median(other / mine for mine, other in zip(ours, theirs, strict=True)))
