"""`tachograph top -p PID` of a process that has no recording: from samples."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
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


def test_shares_are_of_the_time_that_was_watched(cli: Any, target: Any) -> None:
    """At a rate that not many machines keep up with."""
    done = cli("top", "-p", target.pid, "--once", "--no-bpf", "-r", "20000")
    assert done.returncode == 0, done.stderr
    assert percent(rows(done.stdout)["burn"][1]) > 80
    fell_out = re.search(r"; ([\d.]+) % of the time nobody looked", done.stdout.splitlines()[1])
    assert fell_out is None or float(fell_out[1]) >= 1


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
    ("words", "said"),
    [
        (["-p", "PID", "--sort", "calls"], "samples count no calls"),
        (["-p", "PID", "--json"], "not written as JSON"),
        (["--sort", "gil"], "'gil' is a figure of samples alone"),
        (["--idle"], "are for one process that is sampled"),
        (["--no-bpf"], "are for one process that is sampled"),
        (["-p", "2147483647"], "there is no process 2147483647"),
    ],
)
def test_what_cannot_be_meant_is_said(cli: Any, target: Any, words: list[str], said: str) -> None:
    done = cli("top", "--once", *[str(target.pid) if word == "PID" else word for word in words])
    assert done.returncode == (1 if said.startswith("there is no process") else 2)
    assert said in done.stderr


def test_what_cannot_be_written_is_no_fault_of_the_process(cli: Any, target: Any) -> None:
    with open("/dev/full", "w") as full:
        done = cli("top", "-p", target.pid, "--once", "-d", "0.2", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "tachograph: top: cannot write to standard output: No space left on device\n"
