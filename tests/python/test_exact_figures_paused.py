"""The figures of calls that pause: generators, coroutines, and what is made of them. The clock moves when told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Generator, Iterator
from typing import Any

import pytest
import tachograph
from tachograph import timing

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


def test_generators_pause(clock: Any) -> None:
    @timing
    def numbers() -> Iterator[int]:
        clock.tick(1)
        yield 1
        clock.tick(2)
        yield 2
        clock.tick(3)

    for _ in numbers():
        clock.tick(100)
    clock.expect(numbers, count=1, total=206, active=6)


def test_generator_send(clock: Any) -> None:
    @timing
    def echo() -> Generator[Any, Any, str]:
        got = None
        for _ in range(3):
            got = yield got
            clock.tick(got)
        return "done"

    generator = echo()
    clock.tick(50)  # a generator that has not begun is no call yet
    assert next(generator) is None
    clock.tick(10)
    assert generator.send(1) == 1
    assert clock.figures(echo)["running"] == 1
    assert generator.send(2) == 2
    with pytest.raises(StopIteration, match="done"):
        generator.send(3)
    clock.expect(echo, count=1, total=16, active=6)


def test_generator_throw(clock: Any) -> None:
    @timing
    def catching() -> Iterator[int]:
        clock.tick(1)
        try:
            yield 1
        except KeyError:
            clock.tick(2)
            yield 2
        clock.tick(4)

    generator = catching()
    next(generator)
    clock.tick(10)
    assert generator.throw(KeyError("caught")) == 2
    clock.tick(10)
    assert list(generator) == []
    clock.expect(catching, count=1, total=27, active=7)

    generator = catching()
    next(generator)
    clock.tick(10)
    with pytest.raises(ValueError, match="not caught"):
        generator.throw(ValueError("not caught"))
    clock.expect(catching, count=2, total=38, active=8, min=11, max=27, last=11, exceptions=1)

    with pytest.raises(ValueError, match="too early"):
        catching().throw(ValueError("too early"))  # never began
    assert clock.figures(catching)["count"] == 2


def test_generator_close(clock: Any) -> None:
    @timing
    def careful() -> Iterator[None]:
        clock.tick(1)
        try:
            yield
        finally:
            clock.tick(3)

    @timing
    def careless() -> Iterator[None]:
        clock.tick(1)
        yield

    for function, active in (careful, 4), (careless, 1):
        generator = function()
        next(generator)
        clock.tick(10)
        generator.close()
        clock.expect(function, count=1, total=10 + active, active=active)
        clock.tick(100)
        generator.close()
        del generator
        function().close()
        clock.expect(function, count=1, total=10 + active, active=active)


def test_generator_that_answers_close(clock: Any) -> None:
    @timing
    def stubborn() -> Iterator[int]:
        with contextlib.suppress(GeneratorExit):
            yield 1
        clock.tick(2)

    @timing
    def angry() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            clock.tick(1)
            raise OSError("not now") from None

    @timing
    def deaf() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = stubborn()
    next(generator)
    generator.close()
    clock.expect(stubborn, count=1, total=2)
    generator = angry()
    next(generator)
    with pytest.raises(OSError, match="not now"):
        generator.close()
    clock.expect(angry, count=1, total=1, exceptions=1)
    generator = deaf()
    next(generator)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        generator.close()
    assert clock.figures(deaf)["running"] == 1
    clock.tick(5)
    del generator  # asked once more, it ends
    clock.expect(deaf, count=1, total=5, active=0)


def test_generator_abandoned(clock: Any) -> None:
    @timing
    def forgotten() -> Iterator[None]:
        clock.tick(1)
        yield
        clock.tick(1000)

    generator = forgotten()
    next(generator)
    clock.tick(10)
    del generator
    clock.expect(forgotten, count=1, total=11, active=1)
    clock.tick(10)
    forgotten()  # never begun
    clock.expect(forgotten, count=1, total=11, active=1)


def test_stop_iteration_inside_a_generator(clock: Any) -> None:
    @timing
    def wrong() -> Iterator[int]:
        yield 1
        clock.tick(1)
        next(iter(()))

    with pytest.raises(RuntimeError, match="generator raised StopIteration"):
        list(wrong())
    clock.expect(wrong, count=1, total=1, exceptions=1)


def test_yield_from(clock: Any) -> None:
    @timing
    def inner() -> Generator[int, Any, str]:
        clock.tick(1)
        yield 1
        clock.tick(2)
        yield 2
        clock.tick(3)
        return "result"

    @timing
    def outer() -> Iterator[int]:
        clock.tick(10)
        result = yield from inner()
        assert result == "result"
        clock.tick(20)

    for _ in outer():
        clock.tick(100)
    clock.expect(inner, count=1, total=206, active=6)
    clock.expect(outer, count=1, total=236, active=36, self=30)


def test_yield_from_closed_and_thrown_into(clock: Any) -> None:
    @timing
    def inner() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            clock.tick(1)
            yield 2
        finally:
            clock.tick(2)

    @timing
    def outer() -> Iterator[int]:
        try:
            yield from inner()
        finally:
            clock.tick(4)

    generator = outer()
    next(generator)
    clock.tick(10)
    assert generator.throw(KeyError) == 2
    clock.tick(10)
    generator.close()
    clock.expect(inner, count=1, total=23, active=3)
    # CPython hands what is thrown straight to the innermost generator: the outer one runs only when that is through.
    clock.expect(outer, count=1, total=27, active=4)
    generator = outer()
    next(generator)
    with pytest.raises(ValueError, match="all the way"):
        generator.throw(ValueError("all the way"))
    for function in inner, outer:
        assert clock.figures(function)["exceptions"] == 1
        assert clock.figures(function)["running"] == 0


def test_yield_from_that_ends_by_a_throw(clock: Any) -> None:
    @timing
    def inner() -> Generator[int, Any, str]:
        try:
            yield 1
        except KeyError:
            clock.tick(1)
            return "caught"
        return "not reached"

    @timing
    def outer() -> Iterator[Any]:
        result = yield from inner()
        clock.tick(2)
        yield result
        clock.tick(4)

    generator = outer()
    next(generator)
    clock.tick(10)
    assert generator.throw(KeyError()) == "caught"
    clock.tick(10)
    assert list(generator) == []
    clock.expect(inner, count=1, total=11, active=1)
    clock.expect(outer, count=1, total=27, active=6)


def test_recursive_generator(clock: Any) -> None:
    @timing
    def walk(depth: int) -> Iterator[int]:
        clock.tick(1)
        yield depth
        if depth:
            yield from walk(depth - 1)
        clock.tick(1)

    for _ in walk(2):
        clock.tick(10)
    # The inner ones last 12, 24 (active 2, 4), the outer one 36 (active 6); only that one is on its own.
    clock.expect(walk, count=3, total=72, cumulative=36, active=12, self=6, min=12, max=36, last=36)


def test_generators_interleaved(clock: Any) -> None:
    @timing
    def worker(ns: int) -> Iterator[None]:
        for _ in range(3):
            clock.tick(ns)
            yield

    workers = [worker(1), worker(10), worker(100)]
    for _ in range(3):
        for each in workers:
            next(each)
    for each in workers:
        assert next(each, "end") == "end"
    clock.expect(worker, count=3, total=333 + 332 + 322, active=333, min=322, max=333, last=322)


def test_generator_moves_between_threads(clock: Any) -> None:
    @timing
    def traveller() -> Iterator[str]:
        clock.tick(1)
        yield threading.current_thread().name
        clock.tick(2)
        yield threading.current_thread().name
        clock.tick(4)

    generator = traveller()
    seen: list[str] = []

    def go_on() -> None:
        seen.extend(next(generator, "end") for _ in range(1))

    for name in ("a", "b", "c"):
        clock.tick(10)
        thread = threading.Thread(target=go_on, name=name)
        thread.start()
        thread.join()
    assert seen == ["a", "b", "end"]
    clock.expect(traveller, count=1, total=27, active=7)
    by_thread = tachograph.statistics(by_thread=True)
    running = sum(rows[f"{__name__}::{traveller.__qualname__}"].running_count for rows in by_thread.values() if rows)
    assert running == 0


def test_generator_is_collected_in_another_thread(clock: Any) -> None:
    @timing
    def forgotten() -> Iterator[None]:
        clock.tick(1)
        yield

    box = [forgotten()]
    next(box[0])
    clock.tick(10)
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    clock.expect(forgotten, count=1, total=11, active=1)


def test_interleaved_coroutines(clock: Any) -> None:
    @timing
    async def request() -> None:
        await Switch()

    requests = [request() for _ in range(3)]
    for each in requests:
        each.send(None)
    clock.tick(20_000_000)
    for each in requests:
        finish(each)
    total = 60_000_000
    clock.expect(request, count=3, total=total, active=0, min=total // 3, max=total // 3, last=total // 3)


def test_await_chain(clock: Any) -> None:
    @timing
    async def leaf() -> int:
        clock.tick(1)
        await Switch()
        clock.tick(2)
        return 7

    @timing
    async def middle() -> int:
        clock.tick(10)
        value = await leaf()
        clock.tick(20)
        return value

    @timing
    async def root() -> int:
        return await middle() + await middle()

    coroutine = root()
    coroutine.send(None)
    clock.tick(1000)
    coroutine.send(None)
    clock.tick(1000)
    assert finish(coroutine) == 14
    clock.expect(leaf, count=2, total=2006, active=6)
    clock.expect(middle, count=2, total=2066, active=66, self=60)
    clock.expect(root, count=1, total=2066, active=66, self=0)


def test_coroutine_cancelled(clock: Any) -> None:
    @timing
    async def patient() -> None:
        try:
            await Switch()
        finally:
            clock.tick(3)

    coroutine = patient()
    coroutine.send(None)
    clock.tick(10)
    with pytest.raises(asyncio.CancelledError):
        coroutine.throw(asyncio.CancelledError())
    clock.expect(patient, count=1, total=13, active=3, exceptions=0)
    coroutine = patient()
    coroutine.send(None)
    clock.tick(10)
    coroutine.close()
    clock.expect(patient, count=2, total=26, active=6, exceptions=0)


def test_recursive_coroutine(clock: Any) -> None:
    @timing
    async def down(depth: int) -> None:
        clock.tick(1)
        if depth:
            await down(depth - 1)
        else:
            await Switch()

    coroutine = down(2)
    coroutine.send(None)
    clock.tick(10)
    finish(coroutine)
    clock.expect(down, count=3, total=36, cumulative=13, active=6, self=3, min=11, max=13, last=13)


def test_asyncio_tasks(clock: Any) -> None:
    @timing
    async def handler(ns: int) -> int:
        clock.tick(ns)
        await asyncio.sleep(0)
        clock.tick(ns)
        return ns

    async def main() -> list[int]:
        return await asyncio.gather(*(handler(ns) for ns in (1, 10, 100)))

    assert asyncio.run(main()) == [1, 10, 100]
    # All begin in turn, then all go on in turn: 112 pass before the first is continued, and so on.
    clock.expect(handler, count=3, total=112 + 121 + 211, active=222, min=112, max=211, last=211, self=222)


def test_async_for(clock: Any) -> None:
    @timing
    async def source() -> AsyncIterator[int]:
        for i in range(2):
            clock.tick(1)
            await Switch()
            clock.tick(2)
            yield i
        clock.tick(4)

    @timing
    async def consumer() -> list[int]:
        seen = []
        async for each in source():
            clock.tick(100)
            seen.append(each)
        return seen

    coroutine = consumer()
    coroutine.send(None)
    clock.tick(1000)
    coroutine.send(None)
    clock.tick(1000)
    assert finish(coroutine) == [0, 1]
    clock.expect(source, count=1, total=2210, active=10)
    clock.expect(consumer, count=1, total=2210, active=210, self=200)


def test_asend_athrow_aclose(clock: Any) -> None:
    @timing
    async def source() -> Any:
        got = yield 0
        clock.tick(got)
        try:
            yield 1
        except KeyError:
            clock.tick(10)
            yield 2
        finally:
            clock.tick(100)

    def drive(awaitable: Awaitable[Any]) -> Any:
        iterator = awaitable.__await__()
        return finish(iterator) if hasattr(iterator, "send") else next(iterator)

    generator = source()
    assert drive(generator.asend(None)) == 0
    clock.tick(1000)
    assert drive(generator.asend(5)) == 1
    clock.tick(1000)
    assert drive(generator.athrow(KeyError())) == 2
    clock.tick(1000)
    assert drive(generator.aclose()) is None
    clock.expect(source, count=1, total=3115, active=115)

    generator = source()
    drive(generator.asend(None))
    with pytest.raises(ValueError, match="not caught"):
        drive(generator.athrow(ValueError("not caught")))
    assert clock.figures(source)["exceptions"] == 1

    generator = source()
    drive(generator.asend(None))
    del generator  # abandoned, with nobody who would close it
    figures = clock.figures(source)
    assert (figures["count"], figures["running"], figures["exceptions"]) == (3, 0, 1)


def test_context_manager_made_of_a_generator(clock: Any) -> None:
    @contextlib.contextmanager
    @timing
    def managed() -> Iterator[None]:
        clock.tick(1)
        yield
        clock.tick(2)

    with managed():
        clock.tick(10)
    clock.expect(managed.__wrapped__, count=1, total=13, active=3)
    with pytest.raises(ValueError, match="inside"), managed():
        raise ValueError("inside")
    clock.expect(managed.__wrapped__, count=2, total=14, active=4, min=1, max=13, last=1, exceptions=1)


def test_async_context_manager(clock: Any) -> None:
    @contextlib.asynccontextmanager
    @timing
    async def managed() -> AsyncIterator[None]:
        clock.tick(1)
        await asyncio.sleep(0)
        yield
        clock.tick(2)

    async def main() -> None:
        async with managed():
            clock.tick(10)

    asyncio.run(main())
    clock.expect(managed.__wrapped__, count=1, total=13, active=3)
