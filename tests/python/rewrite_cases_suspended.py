"""More programs for test_rewrite: generators, coroutines and asynchronous generators, interrupted in every way."""

# Odd shapes are the point: lint, format and types are for ordinary programs.
# ruff: noqa: B007, B904
# ruff: noqa: RUF005
# fmt: off
# mypy: ignore-errors

from __future__ import annotations

import asyncio

from rewrite_cases import Suspended, drive, exercise, manager, outcome, suspend

# Generators


def case_generator():
    def f(n):
        total = 0
        for i in range(n):
            received = yield i, total
            total += received or 0
        return total

    return list(f(4)), exercise(lambda: f(3))


def case_generator_handles_throw():
    def f():
        log = []
        for i in range(3):
            try:
                try:
                    log.append((yield i))
                except ValueError as error:
                    log.append((yield str(error)))
            except KeyError:
                yield "key"
                return log
            finally:
                log.append("finally")
        return log

    return exercise(f)


def case_generator_yields_in_handlers():
    def f():
        try:
            yield 1
        except ValueError as error:
            yield "except"
            yield repr(error)
        else:
            yield "else"
        finally:
            yield "finally"
        with manager([], (KeyError,)) as log:
            yield log
        yield log

    return exercise(f)


def case_generator_deep_stack():
    def f(a, b):
        x = [a, (yield 1), b, *(yield 2), {"k": (yield 3), **((yield 4) or {})}]
        return x, f"{(yield 5)!r}{a}", (yield 6) + ((yield 7) if (yield 8) else 0)

    return exercise(lambda: f(1, 2)), drive_generator(f(1, 2), [[3], {"z": 1}, 1, 1, 1, 1, 1, 1, 1])


def drive_generator(it, answers):
    seen = [next(it)]
    for answer in answers:
        step = outcome(it.send, answer)
        seen.append(step)
    return seen


def case_generator_in_loops_and_tries():
    def f(n):
        for a in range(n):
            for b in (yield "loop") or range(2):
                try:
                    with manager([], (ValueError,)):
                        while True:
                            yield a, b
                            break
                except KeyError:
                    continue
                finally:
                    yield "cleanup"

    return exercise(lambda: f(2))


def case_yield_from():
    def inner(n):
        try:
            x = yield n
            y = yield x
        except ValueError:
            return "inner caught"
        except KeyError:
            y = yield "inner goes on"
        return y

    def outer():
        a = yield from inner(1)
        try:
            b = yield from inner(2)
        except IndexError:
            b = "index"
        return a, (
            yield from
            inner(3)
        ), b

    return exercise(outer)


def case_yield_from_catches():
    def inner():
        try:
            yield "inner"
        except ValueError:
            raise IndexError("replaced")

    def outer():
        for attempt in range(3):
            try:
                r = yield from inner()
            except IndexError as error:
                yield "index", str(error), repr(error.__context__)
            except Suspended:
                r = yield from inner()
                return "second", r

    return exercise(outer)


def case_yield_from_others():
    class Thrower:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n > 3:
                raise StopIteration("end")
            return self.n

        def throw(self, *arguments):
            if self.n == 2:
                raise StopIteration("thrown")
            return "answered"

        def close(self):
            raise RuntimeError("close")

    def outer(make):
        first = yield from make()
        second = yield from make()
        return first, second

    return exercise(lambda: outer(Thrower)), exercise(lambda: outer(lambda: [1, 2]))


def case_generator_ignores_close():
    def f():
        for _ in range(3):
            try:
                yield 1
            except GeneratorExit:
                yield 2

    def run(*steps):
        it = f()
        next(it)
        return [outcome(getattr(it, step), *arguments) for step, *arguments in steps] + [list(it)]

    return run(["close"], ["send", None]), run(["throw", GeneratorExit], ["close"])


def case_generator_raises_stop():
    def f():
        yield 1
        raise StopIteration("inside")

    def g():
        yield 1
        next(iter(()))

    return [outcome(list, f()), outcome(list, g())]


def case_generator_misuse():
    def f():
        yield next(me)

    me = f()
    unstarted = f()
    return [outcome(next, me), outcome(unstarted.send, 1), outcome(unstarted.throw, ValueError), outcome(next, unstarted)]


def case_generator_inspection():
    def f(x):
        y = x + 1
        yield y
        z = yield from g()
        yield z

    def g():
        yield 5

    it = f(1)
    seen = [it.gi_frame.f_lineno, it.gi_suspended, it.gi_yieldfrom]
    for _ in it:
        frame = it.gi_frame
        seen.append((frame.f_lineno, sorted(frame.f_locals), it.gi_suspended, type(it.gi_yieldfrom).__name__))
    return seen + [it.gi_frame, it.gi_running]


def case_generator_closures():
    def f(n):
        def inner():
            return n

        while n:
            yield inner
            n -= 1

    return [g() for g in f(3)]


def case_generator_expressions():
    def f(rows):
        return sum(x for row in rows for x in row), max((yield), default=None) if False else 1

    it = f([[1], [2]])
    return outcome(next, it)


# Coroutines


def case_coroutine():
    async def leaf(n):
        return await suspend(n) or 0

    async def branch(n):
        total = 0
        for i in range(n):
            try:
                total += await leaf(i)
            except ValueError:
                total += 100
            finally:
                total += 1
        return total

    return drive(branch(3)), exercise(lambda: branch(2)), exercise(lambda: leaf(2))


def case_await_with_throw():
    async def leaf():
        try:
            await suspend("leaf")
        except ValueError:
            return "leaf caught"

    async def branch():
        try:
            first = await leaf()
        except KeyError:
            first = "branch caught"
        return first, await leaf(), [await leaf(), await suspend("list")]

    return exercise(branch)


class Manager:
    def __init__(self, log, swallow=False):
        self.log = log
        self.swallow = swallow

    async def __aenter__(self):
        self.log.append(await suspend("aenter"))
        return self.log

    async def __aexit__(self, kind, value, traceback):
        self.log.append((await suspend("aexit"), kind and kind.__name__))
        return self.swallow


def case_async_with():
    async def f(n):
        log = []
        async with Manager(log), Manager(log, swallow=n == 2) as inner:
            if n == 0:
                return log
            await suspend(len(inner))
            if n >= 2:
                raise ValueError(n)
        return log

    return [outcome(drive, f(n)) for n in range(4)], exercise(lambda: f(1)), exercise(lambda: f(2))


def case_async_for():
    async def numbers(n):
        try:
            for i in range(n):
                await suspend("before")
                yield i
        finally:
            await suspend("cleanup")

    async def f(n):
        found = []
        async for i in numbers(n):
            found.append(i)
            if i == 3:
                break
            if i == 4:
                continue
        else:
            found.append("else")
        found.append([x async for x in numbers(2)])
        found.append({x: await suspend(x) async for x in numbers(2) if x})
        return found

    return drive(f(2)), drive(f(6)), exercise(lambda: f(2))


def case_async_generator():
    async def f():
        received = []
        for i in range(3):
            try:
                received.append((yield i))
                received.append(await suspend("inside"))
            except ValueError:
                received.append("caught")
                yield "from handler"
            finally:
                received.append("finally")
        yield received

    async def use(way):
        it = f()
        seen = []
        for step in range(6):
            try:
                if way == "next":
                    seen.append(await anext(it))
                elif way == "send":
                    seen.append(await it.asend(step or None))
                elif way == "throw":
                    seen.append(await (it.athrow(ValueError("thrown")) if step % 2 else it.asend(None)))
                else:
                    seen.append(await anext(it))
                    if step == 2:
                        await it.aclose()
            except (StopAsyncIteration, ValueError, RuntimeError) as error:
                seen.append(repr(error))
        await it.aclose()
        return seen

    return [outcome(drive, use(way)) for way in ("next", "send", "throw", "close")] + [exercise(lambda: use("throw"))]


def case_asyncio():
    async def worker(queue, results):
        while (item := await queue.get()) is not None:
            await asyncio.sleep(0)
            results.append(item)

    async def fail():
        await asyncio.sleep(0)
        raise ValueError("failed")

    async def main():
        queue = asyncio.Queue()
        results = []
        for i in range(5):
            queue.put_nowait(i)
        queue.put_nowait(None)
        answers = await asyncio.gather(worker(queue, results), fail(), return_exceptions=True)
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            results.append("cancelled")
        try:
            await asyncio.wait_for(asyncio.sleep(10), 0.001)
        except TimeoutError:
            results.append("timeout")
        return results, [repr(a) for a in answers]

    return asyncio.run(main())


# Debuggers: test_rewrite jumps from every line of these to every other


def jump_generator(n):
    x = yield n
    try:
        y = yield from (1, 2)
    except ValueError:
        y = 0
    for i in range(n):
        y = yield i
    return x, y


async def jump_coroutine(n):
    x = await suspend(n)
    async with Manager([]) as log:
        x = 5
    return x, log
