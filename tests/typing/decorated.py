"""What a type checker knows of decorated code: all that it knew before. Checked by mypy and pyright, never run.

A line with ``type: ignore`` has to be an error: both checkers complain of such a comment where there is none.
"""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from typing import Any, Generic, TypeVar, assert_type, overload

import tachograph

T = TypeVar("T")


@tachograph.timing
def add(left: int, /, right: int = 1, *, factor: float = 1.0) -> float:
    return (left + right) * factor


assert_type(add(1), float)
assert_type(add(1, 2, factor=2.0), float)
add("1")  # type: ignore[arg-type]
add(left=1)  # type: ignore[call-arg]
add(1, faktor=2.0)  # type: ignore[call-arg]
add(1).upper()  # type: ignore[attr-defined]


@tachograph.hot_reload
def subtract(left: int, /, right: int = 1) -> int:
    return left - right


assert_type(subtract(1), int)
subtract("1")  # type: ignore[arg-type]


@tachograph.super_decorator
def divide(left: int, /, right: int = 1) -> float:
    return left / right


assert_type(divide(1), float | Exception)
divide("1")  # type: ignore[arg-type]
divide(1).is_integer()  # type: ignore[union-attr]


@tachograph.super_decorator(reraise=True, ignore=KeyError, capture_args=False)
def multiply(left: int, /, right: int = 1) -> int:
    return left * right


assert_type(multiply(1), int)
multiply("1")  # type: ignore[arg-type]


@tachograph.super_decorator
async def load(url: str) -> bytes:
    return url.encode()


async def loading() -> None:
    assert_type(await load("a"), bytes | Exception)
    await load(1)  # type: ignore[arg-type]


@tachograph.super_decorator(only=(KeyError, OSError))
def look_up(name: str) -> str:
    return name


assert_type(look_up("a"), str | Exception)
tachograph.super_decorator(only="KeyError")  # type: ignore[call-overload]


@tachograph.timing
def first(items: list[T], default: T) -> T:
    return items[0] if items else default


assert_type(first([1], 2), int)
assert_type(first(["a"], "b"), str)
first()  # type: ignore[call-arg]


@tachograph.timing
def variadic(*numbers: int, **names: str) -> tuple[int, ...]:
    return numbers if names else ()


assert_type(variadic(1, 2, a="b"), tuple[int, ...])
variadic("a")  # type: ignore[arg-type]
variadic(a=1)  # type: ignore[arg-type]


@overload
def parse(text: str) -> int: ...
@overload
def parse(text: bytes) -> float: ...
@tachograph.timing
def parse(text: str | bytes) -> int | float:
    return int(text) if isinstance(text, str) else float(text)


assert_type(parse("1"), int)
assert_type(parse(b"1"), float)


@tachograph.timing
async def fetch(url: str) -> bytes:
    return url.encode()


@tachograph.timing
def countdown(start: int) -> Generator[int, str, bool]:
    while start:
        yield start
        start -= 1
    return True


@tachograph.timing
async def lines(count: int) -> AsyncIterator[str]:
    for number in range(count):
        yield str(number)


async def asynchronous() -> None:
    running: Coroutine[Any, Any, bytes] = fetch("a")
    assert_type(await running, bytes)
    fetch("a")  # type: ignore[unused-coroutine]
    await fetch(1)  # type: ignore[arg-type]
    async for line in lines(1):
        assert_type(line, str)


assert_type(countdown(3), Generator[int, str, bool])
countdown("3")  # type: ignore[arg-type]


class Box(Generic[T]):
    def __init__(self, content: T) -> None:
        self.content = content

    @tachograph.timing
    def get(self, copies: int = 1) -> list[T]:
        return [self.content] * copies

    @tachograph.timing
    @classmethod
    def of(cls, content: T) -> Box[T]:
        return cls(content)

    @classmethod
    @tachograph.timing
    def inner(cls, content: T) -> Box[T]:
        return cls(content)

    @tachograph.timing
    @staticmethod
    def size(text: str) -> int:
        return len(text)

    @property
    @tachograph.timing
    def length(self) -> int:
        return 1

    @length.setter
    @tachograph.timing
    def length(self, value: int) -> None:
        self.width = value

    @functools.cached_property
    @tachograph.timing
    def cached(self) -> str:
        return ""


box = Box("a")
assert_type(box.get(), list[str])
assert_type(box.get(copies=2), list[str])
assert_type(Box[int].of(1), Box[int])
assert_type(Box[bytes].inner(b""), Box[bytes])
assert_type(Box.size("a"), int)
assert_type(box.length, int)
assert_type(box.cached, str)
box.length = 3
box.get("2")  # type: ignore[arg-type]
Box.size(1)  # type: ignore[arg-type]
box.length = "3"  # type: ignore[assignment]


@tachograph.timing
class Point:
    def __init__(self, x: float) -> None:
        self.x = x


assert_type(Point(1.0), Point)
assert_type(Point(1.0).x, float)
Point("1")  # type: ignore[arg-type]


class SubPoint(Point):  # a class that is decorated is one to inherit from
    pass


def root(value: float) -> float:
    return tachograph.timing(math.sqrt)(value)


timed_sqrt = tachograph.timing(math.sqrt)
assert_type(timed_sqrt(2.0), float)
timed_sqrt("2")  # type: ignore[arg-type]

increase: Callable[[int], int] = tachograph.timing(lambda number: number + 1)
wait: Callable[[str], Awaitable[bytes]] = tachograph.timing(fetch)
each: Callable[[int], Iterator[int]] = tachograph.timing(countdown)
wrong: Callable[[str], Iterator[int]] = tachograph.timing(countdown)  # type: ignore[assignment]

tachograph.timing()  # type: ignore[call-arg]
