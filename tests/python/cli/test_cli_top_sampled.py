"""`tachograph top -p PID` of a process that has no recording: from samples."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Lets any process of the user look at it, where only its parents might.
TARGET = """
import ctypes, sys, threading

def turn(n):
    return sum(range(n))

def burn(ended):
    while not ended.is_set():
        turn(1000)

ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)
ended = threading.Event()
threading.Thread(target=burn, args=(ended,), name="burner").start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
"""


@pytest.fixture
def target(cli: Any) -> Iterator[subprocess.Popen[str]]:
    """A program of which one thread works and one waits."""
    process = cli.start_other(sys.executable, cli.script(TARGET, "target.py"), stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.stdin.close()
    assert process.wait(20) in (0, -signal.SIGKILL)
    process.stdout.close()
    process.stderr.close()


def rows(text: str) -> dict[str, list[str]]:
    """Figures by function."""
    found = {}
    for line in text.splitlines()[3:]:
        cells = re.split(r" {2,}", line.strip())
        found[cells[-2]] = cells[:5]
    return found


def percent(cell: str) -> float:
    """0 for a dash."""
    return 0.0 if cell == "-" else float(cell.removesuffix(" %"))


def test_functions_of_a_process_that_is_not_timed(cli: Any, target: Any) -> None:
    done = cli("top", "-p", target.pid, "--once")
    assert done.returncode == 0, done.stderr
    title, scope, columns = done.stdout.splitlines()[:3]
    assert re.fullmatch(rf"process {target.pid} \(.*target\.py\)", title)
    assert scope.startswith("functions by self, every 1.00 s at 100 Hz")
    assert columns.split() == ["self", "total", "cpu", "gil", "ever", "lately", "function", "file"]
    found = rows(done.stdout)
    assert percent(found["burn"][1]) > 50
    assert percent(found["burn"][1]) >= percent(found["turn"][1]) > percent(found["burn"][0])
    assert "<module>" not in found  # it waits


def nobody_looked(text: str) -> float:
    """How much of the time, in percent."""
    found = re.search(r"; ([\d.]+) % of the time nobody looked, as [\d,]+ looks? came too late$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@pytest.fixture
def one_processor(target: Any) -> Iterator[None]:
    """All of the target's threads have one processor, and so have we and whom we start."""
    before = os.sched_getaffinity(0)
    chosen = {min(before)}
    for thread in Path(f"/proc/{target.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), chosen)
    os.sched_setaffinity(0, chosen)
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.usefixtures("one_processor")
def test_shares_are_of_the_time_that_was_watched(cli: Any, target: Any) -> None:
    """At a rate that it cannot keep up with, since it has only what the other one leaves of a processor."""
    top = cli.start("top", "-p", target.pid, "--once", "--no-bpf", "-r", "20000")
    os.setpriority(os.PRIO_PROCESS, top.pid, 19)
    text, said = top.communicate(timeout=60)
    assert top.returncode == 0, said
    assert nobody_looked(text) > 20, text
    assert 90 < percent(rows(text)["burn"][1]) <= 100.1


def test_time_in_which_it_was_suspended_is_of_no_interval(cli: Any, target: Any, wait_until: Any) -> None:
    top = cli.start("top", "-p", target.pid, "--once", "-d", "0.5", "-r", "200")
    status = Path(f"/proc/{top.pid}/status")
    caught = re.compile(r"SigCgt:\s*(\w+)")
    wait_until(lambda: int(caught.search(status.read_text())[1], 16) & 1 << (signal.SIGCONT - 1), "it to be ready")
    top.send_signal(signal.SIGSTOP)
    ended = time.monotonic() + 0.8
    wait_until(lambda: time.monotonic() > ended, "longer than the interval")
    top.send_signal(signal.SIGCONT)
    text, said = top.communicate(timeout=20)
    assert top.returncode == 0, said
    ever = rows(text)["turn"][4]
    assert ever.endswith(" ms"), text
    assert float(ever.removesuffix(" ms")) > 200, text  # it went on until it had half a second
    assert nobody_looked(text) < 50, text


def test_threads_that_wait_on_request(cli: Any, target: Any) -> None:
    done = cli("top", "-p", target.pid, "--once", "-d", "0.3", "--idle", "--by", "thread", "--sort", "cpu")
    assert done.returncode == 0, done.stderr
    assert "threads by cpu, every 300 ms" in done.stdout
    assert len(done.stdout.splitlines()) == 3 + 2
    limited = cli("top", "-p", target.pid, "--once", "-d", "0.3", "--idle", "-n", "1")
    assert len(limited.stdout.splitlines()) == 3 + 1


def test_it_ends_with_the_process(cli: Any, target: Any) -> None:
    top = cli.start("top", "-p", target.pid, "-d", "0.2")
    assert top.stdout.readline().startswith("process ")
    target.kill()
    text, said = top.communicate(timeout=20)
    assert top.returncode == 0, said
    assert "ENDED  functions by self" in text


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-p", "PID", "--sort", "calls"], 2, "samples count no calls"),
        (["-p", "PID", "--json"], 2, "not written as JSON"),
        (["-p", "PID", "--only", "shop.*"], 2, "--only is for timed functions"),
        (["-p", "PID", "--by", "process"], 2, "not summed up by process: '--by thread'"),
        (["-p", "PID", "--ended"], 2, "--ended is for recordings"),
        (["-p", "2147483647", "--ended"], 1, "there is no process 2147483647"),
        (["-p", "PID", "-p", "PID"], 1, "has no recording, and only one process at a time can be sampled"),
        (["--sort", "gil"], 2, "'gil' is a figure of samples alone"),
        (["--idle"], 2, "are for one process that is sampled"),
        (["--no-bpf"], 2, "are for one process that is sampled"),
        (["-p", "2147483647"], 1, "there is no process 2147483647"),
    ],
)
def test_what_cannot_be_meant_is_said(cli: Any, target: Any, words: list[str], code: int, said: str) -> None:
    done = cli("top", "--once", *[str(target.pid) if word == "PID" else word for word in words])
    assert done.returncode == code
    assert said in done.stderr


def test_what_cannot_be_written_is_no_fault_of_the_process(cli: Any, target: Any) -> None:
    with open("/dev/full", "w") as full:
        done = cli("top", "-p", target.pid, "--once", "-d", "0.2", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "tachograph: top: cannot write to standard output: No space left on device\n"
