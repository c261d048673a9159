"""Goes down and up again, to a known depth: deep enough that the stack fills several chunks of memory."""

import time

from target import run

DEPTH = 400


def descend(n):
    if n == 1:
        return bottom()
    return descend(n - 1) + 1


def bottom():
    n = 0
    for i in range(2000):
        n += i
    return 0


def work(deadline):
    while time.monotonic() < deadline:
        descend(DEPTH)
    return {"at_most": {"descend": DEPTH}, "shares": {}}


if __name__ == "__main__":
    run(work)
