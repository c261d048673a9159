"""Does nothing at all for long, at one line."""

import time

from target import run


def wait(deadline):
    before = 1
    time.sleep(max(0, deadline - time.monotonic()))  # at: wait
    return before


def work(deadline):
    wait(deadline)
    return {"shares": {"wait": 100}}


if __name__ == "__main__":
    run(work)
