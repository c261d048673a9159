"""What the sampler inside loads in place: the chunks of a stack, which its hook in the arena allocator keeps meanwhile."""

from __future__ import annotations

import platform
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="nothing is read in place there")

START = """
import ctypes, os, sys, time
import tachograph

class Allocator(ctypes.Structure):
    _fields_ = [("context", ctypes.c_void_p), ("alloc", ctypes.c_void_p), ("free", ctypes.c_void_p)]

def allocator():
    now = Allocator()
    ctypes.pythonapi.PyObject_GetArenaAllocator(ctypes.byref(now))
    return now

def words(allocator): return allocator.context, allocator.alloc, allocator.free

def loop():
    n = 0
    for i in range(1_000_000): n += i

def descend(n):
    if n: descend(n - 1)

def taken(): return tachograph.sampling_state().taken

def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        loop()
        descend(300)

def work_until_taken(count):
    wanted, end = taken() + count, time.monotonic() + 60
    while taken() < wanted:
        assert time.monotonic() < end, tachograph.sampling_state()
        work(0.05)

def start(**options): tachograph.start(store="none", sample_hz=10000, **options)

before = allocator()
"""


@pytest.mark.parametrize("options", ["", "sample_paused=True", "sample_signals=False"])
def test_the_hook_is_there_while_the_sampler_runs(run: Any, options: str) -> None:
    run(
        START
        + f"""
for _ in range(3):
    start({options})
    during = allocator()
    assert words(during)[:2] == words(before)[:2]
    assert during.free != before.free
    start({options})
    assert words(allocator()) == words(during)
    work(0.05)
    tachograph.stop()
    assert words(allocator()) == words(before)
    tachograph.stop()
    assert words(allocator()) == words(before)
"""
    )


def test_stacks_whose_chunks_come_and_go(run: Any) -> None:
    run(
        START
        + """
start()
work_until_taken(20_000)
tachograph.stop()
state = tachograph.sampling_state()
assert state.torn < 0.05 * state.taken, state
seen = {}
for line in tachograph.export_samples("folded").splitlines():
    stack, _, count = line.rpartition(" ")
    names = [frame.partition(" ")[0] for frame in stack.split(";")]
    depth = names.count("descend")
    assert depth == 0 or names[-depth:] == ["descend"] * depth, line  # nobody else is in between, or called by it
    assert depth <= 301, line
    seen[names[-1]] = seen.get(names[-1], 0) + int(count)
assert seen["loop"] > 0.8 * sum(seen.values()), seen
"""
    )


def test_another_allocator_in_its_place_is_left_alone(run: Any) -> None:
    """Looks go on without the hook, and nobody's allocator is put back by us."""
    run(
        START
        + """
start()
work_until_taken(3000)
hooked = allocator()
ctypes.pythonapi.PyObject_SetArenaAllocator(ctypes.byref(before))
work_until_taken(3000)
start()
assert words(allocator()) == words(before)
work_until_taken(3000)
ctypes.pythonapi.PyObject_SetArenaAllocator(ctypes.byref(hooked))
work_until_taken(3000)
ctypes.pythonapi.PyObject_SetArenaAllocator(ctypes.byref(before))
tachograph.stop()
assert words(allocator()) == words(before)
"""
    )


@pytest.mark.parametrize("leave", ["os._exit", "sys.exit"])
@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"], ids=["python", "c"])
def test_children_of_every_kind_of_fork(run: Any, fork: str, leave: str) -> None:
    """Those of a fork that Python does not know of run without a sampler, and with the hook; whenever they begin."""
    run(
        START
        + f"""
start()
work_until_taken(3000)
for _ in range(30):
    work(0.01)
    child = {fork}()
    if child == 0:
        for _ in range(50): descend(300)  # far more chunks than are kept
        {leave}(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
work_until_taken(3000)
"""
    )


def test_the_end_of_the_interpreter_with_the_hook_in_place(run: Any) -> None:
    """What is kept then, and what others free, is passed on."""
    run(
        START
        + """
import atexit
start()
atexit.unregister(tachograph._native.stop_sampling)
objects = [object() for _ in range(1_000_000)]  # arenas, which the end gives back
work(0.2)
assert allocator().free != before.free
"""
    )
