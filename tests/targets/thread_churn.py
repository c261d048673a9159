"""Threads that come and go, two hundred a second, while two others stay."""

import threading
import time

from target import run

PER_SECOND = 200


def leaf(n):
    return n + 1


def brief():
    n = 0
    for _ in range(300):
        n = leaf(n)
    return n


def steady(deadline):
    n = 0
    while time.monotonic() < deadline:
        n = steady_leaf(n)
    return n


def steady_leaf(n):
    return n - 1


def work(deadline):
    stayers = []
    for _ in range(2):
        stayers.append(threading.Thread(target=steady, args=(deadline,)))
        stayers[-1].start()
    started = 0
    begin = time.monotonic()
    while time.monotonic() < deadline:
        thread = threading.Thread(target=brief)
        thread.start()
        thread.join()
        started += 1
        time.sleep(max(0, begin + started / PER_SECOND - time.monotonic()))
    for thread in stayers:
        thread.join()
    return {"started": started}


if __name__ == "__main__":
    run(work)
