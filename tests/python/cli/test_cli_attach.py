"""`tachograph attach`: loads the package into a program that runs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Knows nothing of tachograph; works until its standard input ends, then says what it knows.
PROGRAM = """
import ctypes, sys, threading
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)

def turn(n):
    return n + 1

def work():
    while not ended:
        for n in range(1000): turn(n)

def finish():
    if "tachograph" in sys.modules:
        import tachograph
        state = tachograph.sampling_state()
        print(state.is_sampling, state.hz, *sorted(tachograph.statistics()), flush=True)
        names = {function.name for function in tachograph.query().functions}
        print(*sorted(names & {"work", "turn"}), flush=True)
    else:
        print("nothing", flush=True)

ended = []
assert "tachograph" not in sys.modules
thread = threading.Thread(target=lambda: (sys.stdin.read(), ended.append(1)))
thread.start()
print("ready", flush=True)
work()
thread.join()
finish()
"""

CLOCK_NANOSLEEP = 230 if platform.machine() == "x86_64" else 115
SIGTIMEDWAIT = 128 if platform.machine() == "x86_64" else 137
# Waits in C code, so that an order waits, until it is told to go on; then says whether it was carried out.
WAITS_FOR_A_LINE = """
import sys
print("ready", flush=True)
sys.stdin.readline()
for n in range(1000): n + 1
print("tachograph" in sys.modules, flush=True)
"""
# Its main thread waits for the other one, which runs half of the time.
JOINS = """
import threading, time

def work():
    while True:
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end: pass
        time.sleep(0.005)

thread = threading.Thread(target=work, daemon=True)
print("ready", flush=True)
thread.start()
thread.join()
"""
WAITS = "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n"

only_where_it_works = pytest.mark.skipif(sys.version_info < (3, 14), reason="since CPython 3.14")


@pytest.fixture
def start(cli: Any) -> Iterator[Any]:
    """Starts a program that says when it is ready."""
    processes = []

    def start(code: str, *flags: str, **options: Any) -> subprocess.Popen[str]:
        script = cli.script(code, "target.py")
        process = cli.start_other(sys.executable, *flags, script, stdin=subprocess.PIPE, **options)
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def leftovers() -> list[Path]:
    """What lies in the process's directory for files of a moment."""
    return list(Path("/tmp").glob("tachograph-attach-*"))


@only_where_it_works
def test_a_thread_that_runs_is_asked_where_the_main_one_waits_for_it(cli: Any, start: Any) -> None:
    process = start(JOINS)
    for _ in range(5):
        done = cli("attach", "-p", process.pid, "--store", "none")
        assert (done.returncode, done.stderr) == (0, "")


@only_where_it_works
def test_it_samples_and_times_from_then_on(cli: Any, start: Any) -> None:
    before = leftovers()
    process = start(PROGRAM)
    done = cli("attach", "-p", process.pid, "--sample-hz", "500", "--time", "__main__", "--store", "h.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert "samples itself 500 times a second and times its functions" in done.stdout
    assert leftovers() == before
    while not list(cli.runtime.glob("*")):
        pass
    assert cli("rate", "250", "-p", process.pid).returncode == 0  # it takes orders
    counted = 0
    while counted < 1000:
        counted = sum(f["call_count"] for f in json.loads(cli("report", "--json", process.pid).stdout)["functions"])
    out, err = process.communicate("", timeout=60)
    assert process.returncode == 0
    assert err == ""
    state, names = out.splitlines()
    assert state.startswith("True 250.0 ")
    assert "__main__::turn" in state
    assert "turn" in names.split()
    assert not {"is_nobodys", "remove"} & set(re.findall(r"\w+", state))  # what it was asked by is not its own
    with contextlib.closing(sqlite3.connect(cli.directory / "h.db")) as connection:
        assert connection.execute("SELECT SUM(sample_count) FROM call_trees").fetchone()[0] > 0


@only_where_it_works
def test_a_second_time_changes_the_rate(cli: Any, start: Any) -> None:
    process = start(PROGRAM)
    assert cli("attach", process.pid, "--store", "h.db").returncode == 0
    assert cli("attach", process.pid, "--sample-hz", "50").returncode == 0
    again = cli("attach", process.pid, "--store", "other.db")
    assert again.returncode == 1
    assert "keeps a history already" in again.stderr
    out, _ = process.communicate("", timeout=60)
    assert out.startswith("True 50.0")


@only_where_it_works
def test_what_cannot_be_begun_is_said(cli: Any, start: Any) -> None:
    before = leftovers()
    environment = {**cli.environment, "TACHOGRAPH_DISABLE": "1"}
    done = cli("attach", start(PROGRAM, env=environment).pid)
    assert done.returncode == 1
    assert "TACHOGRAPH_DISABLE is set in it" in done.stderr
    environment = {**cli.environment, "TACHOGRAPH_SAMPLE_MODE": "never"}
    done = cli("attach", start(PROGRAM, env=environment).pid)
    assert done.returncode == 1
    assert "ValueError: " in done.stderr
    process = start(PROGRAM)
    assert cli("attach", process.pid, "--sample-hz", "0").returncode == 2
    done = cli("attach", process.pid, "--store", "/proc/h.db")
    assert done.returncode == 1
    assert 'the history "/proc/h.db" cannot be made' in done.stderr
    assert leftovers() == before
    assert process.communicate("", timeout=60)[0] == "nothing\n"


@only_where_it_works
def test_a_program_that_refuses(cli: Any, start: Any) -> None:
    process = start(PROGRAM, "-X", "disable-remote-debug")
    done = cli("attach", process.pid)
    assert done.returncode == 1
    assert "-X disable-remote-debug" in done.stderr
    assert "tachograph top -p" in done.stderr
    assert process.communicate("", timeout=60)[0] == "nothing\n"


@only_where_it_works
def test_a_package_for_another_python_is_not_lent(cli: Any, start: Any, program: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "tachograph"
    elsewhere.parent.mkdir()
    shutil.copy(program, elsewhere)
    process = start(PROGRAM, "-S")
    words = [elsewhere, "attach", str(process.pid)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=cli.environment)
    assert done.returncode == 1
    minor = sys.version_info[1]
    assert f"this program's own package is not for Python 3.{minor}, so it cannot be lent" in done.stderr
    assert f"{sys.executable} -m pip install . and attach again" in done.stderr
    assert process.communicate("", timeout=60)[0] == "nothing\n"


@only_where_it_works
@pytest.mark.longer
def test_one_that_runs_no_python_is_given_up(cli: Any, start: Any, wait_until: Any) -> None:
    before = leftovers()
    process = start(WAITS)
    system_call = Path(f"/proc/{process.pid}/syscall")
    wait_until(lambda: system_call.read_text().startswith(f"{CLOCK_NANOSLEEP} "), "its sleep")
    done = cli("attach", process.pid)
    assert done.returncode == 1
    assert "has not run Python code for 10 s, so nothing was begun" in done.stderr
    assert leftovers() == before
    process.send_signal(signal.SIGINT)
    assert "tachograph" not in process.communicate(timeout=60)[1]


@pytest.fixture
def waiting(cli: Any, start: Any, wait_until: Any) -> Any:
    """A process, and an attach that waits for it to take its order."""
    process = start(WAITS_FOR_A_LINE)
    before = leftovers()
    attach = cli.start("attach", "-p", process.pid, "--store", "none")
    system_call = Path(f"/proc/{attach.pid}/syscall")
    wait_until(lambda: leftovers() != before, "its files")
    wait_until(lambda: system_call.read_text().startswith(f"{SIGTIMEDWAIT} "), "its order to be given")
    return process, attach, before


@only_where_it_works
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_order_back(waiting: Any, number: signal.Signals) -> None:
    process, attach, before = waiting
    attach.send_signal(number)
    attach.send_signal(number)  # as timeout(1) does, or an impatient person
    out, err = attach.communicate(timeout=5)
    assert attach.returncode == 128 + number
    assert out == ""
    assert err == (
        f"tachograph: attach: interrupted before process {process.pid} ran Python code, so nothing was begun\n"
    )
    assert leftovers() == before
    assert process.communicate("\n", timeout=60) == ("False\n", "")


@only_where_it_works
def test_the_order_of_one_that_was_killed_is_not_carried_out(waiting: Any) -> None:
    process, attach, before = waiting
    attach.kill()
    attach.communicate()
    assert len(leftovers()) == len(before) + 1
    assert process.communicate("\n", timeout=60) == ("False\n", "")
    assert leftovers() == before


@only_where_it_works
def test_patterns_that_name_nothing_are_said(cli: Any, start: Any) -> None:
    process = start(PROGRAM)
    words = ["--sample-hz", "0", "--store", "none", "--time", "wzqk.*", "--time", "__main__::wrok"]
    done = cli("attach", process.pid, *words, "--exclude", "__main__::trun")
    assert done.returncode == 0
    assert "times its functions that match, also in modules that it imports later\n" in done.stdout
    assert done.stderr.splitlines() == [
        "tachograph: warning: attach: no function matched --time 'wzqk.*': no module wzqk was imported",
        "tachograph: warning: attach: no function matched --time '__main__::wrok'; did you mean __main__::work?",
        "tachograph: warning: attach: nothing was excluded by '__main__::trun'; did you mean __main__::turn?",
    ]


@only_where_it_works
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_root_attaches_to_others_and_others_not_to_root(cli: Any, start: Any) -> None:
    process = start(PROGRAM)
    done = cli("attach", process.pid, user=65534)
    assert done.returncode == 1
    assert "process" in done.stderr
    assert process.communicate("", timeout=60)[0] == "nothing\n"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="before CPython 3.14")
def test_before_it_is_possible(cli: Any, start: Any) -> None:
    process = start(PROGRAM)
    done = cli("attach", process.pid)
    assert done.returncode == 1
    assert "only since 3.14" in done.stderr
    assert f"tachograph record -p {process.pid}" in done.stderr


def test_wrong_words(cli: Any) -> None:
    for words, said in (
        ([], "say which process"),
        (["word"], "say which process"),
        (["-p", "1", "2"], "unexpected '2'; one process at a time"),
    ):
        done = cli("attach", *words)
        assert done.returncode == 2
        assert said in done.stderr
    other = cli.start_other("cat", stdin=subprocess.PIPE)
    other.stdin.write("begun\n")
    other.stdin.flush()
    assert other.stdout.readline() == "begun\n"
    done = cli("attach", other.pid)
    assert done.returncode == 1
    assert "runs cat and no Python" in done.stderr
    other.communicate()
