"""Rewritten functions that return their exceptions: which ones, from where, and what anybody sees of it."""

from __future__ import annotations

import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

RETURNING = """
import types
from contextlib import contextmanager
done = []

def plain(n): return 1 // n

def bare(n): raise KeyError

def from_handler(n):
    try:
        return 1 // n
    except ZeroDivisionError:
        raise LookupError(n)
    finally:
        done.append("finally")

@contextmanager
def around(n):
    try:
        yield n
    finally:
        done.append("around")

def in_loops(n):
    for i in range(3):
        with around(n) as m:
            for j in [4, 2, 0]:
                if i: done.append(i // (j and m + 1))
    return n

def shared(n):
    def inner(): return 1 // n
    n = n - n
    return inner()

def no_room(n): raise

def rest(*args, **kwargs): return kwargs["missing"]

least = lambda n: n.missing

@types.coroutine
def suspend(n): return (yield n)

async def coroutine(n): return 1 // (await suspend(n))

async def with_handlers(n):
    try:
        await suspend(n)
        return 1 // n
    except IndexError:
        return "never"
    finally:
        done.append(await suspend("last"))
"""
RETURNING_NAMES = ["plain", "bare", "from_handler", "in_loops", "shared", "no_room", "rest", "least", "coroutine"]
RETURNING_NAMES += ["with_handlers"]


def run_to_end(result: Any) -> Any:
    """What a call, or the coroutine that it has made, comes to."""
    answer = None
    try:
        while hasattr(result, "send"):
            result.send(answer)
            answer = 0
    except StopIteration as stop:
        return stop.value
    return result


def positions_of(error: BaseException) -> list[Any]:
    """The source range of each frame of a traceback."""
    found = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        found.append((code.co_name, step.tb_lineno, list(code.co_positions())[step.tb_lasti // 2]))
        step = step.tb_next
    return found


def describe(error: Any) -> list[Any]:
    """An exception, where it has been, and what it came from."""
    if error is None:
        return []
    assert isinstance(error, Exception)
    return [type(error), str(error), positions_of(error), describe(error.__context__)]


def load_returning(probes: ModuleType, catch: type[BaseException] | None) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    code = compile(RETURNING, "<generated>", "exec")

    def is_chosen(function: CodeType) -> bool:
        return function.co_qualname in (*RETURNING_NAMES, "<lambda>")

    exec(probes.rewrite(code, is_chosen, None, catch)[0] if catch else code, namespace)
    return namespace


@pytest.mark.parametrize("name", RETURNING_NAMES)
def test_exceptions_are_returned(probes: ModuleType, name: str) -> None:
    plain, returning = load_returning(probes, None), load_returning(probes, Exception)
    with pytest.raises(Exception) as info:  # noqa: PT011
        run_to_end(plain[name](0))
    raised = info.value
    while raised.__traceback__ and raised.__traceback__.tb_frame.f_code.co_filename != "<generated>":
        raised.__traceback__ = raised.__traceback__.tb_next
    handled = sys.exc_info()
    assert describe(run_to_end(returning[name](0))) == describe(raised)
    assert sys.exc_info() == handled
    assert plain["done"] == returning["done"]


def test_what_is_returned_looks_so_to_tracers(probes: ModuleType) -> None:
    function = load_returning(probes, Exception)["plain"]
    events: list[Any] = []

    def tracer(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code is function.__code__:
            events.append((event, frame.f_lineno, argument))
            return tracer
        return None

    sys.settrace(tracer)
    try:
        error = function(0)
    finally:
        sys.settrace(None)
    raised = ("exception", 6, (ZeroDivisionError, error, error.__traceback__))
    assert events == [("call", 6, None), ("line", 6, None), raised, ("return", None, error)]


@pytest.mark.parametrize("error", [ValueError("early"), GeneratorExit(), StopIteration(1)])
def test_what_is_thrown_before_the_first_step_is_raised(probes: ModuleType, error: BaseException) -> None:
    """There is no call yet that could return it."""
    coroutine = load_returning(probes, BaseException)["coroutine"](1)
    with pytest.raises((ValueError, GeneratorExit, StopIteration, RuntimeError)) as info:
        coroutine.throw(error)
    assert error in (info.value, info.value.__cause__)
    assert coroutine.cr_frame is None
