"""Goes a little deeper and a little less deep all the time, over the edge of a chunk of the stack's memory and back: each
time the interpreter takes a chunk and gives it back.
"""

import itertools
import time

from target import run

DEEPEST = 260


def descend(n):
    if n > 1:
        return descend(n - 1)
    return bottom()


def bottom():
    n = 0
    for i in range(5):
        n = leaf(i)
    return n


def leaf(n):
    return n + 1


def work(deadline):
    depths = itertools.cycle(range(1, DEEPEST + 1, 3))
    while time.monotonic() < deadline:
        depth = next(depths)
        for _ in range(3):
            descend(depth)
    return {"at_most": {"descend": DEEPEST}, "shares": {}}


if __name__ == "__main__":
    run(work)
