"""Calls upon calls: whoever reads a stack that moves meanwhile puts together frames that never stood on one another.

Every function is called from one line alone, so nearly every mixture of two moments shows.
"""

import time

from target import run


def red_leaf(n):
    return n + 1


def red_twig(n):
    return red_leaf(n) + 1


def red_branch(n):
    return red_twig(n) + red_bud(n)


def red_bud(n):
    return n - 1


def green_leaf(n):
    return n * 3


def green_twig(n):
    return green_leaf(n) - 1


def green_branch(n):
    n = green_twig(n)
    return green_bud(n)


def green_bud(n):
    return n ^ 5


def blue_leaf(n, m, k):
    a = n + m
    b = m + k
    c = a + b
    return a + b + c


def blue_branch(n):
    return blue_leaf(n, 1, 2)


def red_tree(n):
    return red_branch(n)


def green_tree(n):
    return green_branch(n)


def blue_tree(n):
    return blue_branch(n)


def forest():
    total = 0
    for n in range(200):
        total += red_tree(n)
        total += green_tree(n)
        total += blue_tree(n)
    return total


def work(deadline):
    while time.monotonic() < deadline:
        forest()
    return {}


if __name__ == "__main__":
    run(work)
