"""What happens inside a process that no function expects: depth, greenlets, exceptions out of nowhere, memory that ends."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tachograph
from tachograph import _native, span, statistics, timing

SOAK = "TACHOGRAPH_SOAK" in os.environ
DEPTHS = """
import sys
HOW = sys.argv[1]
if HOW == "timed":
    import tachograph
    timing = tachograph.timing
else:
    def timing(f): return f
sys.setrecursionlimit(100_000)
@timing
def down(n): return 0 if n == 0 else 1 + down(n - 1)
@timing
def fall(n):
    if n == 0: raise ValueError("bottom")
    fall(n - 1)
class Link:
    def __init__(self, next): self.next = next
    @timing
    def length(self): return 1 if self.next is None else 1 + self.next.length()
@timing
def walk(n):
    yield n
    if n: yield from walk(n - 1)
@timing
def chain(n):
    return (lambda: chain(n - 1))() + 1 if n else 0
for n in (10, 1000, 95_000):
    print(down(n))
try: fall(95_000)
except ValueError as error:
    depth, trace = 0, error.__traceback__
    while trace: depth, trace = depth + 1, trace.tb_next
    print(error, depth)
link = None
for _ in range(90_000): link = Link(link)
print(link.length())
while link: link = link.next
print(sum(1 for _ in walk(400)), chain(40_000))
try: down(200_000)
except RecursionError as error: print(error)
if HOW == "timed":
    known = tachograph.statistics()
    for name, count in {"down": 10 + 1000 + 95_000 + 3 + 100_000, "fall": 95_001, "Link.length": 90_000, "walk": 401}.items():
        one = known["__main__::" + name]
        assert abs(one.call_count - count) < 10, (name, one.call_count)
        assert one.running_count == 0 and one.cumulative_time <= one.total_time and one.self_time <= one.active_time
        assert one.exception_count == (95_001 if name == "fall" else 0) or name == "down"
        assert one.self_time < one.cumulative_time * 1.01
"""


def test_recursion_as_deep_as_plain_python_goes(run: Any) -> None:
    plain = run(DEPTHS, "plain", code=None)
    timed = run(DEPTHS, "timed", code=None)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert (timed.returncode, timed.stderr, timed.stdout) == (0, "", plain.stdout)
    assert "95000" in plain.stdout


# Greenlets.


@pytest.mark.isolated
def test_greenlets_interleaved(clock: Any) -> None:
    greenlet = pytest.importorskip("greenlet")
    main = greenlet.getcurrent()

    @timing
    def leaf() -> None:
        clock.tick(1)
        main.switch()
        clock.tick(2)

    @timing
    def request() -> None:
        clock.tick(10)
        leaf()
        with span("part"):
            clock.tick(20)
            main.switch()

    requests = [greenlet.greenlet(request) for _ in range(3)]
    for each in requests:
        each.switch()
    clock.tick(1000)
    for each in requests:
        each.switch()
    clock.tick(1000)
    for each in requests:
        each.switch()
    assert all(each.dead for each in requests)
    # Three times 11, 1000, three times 22, 1000; leaf: from its 1 to its 2.
    leaves = [1 + 22 + 1000 + 2, 1 + 11 + 1000 + 22 + 2, 1 + 1000 + 44 + 2]
    wholes = [33 + 1000 + 66 + 1000, 22 + 1000 + 66 + 1000, 11 + 1000 + 66 + 1000]
    parts = [20 + 44 + 1000, 20 + 22 + 1000, 20 + 1000]
    for function, totals, active, own in (
        (leaf, leaves, 9, 9),
        (request, wholes, 99, 30),
        (f"{__name__}::part", parts, 60, 60),
    ):
        figures = clock.figures(function)
        assert figures["total"] == figures["cumulative"] == sum(totals)
        assert (figures["min"], figures["max"]) == (min(totals), max(totals))
        # What passes between the true switch and the next hook counts for the stack that left.
        assert figures["count"] == 3
        assert figures["running"] == figures["exceptions"] == 0
        assert own <= figures["self"] <= figures["active"]
        assert active <= figures["active"] <= sum(totals)
    everything = sum(clock.figures(function)["self"] for function in (leaf, request, f"{__name__}::part"))
    assert everything <= clock.now - 1000


@pytest.mark.isolated
def test_greenlets_hand_over_at_their_switches(clock: Any) -> None:
    """Where hooks run right after each switch, active time is exact."""
    greenlet = pytest.importorskip("greenlet")
    main = greenlet.getcurrent()

    @timing
    def mark() -> None: ...

    @timing
    def request() -> None:
        for _ in range(3):
            clock.tick(5)
            main.switch()
            mark()

    requests = [greenlet.greenlet(request) for _ in range(4)]
    while not all(each.dead for each in requests):
        for each in requests:
            each.switch()
            mark()
            clock.tick(100)
    figures = clock.figures(request)
    assert (figures["count"], figures["running"], figures["active"], figures["self"]) == (4, 0, 60, 60)


@pytest.mark.isolated
def test_greenlets_that_end_in_every_way(clock: Any) -> None:
    greenlet = pytest.importorskip("greenlet")
    main = greenlet.getcurrent()

    @timing
    def waits(how: str) -> None:
        try:
            clock.tick(1)
            main.switch()
        finally:
            clock.tick(2)

    @timing
    def deep(n: int) -> None:
        if n:
            deep(n - 1)
        else:
            main.switch()

    killed, dropped, thrown, finished = (greenlet.greenlet(waits) for _ in range(4))
    for each in (killed, dropped, thrown, finished):
        each.switch("x")
    killed.throw()
    del dropped
    with pytest.raises(ValueError, match="into"):
        thrown.throw(ValueError("into"))
    finished.switch()
    figures = clock.figures(waits)
    assert (figures["count"], figures["running"], figures["exceptions"]) == (4, 0, 3)

    sys.setrecursionlimit(20_000)
    deeps = [greenlet.greenlet(deep) for _ in range(5)]  # many chunks each
    for n, each in enumerate(deeps):
        each.switch(2000 + n)
    for each in deeps[::2]:
        each.switch()
    deeps.clear()
    del each
    figures = clock.figures(deep)
    assert (figures["count"], figures["running"], figures["exceptions"]) == (5 * 2001 + 10, 0, 2001 + 2003 + 2)


@pytest.mark.isolated
def test_greenlets_in_threads_and_across_their_ends() -> None:
    greenlet = pytest.importorskip("greenlet")

    @timing
    def leaf() -> None: ...

    @timing
    def worker(parent: Any, n: int) -> None:
        for _ in range(n):
            leaf()
            parent.switch()

    kept: list[Any] = []

    def run(n: int) -> None:
        main = greenlet.getcurrent()
        workers = [greenlet.greenlet(worker) for _ in range(5)]
        for _ in range(n):
            for each in workers:
                each.switch(main, n) if not each else each.switch()
        kept.append(workers.pop())  # left suspended while its thread ends
        for each in workers:
            each.switch()

    threads = [threading.Thread(target=run, args=(20,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.clear()
    gc.collect()
    known = statistics()
    assert known[f"{leaf.__module__}::{leaf.__qualname__}"].call_count == 8 * 5 * 20
    assert known[f"{worker.__module__}::{worker.__qualname__}"].call_count >= 8 * 4


@pytest.mark.isolated
def test_greenlets_and_generators(clock: Any) -> None:
    greenlet = pytest.importorskip("greenlet")
    main = greenlet.getcurrent()

    @timing
    def numbers() -> Iterator[int]:
        for n in range(3):
            clock.tick(1)
            main.switch(n)  # leaves while the generator runs
            yield n

    shared = numbers()

    @timing
    def reader() -> list[int]:
        return [next(shared, -1)]

    readers = [greenlet.greenlet(reader) for _ in range(3)]
    assert readers[0].switch() == 0
    assert readers[0].switch() == [0]
    assert readers[1].switch() == 1
    del readers[1]  # closes nothing: the generator was running there
    gc.collect()
    assert list(shared) == []
    figures = clock.figures(numbers)
    assert (figures["count"], figures["running"]) == (1, 0)
    assert clock.figures(reader)["running"] == 0
    naked = greenlet.greenlet(next)
    other = timing(lambda: (yield 5))()
    assert naked.switch(other) == 5


def test_gevent(run: Any) -> None:
    pytest.importorskip("gevent")
    run(
        """
from gevent import monkey; monkey.patch_all()
import gevent, gevent.pool, gevent.queue, threading, time, tachograph
from tachograph import timing, span
start = time.perf_counter()
@timing
def request(n):
    with span("io"): gevent.sleep(0.002)
    compute(n)
    if n % 10 == 0: raise ValueError(n)
@timing
def compute(n):
    total = 0
    for i in range(200): total += step(i)
    gevent.sleep(0)
    return total
@timing
def step(i): return i
gevent.get_hub().exception_stream = None
pool = gevent.pool.Pool(20)
jobs = [pool.spawn(request, n) for n in range(200)]
gevent.joinall(jobs)
@timing
def patient():
    with span("io"): gevent.sleep(100)
killed = [gevent.spawn(patient) for _ in range(10)]
gevent.sleep(0.001)
gevent.killall(killed)
threads = [threading.Thread(target=compute, args=(1,)) for _ in range(5)]
for t in threads: t.start()
for t in threads: t.join()
known = {name.split("::")[1]: k for name, k in tachograph.statistics().items()}
assert all(k.running_count == 0 for k in known.values()), known
assert known["request"].call_count == 200 and known["io"].call_count == 210, known
assert known["request"].exception_count == 20 and known["patient"].exception_count == 10, known
assert known["compute"].call_count == 205 and known["step"].call_count == 205 * 200
assert known["io"].total_time >= 200 * 0.002 > known["io"].self_time
assert known["request"].total_time > 200 * 0.002 > known["request"].self_time
assert sum(k.self_time for k in known.values()) <= time.perf_counter() - start
"""
    )


# Leaks.


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.longer
@pytest.mark.isolated
def test_a_million_calls_leak_nothing() -> None:
    @timing
    def plain(argument: object) -> object:
        return argument

    @timing
    def fails(argument: object) -> None:
        raise ValueError(argument)

    @timing
    def generator(argument: object) -> Iterator[object]:
        try:
            yield argument
            yield argument
        except KeyError:
            yield None

    @timing
    async def coroutine(argument: object) -> object:
        return argument

    wrapped = timing(id)
    method = timing(str.upper)

    def work(times: int) -> None:
        something = object()
        for n in range(times):
            plain(something)
            try:
                fails(something)
            except ValueError:
                pass
            each = generator(something)
            next(each)
            if n % 3 == 0:
                each.throw(KeyError())
            elif n % 3 == 1:
                each.close()
            del each
            try:
                coroutine(something).send(None)
            except StopIteration:
                pass
            with span("span"):
                wrapped(something)
            method("x")
        assert sys.getrefcount(something) == references_to_a_local

    references_to_a_local = sys.getrefcount(object()) + 1 if sys.version_info < (3, 14) else 1
    probe = plain.__code__.co_consts[-1]
    work(2000)
    gc.collect()
    blocks, references = sys.getallocatedblocks(), sys.getrefcount(probe)
    none = sys.getrefcount(None)
    resident = resident_bytes()
    work(1_000_000 // 6 if not SOAK else 3_000_000)
    gc.collect()
    assert sys.getallocatedblocks() - blocks < 50
    assert sys.getrefcount(probe) == references
    assert abs(sys.getrefcount(None) - none) < 50
    assert resident_bytes() - resident < 2 << 20
    assert all(known.running_count == 0 for known in statistics().values())


@pytest.mark.isolated
def test_calls_allocate_nothing_that_python_knows_of() -> None:
    @timing
    def plain() -> None: ...

    for _ in range(10):
        plain()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(100_000):
        plain()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1000
    assert peak - before < 2000


@pytest.mark.isolated
def test_tokens_are_reused() -> None:
    """The pool grows to the deepest recursion and no further; its type counts the tokens."""

    @timing
    def down(n: int) -> None:
        if n:
            down(n - 1)

    (token_type,) = (
        kind
        for kind in type.__subclasses__(object)
        if (getattr(kind, "__module__", ""), kind.__name__) == ("tachograph._native", "Token")
    )
    sys.setrecursionlimit(10_000)
    down(5000)
    count = sys.getrefcount(token_type)
    assert 5000 < count < 5300
    for _ in range(20):
        down(5000)
    assert sys.getrefcount(token_type) == count


@pytest.mark.isolated
def test_ten_thousand_threads_over_time() -> None:
    @timing
    def work(n: int) -> int:
        return leaf(n)

    @timing
    def leaf(n: int) -> int:
        return n

    def batch(count: int) -> None:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    path = Path(tachograph.recording_path() or "")
    for _ in range(20):
        batch(50)
    resident, size, blocks = resident_bytes(), path.stat().st_size, sys.getallocatedblocks()
    for _ in range(180):
        batch(50)
    assert resident_bytes() - resident < 4 << 20
    assert path.stat().st_size == size
    assert sys.getallocatedblocks() - blocks < 2000
    known = statistics()
    for function in (work, leaf):
        one = known[f"{__name__}::{function.__qualname__}"]
        assert (one.call_count, one.running_count) == (10_000, 0)


# Exceptions out of nowhere.


class Sudden(BaseException):
    pass


class Storm:
    """Timed functions that exceptions out of nowhere are raised in, and what is known of their calls without us."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

        @timing
        def leaf(n: int) -> int:
            return n

        @timing
        def generator(n: int) -> Iterator[int]:
            for i in range(n):
                yield leaf(i)

        @timing
        async def coroutine() -> int:
            return leaf(3)

        @timing
        def work() -> None:
            self.begun += 1
            with span("part"):
                for each in generator(3):
                    leaf(each)
            try:
                coroutine().send(None)
            except StopIteration:
                pass
            self.ended += 1

        self.work = work

    @staticmethod
    def known() -> dict[str, Any]:
        return {name.split("::")[1].rsplit(".", 1)[-1]: one for name, one in statistics().items()}

    def check(self, struck: int) -> None:
        gc.collect()
        known = self.known()
        assert {name: one.running_count for name, one in known.items()} == dict.fromkeys(known, 0)
        assert self.begun <= known["work"].call_count <= self.begun + struck
        assert self.ended <= known["work"].call_count - known["work"].exception_count <= self.ended + struck
        assert known["work"].exception_count <= struck
        self.work()  # nothing stands on the stack that should not: exact again from here on
        after = self.known()
        assert {name: one.call_count - known[name].call_count for name, one in after.items()} == {
            "leaf": 7,
            "generator": 1,
            "coroutine": 1,
            "work": 1,
            "part": 1,
        }
        for one in after.values():  # nothing here recurses
            assert one.cumulative_time == pytest.approx(one.total_time, rel=1e-6)
            assert one.self_time <= one.active_time <= one.total_time


@pytest.mark.longer
@pytest.mark.isolated
def test_a_storm_of_signals_leaves_the_tokens_balanced() -> None:
    storm = Storm()
    target = storm.work.__code__
    struck = 0

    def strike(_number: int, frame: Any) -> None:
        nonlocal struck
        while frame and frame.f_code is not target:
            frame = frame.f_back
        if frame:
            struck += 1
            raise Sudden

    signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0002)
    end = time.monotonic() + (2.0 if not SOAK else 60.0)
    while time.monotonic() < end:
        try:
            storm.work()
        except Sudden:
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert struck > 200
    storm.check(struck)


@pytest.mark.longer
@pytest.mark.isolated
def test_threads_struck_by_exceptions_leave_the_tokens_balanced() -> None:
    import ctypes

    storm = Storm()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def run() -> None:
        try:
            while True:
                storm.work()
        except Sudden:
            pass

    threading.excepthook = lambda _: None
    sys.setswitchinterval(0.0001)
    rounds = 200 if not SOAK else 5000
    for _ in range(rounds):
        victim = threading.Thread(target=run, daemon=True)
        victim.start()
        time.sleep(0.001)
        raise_in(ctypes.c_ulong(victim.ident), ctypes.py_object(Sudden))
        victim.join()
    storm.check(rounds)


def attempt_without_memory(testing: Any, attempt: Callable[[], object]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", lambda *_: None)
        for start in range(0, 2000, 50 if not SOAK else 1):
            testing.set_nomemory(start, start + 1)
            try:
                attempt()
            except (MemoryError, SystemError):
                pass
            finally:
                testing.remove_mem_hooks()


def check_that_counting_goes_on(work: Callable[[int], int], name: str) -> None:
    before = statistics()
    assert work(3) == 12
    after = statistics()
    for function, count in (("work", 4), ("generator", 4), ("leaf", 12)):
        assert after[f"{name}.{function}"].call_count - before[f"{name}.{function}"].call_count == count
    assert tachograph.drain()[f"{name}.work"].call_count >= 4


@pytest.mark.longer
@pytest.mark.isolated
@pytest.mark.filterwarnings("ignore")
def test_memory_that_ends_anywhere() -> None:
    testing = pytest.importorskip("_testcapi")

    @timing
    def leaf() -> int:
        return 1

    @timing
    def generator() -> Iterator[int]:
        yield leaf()
        yield leaf()

    @timing
    def work(depth: int) -> int:
        return leaf() + sum(generator()) + (work(depth - 1) if depth else 0)

    # CPython itself crashes where memory ends while it makes a function: none is made while it does.
    code = compile(
        "def f(n):\n    def g(): return n\n    return g()\nclass A:\n    def m(self): yield 1\n", "x", "exec"
    )
    names: dict[str, Any] = {}

    def fresh() -> None:
        names.clear()
        names["__name__"] = "fresh"
        exec(code, names)

    def instrumented() -> None:
        tachograph.instrument(names)
        tachograph.uninstrument(names)

    def everywhere() -> None:
        tachograph.instrument("fresh.*")
        tachograph.uninstrument("fresh.*")

    wrapped = timing(len)
    attempts: list[Callable[[], object]] = [
        lambda: work(3),
        lambda: work(300),
        instrumented,
        statistics,
        lambda: statistics("a.*", by_thread=True),
        tachograph.drain,
        lambda: span("memory").__enter__().__exit__(None, None, None),
        lambda: span("m" + str(time.monotonic_ns())),
        lambda: wrapped("abc"),
        lambda: timing(max)(1, 2),
        lambda: timing(names["f"]),
        lambda: repr(next(iter(statistics().values()))),
        _native.unmatched_patterns,
    ]
    for attempt in attempts:
        fresh()
        attempt()
    failed = 0
    step = 1 if SOAK else 3
    for attempt in attempts:
        for start in range(0, 400, step):
            fresh()
            testing.set_nomemory(start, start + 1 if start % 2 else 0)
            try:
                attempt()
            except (MemoryError, SystemError):  # CPython 3.12 forgets to set the former now and then
                failed += 1
            finally:
                testing.remove_mem_hooks()
            assert names["f"](1) == 1
    assert failed > 100
    gc.collect()
    attempt_without_memory(testing, everywhere)
    tachograph.uninstrument("fresh.*")
    gc.collect()
    assert {one.name: one.running_count for one in statistics().values() if one.running_count} == {}
    check_that_counting_goes_on(work, f"{__name__}::test_memory_that_ends_anywhere.<locals>")


@pytest.mark.isolated
def test_drains_lose_nothing_to_a_lack_of_memory() -> None:
    testing = pytest.importorskip("_testcapi")

    @timing
    def work() -> None: ...

    drained = 0
    called = 0
    for start in range(120):
        work()
        called += 1
        testing.set_nomemory(start, start + 1)
        try:
            result = tachograph.drain()
        except MemoryError:
            result = {}
        finally:
            testing.remove_mem_hooks()
        drained += sum(one.call_count for name, one in result.items() if name.endswith(".work"))
    drained += sum(one.call_count for name, one in tachograph.drain().items() if name.endswith(".work"))
    assert drained == called


@pytest.mark.isolated
def test_hooks_leave_the_error_that_is_being_raised_alone() -> None:
    class DeepError(Exception):
        pass

    @timing
    def raises(depth: int) -> None:
        if depth:
            try:
                raises(depth - 1)
            finally:
                helper()
        else:
            raise DeepError("original", depth)

    @timing
    def helper() -> None:
        try:
            raise KeyError
        except KeyError:
            pass

    @timing
    def passes(depth: int) -> Iterator[int]:
        try:
            yield depth
        finally:
            helper()

    with pytest.raises(DeepError) as caught:
        raises(20)
    assert caught.value.args == ("original", 0)
    assert caught.value.__context__ is None
    generator = passes(1)
    next(generator)
    with pytest.raises(DeepError) as caught:
        generator.throw(DeepError("thrown"))
    assert caught.value.args == ("thrown",)
    assert sys.exc_info() == (None, None, None)
