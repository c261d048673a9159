"""Loops for long, and goes deep for a moment, over the edge of a chunk of the stack's memory and back: a stack that is
read as that of a thread which changes nothing, until it does.
"""

import time

from target import run

DEEPEST = 260


def loop():
    n = 0
    for i in range(1_000_000):
        n += i
    return n


def descend(n):
    if n > 1:
        return descend(n - 1)
    return bottom()


def bottom():
    n = 0
    for i in range(200):
        n += i
    return n


def work(deadline):
    while time.monotonic() < deadline:
        loop()
        descend(DEEPEST)
    return {"at_most": {"descend": DEEPEST}, "shares": {}}


if __name__ == "__main__":
    run(work)
