"""Tasks that come and go all the time, two with a name and one without: which of them calls what is known."""

import asyncio
import time

from target import run


def red_leaf(n):
    return n + 1


def blue_leaf(n):
    return n + 2


def green_leaf(n):
    return n + 3


async def red(count):
    n = 0
    for _ in range(count):
        n = red_leaf(n)
    await asyncio.sleep(0)
    return n


async def blue(count):
    n = 0
    for _ in range(count):
        n = blue_leaf(n)
    await asyncio.sleep(0)
    return n


async def green(count):
    n = 0
    for _ in range(count):
        n = green_leaf(n)
    await asyncio.sleep(0)
    return n


async def take_turns(deadline):
    while time.monotonic() < deadline:
        for count in (1, 30, 1000):
            await asyncio.create_task(red(count), name="red one")
            await asyncio.create_task(blue(count), name="blue one")
            await asyncio.create_task(green(count))


def work(deadline):
    asyncio.run(take_turns(deadline))
    return {"tasks": {"red_leaf": "red one", "blue_leaf": "blue one", "green_leaf": "green"}}


if __name__ == "__main__":
    run(work)
