"""The decorator of the first article, as it is there, against ours: time added to a call."""

import threading
import time
from functools import wraps

import tachograph
from harness.claim import report, rounds
from harness.rounds import added, measure, pin
from harness.workloads import contender


def static_vars(**kwargs):
    def decorate(func):
        for k, value in kwargs.items():
            setattr(func, k, value)
        return func

    return decorate


@static_vars(data={}, lock=threading.RLock())
def timing(f):
    @wraps(f)
    def wrap(*args, **kw):
        ts = time.time()
        result = f(*args, **kw)
        te = time.time()

        with timing.lock:
            name = f.__module__ + "::" + f.__name__
            fd = timing.data.get(name, {})
            fd["count"] = fd.get("count", 0) + 1
            fd["time"] = fd.get("time", 0) + te - ts
            fd["last"] = te - ts
            timing.data[name] = fd

        return result

    return wrap


def main() -> None:
    pin()
    for name in ("empty", "fib"):
        samples = measure(
            {
                "plain": contender(name),
                "timed": contender(name, tachograph.timing),
                "seed": contender(name, timing),
            },
            rounds(20),
        )
        ours = added(samples["timed"], samples["plain"])
        seeds = added(samples["seed"], samples["plain"])
        report(f"seed_{name}", seeds / ours, seed_ns=seeds, ours_ns=ours)


if __name__ == "__main__":
    main()
