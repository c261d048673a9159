"""Four threads that call one timed function, against one thread: time added to a call. Not pinned: processors count."""

from concurrent.futures import ThreadPoolExecutor
from statistics import median

import tachograph
from harness.claim import report, rounds
from harness.rounds import Contender, added, measure
from harness.workloads import contender

REPEATS = 25  # of a run: long enough that threads take turns


def in_threads(pool: ThreadPoolExecutor, one: Contender, threads: int) -> Contender:
    def repeat() -> None:
        for _ in range(REPEATS):
            one.run()

    def run() -> None:
        for future in [pool.submit(repeat) for _ in range(threads)]:
            future.result()

    return Contender(run, threads * REPEATS * one.calls)


def main() -> None:
    plain = contender("empty")
    timed = contender("empty", tachograph.timing)
    with ThreadPoolExecutor(4) as pool:
        samples = measure(
            {
                "plain 1": in_threads(pool, plain, 1),
                "timed 1": in_threads(pool, timed, 1),
                "plain 4": in_threads(pool, plain, 4),
                "timed 4": in_threads(pool, timed, 4),
            },
            rounds(10),
        )
    one = added(samples["timed 1"], samples["plain 1"])
    four = added(samples["timed 4"], samples["plain 4"])
    report("four_threads", four / one, one_ns=one, four_ns=four, plain_ns=median(samples["plain 1"]))


if __name__ == "__main__":
    main()
