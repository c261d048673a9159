"""Eleven threads that have names, each in a function of its own, and one of them works."""

import threading
import time

from target import run

NAMES = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo"]


def spin(deadline):
    while time.monotonic() < deadline:
        sum(range(1000))


def wait(ended):
    ended.wait()


def work(deadline):
    ended = threading.Event()
    threads = []
    for name in NAMES[1:]:  # a comprehension would be a frame that has no source of its own
        threads.append(threading.Thread(target=wait, name=name, args=(ended,)))  # noqa: PERF401
    threads.append(threading.Thread(target=spin, name=NAMES[0], args=(deadline,)))
    for thread in threads:
        thread.start()
    threads[-1].join()
    ended.set()
    for thread in threads:
        thread.join()
    return {"threads": {name: "spin" if name == NAMES[0] else "wait" for name in NAMES}}


if __name__ == "__main__":
    run(work)
