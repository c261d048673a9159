"""Arguments that bite, storms of exceptions, a store that is down: the program goes on, and the counts are right."""

from __future__ import annotations

import gc
import os
import resource
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tachograph
from recorded import Recorded
from tachograph import exception_logger

pytestmark = pytest.mark.isolated

MIB = 2**20
USED_BYTES_OFFSET = 904  # struct tg_header in src/record/format.h


class Trap:
    """Whose every method would hang."""

    def hang(self, *_: object) -> Any:
        while True:
            time.sleep(1)

    __repr__ = __str__ = __len__ = __bool__ = __iter__ = __getattr__ = __format__ = __sizeof__ = hang
    __eq__ = __hash__ = __reduce__ = __index__ = __float__ = __class_getitem__ = hang  # type: ignore[assignment]

    @property
    def __class__(self) -> Any:
        return self.hang()


class TrapText(str):
    __slots__ = ()
    __repr__ = __str__ = __len__ = __iter__ = __hash__ = __eq__ = Trap.hang  # type: ignore[assignment]


class TrapList(list[Any]):
    __repr__ = __len__ = __iter__ = __getitem__ = Trap.hang  # type: ignore[assignment]


class TrapError(Exception):
    __repr__ = __str__ = Trap.hang  # type: ignore[assignment]


def raise_os_error(trap: object) -> None:
    raise OSError(2, "no such thing", trap)


def raise_changed(trap: object) -> None:
    error = UnicodeDecodeError("utf-8", b"x", 0, 1, "why")
    error.reason = trap  # type: ignore[assignment]
    raise error


def raise_own(trap: object) -> None:
    raise TrapError(trap)


def raise_with(trap: object) -> None:
    raise ValueError(trap)


def raise_key(trap: object) -> None:
    raise KeyError(trap)


def raise_group(trap: object) -> None:
    raise ExceptionGroup("some", [ValueError(trap)])


RAISING: list[Callable[[object], None]] = [raise_os_error, raise_changed, raise_own, raise_with, raise_key, raise_group]


@pytest.mark.parametrize("throw", RAISING)
def test_what_hangs_is_not_asked(recorded: Recorded, throw: Callable[[object], None]) -> None:
    recorded.start()
    exception_logger(throw)
    traps = [Trap(), TrapText("text"), TrapList([1, Trap()])]
    for trap in traps:
        assert isinstance(throw(trap), Exception)
    samples = [sample for group in recorded.groups() for sample in group.samples]
    assert [sample.args[0] for sample in samples[1:]] == ["text", [1, samples[0].args[0]]]
    assert samples[0].args[0].startswith(f"<{__name__}.Trap")


def test_gigabytes_take_no_memory(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def throw(*things: object) -> None:
        raise KeyError(*things)

    huge = [b"x" * (64 * MIB), "ä" * (32 * MIB), list(range(MIB)), {i: i for i in range(MIB)}, 1 << (MIB * 8)]
    throw()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for thing in huge:
        throw(thing)
    throw(*huge)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 * 1024
    samples = recorded.group().samples
    assert len(samples) == 7
    for sample in samples:
        assert len(sample.message) <= 2100
        assert len(repr((sample.args, sample.kwargs))) < 10_000


def test_arguments_change_while_they_are_read(recorded: Recorded) -> None:
    """Nothing lets another thread in while they are; with repr() everything may happen."""
    recorded.start()
    shared: dict[str, Any] = {str(i): [i] for i in range(15)}

    class Clears:
        def __repr__(self) -> str:
            shared.clear()
            items.clear()
            return "cleared"

    items: list[Any] = [Clears(), *range(10)]
    shared["0"] = items

    @exception_logger(repr=True)
    def throw(first: object, second: object, **others: object) -> None:
        raise ValueError

    throw(items, shared, **shared)
    sample = recorded.group().sample
    assert sample.args == [["cleared"], {}]

    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            items[:] = range(20)
            shared.update({str(i): items for i in range(20)})
            items.clear()
            shared.clear()

    @exception_logger
    def also_throw(first: object, second: object) -> None:
        raise LookupError(first)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    changer = threading.Thread(target=change)
    changer.start()
    for _ in range(2000):
        also_throw(items, shared)
    stop.set()
    changer.join()
    sys.setswitchinterval(interval)
    assert [group.count for group in recorded.groups()] == [1, 2000]


def test_exceptions_out_of_destructors_on_the_way(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def inner() -> None:
        raise LookupError("inner")

    class Fails:
        def __del__(self) -> None:
            inner()

    @exception_logger
    def outer(n: int) -> None:
        held = [Fails() for _ in range(n)]
        raise ValueError(len(held))

    error = outer(3)
    assert type(error) is ValueError
    del error
    gc.collect()
    assert sorted(group.count for group in recorded.groups()) == [1, 3]


def used_bytes() -> int:
    path = tachograph.recording_path()
    assert path
    with Path(path).open("rb") as file:
        file.seek(USED_BYTES_OFFSET)
        return int.from_bytes(file.read(8), "little")


@pytest.fixture(params=[pytest.param(1, id="short"), pytest.param(10, id="long", marks=pytest.mark.soak)])
def storm_calls(request: pytest.FixtureRequest) -> Iterator[int]:
    return request.param * 20_000


def test_a_storm_while_the_store_is_down(recorded: Recorded, storm_calls: int) -> None:
    """Somebody holds the store's lock: exceptions are counted exactly, within their memory, and stored later, once."""
    recorded.start(interval=0.05)
    names: dict[str, Any] = {"__name__": "shop"}
    exec("\n".join(f"def f{i}(n, text): raise ValueError(n, text)" for i in range(40)), names)
    functions = [exception_logger(names[f"f{i}"]) for i in range(40)]
    functions[0](0, "first")
    assert tachograph.flush(30)
    before = used_bytes()
    holder = sqlite3.connect(recorded.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    text = "x" * 3000

    def work(start: int) -> None:
        for n in range(start, start + storm_calls):
            functions[n % 40](n, text)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used_bytes() - before <= 17 * MIB  # and what four threads need to time forty functions
    holder.execute("ROLLBACK")
    holder.close()
    groups = recorded.groups()
    assert sum(group.count for group in groups) == 4 * storm_calls + 1
    assert all(group.samples for group in groups)
    assert len(groups) == 40


def test_two_processes_with_the_same_exception(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def throw(n: int) -> float:
        return 1 / (n - n)

    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            for n in range(100):
                throw(n)
            os._exit(0 if tachograph.stop(30) else 1)
        children.append(child)
    for n in range(100):
        throw(n)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    group = recorded.group()
    assert group.count == 300
    assert len(group.samples) in (10, 20)  # of all of them together: an hour may have ended meanwhile
