"""exception_logger: what a decorated function does, whatever it raises. What is kept of it: test_exceptions_kept.py."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import gc
import inspect
import pickle
import sys
import traceback
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import tachograph
from recorded import Recorded
from tachograph import exception_logger, statistics, timing

pytestmark = pytest.mark.isolated


def plain(n: int) -> int:
    try:
        return 1 // n
    finally:
        str(n)


def frames_of(error: BaseException) -> list[tuple[str, int]]:
    return [(entry.name, entry.lineno or 0) for entry in traceback.extract_tb(error.__traceback__)]


def test_it_is_returned(recorded: Recorded) -> None:
    from failing import divide

    recorded.start()
    assert divide(6, 3) == 2.0
    error = divide(1, b=0)
    assert type(error) is ZeroDivisionError
    assert [name for name, _ in frames_of(error)] == ["divide"]
    assert sys.exc_info() == (None, None, None)
    assert (error.__context__, error.__cause__) == (None, None)
    told = statistics()["failing::divide"]
    assert (told.call_count, told.exception_count) == (2, 1)
    assert recorded.counts() == {("failing::divide", "ZeroDivisionError"): 1}


def test_the_function_stays_what_it_was() -> None:
    from failing import Shop, divide

    assert str(inspect.signature(divide)) == "(a: 'int', b: 'int' = 1) -> 'float'"
    assert (divide.__name__, divide.__doc__) == ("divide", "Divides.")
    assert pickle.loads(pickle.dumps(divide)) is divide
    assert copy.deepcopy(divide) is divide
    assert exception_logger(plain) is plain
    assert exception_logger(reraise=True)(plain) is plain
    assert inspect.iscoroutinefunction(Shop.wait)


@pytest.mark.parametrize("name", ["method", "static_outside", "static_inside", "of_class", "wait"])
def test_whatever_can_be_decorated(recorded: Recorded, name: str) -> None:
    from failing import Shop

    recorded.start()
    call = getattr(Shop(), name)
    outcomes = [call(1), call(0)]
    if name == "wait":
        outcomes = [asyncio.run(outcome) for outcome in outcomes]
    assert outcomes[0] == 1
    assert type(outcomes[1]) is ZeroDivisionError
    assert recorded.counts() == {(f"failing::Shop.{name}", "ZeroDivisionError"): 1}


def test_properties(recorded: Recorded) -> None:
    from failing import Shop

    recorded.start()
    shop = Shop()
    assert type(shop.broken) is ZeroDivisionError
    assert shop.cached is shop.cached
    assert recorded.counts() == {
        ("failing::Shop.broken", "ZeroDivisionError"): 1,
        ("failing::Shop.cached", "ZeroDivisionError"): 1,
    }


def test_reraising_changes_nothing(recorded: Recorded) -> None:
    recorded.start()
    thrown = KeyError("as it was")

    def throw() -> None:
        try:
            raise ValueError("before")
        except ValueError:
            raise thrown from None

    def observe() -> Any:
        thrown.__traceback__ = thrown.__context__ = None
        with pytest.raises(KeyError) as info:
            throw()
        assert info.value is thrown
        return frames_of(thrown), type(thrown.__context__), thrown.__suppress_context__, repr(thrown)

    expected = observe()
    exception_logger(reraise=True)(throw)
    assert observe() == expected
    assert [group.count for group in recorded.groups()] == [1]


def test_only_and_ignore(recorded: Recorded) -> None:
    recorded.start()

    def throw(error: BaseException) -> None:
        raise error

    def made(**options: Any) -> Callable[[BaseException], Any]:
        names: dict[str, Any] = {}
        exec("def throw(error): raise error", names | {"__name__": "shop"}, names)
        function: Callable[[BaseException], Any] = exception_logger(**options)(names["throw"])
        return function

    def is_returned(function: Callable[[BaseException], Any], error: BaseException) -> bool:
        try:
            result = function(error)
        except type(error):
            return False
        return result is error

    lookup = made(only=LookupError)
    assert is_returned(lookup, KeyError())
    assert not is_returned(lookup, ValueError())
    both = made(only=(LookupError, OSError), ignore=KeyError)
    assert is_returned(both, IndexError())
    assert is_returned(both, FileNotFoundError())
    assert not is_returned(both, KeyError())
    not_these = made(ignore=(KeyError, OSError))
    assert is_returned(not_these, IndexError())
    assert not is_returned(not_these, FileNotFoundError())
    raising = made(only=LookupError, reraise=True)
    assert not is_returned(raising, IndexError())
    assert not is_returned(raising, ValueError())
    counts = recorded.counts()
    assert counts == {
        ("shop::throw", "KeyError"): 1,
        ("shop::throw", "IndexError"): 3,
        ("shop::throw", "FileNotFoundError"): 1,
    }


class OurExit(SystemExit):
    pass


class Cancelled(asyncio.CancelledError):
    pass


class CancelledError(Exception):
    """Not the one of asyncio."""


NO_FAILURES = [KeyboardInterrupt, SystemExit, OurExit, GeneratorExit, asyncio.CancelledError, Cancelled]
NO_FAILURES += [concurrent.futures.CancelledError]


@pytest.mark.parametrize("kind", NO_FAILURES)
def test_what_is_no_failure(recorded: Recorded, kind: type[BaseException]) -> None:
    recorded.start()

    def throw() -> None:
        raise kind

    def also_throw() -> None:
        raise kind

    exception_logger(throw)
    with pytest.raises(kind):
        throw()
    assert recorded.groups() == []
    exception_logger(only=kind)(also_throw)
    assert type(also_throw()) is kind
    assert [group.type.rpartition(".")[2] for group in recorded.groups()] == [kind.__name__]


def test_the_end_of_an_iteration_is_no_failure(recorded: Recorded) -> None:
    from failing import Endless

    recorded.start()
    assert list(Endless()) == []

    async def consume() -> list[int]:
        return [item async for item in Endless()]

    assert asyncio.run(consume()) == []
    assert recorded.groups() == []

    @exception_logger
    def looks_for_one() -> object:
        return next(iter([]))

    assert type(looks_for_one()) is StopIteration
    assert [group.type for group in recorded.groups()] == ["StopIteration"]


def test_others_of_the_name_are_failures(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def throw() -> None:
        raise CancelledError

    assert type(throw()) is CancelledError
    assert recorded.group().type == f"{__name__}.CancelledError"


def test_what_is_no_exception_is_recorded_and_raised(recorded: Recorded) -> None:
    recorded.start()

    class Stop(BaseException):
        pass

    @exception_logger
    def throw() -> None:
        raise Stop("now")

    with pytest.raises(Stop):
        throw()
    assert (recorded.group().count, recorded.group().sample.message) == (1, "now")


@pytest.mark.parametrize("decorator", [tachograph.exception_logger, tachograph.super_decorator])
def test_what_python_calls_only_reraises(decorator: Any) -> None:
    """An exception in the place of its result would be true, or an attribute, or swallow another one."""

    class Shelf:
        def __contains__(self, item: object) -> bool:
            raise ZeroDivisionError

        def __call__(self) -> None: ...

    with pytest.raises(TypeError, match=r"Python itself calls .*Shelf\.__contains__.*\(reraise=True\)"):
        decorator(Shelf.__contains__)
    assert decorator(Shelf.__call__) is Shelf.__call__


def test_generators_only_reraise(recorded: Recorded) -> None:
    recorded.start()

    def each(n: int) -> Iterator[float]:
        yield 1
        yield 1 / n

    async def every(n: int) -> AsyncIterator[float]:
        yield 1
        yield 1 / n

    async def consume(n: int) -> list[float]:
        return [item async for item in every(n)]

    for generator in (each, every):
        with pytest.raises(TypeError, match=r"(each|every) is a generator.*: use exception_logger\(reraise=True\)"):
            exception_logger(generator)
        assert not tachograph._native.is_timed(generator)
        exception_logger(reraise=True)(generator)
    assert list(each(1)) == [1, 1]
    assert asyncio.run(consume(1)) == [1, 1]
    each(1).close()
    unfinished = each(1)
    next(unfinished)
    unfinished.close()
    assert recorded.groups() == []
    with pytest.raises(ZeroDivisionError):
        list(each(0))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(consume(0))
    thrown = each(1)
    next(thrown)
    with pytest.raises(LookupError):
        thrown.throw(LookupError("thrown in"))
    assert [(group.function.rpartition(".")[2], group.type) for group in recorded.groups()] == [
        ("each", "ZeroDivisionError"),
        ("every", "ZeroDivisionError"),
        ("each", "LookupError"),
    ]


def test_coroutines_that_are_cancelled_or_closed(recorded: Recorded) -> None:
    from failing import Shop

    recorded.start()
    shop = Shop()

    async def cancel() -> None:
        task = asyncio.create_task(shop.wait(1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    waiting = shop.wait(1)
    waiting.send(None)
    waiting.close()
    early = shop.wait(1)
    with pytest.raises(ValueError, match="early"):
        early.throw(ValueError("early"))
    assert recorded.groups() == []


def test_recursion_errors(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def deeper(n: int) -> Any:
        return deeper(n + 1)

    assert type(deeper(0)) is RecursionError
    assert type(deeper(0)) is RecursionError

    @exception_logger(reraise=True)
    def deeper_still(n: int) -> Any:
        return deeper_still(n + 1)

    with pytest.raises(RecursionError):
        deeper_still(0)
    counts = recorded.counts()
    assert sum(counts.values()) == 3
    assert {kind for _, kind in counts} == {"RecursionError"}


def test_memory_errors(recorded: Recorded) -> None:
    recorded.start()

    @exception_logger
    def hoard(n: int) -> Any:
        return bytearray(n)

    assert type(hoard(sys.maxsize)) is MemoryError
    assert recorded.group().sample.args == [sys.maxsize]


def test_beside_timing_and_instrument(recorded: Recorded) -> None:
    recorded.start()

    @timing
    @exception_logger
    def first() -> None:
        raise ValueError

    @exception_logger
    @timing
    def second() -> None:
        raise ValueError

    assert tachograph.instrument([first, second][0], exceptions=True) == 0
    assert [type(first()), type(second())] == [ValueError, ValueError]
    names = [f"{function.__module__}::{function.__qualname__}" for function in (first, second)]
    assert [statistics()[name].exception_count for name in names] == [1, 1]
    tachograph.uninstrument()
    assert [type(first()), type(second())] == [ValueError, ValueError]  # programs rely on it
    assert [group.count for group in recorded.groups()] == [2, 2]


@pytest.mark.parametrize(
    ("raised", "errors"),
    [
        (KeyboardInterrupt, 0),
        (SystemExit, 0),
        (GeneratorExit, 0),
        (asyncio.CancelledError, 0),
        (concurrent.futures.CancelledError, 0),
        (type("Stopped", (asyncio.CancelledError,), {}), 0),
        (type("CancelledError", (Exception,), {}), 1),
        (BaseException, 1),
        (ValueError, 1),
    ],
)
def test_what_ends_a_program_or_a_task_is_no_error(raised: type[BaseException], errors: int) -> None:
    """In the figures of a call and of a span, as in what is recorded."""

    @timing
    def ends() -> None:
        raise raised

    def span() -> None:
        with tachograph.span("ending"):
            raise raised

    for what in (ends, span):
        with contextlib.suppress(BaseException):
            what()
    names = [f"{__name__}::{ends.__qualname__}", f"{__name__}::ending"]
    assert [statistics()[name].exception_count for name in names] == [errors, errors]


def test_a_call_that_is_cancelled_takes_no_memory_to_end() -> None:
    def peak(raised: BaseException) -> int:
        @timing
        def ends() -> None:
            raise raised

        for _ in range(3):
            raised.__traceback__ = None
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with contextlib.suppress(BaseException):
                ends()
            used = tracemalloc.get_traced_memory()[1] - before
        return used

    gc.disable()
    tracemalloc.start()
    peaks = [peak(ValueError()), peak(asyncio.CancelledError())]
    tracemalloc.stop()
    assert peaks[0] == peaks[1]


def test_uninstrument_ends_what_only_records(recorded: Recorded) -> None:
    recorded.start()
    exception_logger(reraise=True)(plain)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            plain(0)
        tachograph.uninstrument(plain)
    assert recorded.group().count == 1


def test_code_that_cannot_be_rewritten_still_returns(recorded: Recorded) -> None:
    recorded.start()

    def broken(n: int) -> int:
        return 1 // n

    async def broken_too(n: int) -> int:
        return 1 // n

    for function in (broken, broken_too):
        function.__code__ = function.__code__.replace(co_linetable=b"")
    returning, waiting = exception_logger(broken), exception_logger(broken_too)
    assert returning(1) == 1
    assert type(returning(0)) is ZeroDivisionError
    assert type(asyncio.run(waiting(0))) is ZeroDivisionError
    assert returning.__name__ == "broken"
    static = exception_logger(only=KeyError)(staticmethod(broken))
    with pytest.raises(ZeroDivisionError):
        static.__func__(0)
    assert exception_logger(reraise=True)(broken) is broken
    assert recorded.groups() == []


def test_disabled_still_returns(run: Any) -> None:
    program = """
import tachograph
@tachograph.exception_logger
def divide(n): return 1 // n
@tachograph.exception_logger(reraise=True)
def other(n): return 1 // n
before = other.__code__
assert type(divide(0)) is ZeroDivisionError and divide(1) == 1 and other.__code__ is before
print(tachograph.recording_path(), tachograph.statistics())
"""
    assert run(program, environment={"TACHOGRAPH_DISABLE": "1"}).stdout == "None {}\n"


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: exception_logger(Recorded), "not on the class Recorded; .*exceptions=True"),
    (lambda: exception_logger(3), "not on int"),
    (lambda: exception_logger(len), "not on builtin_function_or_method"),
    (lambda: exception_logger(ValueError), "takes exception classes by name: only= or ignore="),
    (lambda: exception_logger(only=3), "only takes exception classes, one or a tuple of them, not 3"),
    (lambda: exception_logger(ignore=(KeyError, "x")), "ignore takes exception classes, .* not 'x'"),
    (lambda: exception_logger(only=int), "only takes exception classes, .* not <class 'int'>"),
]


@pytest.mark.parametrize(("use", "told"), WRONG)
def test_wrong_uses_are_told(use: Callable[[], object], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        use()
