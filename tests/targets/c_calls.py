"""Long calls into C: some hold Python's lock, some let go of it. Their lines are known, and how long they took."""

import hashlib
import time

from target import Stopwatch, run

BYTES = bytes(6_000_000)
NUMBERS = list(range(400_000))


def holding():
    sum(NUMBERS)  # at: holding


def releasing():
    hashlib.sha256(BYTES)  # at: releasing


def sleeping():
    time.sleep(0.005)  # at: sleeping


def work(deadline):
    watch = Stopwatch(time.monotonic)
    while time.monotonic() < deadline:
        watch.start()
        holding()
        watch.lap("holding")
        releasing()
        watch.lap("releasing")
        sleeping()
        watch.lap("sleeping")
    return {"shares": watch.shares()}


if __name__ == "__main__":
    run(work)
