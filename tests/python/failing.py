"""Decorated functions, for tests to import in a process of their own: decorating begins a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import cached_property

from tachograph import exception_logger


@exception_logger
def divide(a: int, b: int = 1) -> float:
    """Divides."""
    return a / b


class Shop:
    @exception_logger
    def method(self, n: int) -> int:
        return 1 // n

    @exception_logger
    @staticmethod
    def static_outside(n: int) -> int:
        return 1 // n

    @staticmethod
    @exception_logger
    def static_inside(n: int) -> int:
        return 1 // n

    @exception_logger
    @classmethod
    def of_class(cls, n: int) -> int:
        return 1 // n

    @exception_logger
    @property
    def broken(self) -> int:
        return 1 // 0

    @cached_property
    @exception_logger
    def cached(self) -> int:
        return 1 // 0

    @exception_logger
    async def wait(self, n: int) -> int:
        await asyncio.sleep(0)
        return 1 // n


class Endless:
    @exception_logger(reraise=True)
    def __next__(self) -> int:
        raise StopIteration

    def __iter__(self) -> Iterator[int]:
        return self

    @exception_logger(reraise=True)
    async def __anext__(self) -> int:
        raise StopAsyncIteration

    def __aiter__(self) -> AsyncIterator[int]:
        return self
