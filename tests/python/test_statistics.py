"""statistics(), drain() and timing.data: what they say, and that it holds while the program runs."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tachograph
from tachograph import _native, statistics, timing

pytestmark = pytest.mark.isolated


def mine(function: Callable[..., Any]) -> str:
    return f"{function.__module__}::{function.__qualname__}"


def test_nothing_before_the_first_call() -> None:
    assert statistics() == {}
    assert tachograph.drain() == {}
    assert statistics(by_thread=True) == {}
    assert timing.data == {}

    @timing
    def work() -> None: ...

    assert mine(work) not in timing.data or timing.data[mine(work)]["count"] == 0


def test_fields(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    for ns in (1_000_000, 3_000_000, 2_000_000):
        work(ns)
    known = statistics()[mine(work)]
    assert isinstance(known, tachograph.FunctionStatistics)
    assert known.name == mine(work)
    assert known.call_count == 3
    assert known.total_time == 0.006
    assert known.average_time == pytest.approx(0.002)
    assert (known.min_time, known.max_time, known.last_time) == (0.001, 0.003, 0.002)
    assert repr(known) == (
        f"FunctionStatistics(name={mine(work)!r}, call_count=3, total_time=0.006, average_time=0.002, exception_count=0)"
    )
    with pytest.raises(AttributeError):
        known.call_count = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        tachograph.FunctionStatistics()


def test_statistics_are_a_moment_not_a_view(clock: Any) -> None:
    @timing
    def work() -> None:
        clock.tick(1)

    work()
    before = statistics()
    work()
    assert before[mine(work)].call_count == 1
    assert statistics()[mine(work)].call_count == 2


def test_percentiles(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    for ns in range(1000, 101_000, 1000):
        work(ns)
    known = statistics()[mine(work)]
    for percent in (0, 1, 10, 50, 90, 99, 99.9, 100):
        exact = max(1, -(-percent * 100 // 100)) * 1000 / 1e9
        assert known.percentile(percent) == pytest.approx(exact, rel=0.0625)
    assert known.percentile(0) == known.min_time
    assert known.percentile(100) == known.max_time
    for wrong in (-1, 101, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="between 0 and 100"):
            known.percentile(wrong)
    with pytest.raises(TypeError):
        known.percentile("50")  # type: ignore[arg-type]


def test_percentiles_of_one_call_and_of_none(clock: Any) -> None:
    seen = []

    @timing
    def work() -> None:
        clock.tick(777)
        seen.append(statistics()[mine(work)])

    work()
    assert seen[0].percentile(50) == seen[0].min_time == seen[0].average_time == seen[0].max_time == 0
    assert seen[0].running_count == 1
    assert statistics()[mine(work)].percentile(50) == pytest.approx(777e-9, rel=0.0625)


def test_patterns(clock: Any) -> None:
    with tachograph.span("a.b::c"), tachograph.span("a.b::d.e"), tachograph.span("x::y"):
        clock.tick(1)
    assert set(statistics("a.*")) == {"a.b::c", "a.b::d.e"}
    assert set(statistics("a.b")) == {"a.b::c", "a.b::d.e"}
    assert set(statistics("*::d.*")) == {"a.b::d.e"}
    assert set(statistics(pattern="nothing")) == set()
    assert set(statistics(None)) == {"a.b::c", "a.b::d.e", "x::y"}
    with pytest.raises(ValueError, match="is empty"):
        statistics("")
    with pytest.raises(ValueError, match="single ':'"):
        statistics("a:b")
    with pytest.raises(TypeError):
        statistics(3)  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        statistics("a", True)  # type: ignore[call-overload, misc]
    assert {name for rows in statistics("x", by_thread=True).values() for name in rows} == {"x::y"}


def test_by_thread(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    go, done = threading.Event(), threading.Event()
    ids = []

    def run() -> None:
        ids.append(threading.get_native_id())
        work(5)
        done.set()
        go.wait()

    work(3)
    thread = threading.Thread(target=run)
    thread.start()
    done.wait()
    rows = statistics(by_thread=True)
    assert rows[threading.get_native_id()][mine(work)].total_time == 3e-9
    assert rows[ids[0]][mine(work)].total_time == 5e-9
    go.set()
    thread.join()
    deadline = time.monotonic() + 5
    while ids[0] in statistics(by_thread=True) and time.monotonic() < deadline:
        time.sleep(0.01)  # the thread hands over after join() has returned
    rows = statistics(by_thread=True)
    assert ids[0] not in rows
    assert rows[0][mine(work)].total_time == 5e-9
    assert statistics()[mine(work)].total_time == 8e-9


def test_drains_share_out_what_is_new(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)
        if ns == 7:
            raise ValueError("seven")

    work(1)
    work(5)
    first = tachograph.drain()[mine(work)]
    assert (first.call_count, first.total_time, first.exception_count) == (2, 6e-9, 0)
    assert tachograph.drain() == {}
    with pytest.raises(ValueError, match="seven"):
        work(7)
    second = tachograph.drain()[mine(work)]
    assert (second.call_count, second.total_time, second.exception_count) == (1, pytest.approx(7e-9), 1)
    assert second.self_time == second.active_time == second.cumulative_time == second.total_time
    assert second.min_time == pytest.approx(7e-9, rel=0.0625)
    assert second.last_time == 7e-9
    assert statistics()[mine(work)].call_count == 3  # it resets nothing


def test_a_forked_child_drains_its_own(clock: Any) -> None:
    @timing
    def work() -> None:
        clock.tick(1)

    for _ in range(5):
        work()
    assert tachograph.drain()[mine(work)].call_count == 5
    path = tachograph.recording_path()
    child = os.fork()
    if child == 0:
        ok = statistics() == {} and tachograph.drain() == {}
        work()
        ok = ok and tachograph.drain()[mine(work)].call_count == 1 and statistics()[mine(work)].call_count == 1
        work()
        ok = ok and tachograph.drain()[mine(work)].call_count == 1
        ok = ok and tachograph.recording_path() not in (None, path)
        os._exit(0 if ok else 1)
    assert os.waitpid(child, 0)[1] == 0
    work()
    assert tachograph.drain()[mine(work)].call_count == 1


def _add(sums: dict[str, list[float]], drained: dict[str, Any]) -> None:
    for name, each in drained.items():
        row = sums.setdefault(name, [0, 0, 0.0, 0.0, 0.0])
        row[0] += each.call_count
        row[1] += each.exception_count
        row[2] += each.total_time
        row[3] += each.self_time
        row[4] += each.cumulative_time


@pytest.mark.parametrize("calls", [100_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_drains_add_up_while_eight_threads_call(calls: int) -> None:
    @timing
    def leaf(n: int) -> None:
        if n % 100 == 0:
            raise ValueError

    @timing
    def outer(n: int) -> None:
        try:
            leaf(n)
        except ValueError:
            pass

    def run() -> None:
        for n in range(calls // 2):
            outer(n)

    threads = [threading.Thread(target=run) for _ in range(8)]
    sums: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    done = threading.Event()

    def drain_as_well() -> None:
        while not done.is_set():
            _add(others, tachograph.drain())
            time.sleep(0.001)

    second = threading.Thread(target=drain_as_well)
    second.start()
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        _add(sums, tachograph.drain())
        for known in statistics().values():
            assert known.average_time * known.call_count == pytest.approx(known.total_time, rel=1e-9)
            assert known.self_time <= known.active_time <= known.total_time + 1e-12
            assert known.cumulative_time <= known.total_time
            assert known.min_time <= known.average_time <= known.max_time or known.call_count == 0
            assert 0 <= known.exception_count <= known.call_count
            assert 0 <= known.running_count <= 9
        time.sleep(0.001)
    for thread in threads:
        thread.join()
    done.set()
    second.join()
    _add(sums, tachograph.drain())
    total = 8 * (calls // 2)
    for function, errors in ((leaf, total // 100), (outer, 0)):
        known = statistics()[mine(function)]
        row = [a + b for a, b in zip(*(each.get(mine(function), [0] * 5) for each in (sums, others)), strict=True)]
        assert row[0] == known.call_count == total
        assert row[1] == known.exception_count == errors
        assert row[2:] == pytest.approx([known.total_time, known.self_time, known.cumulative_time], rel=1e-9)
        assert known.running_count == 0
    own = sum(statistics()[mine(function)].self_time for function in (leaf, outer))
    assert own == pytest.approx(statistics()[mine(outer)].total_time, abs=total * 2e-9)  # each is cut to nanoseconds


def test_reading_takes_no_memory_for_good() -> None:
    @timing
    def work() -> None: ...

    def look(times: int) -> int:
        for _ in range(times):
            work()
            statistics()
            statistics(f"{__name__}", by_thread=True)
            tachograph.drain()
            with pytest.raises(ValueError, match="is empty"):
                statistics("")
            assert repr(statistics()[mine(work)])
            assert timing.data
        gc.collect()
        return sys.getallocatedblocks()

    look(100)
    assert look(500) - look(10) < 100


def test_recording_path(monkeypatch: pytest.MonkeyPatch, runtime: Path) -> None:
    monkeypatch.setenv("TACHOGRAPH_RUNTIME_DIR", str(runtime))
    assert tachograph.recording_path() is None
    timing(mine)
    path = tachograph.recording_path()
    assert path is not None
    assert Path(path).parent == runtime
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(path).name.startswith(f"{os.getpid()}-")


def test_the_lock_is_one_and_can_be_taken() -> None:
    with timing.lock, timing.lock:
        assert timing.lock is timing.lock
        assert timing.data == {}


def test_reentrant_drain() -> None:
    """Collections run while results are made; what they run may ask as well."""

    @timing
    def work() -> None: ...

    sums: dict[str, list[float]] = {}

    class Rude:
        def __del__(self) -> None:
            _add(sums, tachograph.drain())

    before = gc.get_threshold()
    for threshold in (1, 3, 10):
        for _ in range(30):
            with tachograph.span(f"span {threshold} {_}"):
                work()
            rude = Rude()
            rude.me = rude  # type: ignore[attr-defined]
            del rude
            gc.set_threshold(threshold)
            _add(sums, tachograph.drain())
            gc.set_threshold(*before)
    gc.collect()
    _add(sums, tachograph.drain())
    assert sums[mine(work)][0] == statistics()[mine(work)].call_count == 90
    assert sum(row[0] for row in sums.values()) == 180


def test_the_test_clock_comes_first() -> None:
    timing(mine)
    with pytest.raises(RuntimeError, match="begun with another clock"):
        _native.set_test_clock(1)


def test_spans_of_any_number_of_names_are_bounded() -> None:
    names = 66_000
    for number in range(names):
        with tachograph.span(f"job::{number}"):
            pass
    assert len(tachograph.statistics("job::*")) == 65_535
    tracemalloc.start()
    for number in range(names, names + 5_000):
        with tachograph.span(f"job::{number}"):
            pass
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < 50_000
