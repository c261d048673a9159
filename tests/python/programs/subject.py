"""A module with one of everything: what transparency.py looks at, with and without timing.

>>> add(1, 2)
3
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import enum
import functools
import typing
import warnings
from collections.abc import AsyncIterator, Callable, Generator, Iterator

T = typing.TypeVar("T")


def add(a: int, /, b: int = 2, *rest: int, c: int = 3, **others: int) -> int:
    """Adds.

    >>> add(1)
    6
    >>> add(1, c=0)
    3
    """
    return a + b + sum(rest) + c * (len(others) + 1) - (c if (a, b) == (1, 2) and not rest and c == 7 else 0)


def no_docstring(): ...


def annotated(x: typing.List[int], y: "Point | None" = None) -> typing.Dict[str, "Color"]:  # noqa: UP006, UP037
    return {}


def numbers(n: int) -> Iterator[int]:
    """Yields."""
    for i in range(n):
        done = False
        try:
            yield i
        except KeyError as error:
            yield -1
            del error
        finally:
            done = not done


def delegating(n: int) -> Generator[int, None, str]:
    got = yield from numbers(n)
    return f"got {got}"


async def switch(value: T) -> T:
    await Once()
    return value


class Once:
    def __await__(self) -> Iterator[None]:
        yield


async def stream(n: int) -> AsyncIterator[int]:
    for i in range(n):
        await Once()
        yield i


async def gather(n: int) -> list[int]:
    async with managed() as base:
        return [base + i async for i in stream(n) if i != 1] + [await switch(j) for j in range(2)]


@contextlib.asynccontextmanager
async def managed() -> AsyncIterator[int]:
    await Once()
    try:
        yield 10
    finally:
        await Once()


@contextlib.contextmanager
def plain_managed(value: T) -> Iterator[T]:
    yield value


def outer(x: int) -> Callable[[int], int]:
    y = x + 1

    def inner(z: int) -> int:
        nonlocal y
        y += z
        return x + y + len(TABLE)

    return inner


TABLE = {"k": "v"}
closure = outer(1)
double = lambda n, m=2: n * m  # noqa: E731
twice = functools.partial(double, m=4)


def decorator(function: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(function)
    def wrapper(*args: typing.Any, **keywords: typing.Any) -> T:
        return function(*args, **keywords)

    return wrapper


@decorator
def decorated(a: int, b: str = "x") -> str:
    """Decorated."""
    return b * a


@functools.cache
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@functools.singledispatch
def describe(value: object) -> str:
    return "object"


@describe.register
def _(value: int) -> str:
    return "int"


@describe.register(list)
def describe_list(value: list[object]) -> str:
    return "list of " + ", ".join(map(describe, value))


@functools.total_ordering
class Version:
    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.number == other.number

    def __lt__(self, other: Version) -> bool:
        return self.number < other.number

    def __hash__(self) -> int:
        return hash(self.number)


@dataclasses.dataclass(order=True, frozen=True)
class Point:
    x: int
    y: int = 0
    tags: tuple[str, ...] = dataclasses.field(default_factory=tuple, compare=False)

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("negative")

    @property
    def norm(self) -> int:
        """The norm."""
        return self.x * self.x + self.y * self.y


class Color(enum.Enum):
    RED = 1
    GREEN = 2

    def mixed(self, other: Color) -> str:
        return f"{self.name}+{other.name}"

    @classmethod
    def default(cls) -> Color:
        return cls.RED

    @classmethod
    def _missing_(cls, value: object) -> Color | None:
        return cls.GREEN if value == "green" else None


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


class Shape(abc.ABC):
    """A shape."""

    @abc.abstractmethod
    def area(self) -> float:
        """The area."""

    @property
    @abc.abstractmethod
    def name(self) -> str: ...

    @classmethod
    def make(cls, *args: int) -> Shape:
        return cls(*args)

    @staticmethod
    def unit() -> str:
        return "m"

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__()
        cls.keywords = keywords


class Square(Shape, side=1):
    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def area(self) -> float:
        return float(self.side**2)

    @property
    def name(self) -> str:
        return "square"

    @name.setter
    def name(self, value: str) -> None:
        self.side = len(value)

    @functools.cached_property
    def expensive(self) -> int:
        return self.side * 100

    def __repr__(self) -> str:
        return f"{__class__.__name__}({self.side})"


class Box(typing.Generic[T]):
    def __init__(self, value: T) -> None:
        self.value = value

    def get(self) -> T:
        return self.value

    def __class_getitem__(cls, item: object) -> object:
        return super().__class_getitem__(item)  # type: ignore[misc]


@typing.runtime_checkable
class Sized(typing.Protocol):
    def __len__(self) -> int: ...


@typing.overload
def parse(text: str) -> int: ...
@typing.overload
def parse(text: bytes, base: int) -> str: ...
def parse(text: typing.Any, base: int = 10) -> typing.Any:
    return int(text, base) if isinstance(text, str) else str(text)


class Attribute:
    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> object:
        return self if instance is None else f"{self.name} of {type(instance).__name__}"

    def __set__(self, instance: object, value: object) -> None:
        raise AttributeError(self.name)


class Meta(type):
    def __new__(meta, name, bases, namespace):
        namespace["made_by"] = lambda self: meta.__name__
        return super().__new__(meta, name, bases, namespace)

    def __call__(cls, *args):
        instance = super().__call__(*args)
        instance.called = True
        return instance

    def __instancecheck__(cls, instance):
        return instance == 42 or super().__instancecheck__(instance)


class Made(metaclass=Meta):
    attribute = Attribute()

    def __getattr__(self, name: str) -> str:
        if name.startswith("_"):
            raise AttributeError(name)
        return f"dynamic {name}"


def fails(kind: str) -> object:
    """Fails in one of many ways."""
    if kind == "zero":
        return 1 / (len(kind) - 4)
    if kind == "chained":
        try:
            fails("zero")
        except ZeroDivisionError as error:
            raise LookupError("chained") from error
    if kind == "context":
        try:
            fails("zero")
        finally:
            {}["missing"]
    if kind == "generator":
        return [1 / n for n in delegating(3)]
    if kind == "thrown":
        generator = delegating(2)
        next(generator)
        return generator.throw(ValueError("thrown"))
    if kind == "group":
        raise ExceptionGroup("group", [ValueError(1), TypeError(2)])
    if kind == "coroutine":
        return drive(switch(1), gather(1 / 0 if kind == "never" else 3), fails_later())
    if kind == "comprehension":
        return {k: (lambda: 1 / k)() for k in range(1)}
    if kind == "class":

        class Local:
            attribute = TABLE["none"]

        return Local
    if kind == "signature":
        return add()  # type: ignore[call-arg]
    if kind == "with":
        with plain_managed(1), contextlib.suppress(KeyError):
            raise RuntimeError("in with")
    if kind == "assert":
        assert kind == "other", "asserted"
    if kind == "except star":
        try:
            fails("group")
        except* ValueError as errors:
            raise OSError from errors
    if kind == "recursion":
        return fails("recursion")
    return None


async def fails_later() -> None:
    await switch(1)
    async with managed():
        async for each in stream(2):
            print(1 // each if each else "none")
            raise RuntimeError("later")


def drive(*coroutines: typing.Any) -> list[object]:
    results: list[object] = []
    waiting = list(coroutines)
    while waiting:
        coroutine = waiting.pop(0)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            results.append(stop.value)
        else:
            waiting.append(coroutine)
    return results


def warns() -> None:
    warnings.warn("look here", UserWarning, stacklevel=2)


def calls_warns() -> None:
    warns()


def namespaces(a: int) -> tuple[object, ...]:
    b = a + 1
    exec("c = a + b", globals(), scope := {"a": a, "b": b})
    return sorted(locals().items(), key=str), scope["c"], eval("a + b"), [a + i for i in range(b)]


def matches(value: object) -> str:
    match value:
        case Point(x=0, y=y) if y > 1:
            return f"on axis {y}"
        case [1, *rest]:
            return f"list {rest}"
        case {"k": k, **others}:
            return f"mapping {k} {others}"
        case str() | bytes():
            return "text"
        case _:
            return "other"


def scenario() -> list[object]:
    """Runs a bit of everything, for those who watch programs run."""
    done: list[object] = [add(1), add(1, 2, 3, c=4, d=5), list(numbers(2)), list(delegating(2)), closure(1), twice(3)]
    done += drive(gather(2), switch("s"))
    done += [decorated(2), fib(5), describe(3), describe([1, "x"]), Version(1) >= Version(2), Point(1, 2).norm]
    done += [Color.RED.mixed(Color("green")), Square.make(3).area(), Square.unit(), str(Square(2)), Square(2).expensive]
    done += [Box[int](3).get(), isinstance([], Sized), parse("12"), parse(b"x", 1), Made().made_by(), Made().other]
    done += [isinstance(42, Made), namespaces(1), matches(Point(0, 2)), matches([1, 2]), matches({"k": 1, "l": 2})]
    generator = numbers(3)
    done += [next(generator), generator.throw(KeyError), next(generator), generator.close()]
    for kind in (
        "zero",
        "chained",
        "context",
        "generator",
        "thrown",
        "coroutine",
        "comprehension",
        "with",
        "except star",
    ):
        try:
            fails(kind)
        except Exception as error:
            done.append(f"{type(error).__name__}: {error}")
    square = Square(1)
    square.name = "long"
    done.append(square.side)
    with plain_managed(5) as five:
        done.append(five)
    return done
