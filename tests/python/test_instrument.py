"""instrument() and uninstrument(): what they time, what they leave alone, and how everything comes back."""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.util
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tachograph
from tachograph import _native, instrument, timing, uninstrument

pytestmark = pytest.mark.isolated


def counts() -> dict[str, int]:
    return {name: known.call_count for name, known in tachograph.statistics().items() if known.call_count}


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


SHOP = {
    "shop/__init__.py": "from shop import cart\ndef greet(): return 'hello'\n",
    "shop/cart.py": "class Cart:\n    def add(self): return 1\n    def remove(self): return self.add()\ndef total(): return 2\n",
    "shop/stock/__init__.py": "def count(): return 3\n",
    "shop/stock/deep.py": "def dig():\n    def inner(): return 4\n    return inner\n",
    "shopping.py": "def other(): return 5\n",
}


def use_shop() -> None:
    import shop.stock.deep
    import shopping

    assert shop.greet() == "hello"
    assert shop.cart.Cart().remove() == 1
    assert shop.cart.total() == 2
    assert shop.stock.count() == 3
    assert shop.stock.deep.dig()() == 4
    assert shopping.other() == 5


EVERYTHING = {
    "shop::greet": 1,
    "shop.cart::Cart.add": 1,
    "shop.cart::Cart.remove": 1,
    "shop.cart::total": 1,
    "shop.stock::count": 1,
    "shop.stock.deep::dig": 1,
    "shop.stock.deep::dig.<locals>.inner": 1,
}


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    ("patterns", "exclude", "expected"),
    [
        ("shop.*", (), set(EVERYTHING)),
        ("shop", (), {"shop::greet"}),
        ("shop.cart", (), {"shop.cart::Cart.add", "shop.cart::Cart.remove", "shop.cart::total"}),
        ("shop.cart::Cart.*", (), {"shop.cart::Cart.add", "shop.cart::Cart.remove"}),
        (["shop", "shop.stock"], (), {"shop::greet", "shop.stock::count"}),
        (("shop.stock*",), "shop.stock", {"shop.stock.deep::dig", "shop.stock.deep::dig.<locals>.inner"}),
        (
            "shop.*",
            ["shop.cart::Cart.*", "*::dig"],
            set(EVERYTHING) - {f"shop.cart::Cart.{m}" for m in ("add", "remove")} - {"shop.stock.deep::dig"},
        ),
        ("*::total", (), {"shop.cart::total"}),
        ({"shop.cart::Cart.add"}, (), {"shop.cart::Cart.add"}),
        ("shop.*::*<locals>*", (), {"shop.stock.deep::dig.<locals>.inner"}),
        ("shopp*", (), {"shopping::other"}),
        ("nothing.here", (), set()),
    ],
)
def test_patterns(loaded: bool, patterns: Any, exclude: Any, expected: set[str], module_path: Path) -> None:
    write(module_path, SHOP)
    if loaded:
        use_shop()
    timed = instrument(patterns, exclude=exclude)
    assert timed == (len(expected) if loaded else 0)
    use_shop()
    assert set(counts()) == expected
    assert set(counts().values()) <= {1}
    assert instrument(patterns, exclude=exclude) == 0
    use_shop()
    assert set(counts().values()) <= {2}


def test_uninstrument_everything_by_default(module_path: Path) -> None:
    write(module_path, SHOP)
    instrument("shop.*")
    use_shop()
    assert uninstrument() == len(EVERYTHING)
    use_shop()
    assert counts() == EVERYTHING
    assert uninstrument() == 0
    write(module_path, {"shop/late.py": "def late(): return 1\n"})
    importlib.import_module("shop.late").late()
    assert counts() == EVERYTHING


def test_uninstrument_a_part(module_path: Path) -> None:
    write(module_path, SHOP)
    instrument("shop.*")
    use_shop()
    assert uninstrument("shop.cart::Cart.add") == 1
    assert uninstrument("shop.stock.*") == 3
    assert uninstrument("shop.stock.*") == 0
    use_shop()
    gone = {"shop.cart::Cart.add", "shop.stock::count", "shop.stock.deep::dig", "shop.stock.deep::dig.<locals>.inner"}
    assert counts() == {name: 1 if name in gone else 2 for name in EVERYTHING}
    write(module_path, {"shop/stock/later.py": "def late(): return 1\n", "shop/later.py": "def late(): return 1\n"})
    importlib.import_module("shop.stock.later").late()
    importlib.import_module("shop.later").late()
    assert "shop.later::late" in counts()
    assert "shop.stock.later::late" not in counts()
    assert instrument("shop.stock.*") == 4
    use_shop()
    assert counts()["shop.stock::count"] == 2


def test_an_inner_function_alone_comes_back(module_path: Path) -> None:
    write(
        module_path, {"nest.py": "def a():\n    def b():\n        def c(): return 1\n        return c\n    return b\n"}
    )
    import nest  # type: ignore[import-not-found]

    original = nest.a.__code__
    for names in (["b"], ["a"], ["c"], ["a", "b"], ["a", "c"], ["b", "c"], ["a", "b", "c"]):
        patterns = ["nest::*" + name for name in names]
        assert instrument("nest") == 3
        assert uninstrument(patterns) == len(names)
        left = counts()
        nest.a()()()
        new = {name[-1] for name, count in counts().items() if count != left.get(name, 0)}
        assert new == set("abc") - set(names)
        assert uninstrument("nest") == 3 - len(names)
        assert nest.a.__code__ is original or nest.a.__code__ == original
    assert instrument("nest") == 3
    assert uninstrument() == 3
    assert nest.a.__code__ == original


def test_code_comes_back_as_it_was() -> None:
    def work(n: int) -> Iterator[int]:
        yield from (lambda k: range(k))(n)

    original = work.__code__
    assert instrument(work) == 2
    assert work.__code__ is not original
    assert uninstrument(work) == 2
    assert work.__code__ is original
    assert instrument(work) == 2
    assert instrument(work) == 0
    assert uninstrument(work) == 2
    assert uninstrument(work) == 0
    assert work.__code__ is original


def test_namesakes_within_a_function() -> None:
    def work() -> list[int]:
        return [(lambda: 1)(), (lambda: 2)(), (lambda: 3)()]

    assert instrument(work) == 4
    assert work() == [1, 2, 3]
    name = f"{__name__}::{work.__qualname__}"
    assert counts() == {name: 1, f"{name}.<locals>.<lambda>": 3}
    assert uninstrument("no.such.module") == 0
    assert uninstrument(f"{__name__}::*work") == 1
    assert work() == [1, 2, 3]
    assert counts() == {name: 1, f"{name}.<locals>.<lambda>": 6}
    assert uninstrument(f"{__name__}::*<lambda>") == 3
    assert work() == [1, 2, 3]
    assert counts() == {name: 1, f"{name}.<locals>.<lambda>": 6}


def test_living_closures() -> None:
    def make(n: int) -> Callable[[], int]:
        def closure() -> int:
            return n

        return closure

    before = [make(n) for n in range(3)]
    pattern = f"{__name__}::test_living_closures.<locals>.make*"
    assert instrument(pattern) == 2  # one function, however many objects
    after = make(9)
    assert [each() for each in [*before, after]] == [0, 1, 2, 9]
    name = f"{__name__}::{after.__qualname__}"
    assert counts()[name] == 4
    assert before[0].__code__ is before[1].__code__
    assert before[0].__code__ == after.__code__
    assert uninstrument(pattern) == 2
    assert [each() for each in [*before, after, make(5)]] == [0, 1, 2, 9, 5]
    assert counts()[name] == 4
    assert before[0].__code__ is after.__code__


def test_what_containers_hide() -> None:
    @functools.lru_cache
    def cached(n: int) -> int:
        return n

    @functools.wraps(cached)
    def wrapper() -> None: ...

    held = [functools.partial(lambda a: a, 1), {"f": lambda: 2}, (lambda: 3,), iter(lambda: 4, 4)]
    assert instrument(f"{__name__}::test_what_containers_hide.*") == 6
    cached(1)
    cached(1)
    assert held[0]() == 1
    assert counts()[f"{__name__}::test_what_containers_hide.<locals>.cached"] == 1


def test_what_gc_freeze_has_put_away() -> None:
    def work() -> int:
        return 1

    if sys.version_info < (3, 14):
        pytest.skip("only 3.14 offers a way to them")
    gc.freeze()
    try:
        assert instrument(f"{__name__}::test_what_gc_freeze*.work") == 1
    finally:
        gc.unfreeze()


def test_a_module_a_class_a_namespace(module_path: Path) -> None:
    write(module_path, SHOP)
    import shop.cart  # type: ignore[import-not-found]

    assert instrument(shop.cart) == 3
    assert uninstrument(shop.cart) == 3
    assert instrument(shop.cart.Cart) == 2
    assert uninstrument(shop.cart.Cart) == 2
    assert instrument(vars(shop.cart)) == 3
    use_shop()
    assert counts() == {name: 1 for name in EVERYTHING if name.startswith("shop.cart")}
    assert uninstrument(vars(shop.cart)) == 3
    assert instrument(shop.cart.Cart.add) == 1
    assert instrument(shop.cart.Cart().add) == 0
    assert uninstrument(shop.cart.Cart().add) == 1


def test_a_namespace_takes_only_what_was_defined_there() -> None:
    names: dict[str, Any] = {"__name__": "notebook", "foreign": write, "Path": Path}
    exec(
        "def f(): return 1\nclass A:\n  def m(self): return 2\n  class B:\n    def n(self): return 3\ng = f\nh = lambda: 4\n",
        names,
    )
    assert instrument(names) == 4
    names["f"](), names["g"](), names["A"]().m(), names["A"].B().n(), names["h"]()
    assert counts() == {"notebook::f": 2, "notebook::A.m": 1, "notebook::A.B.n": 1, "notebook::<lambda>": 1}
    assert not _native.is_timed(write)


def test_classes_of_every_kind() -> None:
    class Descriptor:
        def __get__(self, instance: object, owner: type) -> int:
            return 7

        def __set__(self, instance: object, value: int) -> None: ...

    class Meta(type):
        def __call__(cls, *args: Any) -> Any:
            return super().__call__(*args)

    class Slotted(metaclass=Meta):
        __slots__ = ("a",)
        descriptor = Descriptor()

        def __init__(self) -> None:
            self.a = 1

        def __init_subclass__(cls) -> None: ...

        def __getattr__(self, name: str) -> str:
            return name

        @staticmethod
        def static() -> int:
            return 1

        @classmethod
        def made(cls) -> Any:
            return cls()

        @property
        def prop(self) -> int:
            return 2

        @functools.cached_property
        def cached(self) -> int:
            return 3

        @functools.singledispatchmethod
        def dispatch(self, value: object) -> str:
            return "object"

        partial = functools.partialmethod(lambda self, n: n, 5)
        alias = made

        async def coroutine(self) -> int:
            return 4

    timed = [instrument(cls) for cls in (Descriptor, Meta, Slotted)]
    assert timed == [2, 1, 9]

    class Sub(Slotted): ...

    shop = Slotted.made()
    assert (shop.descriptor, shop.other, shop.static(), shop.prop, shop.dispatch(1)) == (7, "other", 1, 2, "object")
    shop.descriptor = 3
    assert Sub.made().prop == 2
    with pytest.raises(StopIteration):
        shop.coroutine().send(None)
    found = {name.rsplit(".", 1)[1]: count for name, count in counts().items()}
    assert found == {
        "__get__": 1,
        "__set__": 1,
        "__call__": 2,
        "__init__": 2,
        "__init_subclass__": 1,
        "__getattr__": 1,
        "static": 1,
        "made": 2,
        "prop": 2,
        "dispatch": 1,
        "coroutine": 1,
    }
    assert [uninstrument(cls) for cls in (Descriptor, Meta, Slotted)] == [2, 1, 9]


def test_calls_that_run_are_still_recorded() -> None:
    def work(again: Callable[[], None]) -> int:
        again()
        return 1

    def paused() -> Iterator[int]:
        yield 1
        yield 2

    old = paused()  # begun with the code of before: never timed
    next(old)
    name = f"{__name__}::{work.__qualname__}"
    assert instrument([f"{__name__}::test_calls_that_run*.{name}" for name in ("work", "paused")]) == 2
    timed = paused()
    next(timed)
    assert work(lambda: uninstrument() and None) == 1
    assert counts() == {name: 1}
    assert list(old) == [2]
    assert list(timed) == [2]
    assert list(paused()) == [1, 2]
    assert counts() == {name: 1, f"{__name__}::{paused.__qualname__}": 1}
    work(lambda: instrument(work) and None)
    assert counts()[name] == 1
    work(lambda: None)
    assert counts()[name] == 2
    assert all(known.running_count == 0 for known in tachograph.statistics().values())


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("", ValueError, "is empty"),
        ("shop/cart.py", ValueError, "name as in an import"),
        ("a b", ValueError, "space or comma"),
        ("shop:total", ValueError, "separated by '::'"),
        ("::f", ValueError, "names no module"),
        ("shop.[", ValueError, "without its ']'"),
        (["good", ""], ValueError, "is empty"),
        ([3], TypeError, "a pattern is a str, not int"),
        (3, TypeError, "expected a pattern, a module, a class, a dict of globals or a Python function, not int"),
        (None, TypeError, "expected a pattern"),
        (len, TypeError, "timing on callables written in C"),
        (functools.partial(len), TypeError, "not partial"),
    ],
)
def test_wrong_targets(target: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message.replace("[", r"\[").replace("]", r"\]")):
        instrument(target)
    if target is not None:
        with pytest.raises(error, match=message.replace("[", r"\[").replace("]", r"\]")):
            uninstrument(target)
    assert _native.unmatched_patterns() == ([], [])


def test_wrong_exclusions() -> None:
    for exclude, error in (("a b", ValueError), ([3], TypeError), (3, TypeError)):
        with pytest.raises(error):
            instrument("shop", exclude=exclude)  # type: ignore[arg-type]
        with pytest.raises(error):
            instrument(write, exclude=exclude)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        instrument()  # type: ignore[call-arg]
    assert not _native.is_timed(write)


def test_an_error_half_way_leaves_a_program_that_works() -> None:
    class Rude(list):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            yield write
            raise OSError("rude")

    with pytest.raises(OSError, match="rude"):
        _native.instrument_functions(Rude(), [], None)
    assert not _native.is_timed(write)


def test_our_own_functions_are_never_timed() -> None:
    instrument("*", exclude=["_pytest.*", "pluggy.*", "pytest.*"])
    import tachograph._targets

    assert not _native.is_timed(tachograph.instrument)
    assert not _native.is_timed(tachograph._targets.functions_of)
    assert _native.is_timed(write)
    uninstrument()


def test_everything_there_is_goes_on() -> None:
    timed = instrument("*")
    assert timed > 5000
    assert instrument("*") == 0
    import json
    import textwrap

    assert json.loads(json.dumps({"a": [1, 2.5, None]})) == {"a": [1, 2.5, None]}
    assert textwrap.fill("a b c", 3) == "a b\nc"
    assert counts()["json::dumps"] == 1
    uninstrument()  # fewer than were timed: some are collected by now
    gc.collect()
    left = [f for f in gc.get_objects() if isinstance(f, types.FunctionType) and _native.is_timed(f)]
    assert left == []
    before = counts()
    json.dumps(1)
    assert counts() == before


def test_functions_with_globals_of_no_module() -> None:
    names: dict[str, Any] = {"__builtins__": __builtins__}
    exec("def f(): return 1", names)
    assert instrument(names["f"]) == 1
    names["f"]()
    assert sum(counts().values()) == 1
    odd: dict[str, Any] = {"__name__": 3}
    exec("def g(): return 1", odd)
    assert timing(odd["g"])() == 1
    assert sum(counts().values()) == 2


def test_names_that_utf8_has_no_form_for() -> None:
    def work() -> int:
        return 1

    work.__code__ = work.__code__.replace(co_qualname="odd\udc80", co_name="odd\udc80", co_filename="file\udc80")
    timing(work)
    assert work() == 1
    assert list(counts()) == [f"{__name__}::odd\\udc80"]
    assert uninstrument(work) == 1
    work()
    assert sum(counts().values()) == 1
    timing(work)
    assert uninstrument() == 1


# Imports.


def test_from_another_thread_during_calls() -> None:
    def make() -> Callable[[], int]:
        def leaf() -> int:
            return 1

        return leaf

    def generator(n: int) -> Iterator[int]:
        for _ in range(n):
            yield leaf()

    def work(n: int) -> int:
        return sum(generator(n)) if n % 2 else sum(leaf() for _ in range(n))

    leaf = make()
    done = threading.Event()
    own = [0] * 4

    def run(index: int) -> None:
        while not done.is_set():
            n = own[index] % 7
            assert work(n) == n
            own[index] += 1

    always = timing(run)
    threads = [threading.Thread(target=always, args=(index,)) for index in range(len(own))]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 2
    rounds = 0
    while time.monotonic() < end or rounds < 100:
        assert instrument(work) <= 2
        assert instrument(generator) <= 1
        assert uninstrument(work) <= 2
        assert uninstrument(generator) <= 1
        rounds += 1
    end = time.monotonic() + 2
    rounds = 0
    patterns = [f"{__name__}::*during_calls*.{name}" for name in ("leaf", "generator", "work")]
    while time.monotonic() < end and rounds < 9:
        assert instrument(patterns) <= 4
        assert uninstrument(patterns[rounds % 3]) <= 2
        assert uninstrument(patterns) <= 4
        rounds += 1
    assert rounds
    assert instrument(patterns) == 3
    earlier = sum(own)
    before = counts()
    later = sum(own)  # other threads ran while the counts were read, as long as they liked
    done.set()
    for thread in threads:
        thread.join()
    name = f"{__name__}::test_from_another_thread_during_calls.<locals>"
    calls = counts()[f"{name}.work"] - before.get(f"{name}.work", 0)
    # Each call that ended meanwhile is counted, but for one in each thread that began before it was timed.
    assert sum(own) - later - 2 * len(own) <= calls <= sum(own) - earlier + 2 * len(own)
    assert counts()[f"{name}.run"] == len(own)
    assert all(known.running_count == 0 for known in tachograph.statistics().values())
    assert _native.unmatched_patterns() == ([], [])


def test_finalizers_that_instrument_during_the_sweep() -> None:
    class Rude:
        def __del__(self) -> None:
            instrument("shop.*")
            uninstrument()

    def work() -> int:
        return 1

    for generation in (1, 20):
        for _ in range(5):
            rude = Rude()
            rude.me = rude  # type: ignore[attr-defined]
        del rude
        before = gc.get_threshold()
        gc.set_threshold(generation)
        instrument(f"{__name__}::*work")
        gc.set_threshold(*before)
    uninstrument()
    work()
    assert not _native.is_timed(work)


def test_functions_that_die_leave_nothing() -> None:
    import weakref

    def once() -> tuple[Any, ...]:
        names: dict[str, Any] = {"__name__": "mortal"}
        exec("def f():\n    def g(): return 1\n    return g\n", names)
        originals = names["f"].__code__, next(c for c in names["f"].__code__.co_consts if isinstance(c, types.CodeType))
        timing(names["f"])
        assert instrument(names["f"]) == 1
        names["f"]()()
        return tuple(weakref.ref(each) for each in (names["f"], names["f"].__code__, *originals))

    probe_type = type(timing(write).__code__.co_consts[-1])
    once()
    gc.collect()
    before = sys.getrefcount(probe_type)
    references = once()
    gc.collect()
    assert [reference() for reference in references] == [None] * 4
    assert sys.getrefcount(probe_type) == before


def test_instrumenting_again_and_again_takes_no_more_memory() -> None:
    def work() -> int:
        return (lambda: 1)()

    pattern = f"{__name__}::*more_memory*work*"

    def toggle(times: int) -> int:
        for _ in range(times):
            assert instrument(pattern) == 2
            assert work() == 1
            assert uninstrument(pattern) == 2
            assert instrument(work) == 2
            assert uninstrument(work) == 2
        gc.collect()
        return len(gc.get_objects())

    toggle(2)
    before = toggle(2), sys.getallocatedblocks()
    after = toggle(20), sys.getallocatedblocks()
    assert after[0] - before[0] < 20
    assert after[1] - before[1] < 200


def test_call_sites_are_specialised_as_before() -> None:
    import dis

    def run(change: Callable[[Callable[..., Any]], object]) -> list[str]:
        names: dict[str, Any] = {"__name__": "special"}
        source = (
            "def f(a): return a\n"
            "class A:\n    def m(self, a): return a\n"
            "def caller(a):\n    f(1)\n    a.m(2)\n    return f(a=3)\n"
        )
        exec(source, names)
        functions = names["f"], names["A"].m
        for function in functions:
            change(function)
        instance = names["A"]()
        for _ in range(2000):
            names["caller"](instance)
        return [i.opname for i in dis.get_instructions(names["caller"], adaptive=True)]

    plain = run(lambda function: None)
    assert any(name.startswith("CALL_PY") or "PY_EXACT" in name for name in plain)
    assert run(timing) == plain
    assert run(lambda function: (timing(function), uninstrument(function))) == plain


def test_a_pattern_for_what_is_timed_already_has_named_it() -> None:
    module = types.ModuleType("named_twice")
    exec("def f(): pass", module.__dict__)
    assert instrument("named_twice::f") == 1
    assert instrument("named_twice::*") == 0
    assert instrument("named_twice::g") == 0
    assert _native.unmatched_patterns() == (["named_twice::g"], [])
    uninstrument("named_twice::*")


class Lazy:
    """Stands for something that cannot be had yet, as the settings of a framework do."""

    @property
    def __class__(self) -> type:
        raise RuntimeError("asked too early")


def test_lazy_objects_are_not_asked_what_they_are() -> None:
    class Cart:
        settings = Lazy()

        def add(self) -> None: ...

    names = {"__name__": __name__, "settings": Lazy(), "Cart": Cart}
    assert instrument(names) == 1
    assert instrument(Cart) == 0
    Cart().add()
    assert uninstrument(names) == 1
