"""What is kept of exceptions: each one once, where it left the innermost function that is watched, with what it was given."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import re
import signal
import sys
import textwrap
import threading
import time
import uuid
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tachograph
from recorded import Group, Recorded, Sample
from tachograph import exception_logger, instrument, statistics

pytestmark = pytest.mark.isolated


class Module:
    """Functions made from source, as those of a module `shop`."""

    def __init__(self, source: str, file: str = "shop.py") -> None:
        names = {"__name__": "shop", "exception_logger": exception_logger}
        exec(compile(textwrap.dedent(source), file, "exec"), names)
        self.__dict__.update(names)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def fail(function: Callable[..., Any], *args: Any, **kwargs: Any) -> BaseException:
    """The exception of a call that has to fail."""
    try:
        function(*args, **kwargs)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_everything_of_one(recorded: Recorded) -> None:
    recorded.start()
    before_ns = time.time_ns()
    shop = Module(
        """
        def look_up(prices, item):
            return prices[item]
        @exception_logger
        def price(item, /, count, *, prices, **others):
            return look_up(prices, item) * count
        """
    )
    assert type(shop.price("pear", 3, prices={"apple": 1.5}, token="abc", note="ä")) is KeyError
    group = recorded.group()
    sample = group.sample
    assert group == Group("shop::price", "KeyError", group.fingerprint, 1, group.first_ns, group.first_ns, [sample])
    assert before_ns - 10**9 < group.first_ns <= sample.wall_ns < time.time_ns() + 10**9
    assert sample == Sample(
        message="'pear'",
        traceback='  File "shop.py", line 6, in price\n  File "shop.py", line 3, in look_up\n',
        args=["pear", 3],
        kwargs={"prices": {"apple": 1.5}, "token": "[redacted]", "note": "ä"},
        rebound="",
        thread=sample.thread,
        native_id=threading.get_native_id(),
        wall_ns=sample.wall_ns,
    )
    connection = __import__("sqlite3").connect(recorded.path)
    row = connection.execute("SELECT function_name, exception, args, kwargs FROM function_exceptions").fetchone()
    connection.close()
    assert row[:3] == ("shop::price", "KeyError: 'pear'", '["pear",3]')


ARGUMENTS: list[tuple[str, tuple[Any, ...], dict[str, Any], list[Any], dict[str, Any], str]] = [
    ("a, b", (1, "x"), {}, [1, "x"], {}, ""),
    ("a, b=2, *rest", (1,), {}, [1, 2], {}, ""),
    ("a, *rest", (1, 2, [3]), {}, [1, 2, [3]], {}, ""),
    ("*rest", tuple(range(23)), {}, [*range(20), "… 3 more"], {}, ""),
    ("*, a, b=2", (), {"a": 1}, [], {"a": 1, "b": 2}, ""),
    ("a, *rest, b, **others", (1, 2), {"b": 3, "z": 4}, [1, 2], {"b": 3, "z": 4}, ""),
    ("**others", (), {"_": None}, [], {"_": None}, ""),
    ("**others", (), {str(i): i for i in range(22)}, [], {**{str(i): i for i in range(20)}, "…": "… 2 more"}, ""),
    ("password, name", ("abc", "n"), {}, ["[redacted]", "n"], {}, ""),
    ("*, password", (), {"password": "abc"}, [], {"password": "[redacted]"}, ""),
    ("**others", (), {"X-Api-Key": "abc"}, [], {"X-Api-Key": "[redacted]"}, ""),
    ("url", ("mysql://me:pw@db/x",), {}, ["mysql://me:[redacted]@db/x"], {}, ""),
    ("name, value", ("X-Api-Key", "abc"), {}, ["X-Api-Key", "[redacted]"], {}, ""),
    ("*rest", ("mysql", "--password", "abc", "db"), {}, ["mysql", "--password", "[redacted]", "db"], {}, ""),
]
BODIES: list[tuple[str, str, tuple[Any, ...], list[Any], str]] = [
    ("rebound", "def f(a, b):\n    a = 5\n    {}", (1, 2), [5, 2], "a"),
    ("in_a_loop", "def f(a, b):\n    for a in range(3): pass\n    {}", (1, 2), [2, 2], "a"),
    ("unpacked", "def f(a, b, c):\n    a, c = c, a\n    {}", (1, 2, 3), [3, 2, 1], "a, c"),
    ("augmented", "def f(a, *rest, **others):\n    a += 1\n    rest = ()\n    {}", (1, 2), [2], "a, rest"),
    ("deleted", "def f(a, b):\n    del b\n    {}", (1, 2), [1, "<not bound>"], "b"),
    ("walrus", "def f(a):\n    if (a := 7): {}", (1,), [7], "a"),
    ("shared", "def f(a, b):\n    def g(): return a\n    {}", (1, 2), [1, 2], ""),
    ("shared_rebound", "def f(a, b):\n    def g(): return a\n    a = 9\n    {}", (1, 2), [9, 2], "a"),
    ("nonlocal", "def f(a):\n    def g():\n        nonlocal a\n        a = 9\n    g()\n    {}", (1,), [9], ""),
    ("not_of_the_function", "def f(a):\n    def g(a): a = 2\n    b = 3\n    {}", (1,), [1], ""),
    (
        "many_names",
        "def f(a, b):\n    " + "; ".join(f"v{i} = 1" for i in range(300)) + "; b = 2\n    {}",
        (1, 1),
        [1, 2],
        "b",
    ),
]


@pytest.mark.parametrize(("parameters", "args", "kwargs", "kept", "kept_by_name", "rebound"), ARGUMENTS)
def test_arguments(
    recorded: Recorded,
    parameters: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    kept: list[Any],
    kept_by_name: dict[str, Any],
    rebound: str,
) -> None:
    recorded.start()
    shop = Module(f"def f({parameters}): raise ValueError")
    exception_logger(shop.f)(*args, **kwargs)
    sample = recorded.group().sample
    assert (sample.args, sample.kwargs, sample.rebound) == (kept, kept_by_name, rebound)


@pytest.mark.parametrize(("name", "source", "args", "kept", "rebound"), BODIES, ids=[body[0] for body in BODIES])
def test_parameters_that_are_bound_anew_are_named(
    recorded: Recorded, name: str, source: str, args: tuple[Any, ...], kept: list[Any], rebound: str
) -> None:
    recorded.start()
    for how in (exception_logger, exception_logger(reraise=True)):
        fail_or_return = how(Module(source.format("raise ValueError")).f)
        try:
            fail_or_return(*args)
        except ValueError:
            pass
    samples = recorded.group().samples
    assert [(sample.args, sample.rebound) for sample in samples] == [(kept, rebound)] * 2


def test_methods_show_what_they_are_called_on(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("class Cart:\n    @exception_logger\n    def add(self, item): raise ValueError(self, item)")
    shop.Cart().add("pear")
    sample = recorded.group().sample
    assert re.fullmatch(r"<shop\.Cart, \d+ bytes>", sample.args[0])
    assert sample.args[1:] == ["pear"]
    assert re.fullmatch(r'\["<shop\.Cart, \d+ bytes>","pear"\]', sample.message)


def test_what_is_not_to_be_captured(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("def f(a, **b): raise ValueError('kept')\ndef g(a): raise ValueError('kept')")
    exception_logger(capture_args=False)(shop.f)(1, b=2)
    instrument(shop.g, exceptions=True, capture_args=False)
    fail(shop.g, 1)
    for group in recorded.groups():
        assert (group.sample.message, group.sample.args, group.sample.kwargs) == ("kept", None, None)


def watched_twice(outer: Callable[..., Any], inner: Callable[..., Any]) -> Callable[..., Any]:
    """A function under two of them."""
    function: Callable[..., Any] = Module("def f(a): raise ValueError('kept')").f
    inner(function)
    outer(function)
    return function


def recording(target: Callable[..., Any], **options: Any) -> None:
    """As a decorator that is none."""
    instrument(target, exceptions=True, **options)


STACKS = [exception_logger(), exception_logger(reraise=True), tachograph.super_decorator(reraise=True), recording]


@pytest.mark.parametrize("kind", [exception_logger, tachograph.super_decorator, recording])
def test_whoever_wants_no_arguments_is_obeyed(recorded: Recorded, kind: Callable[..., Any]) -> None:
    recorded.start()

    def bare(target: Callable[..., Any]) -> Any:
        return kind(target, capture_args=False) if kind is recording else kind(capture_args=False)(target)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of functions that cannot be reloaded
        for other in STACKS:
            for function in (watched_twice(bare, other), watched_twice(other, bare)):
                try:
                    function(1)
                except ValueError:
                    pass
    group = recorded.group()
    assert group.count == 2 * len(STACKS)
    assert [sample.args for sample in group.samples] == [None] * group.count


def test_one_that_keeps_no_arguments_says_so_of_itself_alone(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("def f(a): raise ValueError\ndef g(a): raise ValueError")
    instrument(shop.f.__globals__, exceptions=True)
    instrument(shop.f, exceptions=True, capture_args=False)
    fail(shop.f, 1)
    fail(shop.g, 1)
    assert [group.sample.args for group in recorded.groups()] == [None, [1]]


def test_the_outermost_decorator_returns_or_raises(recorded: Recorded) -> None:
    recorded.start()
    for inner in (exception_logger, exception_logger(reraise=True), recording):
        assert type(watched_twice(exception_logger, inner)(1)) is ValueError
        assert type(fail(watched_twice(exception_logger(reraise=True), inner), 1)) is ValueError
    assert type(watched_twice(recording, exception_logger)(1)) is ValueError
    assert recorded.group().count == 7


class Talkative:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        if self.text == "raise":
            raise LookupError
        return f"Talkative({self.text})"


def test_repr_is_asked_for_where_it_is_wanted(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("def f(a): raise ValueError(a)\ndef g(a): raise ValueError(a)")
    exception_logger(shop.f)(Talkative("x"))
    exception_logger(repr=True)(shop.g)(Talkative("x"))
    shop.g(Talkative("raise"))
    [silent, asked] = recorded.groups()
    type_and_size = re.escape(f"<{__name__}.Talkative, ") + r"\d+ bytes>"
    assert re.fullmatch(type_and_size, silent.sample.args[0])
    assert asked.samples[0].args == ["Talkative(x)"]
    assert asked.samples[1].args == ["<repr() failed>"]


LARGE = [["x" * 200] * 20] * 20  # leaves no room for what comes after it
# Parameters, arguments, what is raised, and what is told of it.
TOLD: list[tuple[str, dict[str, Any], str, str]] = [
    ("password", {"password": "hunter2"}, "f'could not use {password}'", "could not use [redacted]"),
    ("*, password", {"password": "hunter2"}, "f'x{password}y'", "x[redacted]y"),
    ("**all", {"api_key": "hunter2"}, "'hunter2'", "[redacted]"),
    ("password", {"password": b"hunter2"}, "f'{password}'", "b'[redacted]'"),
    ("password", {"password": "pin"}, "'spinning'", "spinning"),
    ("password", {"password": 12345}, "'12345'", "12345"),
    ("user", {"user": {"name": "ada", "auth": {"password": "hunter2"}}}, "'ada: hunter2'", "ada: [redacted]"),
    ("secrets", {"secrets": [{"k": ("one-secret", b"another")}]}, "'one-secret another k'", "[redacted] [redacted] k"),
    ("words", {"words": ["--password", "hunter2"]}, "'no hunter2'", "no [redacted]"),
    ("url", {"url": "mysql://me:hunter2@db"}, "'no hunter2 of me'", "no [redacted] of me"),
    ("headers", {"headers": {"Authorization": "Bearer 0123456789"}}, "'401 for 0123456789'", "401 for [redacted]"),
    ("password", {"password": "hunter2"}, "{'tried': [password]}", '{"tried":["[redacted]"]}'),
    ("password", {"password": "it's a \\ here"}, "KeyError(password)", '"[redacted]"'),
    ("password", {"password": "hunter2"}, "'a' * 1995 + password", "a" * 1995 + "[r…"),
    ("password", {"password": "x" * 9000}, "'tried ' + password", "tried [redacted]…"),
    ("rows, password", {"rows": LARGE, "password": "hunter2"}, "f'no {password}'", "no [redacted]"),
    ("rows, *, password", {"rows": LARGE, "password": "hunter2"}, "f'no {password}'", "no [redacted]"),
    (", ".join([f"p{i}=0" for i in range(30)]) + ", password=''", {"password": "hunter2"}, "password", "[redacted]"),
    ("session_id", {"session_id": uuid.UUID(int=7)}, "f'no {session_id}'", "no [redacted]"),
]


@pytest.mark.parametrize(("parameters", "arguments", "made", "told"), TOLD)
@pytest.mark.parametrize("options", [{}, {"capture_args": False}, {"repr": True}], ids=["", "bare", "repr"])
def test_the_message_does_not_tell_what_the_arguments_hide(
    recorded: Recorded, parameters: str, arguments: dict[str, Any], made: str, told: str, options: dict[str, bool]
) -> None:
    if options.get("repr") and made.startswith("{"):
        told = "{'tried': ['[redacted]']}"
    recorded.start()
    shop = Module(f"def f({parameters}): raise {made if 'Error' in made else f'ValueError({made})'}")
    exception_logger(reraise=True, **options)(shop.f)
    fail(shop.f, **arguments)
    assert recorded.group().sample.message == told


MESSAGES: list[tuple[str, str, str]] = [
    ("ValueError('text')", "ValueError", "text"),
    ("ValueError", "ValueError", ""),
    ("ValueError(1, 'b')", "ValueError", "(1, 'b')"),
    ("ValueError({'password': 'abc', 'n': 1})", "ValueError", '{"password":"[redacted]","n":1}'),
    ("OSError(2, 'No such file', 'a.txt')", "OSError", "[Errno 2] No such file: 'a.txt'"),
    ("UnicodeDecodeError('utf-8', b'x', 0, 1, 'why')", "UnicodeDecodeError", "can't decode byte 0x78"),
    ("KeyError('k')", "KeyError", "'k'"),
    ("ConnectionError('to mysql://me:pw@db failed')", "ConnectionError", "to mysql://me:[redacted]@db failed"),
    ("ValueError('x' * 5000)", "ValueError", "x" * 1000),
    ("ValueError('a\\ud800b')", "ValueError", "a\ufffdb"),
    ("type('Own', (Exception,), {'__str__': lambda self: 1 / 0})('told')", "shop.Own", "told"),
    ("ExceptionGroup('some', [ValueError(1)])", "ExceptionGroup", "some (1 sub-exception)"),
    ("OSError(2, 'No such file', __import__('pathlib').Path('x'))", "OSError", '[2,"No such file"]'),
    ("KeyError('x' * 10**6)", "KeyError", "x" * 1000),
    ("KeyError(('a', 1))", "KeyError", '["a",1]'),
    ("ValueError(10**5000)", "ValueError", "<int, 16610 bits>"),
    ("SyntaxError('bad', ('shop.py', 3, 1, 'x ='))", "SyntaxError", "bad (shop.py, line 3)"),
    ("ImportError('no such thing', name='x')", "ImportError", "no such thing"),
    ("StopIteration([1])", "StopIteration", "[1]"),
    ("ValueError(*['x' * 9000] * 100)", "ValueError", '["xxx'),
]


@pytest.mark.parametrize(("made", "kind", "told"), MESSAGES)
def test_messages(recorded: Recorded, made: str, kind: str, told: str) -> None:
    recorded.start()
    shop = Module(f"def f(): raise {made}")
    exception_logger(shop.f)()
    group = recorded.group()
    assert group.type.removeprefix("builtins.") in (kind, kind.replace("OSError", "FileNotFoundError"))
    assert told in group.sample.message
    assert len(group.sample.message) <= 2003


def test_exceptions_out_of_c_say_the_same(recorded: Recorded) -> None:
    """In CPython 3.11 they have not been made yet when they leave the function."""
    recorded.start()
    shop = Module("def f(): return int('x')\ndef g(): return {}['k']\ndef h(): return [].missing")
    for name in ("f", "g", "h"):
        exception_logger(reraise=True)(shop.__dict__[name])
        fail(shop.__dict__[name])
    messages = [group.sample.message for group in recorded.groups()]
    assert messages[0] == "invalid literal for int() with base 10: 'x'"
    assert messages[1] == "'k'"
    assert messages[2] == "'list' object has no attribute 'missing'"


# Once


def test_the_innermost_records_and_the_outer_ones_count(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        def inner(n): return between(n)
        def between(n): return 1 // n
        def outer(n): return between_too(n)
        def between_too(n): return inner(n)
        """
    )
    instrument(shop.inner, exceptions=True)
    instrument(shop.outer, exceptions=True)
    fail(shop.outer, 0)
    group = recorded.group()
    assert (group.function, group.count) == ("shop::inner", 1)
    assert [line.split()[-1] for line in group.sample.traceback.splitlines()] == ["inner", "between"]
    assert [statistics()[f"shop::{name}"].exception_count for name in ("inner", "outer")] == [1, 1]


def test_whoever_wants_it_records_it(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        @exception_logger(reraise=True, only=KeyError)
        def inner(n): return 1 // n
        @exception_logger
        def outer(n): return inner(n)
        """
    )
    assert type(shop.outer(0)) is ZeroDivisionError
    assert recorded.counts() == {("shop::outer", "ZeroDivisionError"): 1}


def test_one_that_is_handled_and_another_that_takes_its_place(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        @exception_logger(reraise=True)
        def inner(n): return 1 // n
        @exception_logger(reraise=True)
        def handles(n):
            try: return inner(n)
            except ZeroDivisionError: return None
        @exception_logger(reraise=True)
        def replaces(n):
            try: return inner(n)
            except ZeroDivisionError as error: raise LookupError("other") from error
        @exception_logger(reraise=True)
        def raises_again(n):
            try: return inner(n)
            except ZeroDivisionError: raise
        """
    )
    assert shop.handles(0) is None
    fail(shop.replaces, 0)
    fail(shop.raises_again, 0)
    counts: dict[tuple[str, str], int] = {}
    for group in recorded.groups():
        counts[group.function, group.type] = counts.get((group.function, group.type), 0) + group.count
    assert counts == {("shop::inner", "ZeroDivisionError"): 3, ("shop::replaces", "LookupError"): 1}


def test_an_exception_that_is_returned_and_raised_again_is_the_same(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        @exception_logger
        def inner(n): return 1 // n
        @exception_logger
        def outer(n): raise inner(n)
        """
    )
    assert type(shop.outer(0)) is ZeroDivisionError
    assert recorded.counts() == {("shop::inner", "ZeroDivisionError"): 1}


def test_recursion_counts_once(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("@exception_logger(reraise=True)\ndef down(n): return down(n - 1) if n else 1 // n")
    fail(shop.down, 30)
    group = recorded.group()
    assert group.count == 1
    assert group.sample.args == [0]
    assert statistics()["shop::down"].exception_count == 31


# Groups


def fingerprints(recorded: Recorded, *sources: str, file: str = "shop.py") -> list[int]:
    """Of the same function f, in different sources."""
    recorded.start()
    for source in sources:
        f = Module(source, file).f
        exception_logger(f)()
    return [group.fingerprint for group in recorded.groups()]


def test_lines_and_messages_make_no_group(recorded: Recorded) -> None:
    same = ["def f(): raise ValueError(1)", "\n\n\ndef f():\n    x = 1\n    raise ValueError('other')"]
    assert len(fingerprints(recorded, *same, *same)) == 1
    assert recorded.group().count == 4


def test_types_functions_and_ways_make_groups(recorded: Recorded) -> None:
    sources = [
        "def f(): raise ValueError",
        "def f(): raise KeyError",
        "def g(): raise ValueError\ndef f(): g()",
        "def g(): raise ValueError\ndef h(): g()\ndef f(): h()",
        "class Own(ValueError): pass\ndef f(): raise Own",
    ]
    assert len(set(fingerprints(recorded, *sources))) == 5


def test_frames_of_libraries_make_no_group(recorded: Recorded) -> None:
    sources = [
        "import json\ndef f(): json.loads('{')",
        "import json\ndef f(): json.JSONDecoder().decode('{')",
    ]
    assert len(fingerprints(recorded, *sources)) == 1
    assert recorded.group().type == "json.decoder.JSONDecodeError"


def test_fingerprints_are_the_same_in_every_process(recorded: Recorded, run: Any, tmp_path: Path) -> None:
    source = """
        import json
        def g(): json.loads('{')
        def f(): g()
    """
    [own] = fingerprints(recorded, source)
    program = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
import textwrap, tachograph
from pathlib import Path
from recorded import Recorded
names = {{"__name__": "shop"}}
exec(compile(textwrap.dedent({source!r}), "elsewhere/shop.py", "exec"), names)
there = Recorded(Path({str(tmp_path / "there.db")!r}))
there.start()
tachograph.exception_logger(names["f"])()
print(there.group().fingerprint)
"""
    assert run(program, environment={"PYTHONHASHSEED": "7"}).stdout == f"{own}\n"


def test_counts_are_exact_past_the_samples(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("@exception_logger\ndef f(n): return 1 // (n - n)")
    for n in range(1000):
        shop.f(n)
    group = recorded.group()
    assert group.count == 1000
    assert [sample.args for sample in group.samples] == [[n] for n in range(10)]
    for n in range(5):
        shop.f(-n)
    group = recorded.group()  # the next interval has samples of its own; those between the first and the last five go
    assert group.count == 1005
    args = [sample.args for sample in group.samples]
    assert [*args[:5], *args[-5:]] == [[n] for n in (0, 1, 2, 3, 4, 0, -1, -2, -3, -4)]
    assert len(args) in (10, 15)  # unless a new hour has begun
    assert group.last_ns >= group.first_ns


def test_more_kinds_than_there_is_room_for_are_counted_together(recorded: Recorded) -> None:
    recorded.start()
    source = "\n".join(f"def f{i}(): raise ValueError" for i in range(5000))
    for function in list(vars(Module(source)).values()):
        if getattr(function, "__name__", "") and function.__name__[1:].isdigit():
            exception_logger(function)()
    groups = recorded.groups()
    [rest] = [group for group in groups if group.function == "tachograph::(exceptions past the limit)"]
    assert rest.count > 0
    assert sum(group.count for group in groups) == 5000


# Where it happens


def test_threads(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("@exception_logger\ndef f(n): raise ValueError(n)")
    seen: list[int] = []

    def work(n: int) -> None:
        seen.append(threading.get_native_id())
        shop.f(n)

    threads = [threading.Thread(target=work, args=(n,), name=f"worker {n}") for n in range(4)]
    for thread in threads:
        thread.start()
        thread.join()
    group = recorded.group()
    assert group.count == 4
    assert [sample.native_id for sample in group.samples] == seen
    if sys.version_info >= (3, 14):  # Python tells the kernel
        assert [sample.thread for sample in group.samples] == [f"worker {n}" for n in range(4)]


def test_forked_children_record_their_own(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("@exception_logger\ndef f(n): raise ValueError(n)")
    shop.f("before")
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        code = 1
        try:
            shop.f("in the child")
            code = 0 if tachograph.stop(30) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    shop.f("after")
    group = recorded.group()
    assert group.count == 3
    assert [sample.args[0] for sample in group.samples] == ["before", "in the child", "after"]


def test_an_exception_that_leaves_the_fork(recorded: Recorded) -> None:
    """In the child, the call has begun in another process."""
    recorded.start()
    shop = Module("import os\n@exception_logger\ndef f():\n    child = os.fork()\n    raise ValueError(child)")
    own = os.getpid()
    error = shop.f()
    if os.getpid() != own:
        os._exit(0 if type(error) is ValueError and tachograph.stop(30) else 1)
    assert os.waitpid(error.args[0], 0)[1] == 0
    assert recorded.group().count in (1, 2)


def test_asyncio_tasks(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        import asyncio
        @exception_logger
        async def f(n):
            await asyncio.sleep(0)
            return 1 // n
        async def main(): return await asyncio.gather(*[f(n % 2) for n in range(6)])
        """
    )
    results = asyncio.run(shop.main())
    assert [type(result).__name__ for result in results] == ["ZeroDivisionError", "int"] * 3
    assert [sample.args for sample in recorded.group().samples] == [[0]] * 3


def test_no_reference_is_kept(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("class Cart: pass\n@exception_logger\ndef f(cart, others): raise ValueError(cart)")
    cart = shop.Cart()
    gone = weakref.ref(cart)
    others = [object()]
    before = sys.getrefcount(others)
    error = shop.f(cart, others)
    assert type(error) is ValueError
    del error, cart
    gc.collect()
    assert gone() is None
    assert sys.getrefcount(others) == before
    assert recorded.group().count == 1


def test_it_goes_on_while_another_exception_is_handled(recorded: Recorded) -> None:
    recorded.start()
    shop = Module("@exception_logger\ndef f(n): return 1 // n")
    outer = KeyError("outer")
    try:
        raise outer
    except KeyError:
        error = shop.f(0)
        handled = sys.exc_info()[1]
    assert error.__context__ is handled is outer
    assert recorded.group().count == 1


def test_while_a_repr_is_asked_for_others_are_only_counted(recorded: Recorded) -> None:
    recorded.start()
    shop = Module(
        """
        @exception_logger
        def helper(): raise KeyError
        class Cart:
            def __repr__(self): return f"Cart({type(helper()).__name__})"
        @exception_logger(repr=True)
        def f(cart): raise ValueError
        """
    )
    shop.f(shop.Cart())
    groups = {group.function: group for group in recorded.groups()}
    assert groups["shop::f"].sample.args == ["Cart(KeyError)"]
    assert (groups["shop::helper"].count, groups["shop::helper"].samples) == (1, [])


# Whole modules


PACKAGE = """
import functools
class Cart:
    def add(self, item):
        def check(): return 1 // item
        return check()
def quiet(n): return n
def loud(n): raise LookupError(n)
"""


def test_modules_loaded_before_and_after(recorded: Recorded, module_path: Path) -> None:
    recorded.start()
    for name in ("before", "after"):
        (module_path / f"{name}.py").write_text(PACKAGE)
    before = importlib.import_module("before")
    instrument("before", exceptions=True)
    instrument("after", exceptions=True, exclude="after::loud")
    after = importlib.import_module("after")
    for module in (before, after):
        assert module.quiet(1) == 1
        fail(module.Cart().add, 0)
        fail(module.loud, 0)
    assert recorded.counts() == {
        ("before::Cart.add.<locals>.check", "ZeroDivisionError"): 1,
        ("before::loud", "LookupError"): 1,
        ("after::Cart.add.<locals>.check", "ZeroDivisionError"): 1,
    }


def test_what_is_timed_already_is_watched_from_then_on(recorded: Recorded, module_path: Path) -> None:
    recorded.start()
    (module_path / "before.py").write_text(PACKAGE)
    (module_path / "after.py").write_text(PACKAGE)
    before = importlib.import_module("before")
    instrument(["before", "after"])
    fail(before.loud, 0)
    assert instrument(["before::Cart.*", "before::loud", "after::loud"], exceptions=True) == 0
    after = importlib.import_module("after")
    for module in (before, after):
        fail(module.loud, 0)
        fail(module.Cart().add, 0)
    assert recorded.counts() == {
        ("before::loud", "LookupError"): 1,
        ("before::Cart.add.<locals>.check", "ZeroDivisionError"): 1,
        ("after::loud", "LookupError"): 1,
    }


def test_no_arguments_are_kept_of_modules_loaded_later(recorded: Recorded, module_path: Path) -> None:
    recorded.start()
    for name in ("later", "other"):
        (module_path / f"{name}.py").write_text("def loud(n): raise LookupError(n)\n")
    instrument(["later", "other"], exceptions=True)
    instrument("later", exceptions=True, capture_args=False)
    for name in ("later", "other"):
        fail(importlib.import_module(name).loud, 5)
    told = {group.function: group.sample.args for group in recorded.groups()}
    assert told == {"later::loud": None, "other::loud": [5]}


def test_a_repr_may_change_what_is_to_be_kept(recorded: Recorded) -> None:
    recorded.start()
    taken = []

    class Cart:
        def __repr__(self) -> str:
            instrument("shop::f", exceptions=True, capture_args=False)
            # What is freed by that is of others now, and all zeros.
            taken.extend([bytes(n) for n in range(8, 16) for _ in range(1000)])
            return "Cart"

    shop = Module("def f(cart): raise ValueError('kept')")
    exception_logger(repr=True, reraise=True)(shop.f)
    for _ in range(2):
        fail(shop.f, Cart())
    assert [sample.args for sample in recorded.group().samples] == [["Cart"], None]
