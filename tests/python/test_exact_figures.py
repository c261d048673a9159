"""Every figure of every kind of call, to the nanosecond, under a clock that moves only when the test says so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tachograph
from tachograph import span, timing

pytestmark = pytest.mark.isolated


class Switch:
    """Awaited, it gives control to whoever drives the coroutine."""

    def __await__(self) -> Iterator[str]:
        return (yield "switched")


def finish(awaitable: Any) -> Any:
    """Drives a coroutine or the like that does not switch any more, to its result."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it switched once more")


def test_calls_add_up(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    work(5)
    clock.tick(1000)
    clock.expect(work, count=1, total=5)
    work(9)
    work(7)
    clock.expect(work, count=3, total=21, min=5, max=9, last=7)
    assert tachograph.statistics()[f"{__name__}::test_calls_add_up.<locals>.work"].average_time == pytest.approx(7e-9)


def test_callers_own_only_what_is_left(clock: Any) -> None:
    @timing
    def inner() -> None:
        clock.tick(10)

    def untimed() -> None:
        clock.tick(100)
        inner()

    @timing
    def outer() -> None:
        clock.tick(1)
        inner()
        clock.tick(2)
        untimed()

    outer()
    clock.expect(outer, count=1, total=123, self=103)
    clock.expect(inner, count=2, total=20)


def test_what_is_running_is_seen(clock: Any) -> None:
    @timing
    def inner() -> dict[str, int]:
        clock.tick(1)
        figures: dict[str, int] = clock.figures(outer)
        return figures

    @timing
    def outer() -> dict[str, int]:
        clock.tick(1)
        return inner()

    assert outer() == dict.fromkeys(clock.figures(outer), 0) | {"running": 1}
    clock.expect(outer, count=1, total=2, self=1)


def test_recursion_counts_once_in_cumulative(clock: Any) -> None:
    @timing
    def down(depth: int) -> None:
        clock.tick(5)
        if depth:
            down(depth - 1)
        clock.tick(1)

    down(2)
    clock.expect(down, count=3, total=6 + 12 + 18, cumulative=18, self=18, active=36, min=6, max=18, last=18)


def test_mutual_recursion(clock: Any) -> None:
    @timing
    def even(n: int) -> None:
        clock.tick(1)
        odd(n)
        clock.tick(1)

    @timing
    def odd(n: int) -> None:
        clock.tick(2)
        if n:
            even(n - 1)

    even(1)
    clock.expect(even, count=2, total=12, cumulative=8, self=4, active=12, min=4, max=8, last=8)
    clock.expect(odd, count=2, total=8, cumulative=6, self=4, active=8, min=2, max=6, last=6)


def test_branching_recursion(clock: Any) -> None:
    @timing
    def fib(n: int) -> int:
        clock.tick(1)
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    assert fib(10) == 55
    figures = clock.figures(fib)
    assert (figures["count"], figures["cumulative"], figures["self"]) == (177, 177, 177)
    assert (figures["min"], figures["max"], figures["last"]) == (1, 177, 177)


def test_every_function_of_a_class(clock: Any) -> None:
    @timing
    class Shop:
        __slots__ = ("stock",)

        def __init__(self) -> None:
            clock.tick(1)
            self.stock = 1

        def __call__(self) -> None:
            clock.tick(2)

        def sell(self) -> None:
            clock.tick(3)

        @staticmethod
        def static() -> None:
            clock.tick(4)

        @classmethod
        def of_class(cls) -> None:
            clock.tick(5)

        @property
        def price(self) -> int:
            clock.tick(6)
            return 1

        @price.setter
        def price(self, value: int) -> None:
            clock.tick(7)

        @price.deleter
        def price(self) -> None:
            clock.tick(8)

        class Till:
            def open(self) -> None:
                clock.tick(9)

        def __add__(self, other: object) -> int:
            clock.tick(10)
            return 0

    shop = Shop()
    shop()
    shop.sell()
    Shop.sell(shop)
    shop.static()
    shop.of_class()
    assert shop.price == 1
    shop.price = 2
    del shop.price
    Shop.Till().open()
    assert shop + shop == 0
    name = f"{__name__}::{Shop.__qualname__}"
    for method, count, total in [
        ("__init__", 1, 1),
        ("__call__", 1, 2),
        ("sell", 2, 6),
        ("static", 1, 4),
        ("of_class", 1, 5),
        ("Till.open", 1, 9),
        ("__add__", 1, 10),
    ]:
        clock.expect(f"{name}.{method}", count=count, total=total)
    clock.expect(f"{name}.price", count=3, total=21, min=6, max=8, last=8)  # one name, one row


def test_decorators_on_top_and_below(clock: Any) -> None:
    class Shop:
        @timing
        @staticmethod
        def static() -> None:
            clock.tick(4)

        @staticmethod
        @timing
        def static_inside() -> None:
            clock.tick(4)

        @timing
        @classmethod
        def of_class(cls) -> None:
            clock.tick(5)

        @timing
        @property
        def price(self) -> int:
            clock.tick(6)
            return 1

        @timing
        @functools.cached_property
        def cached(self) -> int:
            clock.tick(7)
            return 1

    shop = Shop()
    shop.static()
    shop.static_inside()
    shop.of_class()
    assert shop.price + shop.cached + shop.cached == 3
    name = f"{__name__}::{Shop.__qualname__}"
    for method, total in [("static", 4), ("static_inside", 4), ("of_class", 5), ("price", 6), ("cached", 7)]:
        clock.expect(f"{name}.{method}", count=1, total=total)


def test_closures_and_lambdas(clock: Any) -> None:
    def make(ns: int) -> Callable[[], None]:
        def closure() -> None:
            clock.tick(ns)

        return closure

    before = make(1)
    assert tachograph.instrument(make) == 2
    after = make(2)
    after()
    clock.expect(f"{__name__}::{after.__qualname__}", count=1, total=2)
    assert tachograph.instrument(before) == 1
    before()
    clock.expect(after, count=2, total=3, min=1, max=2, last=1)

    square = timing(lambda n: (clock.tick(n), n * n)[1])
    assert [square(1), square(3)] == [1, 9]
    clock.expect(square, count=2, total=4, min=1, max=3, last=3)


def test_defaults_keywords_and_stars(clock: Any) -> None:
    @timing
    def mixed(a: int, /, b: int = 2, *rest: int, c: int = 3, **others: int) -> tuple[Any, ...]:
        clock.tick(1)
        return a, b, rest, c, others

    assert mixed(1) == (1, 2, (), 3, {})
    assert mixed(1, 5, 6, 7, c=8, d=9) == (1, 5, (6, 7), 8, {"d": 9})
    assert mixed(*[1, 2], c=4) == (1, 2, (), 4, {})
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        mixed()  # type: ignore[call-arg]
    clock.expect(mixed, count=3, total=3)  # what is not called is not counted


def test_exceptions_are_counted_where_they_leave(clock: Any) -> None:
    @timing
    def inner() -> None:
        clock.tick(1)
        raise ValueError("from inside")

    @timing
    def middle() -> None:
        try:
            inner()
        finally:
            clock.tick(10)

    @timing
    def outer() -> None:
        try:
            middle()
        except ValueError:
            clock.tick(100)

    outer()
    clock.expect(inner, count=1, total=1, exceptions=1)
    clock.expect(middle, count=1, total=11, self=10, exceptions=1)
    clock.expect(outer, count=1, total=111, self=100)


def test_exceptions_inside_do_not_count(clock: Any) -> None:
    @timing
    def handles(key: str) -> int:
        try:
            clock.tick(1)
            return {}[key]  # type: ignore[no-any-return]
        except KeyError:
            clock.tick(1)
            return 0
        finally:
            clock.tick(1)

    @timing
    def called_while_handling() -> None:
        clock.tick(1)

    assert handles("x") == 0
    clock.expect(handles, count=1, total=3)
    try:
        raise KeyError
    except KeyError:
        called_while_handling()
    with contextlib.suppress(ValueError):
        try:
            raise ValueError
        finally:
            called_while_handling()
    clock.expect(called_while_handling, count=2, total=2)


def test_calls_that_end_a_program_count_and_are_no_errors(clock: Any) -> None:
    @timing
    def leaves(error: BaseException) -> None:
        clock.tick(1)
        raise error

    for error in (SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            leaves(error)
    clock.expect(leaves, count=3, total=3, exceptions=0)


def test_exception_in_the_destructor_of_a_local(clock: Any) -> None:
    class Local:
        def __del__(self) -> None:
            dying()

    @timing
    def dying() -> None:
        clock.tick(5)

    @timing
    def raises() -> None:
        local = Local()
        clock.tick(1)
        raise ValueError(local)

    try:
        raises()
    except ValueError:
        pass
    clock.expect(raises, count=1, total=1, exceptions=1)
    clock.expect(dying, count=1, total=5)


def test_spans(clock: Any) -> None:
    @timing
    def inner() -> None:
        clock.tick(10)

    with span("outer"):
        clock.tick(1)
        with span("nested"):
            clock.tick(2)
            inner()
        with span("elsewhere::nested"):
            clock.tick(3)
    clock.expect(f"{__name__}::outer", count=1, total=16, self=1)
    clock.expect(f"{__name__}::nested", count=1, total=12, self=2)
    clock.expect("elsewhere::nested", count=1, total=3)
    with pytest.raises(ValueError, match="inside"), span("outer"):
        raise ValueError("inside")
    clock.expect(f"{__name__}::outer", count=2, total=16, self=1, min=0, max=16, last=0, exceptions=1)


def test_span_in_a_timed_function(clock: Any) -> None:
    @timing
    def work() -> None:
        clock.tick(1)
        with span("part"):
            clock.tick(5)

    work()
    clock.expect(work, count=1, total=6, self=1)
    clock.expect(f"{__name__}::part", count=1, total=5)


def test_span_in_a_coroutine(clock: Any) -> None:
    @timing
    async def request() -> None:
        with span("query"):
            clock.tick(1)
            await Switch()
            clock.tick(2)
        clock.tick(4)

    requests = [request(), request()]
    for each in requests:
        each.send(None)
    clock.tick(100)
    for each in requests:
        finish(each)
    # 1 1 100 2 4 2 4: the first query lasts 1 + 1 + 100 + 2, the second one 1 + 100 + 6 + 2
    clock.expect(f"{__name__}::query", count=2, total=213, active=6, min=104, max=109, last=109)
    clock.expect(request, count=2, total=108 + 113, active=14, self=8, min=108, max=113, last=113)


def test_spans_closed_out_of_order(clock: Any) -> None:
    first, second = span("first"), span("second")
    first.__enter__()
    clock.tick(1)
    second.__enter__()
    clock.tick(2)
    first.__exit__(None, None, None)
    clock.tick(4)
    second.__exit__(None, None, None)
    clock.expect(f"{__name__}::first", count=1, total=3, self=1)
    clock.expect(f"{__name__}::second", count=1, total=6)


def test_span_left_open(clock: Any) -> None:
    @timing
    def work() -> None:
        opened = span("left open")
        opened.__enter__()
        clock.tick(3)

    work()
    clock.expect(f"{__name__}::left open", count=1, total=3)
    clock.expect(work, count=1, total=3, self=0)


def test_span_left_open_at_a_yield(clock: Any) -> None:
    @timing
    def work() -> Iterator[None]:
        with span("open"):
            clock.tick(1)
            yield
            clock.tick(1)
        clock.tick(1)

    @timing
    def other() -> None:
        clock.tick(10)

    for _ in work():
        other()
    clock.expect(f"{__name__}::open", count=1, total=12, active=2)
    clock.expect(other, count=1, total=10)
    clock.expect(work, count=1, total=13, active=3, self=1)


def test_wrong_uses_of_spans(clock: Any) -> None:
    opened = span("once")
    with opened, pytest.raises(RuntimeError, match="entered already"):
        opened.__enter__()
    with pytest.raises(RuntimeError, match="not entered"):
        opened.__exit__(None, None, None)
    with pytest.raises(ValueError, match="needs a name"):
        span("")
    with pytest.raises(TypeError):
        span(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        span()  # type: ignore[call-arg]
    clock.expect(f"{__name__}::once", count=1, total=0)
    with opened:
        clock.tick(4)
    clock.expect(f"{__name__}::once", count=2, total=4, min=0, max=4, last=4)


def test_callables_written_in_c(clock: Any) -> None:
    sqrt = timing(math.sqrt)
    assert sqrt(9.0) == 3.0
    with pytest.raises(ValueError, match=r"math domain|nonnegative"):
        sqrt(-1)
    clock.expect("math::sqrt", count=2, total=0, exceptions=1)

    tick = timing(functools.partial(clock.tick, 5))
    tick()
    clock.expect("functools::partial", count=1, total=5)

    @timing
    def key(value: int) -> int:
        clock.tick(value)
        return value

    timed_sorted = timing(sorted)
    assert timed_sorted([3, 1, 2], key=key, reverse=True) == [3, 2, 1]
    clock.expect(key, count=3, total=6, min=1, max=3, last=2)
    clock.expect("builtins::sorted", count=1, total=6, self=0)


def test_bound_methods_share_their_function(clock: Any) -> None:
    class Shop:
        def sell(self) -> None:
            clock.tick(3)

    shop = Shop()
    assert timing(shop.sell) is not None
    shop.sell()
    Shop().sell()
    clock.expect(Shop.sell, count=2, total=6)


def test_namesakes_share_a_row(clock: Any) -> None:
    def make(ns: int) -> Callable[[], None]:
        @timing
        def same() -> None:
            clock.tick(ns)

        return same

    make(1)()
    make(2)()
    clock.expect(make(3), count=2, total=3, min=1, max=2, last=2)


def test_threads_add_up(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    for ns in (1, 2, 3):
        thread = threading.Thread(target=work, args=(ns,))
        thread.start()
        thread.join()
    work(4)
    clock.expect(work, count=4, total=10, min=1, max=4, last=4)


def test_a_call_that_outlives_its_caller(clock: Any) -> None:
    @timing
    def lazily() -> Iterator[int]:
        clock.tick(1)
        yield 1
        clock.tick(1)

    @timing
    def make() -> Iterator[int]:
        generator = lazily()
        next(generator)
        clock.tick(10)
        return generator

    generator = make()
    clock.tick(100)
    assert list(generator) == []
    clock.expect(make, count=1, total=11, self=10)
    clock.expect(lazily, count=1, total=112, active=2)


def test_timing_data_is_the_seeds_view(clock: Any) -> None:
    @timing
    def work(ns: int) -> None:
        clock.tick(ns)

    work(3)
    work(5)
    assert timing.data[f"{__name__}::{work.__qualname__}"] == {
        "count": 2,
        "time": pytest.approx(8e-9),
        "last": pytest.approx(5e-9),
    }
