"""Six hundred tiny functions made from text, and made anew now and then, so that others come to lie where they lay.

``caller_17`` calls ``tiny_17`` and nothing else.
"""

import time

from target import run

COUNT = 300
CALLERS = list(map("caller_{}".format, range(COUNT)))  # no function of ours, which might be seen


def make():
    space = {}
    for i in range(COUNT):
        text = f"def tiny_{i}(n):\n    return n + {i}\n\ndef caller_{i}(n):\n    return tiny_{i}(n)\n"
        exec(compile(text, f"tiny-{i}", "exec"), space)
    return list(map(space.get, CALLERS))


def call_all(callers):
    for _ in range(30):
        for caller in callers:
            caller(1)


def work(deadline):
    while time.monotonic() < deadline:
        call_all(make())
    return {}


if __name__ == "__main__":
    run(work)
