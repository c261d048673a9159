"""Two pairs of callers and callees that alternate: a caller above the other's callee cannot be."""

import time

from target import run


def left_end(n):
    return n + 1


def right_end(n):
    return n - 1


def left(n):
    return left_end(n)


def right(n):
    return right_end(n)


def alternate():
    n = 0
    for _ in range(1000):
        n = left(n)
        n = right(n)
    return n


def work(deadline):
    while time.monotonic() < deadline:
        alternate()
    return {}


if __name__ == "__main__":
    run(work)
