"""Programs that were written for ox_profile run on, but for their import."""

from __future__ import annotations

from typing import Any

WORK = """
import sys, threading, time
def work(n):
    return n + 1
def busy(seconds=0.5):
    end = time.process_time() + seconds
    while time.process_time() < end:
        for n in range(100): work(n)
"""


def test_the_short_form(run: Any) -> None:
    done = run(
        WORK
        + """
from tachograph.ox_profile import SimpleLauncher
profiler = SimpleLauncher.launch()
busy()
print(profiler.show())
profiler.cancel()
assert not profiler.is_alive()
"""
    )
    assert "busy(__main__) <string>:" in done.stdout or "busy() <string>:" in done.stdout


def test_the_long_form(run: Any) -> None:
    done = run(
        WORK
        + """
from tachograph.ox_profile import launchers
profiler = launchers.SimpleLauncher()
profiler.start()
busy(0.05)
assert profiler.query() == ([], 0)  # it starts paused
profiler.unpause()
busy()
profiler.pause()
query, total_records = profiler.query()
info = ['%s: %s' % (i.name, i.hits) for i in query]
print('Items in query:\\n  - %s' % (('\\n  - '.join(info))))
assert total_records > 10
assert total_records >= query[0].hits >= query[1].hits
profiler.cancel()  # while paused, and it ends
profiler.join()
assert not profiler.is_alive()
again, total = profiler.query(re_filter="^busy", max_records=None)
assert len(again) == 1 and total == total_records
"""
    )
    assert "Items in query:\n  - " in done.stdout


def test_a_sampler_by_itself_from_any_thread(run: Any) -> None:
    run(
        WORK
        + """
from tachograph.ox_profile import sampling, recording
recorder = recording.CountingRecorder()
sampler = sampling.Sampler(recorder)
def foo(depth=5):
    if depth: return foo(depth - 1)
    sampler.run()
    return 'done'
foo()
(record, *_), total = sampler.query(re_filter="^foo")
assert record.hits == 1 and total == 1, (record, total)  # recursion counts once
ended = threading.Event()
def other(): ended.wait()
def bystander(): sampler()
waiting = threading.Thread(target=other)
waiting.start()
looking = threading.Thread(target=bystander)
looking.start()
looking.join()
ended.set()
waiting.join()
records, total = sampler.query(max_records=None)
assert total == 1 + 3
hits = {record.name.partition("(")[0]: record.hits for record in records}
assert hits["bystander"] == hits["other"] == 1
"""
    )


def test_namesakes_are_told_apart(run: Any) -> None:
    run(
        """
from tachograph.ox_profile import CountingRecorder, Sampler
sampler = Sampler(CountingRecorder())
class A:
    def same(self): sampler.run()
class B:
    def same(self): sampler.run()
A().same()
B().same()
B().same()
records, total = sampler.query(re_filter="^same")
assert sorted(record.hits for record in records) == [1, 2] and total == 3
assert len({record.name for record in records}) == 2
"""
    )


def test_each_launcher_counts_what_it_looked_at(run: Any) -> None:
    """As in ox_profile, where each had a thread of its own."""
    run(
        WORK
        + """
import tachograph
from tachograph.ox_profile import SimpleLauncher
def first(): busy(0.3)
def second(): busy(0.3)
def third(): busy(0.3)
one = SimpleLauncher.launch()
first()
other = SimpleLauncher(interval=0.002)
other.start()
other.unpause()
assert tachograph.sampling_state().hz == 1000  # as the more eager of them wants it
second()
one.pause()
assert tachograph.sampling_state().hz == 500
assert not tachograph.sampling_state().is_paused
counted = one.query(max_records=None)
third()
assert one.query(max_records=None) == counted
def names(launcher):
    records, total = launcher.query(max_records=None)
    assert all(record.hits <= total for record in records)
    return {record.name.partition("(")[0] for record in records} & {"first", "second", "third"}
assert names(one) == {"first", "second"} and names(other) == {"second", "third"}, (names(one), names(other))
assert one.is_alive() and one.is_paused() and other.is_alive()
other.cancel()
assert not other.is_alive() and one.is_alive() and tachograph.sampling_state().is_paused
one.unpause()
third()
one.cancel()
assert not tachograph.sampling_state().is_sampling
assert names(one) == {"first", "second", "third"} and names(other) == {"second", "third"}
"""
    )


def test_a_child_does_not_wait_for_a_lock_of_the_parent(run: Any) -> None:
    run("""
import os, threading
from tachograph.ox_profile import SimpleLauncher
launcher = SimpleLauncher.launch()
held, over = threading.Event(), threading.Event()
def hold():
    with SimpleLauncher._lock, launcher._recorder._lock:
        held.set()
        over.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
if (child := os.fork()) == 0:
    launcher.pause()
    launcher.query()
    os._exit(7)
over.set()
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
""")


def test_what_was_sampled_before_goes_on_after_the_launcher(run: Any) -> None:
    run(
        WORK
        + """
import tachograph
from tachograph.ox_profile import SimpleLauncher
tachograph.start(store="none", sample_hz=300)
busy()
profiler = SimpleLauncher.launch()
assert profiler.query()[1] < tachograph.query().total_records
profiler.cancel()
assert tachograph.sampling_state()[:3] == (True, False, 300.0)
"""
    )
