"""Generators within generators, and coroutines that take turns: frames that leave the stack and come back to it."""

import asyncio
import time

from target import run


def digits(n):
    for i in range(n):  # noqa: UP028  # a frame that is left and entered again
        yield i


def doubled(n):
    for i in digits(n):
        yield 2 * i


def chained(n):
    yield from doubled(n)
    yield from shifted(n)


def shifted(n):
    for i in range(n):
        yield shift(i)


def shift(i):
    return i + 1


def consume():
    total = 0
    for i in chained(300):
        total += i
    return total


async def step(n):
    return spin(n)


def spin(n):
    total = 0
    for i in range(n):
        total += i
    return total


async def first(deadline):
    while time.monotonic() < deadline:
        await step(400)
        await asyncio.sleep(0)


async def second(deadline):
    while time.monotonic() < deadline:
        consume()
        await asyncio.sleep(0)


async def both(deadline):
    await asyncio.gather(first(deadline), second(deadline))


def work(deadline):
    asyncio.run(both(deadline))
    return {}


if __name__ == "__main__":
    run(work)
