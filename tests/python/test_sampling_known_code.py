"""The hook that counts the code objects that are freed, while the sampler inside runs."""

from __future__ import annotations

from typing import Any

import pytest

START = """
import ctypes, os, sys, time, types
import tachograph

TYPE_DEALLOCATOR = 48  # in PyTypeObject: behind the object's head (24 bytes), tp_name and two sizes
slot = ctypes.c_size_t.from_address(id(types.CodeType) + TYPE_DEALLOCATOR)
before = slot.value

def leaf(): pass

def work(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for _ in range(100): leaf()

def drop_code():
    exec("def f(): pass", {})

def start(**options): tachograph.start(store="none", sample_hz=1000, **options)
"""


@pytest.mark.parametrize("options", ["", "sample_paused=True", "sample_signals=False"])
def test_the_hook_is_there_while_the_sampler_runs(run: Any, options: str) -> None:
    run(
        START
        + f"""
for _ in range(3):
    start({options})
    during = slot.value
    assert during != before
    start()
    assert slot.value == during
    drop_code()
    work(0.05)
    tachograph.stop()
    assert slot.value == before
    drop_code()
"""
    )


def test_a_child_has_it_and_frees(run: Any) -> None:
    run(
        START
        + """
start()
work(0.05)
during = slot.value
pid = os.fork()
if pid == 0:
    drop_code()
    os._exit(0 if slot.value == during else 1)
assert os.waitpid(pid, 0)[1] == 0
work(0.05)
tachograph.stop()
assert slot.value == before
"""
    )


def test_who_puts_back_what_was_there_is_left_alone(run: Any) -> None:
    run(
        START
        + """
start()
during = slot.value
slot.value = before
work(0.1)
drop_code()
assert tachograph.sampling_state().taken > 0
tachograph.stop()
assert slot.value == before
start()
work(0.1)
tachograph.stop()
assert slot.value == before
"""
    )


def test_the_end_of_the_interpreter_with_the_hook_in_place(run: Any) -> None:
    run(
        START
        + """
import atexit
start()
atexit.unregister(tachograph._native.stop_sampling)
work(0.1)
assert slot.value != before
"""
    )


def test_code_where_other_code_was_is_told_as_what_it_is(run: Any) -> None:
    """Functions that call only those of their own number, each pair where the one before was."""
    run(
        START
        + """
tachograph.start(store="none", sample_hz=4000)
SOURCE = '''
def inner_{n}():
    for _ in range(50): pass
def outer_{n}():
    for _ in range(400): inner_{n}()
outer_{n}()
'''
addresses, n = set(), 0
end = time.monotonic() + 3
while time.monotonic() < end:
    n += 1
    names = {}
    exec(SOURCE.format(n=n), names)
    addresses.add(id(names[f"inner_{n}"].__code__))
tachograph.pause()
assert len(addresses) < 0.9 * n, (len(addresses), n)  # they do lie where others have lain
inners = 0
for line in tachograph.export_samples("folded").splitlines():
    frames = [frame.partition(" (")[0].rpartition("_") for frame in line.rpartition(" ")[0].split(";")]
    numbers = [number for kind, _, number in frames if kind in ("inner", "outer")]
    kinds = [kind for kind, _, number in frames if kind in ("inner", "outer")]
    assert kinds in ([], ["outer"], ["outer", "inner"]), line
    assert len(set(numbers)) <= 1, line
    inners += "inner" in kinds
assert inners > 20, (inners, tachograph.sampling_state())
"""
    )
