"""The decorator that is three: what it goes on, what it makes of exceptions, and that a reload leaves it at work."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tachograph
from recorded import Recorded
from reloading import Told, write

TEXT = """
import tachograph

@tachograph.super_decorator
def divide(x, y):
    return x / y

class Cart:
    @tachograph.super_decorator
    def total(self, y): return 1 / y
    @tachograph.super_decorator
    @staticmethod
    def fixed(y): return 1 / y
    @classmethod
    @tachograph.super_decorator
    def made(cls, y): return 1 / y
    @tachograph.super_decorator
    @property
    def size(self): return 1 / 0

@tachograph.super_decorator
async def fetch(y): return 1 / y

@tachograph.super_decorator(reraise=True)
def each(y): yield 1 / y

@tachograph.super_decorator(only=KeyError)
def look_up(y): return {1: 1}[y] / 0

def closure(scale):
    @tachograph.super_decorator
    def scaled(y): return scale / y
    return scaled
scaled = closure(1)
"""


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def results(shop: Any) -> list[Any]:
    """Of a call of each that succeeds."""
    cart = shop.Cart()
    calls: list[Callable[[int], Any]] = [
        lambda y: shop.divide(1, y),
        cart.total,
        shop.Cart.fixed,
        shop.Cart.made,
        lambda y: run(shop.fetch(y)),
        lambda y: next(shop.each(y)),
        shop.scaled,
    ]
    return [call(1) for call in calls]


def failures(shop: Any) -> list[str]:
    """The exceptions that are returned."""
    cart = shop.Cart()
    returned = [
        shop.divide(1, 0),
        cart.total(0),
        shop.Cart.fixed(0),
        shop.Cart.made(0),
        cart.size,
        run(shop.fetch(0)),
        shop.look_up(7),
        shop.scaled(0),
    ]
    with pytest.raises(ZeroDivisionError):
        next(shop.each(0))
    with pytest.raises(ZeroDivisionError):
        shop.look_up(1)
    return [type(error).__name__ for error in returned]


NAMES = ("divide", "Cart.total", "Cart.fixed", "Cart.made", "fetch", "each", "closure.<locals>.scaled")


def counts() -> dict[str, tuple[int, int]]:
    """Calls and exceptions of each function."""
    known = tachograph.statistics("shop.*")
    return {name: (known[f"shop::{name}"].call_count, known[f"shop::{name}"].exception_count) for name in NAMES}


@pytest.mark.isolated
def test_what_it_goes_on(module_path: Path) -> None:
    write(module_path / "shop.py", TEXT)
    shop = importlib.import_module("shop")
    assert results(shop) == [1] * 7
    assert failures(shop) == ["ZeroDivisionError"] * 6 + ["KeyError", "ZeroDivisionError"]
    assert counts() == dict.fromkeys(NAMES, (2, 1))


@pytest.mark.isolated
def test_all_three_go_on_after_a_reload(module_path: Path, told: Told, recorded: Recorded) -> None:
    recorded.start()
    write(module_path / "shop.py", TEXT)
    shop = importlib.import_module("shop")
    functions = [shop.divide, shop.Cart.total, shop.Cart.fixed, shop.fetch, shop.each, shop.look_up, shop.scaled]
    failures(shop)
    write(module_path / "shop.py", TEXT.replace(" / ", " // "))
    told.until(lambda: shop.divide(5, 2) == 2)
    before = counts()
    assert results(shop) == [1] * 7
    assert failures(shop) == ["ZeroDivisionError"] * 6 + ["KeyError", "ZeroDivisionError"]
    assert counts() == {name: (calls + 2, errors + 1) for name, (calls, errors) in before.items()}
    assert [
        shop.divide,
        shop.Cart.total,
        shop.Cart.fixed,
        shop.fetch,
        shop.each,
        shop.look_up,
        shop.scaled,
    ] == functions
    kinds = dict.fromkeys((*NAMES, "Cart.size"), "ZeroDivisionError") | {"look_up": "KeyError"}
    groups = recorded.groups()
    assert {(group.function, group.type) for group in groups} == {(f"shop::{name}", kinds[name]) for name in kinds}
    assert {group.count for group in groups} == {2}
    divide = next(group for group in groups if group.function == "shop::divide")
    assert [sample.args for sample in divide.samples] == [[1, 0], [1, 0]]


@pytest.mark.isolated
def test_decorated_and_bare_again(module_path: Path, told: Told) -> None:
    write(module_path / "shop.py", "import tachograph\ndef divide(x, y): return x / y\n")
    shop = importlib.import_module("shop")
    tachograph.watch(module_path)
    bare = shop.divide
    write(
        module_path / "shop.py",
        "import tachograph\n@tachograph.super_decorator\ndef divide(x, y): return x / y\n",
    )
    told.until(lambda: shop.divide is not bare)
    assert isinstance(shop.divide(1, 0), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        bare(1, 0)
    decorated = shop.divide
    write(module_path / "shop.py", "import tachograph\ndef divide(x, y): return x / y\n")
    told.until(lambda: shop.divide is not decorated)
    with pytest.raises(ZeroDivisionError):
        shop.divide(1, 0)


@pytest.mark.isolated
def test_exceptions_of_instrumented_modules_after_a_reload(module_path: Path, told: Told) -> None:
    """They are raised on, before and after."""
    write(module_path / "shop.py", "def divide(x, y): return x / y\n")
    shop = importlib.import_module("shop")
    tachograph.instrument("shop", exceptions=True)
    tachograph.watch(module_path)
    write(module_path / "shop.py", "def divide(x, y): return x // y\n")
    told.until(lambda: shop.divide(5, 2) == 2)
    with pytest.raises(ZeroDivisionError):
        shop.divide(1, 0)
    assert tachograph.statistics()["shop::divide"].exception_count == 1


@pytest.mark.isolated
def test_a_returning_function_stays_one_or_the_old_code_runs(module_path: Path, told: Told) -> None:
    write(module_path / "shop.py", TEXT)
    shop = importlib.import_module("shop")
    write(module_path / "shop.py", TEXT.replace("return x / y", "yield x / y"))
    assert told.next().startswith(
        "shop keeps its old code: line 4: divide was a plain function and would be a generator"
    )
    assert isinstance(shop.divide(1, 0), ZeroDivisionError)


def test_what_it_refuses() -> None:
    def generator() -> Any:
        yield 1

    async def asynchronous() -> Any:
        yield 1

    for function in (generator, asynchronous):
        with pytest.raises(
            TypeError, match=r"is a generator, which cannot return its exceptions: use super_decorator\(re"
        ):
            tachograph.super_decorator(function)
    with pytest.raises(TypeError, match=r"super_decorator goes on functions, methods and .*, not on the class Told"):
        tachograph.super_decorator(Told)
    with pytest.raises(TypeError, match=r"super_decorator goes on functions, .*, not on builtin_function_or_method"):
        tachograph.super_decorator(len)
    with pytest.raises(TypeError, match="super_decorator takes exception classes by name: only= or ignore="):
        tachograph.super_decorator(KeyError)
    with pytest.raises(TypeError, match="only takes exception classes, one or a tuple of them, not 'KeyError'"):
        tachograph.super_decorator(only="KeyError")  # type: ignore[call-overload]


MISTAKES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"only": ()}, ValueError, r"only=\(\) would record nothing: name a class, or leave it out to record all"),
    (
        {"only": KeyError()},
        TypeError,
        r"only takes exception classes, not KeyError\(\), which is one of them: KeyError",
    ),
    ({"only": (KeyError, 5)}, TypeError, "only takes exception classes, one or a tuple of them, not 5"),
    ({"only": [KeyError]}, TypeError, "only takes exception classes, one or a tuple of them, not .<class 'KeyError'>."),
    ({"ignore": "x"}, TypeError, "ignore takes exception classes, one or a tuple of them, not 'x'"),
    ({"reraise": "yes"}, TypeError, "reraise is True or False, not 'yes'"),
    ({"capture_args": None}, TypeError, "capture_args is True or False, not None"),
    ({"repr": repr}, TypeError, "repr is True or False, not <built-in function repr>"),
]


@pytest.mark.parametrize(("arguments", "kind", "said"), MISTAKES)
def test_mistakes_in_arguments(arguments: dict[str, Any], kind: type[Exception], said: str) -> None:
    for decorator in (tachograph.super_decorator, tachograph.exception_logger):
        with pytest.raises(kind, match=said):
            decorator(**arguments)


def test_mistakes_in_arguments_of_instrument() -> None:
    for exceptions in (KeyError, (KeyError,)):
        with pytest.raises(
            TypeError, match=r"exceptions is True or False, not .*: exception_logger\(only=...\) chooses"
        ):
            tachograph.instrument("shop", exceptions=exceptions)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="exceptions is True or False, not 'all'"):
        tachograph.instrument("shop", exceptions="all")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="capture_args is True or False, not 0"):
        tachograph.instrument("shop", exceptions=True, capture_args=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"capture_args=False .* needs exceptions=True"):
        tachograph.instrument("shop", capture_args=False)


@pytest.mark.isolated
def test_without_a_file_or_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"__name__": "typed"}
    exec("def f(y): return 1 / y", names)
    with pytest.warns(RuntimeWarning, match="f is not reloaded: it does not come from a file of Python source"):
        assert tachograph.super_decorator(names["f"]) is names["f"]
    assert isinstance(names["f"](0), ZeroDivisionError)
    monkeypatch.setenv("TACHOGRAPH_DISABLE", "1")
    exec("def g(y): return 1 / y", names)
    assert isinstance(tachograph.super_decorator(names["g"])(0), ZeroDivisionError)
    assert tachograph.super_decorator(reraise=True)(names["f"]) is names["f"]
