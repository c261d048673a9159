# ruff: noqa: N802, PLC2401
"""Functions whose names are not ASCII: of one, two and four bytes a character, as CPython keeps them."""

import threading
import time

from target import Stopwatch, run


def größe():
    n = 0
    for i in range(40000):
        n += i
    return n


def длина():
    n = 0
    for i in range(40000):
        n += i
    return n


def 𠀀𠀁():
    n = 0
    for i in range(20000):
        n += i
    return n


def work(deadline):
    threading.current_thread().name = "ночь"
    watch = Stopwatch()
    while time.monotonic() < deadline:
        watch.start()
        größe()
        watch.lap("größe")
        длина()
        watch.lap("длина")
        𠀀𠀁()
        watch.lap("𠀀𠀁")
    return {"shares": watch.shares()}


if __name__ == "__main__":
    run(work)
