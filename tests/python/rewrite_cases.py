"""Programs for test_rewrite: each `case_…` is run as it is and with all of its functions rewritten, to no difference.

A case returns something comparable, or raises. The shapes matter, not what is computed.
"""

# Generators and coroutines are in rewrite_cases_suspended, helpers for them here.
# Odd shapes are the point: lint, format and types are for ordinary programs.
# ruff: noqa: B012, B023, B904, C400, C416, F841, FURB110, N818, PERF401, PERF402
# ruff: noqa: PIE804, RET502, RET505, RUF015, SIM108, UP028
# fmt: off
# mypy: ignore-errors

from __future__ import annotations

import types
from contextlib import contextmanager
from dataclasses import dataclass, field


def outcome(function, *arguments):
    """What a call does, as a value."""
    try:
        return ("returned", function(*arguments))
    except BaseException as error:
        return ("raised", type(error).__name__, str(error))


class Suspended(Exception):
    pass


@types.coroutine
def suspend(value):
    received = yield value
    return received


def drive(coroutine):
    """Runs a coroutine by hand, answering each request with its number."""
    seen = []
    answer = None
    while True:
        try:
            seen.append(coroutine.send(answer))
        except StopIteration as stop:
            return seen, stop.value
        answer = len(seen)


def exercise(make, interruptions=()):
    """Interrupts what `make` returns in every way at every yield."""
    outcomes = []
    ways = [
        lambda it: it.throw(ValueError("thrown")),
        lambda it: it.throw(KeyError),
        lambda it: it.throw(StopIteration("stop")),
        lambda it: it.throw(GeneratorExit),
        lambda it: it.throw(Suspended("rare")),
        lambda it: it.close(),
        lambda it: None,
        *interruptions,
    ]
    for steps in range(12):
        for way in ways:
            it = make()
            taken = []
            for step in range(steps):
                taken.append(outcome(it.send, None if step == 0 else step))
            taken.append(outcome(way, it))
            taken.append(outcome(it.send, None))
            taken.append(outcome(it.close))
            del it
            outcomes.append(taken)
    return outcomes


# Plain functions


def case_one_line(): return 1


def case_nothing():
    pass


def case_docstring():
    """Says what."""
    return case_docstring.__doc__, case_docstring.__code__.co_consts[0]


def case_arguments():
    def f(a, /, b, c=3, *args, d, e=5, **kwargs):
        return a, b, c, args, d, e, kwargs

    return [
        f(1, 2, d=4),
        f(1, 2, 3, 4, 5, d=6, e=7, z=8),
        f(*range(6), **{"d": 1, "y": 2}),
        outcome(f, 1),
        f.__kwdefaults__,
        f.__defaults__,
    ]


def case_closures():
    def outer(n):
        total = n

        def inner(m):
            nonlocal total

            def innermost():
                return n, m, total

            total += m
            return innermost

        return inner

    f = outer(3)
    return f(1)(), f(2)()


def case_lambdas():
    return (lambda x: x + 1)(2), [(lambda y=i: y)() for i in range(3)], (lambda *a, **k: (a, k))(1, b=2)


def case_recursion():
    def depth(n):
        return 0 if n == 0 else 1 + depth(n - 1)

    def forever(n):
        return forever(n + 1)

    return depth(50), outcome(forever, 0)[:2]


def case_branches():
    def f(n):
        if n < 0:
            return "negative"
        elif n == 0:
            return
        for i in range(n):
            if i == 5:
                break
            if i % 2:
                continue
            n += i
        else:
            return "else", n
        while n > 0:
            n -= 3
            if n == 7:
                return "seven"
        return n if n else not n

    return [f(n) for n in range(-1, 12)]


def case_return_inside_loops():
    def f(rows):
        for row in rows:
            for value in row:
                with manager([]) as m:
                    if value:
                        return value, m

    return f([[0], [0, 3]]), f([])


def case_comprehensions():
    data = [[1, 2], [3], []]
    return (
        [x for row in data for x in row if x],
        {x: y for x, y in enumerate("abc")},
        {x for x in "aab"},
        list(x * y for x in (1, 2) for y in (3, 4)),
        [[x + i for x in row] for i, row in enumerate(data)],
        [lambda: x for x in (1, 2)][0](),
    )


def case_match():
    def f(value):
        match value:
            case 0 | 1:
                return "small"
            case [x, *rest] if x:
                return x, rest
            case {"key": v, **others}:
                return v, others
            case Point(x=0, y=y):
                return "on y", y
            case str() as text:
                return text
            case _:
                return None

    return [f(v) for v in (0, [1, 2, 3], [0], {"key": 1, "b": 2}, Point(0, 4), Point(1, 4), "s", 2.5)]


@dataclass(order=True)
class Point:
    x: int
    y: int = 0
    tags: list = field(default_factory=list)

    @property
    def norm(self):
        return self.x + self.y

    @staticmethod
    def origin():
        return Point(0)

    @classmethod
    def at(cls, *coordinates):
        return cls(*coordinates)

    def __add__(self, other):
        return type(self)(self.x + other.x, self.y + other.y)


def case_classes():
    class Base:
        def __init__(self, x):
            self.x = x
            super().__init__()

        def __init_subclass__(cls, **kwargs):
            cls.kwargs = kwargs

        def __getattr__(self, name):
            if name.startswith("dynamic"):
                return name
            raise AttributeError(name)

    class Derived(Base, option=1):
        def __init__(self, x):
            super().__init__(x + 1)

        @property
        def doubled(self):
            return self.x * 2

    d = Derived(1)
    return (
        d.x,
        d.doubled,
        d.dynamic_1,
        outcome(lambda: d.missing),
        Derived.kwargs,
        Point.at(1, 2) + Point.origin(),
        Point(1).norm,
        Point(1) < Point(2),
        repr(Point(1, 2)),
    )


def case_generated_code():
    namespace = {}
    exec("def f(a, b=1):\n    return [a, b]\nclass C:\n    def m(self): return f(self.__class__.__name__)", namespace)
    return namespace["f"](3), namespace["C"]().m(), eval("(lambda: 5)()")


def case_specialised():
    class Counter:
        def __init__(self):
            self.n = 0

        def add(self, other):
            self.n += other
            return self

        def __iter__(self):
            for i in range(3):
                yield i

    def run():
        c = Counter()
        text = ""
        for i in range(200):
            c.add(i).add(1)
            text += "x"
            for j in c:
                if j == 1 and i % 2 == 0:
                    c.n -= j
        return c.n, len(text)

    return run(), run()


# Exceptions


@contextmanager
def manager(log, swallow=()):
    log.append("enter")
    try:
        yield log
    except swallow as error:
        log.append(type(error).__name__)
    finally:
        log.append("leave")


def case_try():
    def f(n, log):
        try:
            try:
                log.append("body")
                if n == 1:
                    raise ValueError(n)
                if n == 2:
                    return "returned from try"
                [][n]
            except ValueError as error:
                log.append(error.args)
                return "returned from except"
            except IndexError:
                log.append("index")
                raise KeyError("chained")
            else:
                log.append("else")
            finally:
                log.append("finally")
                if n == 3:
                    return "returned from finally"
        except KeyError as error:
            log.append(repr(error.__context__))
            raise
        finally:
            log.append("outer")

    logs = []
    for n in range(5):
        log = []
        logs.append((outcome(f, n, log), log))
    return logs


def case_with():
    def f(n, log):
        with manager(log) as a, manager(log, (ValueError,)):
            if n == 0:
                return "returned"
            if n == 1:
                raise ValueError
            if n == 2:
                raise KeyError
            log.append(n)
        log.append("behind")

    logs = []
    for n in range(4):
        log = []
        logs.append((outcome(f, n, log), log))
    return logs


def case_exception_groups():
    def f(error):
        try:
            raise error
        except* ValueError as group:
            return_value = [str(e) for e in group.exceptions]
        except* (KeyError, IndexError):
            return_value = "lookup"
        return return_value

    return [
        outcome(f, error)
        for error in (
            ValueError("one"),
            ExceptionGroup("g", [ValueError("a"), ValueError("b")]),
            ExceptionGroup("g", [KeyError("k")]),
            ExceptionGroup("g", [TypeError("t"), ValueError("v")]),
        )
    ]


def case_deep_try():
    def f(n):
        try:
            try:
                try:
                    try:
                        try:
                            try:
                                try:
                                    try:
                                        [1, 2][n]
                                    finally:
                                        n += 1
                                except ValueError:
                                    n = -1
                            finally:
                                n += 1
                        except KeyError:
                            n = -2
                    finally:
                        n += 1
                except ZeroDivisionError:
                    n = -3
            finally:
                n += 1
        except IndexError as error:
            return "index", n, str(error)
        return n

    return f(0), f(2)


def case_uncaught():
    def a(n):
        b(n
          + 1)

    def b(n):
        with manager([]):
            try:
                c(n)
            finally:
                n += 1

    def c(n):
        return {"a": [1, 2, 3]}["a"][n] + None

    return [outcome(a, n) for n in (0, 7)] + [a(1)]


def case_raise_through_generators():
    def a():
        yield 1
        yield from b()

    def b():
        yield 2
        raise LookupError("from b")

    for _ in a():
        pass


# Sizes


def case_many_constants():
    source = "def f(n):\n    'doc'\n    return n, [" + ", ".join(f"'c{i}'" for i in range(300)) + "][n],"
    source += "".join(f" n + {i}.5," for i in range(600, 900)) + "\n"
    namespace = {}
    exec(source, namespace)
    return namespace["f"](7)[-3:], namespace["f"].__doc__


def long_body(lines, indent="        "):
    return "".join(f"{indent}n = n + a{i % 7} - {i % 3}\n" for i in range(lines))


def long_source(lines):
    names = ", ".join(f"a{i}=1" for i in range(7))
    return (
        f"def f(n, {names}):\n    for i in range(2):\n        if n < 0:\n            return 'negative'\n{long_body(lines)}"
        f"    return n\n"
        f"def g(n, {names}):\n    for i in range(3):\n        try:\n            r = yield n\n{long_body(lines, ' ' * 12)}"
        "        except ValueError:\n            n = yield 'value'\n        finally:\n            yield 'finally'\n    return n\n"
        f"def h(n, {names}):\n    r = yield from g(n)\n    if n < 0:\n{long_body(lines)}    return r\n"
    )


def case_long_jumps():
    results = []
    for lines in (5, 9, 10, 11, 12, 13, 40, 300):
        namespace = {}
        exec(long_source(lines), namespace)
        results.append((namespace["f"](1), namespace["f"](-1), list(namespace["h"](0))))
        if lines < 20:
            results.append(exercise(lambda: namespace["h"](0)))
    return results


def case_many_locals():
    names = [f"v{i}" for i in range(400)]
    source = "def f():\n" + "".join(f"    {n} = yield {i}\n" for i, n in enumerate(names))
    source += "    def inner(): return v1, v399\n    return inner()\n"
    namespace = {}
    exec(source, namespace)
    it = namespace["f"]()
    sent = [next(it)]
    return outcome(lambda: [sent.append(it.send(i)) for i in range(400)]), sent[-1]


def case_wide_call():
    arguments = ", ".join(f"(yield {i})" for i in range(300))
    namespace = {}
    exec(f"def f():\n    return sum([{arguments}]) + len(''.join(str(x) for x in ({arguments})))\n", namespace)
    it = namespace["f"]()
    next(it)
    return outcome(lambda: [it.send(i) for i in range(700)])


# Debuggers: test_rewrite jumps from every line of these to every other


def jump_plain(n):
    a = 1
    b = a + n
    if b > 2:
        a = b
    else:
        a = 0
    return a, b


def jump_loops(n):
    seen = []
    for i in range(n):
        seen.append(i)
        for j in "ab":
            seen.append(j)
    while n:
        n -= 1
        seen.append(n)
    return seen


def jump_blocks(n):
    seen = []
    try:
        seen.append("try")
        with manager(seen):
            seen.append("with")
        if n:
            raise ValueError
    except ValueError:
        seen.append("except")
    finally:
        seen.append("finally")
    return seen
