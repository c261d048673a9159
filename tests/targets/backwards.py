"""Calls that spread over lines: the last thing done is on the first line, so line tables go backwards."""

import time

from target import Stopwatch, run

watch = Stopwatch()


def one():
    return spin(3000, "one")


def two():
    return spin(6000, "two")


def both(first, second):
    return first + second + spin(1000, "both")


def spin(turns, name):
    watch.start()
    n = 0
    for i in range(turns):
        n += i
    watch.lap(name)
    return n


def spread():
    return both(
        one(),
        two(),
    )


def work(deadline):
    while time.monotonic() < deadline:
        spread()
    return {"shares": watch.shares()}


if __name__ == "__main__":
    run(work)
