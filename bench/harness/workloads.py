"""The functions that calls are measured with, made anew for each contender: code objects must not be shared."""

from collections.abc import Callable
from itertools import repeat
from types import FunctionType

from harness.rounds import Contender

EMPTY = """
def function(): pass

def run(times):
    for _ in times: function()
"""
FIB = """
def function(n):
    return n if n < 2 else function(n - 1) + function(n - 2)

def run(times):
    function(16)
"""
GENERATOR = """
def function(n):
    for i in range(n): yield i

def run(times):
    for _ in function(2000): pass
"""
SOURCES = {"empty": (EMPTY, 2000), "fib": (FIB, 3193), "generator": (GENERATOR, 2000)}


def contender(name: str, decorate: Callable[[FunctionType], object] | None = None) -> Contender:
    """A fresh copy of a workload, its function decorated."""
    source, calls = SOURCES[name]
    names: dict[str, object] = {"__name__": "workload"}
    exec(source, names)
    function, run = names["function"], names["run"]
    assert isinstance(function, FunctionType)
    assert isinstance(run, FunctionType)
    if decorate:
        names["function"] = decorate(function)
    return Contender(lambda: run(repeat(None, calls)), calls)
