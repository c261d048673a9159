"""A newer source takes the place of the one that runs: what changes, what stays, and what is refused."""

from __future__ import annotations

import asyncio
import functools
import itertools
import linecache
import sys
import textwrap
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from tachograph import _native
from tachograph._exchange import LoadedModule, Outcome
from tachograph._source import RefusedError

_numbers = itertools.count()


class Module:
    """A module that was loaded from a source, as importlib would."""

    def __init__(self, text: str, **names: object) -> None:
        self.file = f"/nowhere/module{next(_numbers)}.py"
        self.names: dict[str, Any] = {"__name__": "market", "__file__": self.file, **names}
        text = textwrap.dedent(text)
        exec(compile(text, self.file, "exec", dont_inherit=True), self.names)
        self.loaded = LoadedModule(self.names, text.encode(), self.file)

    def __getattr__(self, name: str) -> Any:
        return self.names[name]

    def reload(self, text: str) -> Outcome:
        return self.loaded.exchange(textwrap.dedent(text).encode())

    def refuses(self, text: str) -> str:
        """Why; nothing has changed."""
        before = dict(self.names)
        with pytest.raises(RefusedError) as caught:
            self.reload(text)
        assert self.names == before
        return str(caught.value)


def test_references_run_the_new_code() -> None:
    module = Module("""
        def price(x): return x
        class Cart:
            def total(self): return 1
            @staticmethod
            def fixed(): return 1
            @classmethod
            def made(cls): return cls, 1
            @property
            def size(self): return 1
            @size.setter
            def size(self, value): self.kept = value
        async def fetch(): return 1
        def each(): yield 1
        scale = lambda x: x
    """)
    price, cart = module.price, module.Cart()
    total, fixed, made, partial = cart.total, cart.fixed, cart.made, functools.partial(price, 4)
    identities = [id(module.names[name]) for name in ("price", "Cart", "fetch", "each", "scale")]
    outcome = module.reload("""
        def price(x): return x * 2
        class Cart:
            def total(self): return 2
            @staticmethod
            def fixed(): return 2
            @classmethod
            def made(cls): return cls, 2
            @property
            def size(self): return 2
            @size.setter
            def size(self, value): self.kept = value * 2
        async def fetch(): return 2
        def each(): yield 2
        scale = lambda x: x
    """)
    assert (price(4), total(), fixed(), made(), partial(), cart.size) == (8, 2, 2, (module.Cart, 2), 8, 2)
    cart.size = 5
    assert cart.kept == 10
    assert asyncio.run(module.fetch()) == 2
    assert list(module.each()) == [2]
    assert identities == [id(module.names[name]) for name in ("price", "Cart", "fetch", "each", "scale")]
    assert outcome.changed == [
        "Cart.fixed", "Cart.made", "Cart.size", "Cart.total", "each", "fetch", "price"
    ]  # fmt: skip
    assert outcome.bound == []


def test_decorated_functions_and_closures_run_it() -> None:
    module = Module("""
        calls = []
        def logged(function):
            def wrapper(*args):
                calls.append(1)
                return function(*args)
            return wrapper
        @logged
        def price(x): return x
        def counter(step):
            count = 0
            def more():
                nonlocal count
                count += step
                return count
            return more
    """)
    price, more = module.price, module.counter(5)
    assert (price(3), more()) == (3, 5)
    module.reload("""
        calls = []
        def logged(function):
            def wrapper(*args):
                calls.append(2)
                return function(*args)
            return wrapper
        @logged
        def price(x): return -x
        def counter(step):
            count = 0
            def more():
                nonlocal count
                count += step * 10
                return count
            return more
    """)
    assert (price(3), module.price is price, module.calls) == (-3, True, [1, 2])
    assert more() == 55  # the same variables


def test_what_runs_goes_on_as_it_began() -> None:
    module = Module("""
        def each():
            yield 1
            yield 2
    """)
    running = module.each()
    assert next(running) == 1
    module.reload("""
        def each():
            yield 10
            yield 20
    """)
    assert (list(running), list(module.each())) == ([2], [10, 20])


def test_state_survives_and_changed_assignments_run() -> None:
    module = Module("""
        import json
        RATE = 2
        cache = {}
        TWICE = RATE * 2
        print_it = []
        print_it.append("begun")
    """)
    module.cache["a"] = 1
    kept = module.cache
    outcome = module.reload("""
        import json
        import math
        RATE = 3
        cache = {}
        TWICE = RATE * 2
        ROOT = math.sqrt(RATE)
        print_it = []
        print_it.append("begun")
        print_it.append("again")
    """)
    assert module.cache is kept
    assert kept == {"a": 1}
    assert (module.RATE, module.TWICE, module.ROOT) == (3, 4, 3**0.5)
    assert module.print_it == ["begun"]
    assert outcome.bound == ["math", "RATE", "ROOT"]
    assert outcome.not_run == [10]


def test_the_same_name_bound_back_and_forth() -> None:
    module = Module("RATE = 1")
    for rate in (2, 1, 2):
        module.reload(f"RATE = {rate}")
        assert rate == module.RATE
    module.names["RATE"] = 7  # by the program
    module.reload("RATE = 2\nOTHER = 1")
    assert (module.RATE, module.OTHER) == (7, 1)


def test_half_a_file_and_then_the_whole() -> None:
    whole = """
        def first(): return 1
        cache = []
        def second(): return 2
    """
    module = Module(whole)
    module.cache.append(1)
    second = module.second
    module.reload("def first(): return 1\n")
    assert module.second is second  # what the source has no more, stays
    module.reload(whole)
    assert (module.cache, module.second) == ([1], second)


def test_functions_and_classes_that_are_new() -> None:
    module = Module("""
        class Base:
            def greet(self): return "base"
        class Cart(Base):
            __hidden = 1
    """)
    cart = module.Cart()
    module.reload("""
        class Base:
            def greet(self): return "base"
        class Cart(Base):
            __hidden = 1
            LIMIT = 3
            TWICE = LIMIT * 2
            def greet(self): return "cart " + super().greet() + str(self.__hidden) + __class__.__name__
            class Inner:
                def run(self): return 1
            @property
            def limit(self): return self.LIMIT
        class Order: pass
        def helper(): return Order
    """)
    assert cart.greet() == "cart base1Cart"
    assert (cart.limit, cart.TWICE, cart.Inner().run()) == (3, 6, 1)
    assert module.helper() is module.Order
    assert module.Cart.greet.__qualname__ == "Cart.greet"
    assert module.Cart.greet.__module__ == "market"


def test_new_members_are_told_their_name() -> None:
    module = Module("""
        class Field:
            def __set_name__(self, owner, name): self.name = name
        class Form:
            pass
    """)
    module.reload("""
        class Field:
            def __set_name__(self, owner, name): self.name = name
        class Form:
            title = Field()
    """)
    assert module.Form.title.name == "title"


def test_signatures_follow() -> None:
    module = Module("""
        def price(x, seen=[], *, rate=1): seen.append(x); return x, rate
        class Cart:
            def total(self, factor=2): return factor
    """)
    price, total = module.price, module.Cart().total
    price(1)
    seen = price.__defaults__[0]
    module.reload("""
        def price(x: int, seen=[], extra=5, *, rate=2) -> int:
            "What it costs."
            seen.append(x); return x, extra, rate
        class Cart:
            def total(self, factor=3, other=4):
                "All of it."
                return factor, other
    """)
    assert price(1) == (1, 5, 2)
    assert price.__defaults__ == (seen, 5)
    assert price.__defaults__[0] is seen  # written as before: the same object
    assert seen == [1, 1]
    assert (price.__doc__, price.__annotations__) == ("What it costs.", {"x": int, "return": int})
    assert (total(), total.__doc__) == ((3, 4), "All of it.")
    module.reload("""
        def price(x, seen=[], *, rate=2): return rate
        class Cart:
            def total(self, factor=3, other=4): return 0
    """)
    assert (price.__doc__, price.__annotations__, price.__defaults__) == (None, {}, ([1, 1],))


def test_docstrings_of_modules_and_classes_follow() -> None:
    module = Module('"""Old."""\nclass Cart:\n    "Old."\n')
    module.reload('"""New."""\nclass Cart:\n    "New."\n')
    assert (module.names["__doc__"], module.Cart.__doc__) == ("New.", "New.")


def test_lines_follow_what_has_only_moved() -> None:
    module = Module("def fail(): raise KeyError\n")
    fail = module.fail
    outcome = module.reload("# a comment\n\n\ndef fail(): raise KeyError\n")
    assert not outcome
    with pytest.raises(KeyError) as caught:
        fail()
    assert traceback.extract_tb(caught.tb)[-1].lineno == 4
    linecache.clearcache()


def test_a_changed_decorator_is_applied() -> None:
    module = Module("""
        def twice(function): return lambda: function() * 2
        def thrice(function): return lambda: function() * 3
        @twice
        def price(): return 1
    """)
    old = module.price
    module.reload("""
        def twice(function): return lambda: function() * 2
        def thrice(function): return lambda: function() * 3
        @thrice
        def price(): return 10
    """)
    assert (module.price(), old()) == (30, 20)  # who has the old object runs the new code with the old decorator


def test_conditions_and_attempts() -> None:
    module = Module("""
        import sys
        if sys.version_info > (3,):
            def price(): return 1
            SOME = 1
        try:
            import nowhere_to_be_found
        except ImportError:
            nowhere_to_be_found = None
    """)
    price = module.price
    module.reload("""
        import sys
        if sys.version_info > (3,):
            def price(): return 2
            SOME = 1
            OTHER = 2
        else:
            OTHER = 3
        try:
            import nowhere_to_be_found
            import neither_this
        except ImportError:
            neither_this = "none"
        if __name__ == "market":
            raise SystemExit
    """)
    assert (price(), module.OTHER, module.neither_this) == (2, 2, "none")


def test_the_main_block_never_runs_again() -> None:
    text = """
        runs = []
        def work(): return {0}
        if __name__ == "__main__":
            runs.append({0})
            LEFT = {0}
    """
    module = Module(text.format(1), __name__="__main__")
    module.reload(text.format(2))
    assert (module.runs, module.LEFT, module.work()) == ([1], 1, 2)


def test_a_module_may_have_been_empty() -> None:
    module = Module("")
    module.reload("def f(): return 1")
    assert module.f() == 1


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("def f(): return 1", "def f(:", "line 1: "),
        ("def f(): return 1", "", "the file is empty"),
        ("def f(): return 1", "def f(): return 2\n\0", ""),
        ("def f(): return 1", "def f(): return 2\nX = missing", "line 2: NameError: name 'missing' is not defined"),
        ("def f(): return 1", "X = 1\ndef f(a=missing): return 2", "NameError"),
        ("def f(): return 1", "X = 1\nimport sys\nY = sys.exit(3)\ndef f(): return 2", "line 3: SystemExit: 3"),
        ("def f(): return 1", "X = 1\ndef f(): yield 2", "line 2: f was a plain function and would be a generator"),
        ("async def f(): return 1", "def f(): return 2", "f was a coroutine and would be a plain function"),
        ("class C: pass", "class C(int): pass", "line 1: the bases, keywords or decorators of the class C have changed"),
        ("class C:\n  def f(self): 1", "class C:\n  def f(self): 2\n  x = missing", "NameError"),
        ("class C:\n  __slots__ = ()", "class C:\n  __slots__ = ('a',)", "line 2: the slots of the class C have changed"),
        ("class C: pass\nC = 3", "class C:\n  x = 1\nC = 3", "C is no class any more"),
        (
            "class C:\n  def f(self): return 1",
            "class C:\n  def f(self): return super()",
            "line 2: C.f takes other variables from around it than before: __class__ instead of none",
        ),
        (
            "import enum\nclass E(enum.Enum):\n  A = 1",
            "import enum\nclass E(enum.Enum):\n  A = 2",
            "line 3: the fields of the class E have changed, and its metaclass has made something of those it had",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass D:\n  a: int",
            "import dataclasses\n@dataclasses.dataclass\nclass D:\n  a: str",
            "line 4: the fields of the class D have changed, and its decorator has made something of those it had",
        ),
    ],
)  # fmt: skip
def test_refused_whole(before: str, after: str, reason: str) -> None:
    module = Module(before)
    functions = {name: value.__code__ for name, value in module.names.items() if hasattr(value, "__code__")}
    assert reason in module.refuses(after)
    assert functions == {name: value.__code__ for name, value in module.names.items() if hasattr(value, "__code__")}


def test_a_failure_takes_back_what_was_done_before_it() -> None:
    module = Module("""
        def f(): return 1
        class C:
            x = 1
        class D:
            def g(self, a=1): return a
    """)
    code, defaults = module.f.__code__, module.D.g.__defaults__

    class Stubborn(type):
        def __setattr__(cls, name: str, value: object) -> None:
            if name == "z":
                raise RuntimeError("not here")
            super().__setattr__(name, value)

    module.names["E"] = Stubborn("E", (), {})
    module.loaded.scope.classes["E"] = module.loaded.scope.classes["C"]
    module.names["E"].__doc__ = None
    reason = module.refuses("""
        def f(): return 2
        NEW = 1
        class C:
            x = 2
            y = 2
        class D:
            def g(self, a=2): return a
        class E:
            def z(self): return 1
    """)
    assert "not here" in reason
    assert (module.C.x, hasattr(module.C, "y"), module.f(), module.D().g()) == (1, False, 1, 1)
    assert module.f.__code__ is code
    assert module.D.g.__defaults__ is defaults


def test_a_refusal_takes_back_only_what_its_statements_bound() -> None:
    module = Module("""
        count, RATE, error, LIMIT = 0, 1, None, 5
        class Cart:
            size = 1
    """)

    def meanwhile() -> int:
        """What other threads do in the middle of the reload."""
        module.names.update(count=101, fresh=5, RATE=7)
        return 1

    class Stubborn(type):
        def __setattr__(cls, name: str, value: object) -> None:
            module.Cart.size = 9
            raise RuntimeError("not here")

    module.names["E"] = Stubborn("E", (), {})
    module.names["meanwhile"] = meanwhile
    module.loaded.scope.classes["E"] = module.loaded.scope.classes["Cart"]
    with pytest.raises(RefusedError, match="not here"):
        module.reload("""
            count, RATE, error, LIMIT = 0, 1, None, 5
            RATE = 2
            NEW = meanwhile()
            LIMIT = 6
            try:
                OTHER = missing
            except NameError as error:
                OTHER = 2
            class Cart:
                size = 2
                other = 2
            class E:
                def run(self): return 1
        """)
    assert (module.count, module.fresh, module.RATE, module.LIMIT, module.error) == (101, 5, 7, 5, None)
    assert module.names.keys() & {"NEW", "OTHER"} == set()
    assert (module.Cart.size, hasattr(module.Cart, "other")) == (9, False)


def test_new_statements_find_the_module_around_them() -> None:
    module = Module("X: int = 1\nmine = globals()")
    outcome = module.reload("""
        X: int = 1
        mine = globals()
        Y: str = "y"
        import os.path as path
        from math import *
        class Cart: limit = X + len(Y)
        squares = [(lambda: i * X)() for i in range(3)]
        def late(): return Cart, pi, squares, Z
        Z = 5
        seen = sorted({"X", "Y", "Z", "late"} & set(dir())), locals()["X"], vars().get("nothing")
    """)
    assert module.late() == (module.Cart, 3.141592653589793, [0, 1, 2], 5)
    assert module.late.__globals__ is module.names
    assert module.Cart.limit == 2
    assert module.seen == (["X", "Y", "Z", "late"], 1, None)
    assert outcome.bound[:2] == ["Y", "path"]
    assert "Cart" in outcome.bound


def test_a_default_value_alone_follows() -> None:
    module = Module("def price(x, rate=1, *, tax=2): return x, rate, tax")
    price = module.price
    outcome = module.reload("def price(x, rate=3, *, tax=2): return x, rate, tax")
    assert (price(0), outcome.changed) == ((0, 3, 2), ["price"])
    module.reload("def price(x, rate=3, *, tax=4): return x, rate, tax")
    assert price(0) == (0, 3, 4)


class Last:
    """A default value that is used once more as it goes."""

    def __init__(self, tell: Callable[[], object]) -> None:
        self.tell = tell

    def __del__(self) -> None:
        self.tell()


def test_no_call_sees_the_one_without_the_other() -> None:
    seen: list[object] = []
    names: dict[str, Any] = {"Last": Last, "look": lambda: seen.append((module.price(), module.size()))}
    before = """
        def price(first=1, last=Last(look), *, rate=1): return first, rate
        def size(first=1): return first
    """
    after = """
        def price(zeroth=0, first=10, last=None, *, rate=10, tax=5): return first, rate, tax
        def size(zeroth=0, first=10): return first
    """
    module = Module(before, **names)
    module.reload(after)
    assert seen == [((10, 10, 5), 10)]


@pytest.mark.isolated
def test_a_veto_leaves_every_function_as_it_was() -> None:
    module = Module("def price(a=1): return a\ndef size(a=1): return a")
    values: list[object] = []
    is_vetoed = True

    def audit(event: str, details: tuple[object, ...]) -> None:
        if event == "object.__setattr__" and details[1] == "__code__" and is_vetoed:
            values.append((module.price(), module.size()))
            if details[0] is module.size:
                raise PermissionError("not this one")

    sys.addaudithook(audit)
    text = "def price(b=0, a=2): return a\ndef size(b=0, a=2): return a"
    assert module.refuses(text) == "PermissionError: not this one"
    assert values[:2] == [(1, 1), (2, 1)]
    assert (module.price(), module.size(), module.price.__defaults__) == (1, 1, (1,))
    is_vetoed = False
    module.reload(text)
    assert (module.price(), module.size()) == (2, 2)


def test_functions_are_exchanged_together_or_not_at_all() -> None:
    def first(a: int = 1, *, b: int = 2) -> tuple[int, int]:
        return a, b

    def second() -> object:
        return first

    codes = first.__code__, second.__code__
    other = (lambda x, a=5, *, b=6: (a, b)).__code__
    for wrong, kind in (
        ((second, other), ValueError),  # takes nothing from around it
        ((second, "code"), TypeError),
        ((second, second.__code__, [1], None), TypeError),
        ((second, second.__code__, (1,)), TypeError),
        ([second, second.__code__], TypeError),
    ):
        with pytest.raises(kind):
            _native.exchange_functions([(first, other, (0, 5), {"b": 6}), wrong])  # type: ignore[list-item]
        assert (first(), first.__code__, second.__code__) == ((1, 2), *codes)
    _native.exchange_functions([(first, other, (0, 5), {"b": 6}), (second, second.__code__)])
    assert first() == (5, 6)
    _native.exchange_functions([(first, codes[0], None, None)])
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        first()


def test_after_a_refusal_the_next_source_is_compared_with_what_runs() -> None:
    module = Module("X = 1\ndef f(): return 1")
    module.refuses("X = 2\ndef f(): return 2\nY = missing")
    outcome = module.reload("X = 2\ndef f(): return 2\nY = 3")
    assert (module.X, module.f(), module.Y) == (2, 2, 3)
    assert (outcome.changed, outcome.bound) == (["f"], ["X", "Y"])


def test_closures_with_other_parameters_are_refused_while_they_live() -> None:
    before = "def make():\n  def inner(a=1): return a\n  return inner"
    after = "def make():\n  def inner(b, a=2): return a, b\n  return inner"
    module = Module(before)
    inner = module.make()
    assert "inner have changed" in module.refuses(after)
    assert inner() == 1
    del inner
    module.reload(after)
    assert module.make()(5) == (2, 5)


def test_a_source_that_nobody_has_seen_is_matched_by_names() -> None:
    """The file changed after the import and before the watch."""
    module = Module("def f(): return 1\nclass C:\n  def g(self): return 1")
    f, c = module.f, module.C()
    unseen = b"\n\ndef f(): return 2\nclass C:\n  def g(self): return 2"
    LoadedModule(module.names, unseen, module.file).exchange(unseen.replace(b"2", b"3"))
    assert (f(), c.g()) == (3, 3)


def test_namesakes_are_told_apart() -> None:
    module = Module("""
        import functools
        @functools.singledispatch
        def show(x): return "any"
        @show.register
        def _(x: int): return "int"
        @show.register
        def _(x: str): return "str"
    """)
    show = module.show
    module.reload("""
        import functools
        @functools.singledispatch
        def show(x): return "anything"
        @show.register
        def _(x: int): return "INT"
        @show.register
        def _(x: str): return "STR"
    """)
    assert (show(1), show(""), show(1.0)) == ("INT", "STR", "anything")


def test_annotated_fields_of_plain_classes() -> None:
    module = Module("class C:\n  x: int = 1")
    c = module.C()
    module.reload("class C:\n  x: int = 2\n  y: str = ''")
    assert (c.x, c.y) == (2, "")


def test_futures_hold_for_what_is_new() -> None:
    module = Module("from __future__ import annotations\nX = 1")
    module.reload("from __future__ import annotations\nX = 1\ndef f(a: Missing): return 1")
    assert module.f.__annotations__ == {"a": "Missing"}


@pytest.mark.isolated
def test_timed_functions_stay_timed_under_their_name() -> None:
    import tachograph

    module = Module("""
        import tachograph
        @tachograph.timing
        def price(x): return x
        def plain(): return 1
        def outer():
            @tachograph.timing
            def inner(): return 1
            return inner
    """)
    inner = module.outer()
    module.price(1), inner()
    module.reload("""
        import tachograph
        @tachograph.timing
        def price(x): return x * 2
        def plain(): return 2
        def outer():
            @tachograph.timing
            def inner(): return 2
            return inner
    """)
    assert (module.price(1), inner(), module.plain()) == (2, 2, 2)
    known = tachograph.statistics()
    assert known["market::price"].call_count == 2
    assert known["market::outer.<locals>.inner"].call_count == 2
    assert "market::plain" not in known
    tachograph.uninstrument(module.price)
    assert module.price(2) == 4
    assert tachograph.statistics()["market::price"].call_count == 2


@pytest.mark.isolated
def test_new_functions_of_instrumented_modules_are_timed() -> None:
    import tachograph

    module = Module("def old(): return 1")
    tachograph.instrument("market")
    module.old()
    module.reload("def old(): return new()\ndef new():\n  def inner(): return 5\n  return inner()")
    assert module.old() == 5
    known = tachograph.statistics()
    assert {name: known[name].call_count for name in known} == {
        "market::old": 2, "market::new": 1, "market::new.<locals>.inner": 1
    }  # fmt: skip
    module.reload("def old(): return 2\ndef new():\n  def inner(): return 5\n  return inner()")
    assert (module.old(), tachograph.statistics()["market::old"].call_count) == (2, 3)
