"""A function that is timed, and its calls counted in files that a kill -9 leaves as they are.

For each thread of each process there is a file in $COUNTS with two numbers: calls begun and calls ended.
"""

import mmap
import os
import tempfile
import threading

_mine = threading.local()


def work(failing=False):
    """The function that is timed."""
    if failing:
        raise LookupError


def _counter():
    if getattr(_mine, "pid", None) != os.getpid():  # a forked child has its parent's
        file, _ = tempfile.mkstemp(prefix=f"{os.getpid()}-", dir=os.environ["COUNTS"])
        os.ftruncate(file, 16)
        _mine.counter = memoryview(mmap.mmap(file, 16)).cast("q")
        _mine.pid = os.getpid()
        os.close(file)
    return _mine.counter


def call(times, failing=False):
    """Calls it so often; returns the number, for pools."""
    counter = _counter()
    for _ in range(times):
        counter[0] += 1
        try:
            work(failing)
        except LookupError:
            pass
        counter[1] += 1
    return times


def keep_history(instrument="counted::work"):
    """Begins to keep one as $STORE and $INTERVAL say; under `tachograph run` there is one already."""
    if "TACHOGRAPH_RUN" not in os.environ and "STORE" in os.environ:
        import tachograph

        tachograph.start(
            service="test",
            store=os.environ["STORE"],
            interval=float(os.environ["INTERVAL"]),
            instrument=instrument,
        )
