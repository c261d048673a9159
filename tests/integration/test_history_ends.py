"""However a process ends, the history has its calls to the last one, each once."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import json
import os
import random
import signal
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

ENDS = {"return": 0, "sys.exit": 3, "exception": 1, "SIGTERM": -15, "os._exit": 4, "exec": 0}
STORED_BY_ITSELF = ("return", "sys.exit", "exception")
THREADS = 8
FOUND = 3  # dead, by whoever collected it: a kind of event


def outcome(done: subprocess.CompletedProcess[str]) -> tuple[int, str, str]:
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("end", ENDS)
def test_all_calls_are_kept(history: Any, end: str) -> None:
    plain = history.finish(history.command("ends.py", end), **history.options(keeping=False))
    assert (plain.returncode, plain.stdout.splitlines()[0]) == (ENDS[end], "ends")
    for counts in history.counts.iterdir():
        counts.unlink()
    done = history.finish(history.command("ends.py", end))
    assert outcome(done) == outcome(plain)
    if end not in STORED_BY_ITSELF:
        assert history.collect().returncode == 0
    (kept,) = history.expect_all(processes=1).values()
    assert (kept.calls, kept.errors) == (123, 20)
    assert kept.intervals > 1  # how many, the scheduler says
    assert list(history.spool.iterdir()) == []


@pytest.mark.parametrize("end", ENDS)
def test_all_calls_are_kept_under_run(history: Any, end: str) -> None:
    done = history.finish(history.run_command("ends.py", end))
    assert (done.returncode, done.stdout.splitlines()[0]) == (ENDS[end], "ends"), done
    (kept,) = history.expect_all(processes=1).values()
    assert (kept.calls, kept.errors) == (123, 20)
    assert kept.intervals > 1  # how many, the scheduler says
    assert list(history.spool.iterdir()) == []


@pytest.mark.parametrize("interval", [0.01, 3600.0])
def test_the_shortest_and_a_long_interval(history: Any, interval: float) -> None:
    history.interval = interval
    done = history.finish(history.command("ends.py", "return"))
    assert outcome(done) == (0, "ends\n", "")
    (kept,) = history.expect_all(processes=1).values()
    assert kept.calls == 123
    assert kept.intervals == 1 if interval > 1 else 3 <= kept.intervals <= 40


def endless(history: Any, threads: int = THREADS) -> Any:
    """A process in the midst of its calls."""
    process = history.start(history.command("endless.py", threads))
    assert process.stdout.readline() == b"ready\n", process.stderr.read()
    return process


def live_and_die(history: Any, seconds: float) -> None:
    process = endless(history)
    time.sleep(seconds)  # any moment is right
    process.kill()
    process.wait()
    assert process.stderr.read() == b""


def kill_at_once(history: Any, count: int) -> None:
    """Kills so many processes when all of them have stored something. None of them collects another one."""
    processes = [endless(history, 1) for _ in range(count)]
    wait = {process.pid for process in processes}
    history.wait_until(lambda: history.is_there() and wait <= history.kept().keys(), "an interval of each")
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    for process in processes:
        process.kill()
        assert process.communicate() == (b"", b"")


def expect_what_was_recorded(history: Any, processes: int) -> None:
    """Asserts that of processes killed the store has what their recordings have, and those what was counted."""
    counted, kept, recorded = history.counted(), history.kept(), history.recorded()
    assert {pid: one.calls for pid, one in kept.items()} == recorded
    assert len(recorded) == processes
    for pid, (ended, begun) in counted.items():
        assert ended <= recorded[pid] <= begun


def expect_found_dead(history: Any, processes: int) -> None:
    assert history.rows("SELECT kind, COUNT(*) FROM events WHERE kind <> 1 GROUP BY kind") == [(FOUND, processes)]


def test_eight_threads(history: Any) -> None:
    process = endless(history)
    time.sleep(0.2)  # some intervals
    process.stdin.close()  # the threads go on to the very end
    assert process.wait(60) == 0, process.stderr.read()
    assert history.collect().returncode == 0
    expect_what_was_recorded(history, 1)
    ((ended, _),) = history.counted().values()
    assert ended > THREADS * 50
    (kept,) = history.kept().values()
    assert kept.intervals > 2


@pytest.mark.longer
def test_kill_9_at_random_moments(history: Any) -> None:
    chance = random.Random(5)
    processes = 50 if "TACHOGRAPH_SOAK" not in os.environ else 1000
    history.interval = 0.05
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # those that live collect those that died
        list(pool.map(functools.partial(live_and_die, history), [chance.random() * 0.3 for _ in range(processes)]))
    done = history.collect()
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["processes"] >= 1  # at least the last one
    expect_what_was_recorded(history, processes)
    expect_found_dead(history, processes)
    left = [path.stat().st_size for path in history.spool.iterdir()]
    assert sum(left) == 0  # of those killed while they made theirs: an empty file, which goes after a week
    assert json.loads(history.collect().stdout) == {
        "processes": 0,
        "intervals": 0,
        "waiting": 0,
        "waiting_for": [],
    }


def test_collectors_at_the_same_time(history: Any) -> None:
    kill_at_once(history, 12)
    before = sum(one.intervals for one in history.kept().values())
    collectors = [history.start(history.collect_command()) for _ in range(4)]
    told = [process.communicate(timeout=60) for process in collectors]
    assert [process.returncode for process in collectors] == [0] * 4, told
    stored = sum(json.loads(out)["intervals"] for out, _ in told)
    assert stored == sum(one.intervals for one in history.kept().values()) - before
    assert stored >= 1
    expect_what_was_recorded(history, 12)
    expect_found_dead(history, 12)
    assert list(history.spool.iterdir()) == []


def test_a_collector_that_is_killed(history: Any) -> None:
    chance = random.Random(7)
    kill_at_once(history, 16)
    longest = 0.02
    while True:
        collector = history.start(history.collect_command())
        time.sleep(chance.random() * longest)  # any moment is right
        collector.kill()
        if collector.wait() == 0:
            break
        longest *= 1.1  # or it would never get to the end
    assert history.collect().returncode == 0
    expect_what_was_recorded(history, 16)
    expect_found_dead(history, 16)
    assert list(history.spool.iterdir()) == []


def test_a_recording_that_is_out_of_sight(history: Any) -> None:
    kill_at_once(history, 2)
    spools = set(history.spool.iterdir())
    elsewhere = history.runtime.rename(history.directory / "elsewhere")  # as in another container
    history.runtime.mkdir(mode=0o700)
    for _ in range(2):
        done = history.collect()
        assert (done.returncode, done.stderr) == (0, "")
    assert set(history.spool.iterdir()) == spools  # they know how far the recordings are stored
    history.runtime.rmdir()
    elsewhere.rename(history.runtime)
    assert json.loads(history.collect().stdout)["processes"] == 2
    expect_what_was_recorded(history, 2)
    assert list(history.spool.iterdir()) == []


def test_a_spool_that_was_lost(history: Any) -> None:
    """It told how much is stored: what is left of the recording would be stored twice, or not at all. It is said."""
    program = history.drive()
    assert program.tell("call 5") == "5"
    assert program.tell("flush 10") == "True"
    assert program.tell("call 3") == "3"
    program.process.kill()
    program.process.wait()
    for spool in history.spool.iterdir():
        spool.unlink()
    for _ in range(2):  # and nothing is done with by that
        told = history.collect()
        assert (told.returncode, json.loads(told.stdout)["waiting"]) == (1, 1)
        assert "is gone from" in told.stderr
        assert "tachograph report" in told.stderr
    ((calls,),) = history.rows("SELECT SUM(call_count) FROM function_statistics")
    assert calls == 5
    gone = history.finish([str(history.program), "clean", "--discard-waiting", history.store, "--yes"])
    assert gone.returncode == 0
    assert history.collect().returncode == 0


def test_a_spool_that_nothing_belongs_to_goes_in_the_end(history: Any) -> None:
    kill_at_once(history, 2)
    for recording in history.runtime.iterdir():
        recording.unlink()
    assert history.collect().returncode == 0
    young, old = history.spool.iterdir()
    eight_days_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (eight_days_ago, eight_days_ago))
    assert history.collect().returncode == 0
    assert list(history.spool.iterdir()) == [young]


def test_a_process_that_lives_is_its_own(history: Any) -> None:
    driven = history.drive()
    for _ in range(5):
        driven.tell("call 100")
        done = history.collect()
        assert (done.returncode, json.loads(done.stdout)["processes"]) == (0, 0)
    assert driven.end() == []
    history.expect_all(processes=1)


NAMES = [
    "'",
    '"',
    "a\nb\r\tc",
    "🦉 ☃",
    "%s%n;--",
    "\\x00\\",
    "a\x00b",
    "\ud800",
    "ж" * 5000,
    "x" * 10_000,
    "x" * 9_999,
    " a ",
]

NAMED = """
import sys, json, tachograph
tachograph.start(service='it\\'s "my" 🦉\\n', version="1'\\n", store=sys.argv[1], interval=0.02)
for times, name in enumerate(json.loads(sys.argv[2]), 1):
    def function(): pass
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name)
    function.__qualname__ = name
    function = tachograph.timing(function)
    for _ in range(times):
        function()
    tachograph.flush()
"""


def test_names_of_every_kind(history: Any) -> None:
    command = history.command("")[:-1]
    done = history.finish([*command, "-c", NAMED, history.store, json.dumps(NAMES)])
    assert outcome(done) == (0, "", "")
    rows = history.rows(
        "SELECT name, SUM(call_count) FROM functions f JOIN function_intervals x ON x.function_id = f.id GROUP BY f.id"
    )
    told = {"a\x00b": "a\ufffdb", "\ud800": "\\ud800"}  # what no engine takes is written so that it can be read
    assert dict(rows) == {f"__main__::{told.get(name, name)}": times for times, name in enumerate(NAMES, 1)}
    assert history.rows("SELECT name, version FROM services") == [('it\'s "my" 🦉\n', "1'\n")]


MANY = """
import sys, tachograph
tachograph.start(service="many", store=sys.argv[1], interval=0.05)
text = "".join(f"def f{i}(): pass\\n" for i in range(int(sys.argv[2])))
functions = {}
exec(text, functions)
for name, function in list(functions.items()):
    if name != "__builtins__":
        tachograph.timing(function)()
print("called")
"""


@pytest.mark.parametrize("functions", [70_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_more_functions_than_there_is_room_for(history: Any, functions: int) -> None:
    command = history.command("")[:-1]
    done = history.finish([*command, "-c", MANY, history.store, str(functions)])
    assert (done.returncode, done.stdout) == (0, "called\n"), done.stderr
    ((rows, calls),) = history.rows("SELECT COUNT(*), SUM(call_count) FROM function_intervals")
    assert 10_000 < rows == calls < 1 << 16
    columns = "overflow_call_count", "unrecorded_call_count"
    ((lost,),) = history.rows(f"SELECT SUM({columns[0]} + {columns[1]}) FROM intervals")
    assert calls + lost == functions
    with contextlib.closing(sqlite3.connect(history.file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
