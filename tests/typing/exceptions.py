"""What a type checker knows of functions that return their exceptions. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import tachograph


@tachograph.exception_logger
def add(left: int, /, right: int = 1, *, factor: float = 1.0) -> float:
    return (left + right) * factor


assert_type(add(1, 2, factor=2.0), float | Exception)
add("1")  # type: ignore[arg-type]
add(left=1)  # type: ignore[call-arg]
add(1).is_integer()  # type: ignore[union-attr]


@tachograph.exception_logger
async def fetch(url: str) -> bytes:
    return url.encode()


async def asynchronous() -> None:
    assert_type(await fetch("a"), bytes | Exception)
    await fetch(1)  # type: ignore[arg-type]


@tachograph.exception_logger(only=(KeyError, OSError), ignore=FileNotFoundError, capture_args=False, repr=True)
def look_up(names: dict[str, int], name: str) -> int:
    return names[name]


assert_type(look_up({}, "a"), int | Exception)
look_up({}, 1)  # type: ignore[arg-type]


@tachograph.exception_logger(reraise=True)
def each(count: int) -> Iterator[int]:
    yield from range(count)


@tachograph.exception_logger(reraise=True, only=LookupError)
async def every(count: int) -> AsyncIterator[int]:
    yield count


assert_type(each(1), Iterator[int])
assert_type(every(1), AsyncIterator[int])
each("1")  # type: ignore[arg-type]


class Shop:
    @tachograph.exception_logger
    def sell(self, item: str) -> int:
        return len(item)

    @classmethod
    @tachograph.exception_logger
    def of(cls, name: str) -> Shop:
        return cls()

    @tachograph.exception_logger(reraise=True)
    def buy(self, item: str) -> int:
        return len(item)


assert_type(Shop().sell("a"), int | Exception)
assert_type(Shop.of("a"), Shop | Exception)
assert_type(Shop().buy("a"), int)
Shop().sell(1)  # type: ignore[arg-type]
Shop().buy(1)  # type: ignore[arg-type]

tachograph.exception_logger(only="KeyError")  # type: ignore[call-overload]
tachograph.exception_logger(only=int)  # type: ignore[arg-type]
tachograph.exception_logger(add, reraise=True)  # type: ignore[call-overload]
tachograph.instrument("shop.*", exceptions=True, capture_args=False)
tachograph.instrument("shop.*", exceptions="yes")  # type: ignore[arg-type]
