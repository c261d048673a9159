"""Three functions with 50, 30 and 20 % of the time: they do the same work, five, three and two times."""

import time

from target import Stopwatch, run

TURNS = 9000


def half():
    n = 0
    for i in range(5 * TURNS):
        n += i
    return n


def third():
    n = 0
    for i in range(3 * TURNS):
        n += i
    return n


def fifth():
    n = 0
    for i in range(2 * TURNS):
        n += i
    return n


def work(deadline):
    watch = Stopwatch()
    while time.monotonic() < deadline:
        watch.start()
        half()
        watch.lap("half")
        third()
        watch.lap("third")
        fifth()
        watch.lap("fifth")
    return {"shares": watch.shares()}


if __name__ == "__main__":
    run(work)
