"""Processes that are in the way of being sampled from outside: each is sampled all the same, or the reason is said."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Says its number and goes on until its standard input ends. `work` may call `turn` only.
TARGET = """
import ctypes, os, sys, threading
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)

def turn(n):
    return sum(range(n))

def work():
    print("ready", flush=True)
    while not ended:
        turn(1000)

ended = []
threading.Thread(target=lambda: (sys.stdin.read(), ended.append(1))).start()
work()
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root's rights")


@pytest.fixture
def start(cli: Any) -> Iterator[Any]:
    """Starts a program that says when it is ready."""
    processes = []

    def start(code: str, *before: str, **options: Any) -> subprocess.Popen[str]:
        words = before or (sys.executable,)
        process = cli.start_other(*words, "-c", code, stdin=subprocess.PIPE, **options)
        processes.append(process)
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        return process

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def state_of(process: Path) -> str:
    """As the kernel has it: R, S, T."""
    return (process / "stat").read_text().rpartition(")")[2].split()[0]


def assert_seen(cli: Any, pid: int) -> None:
    """Both commands see it."""
    dump = json.loads(cli("dump", pid, "--json").stdout)
    assert [frame["function"] for frame in dump["threads"][0]["frames"]][-2:] == ["work", "<module>"]
    done = cli("record", "-p", pid, "-d", "1", "-r", "500", "-o", "-", "-f", "folded")
    assert done.returncode == 0, done.stderr
    stacks = [line.rpartition(" ")[0] for line in done.stdout.splitlines()]
    assert any("work (" in stack and "turn (" in stack for stack in stacks)
    assert not any(stack.find("turn (") < stack.find("work (") for stack in stacks if "turn (" in stack)


@as_root
def test_somebody_elses_process(cli: Any, start: Any) -> None:
    """Root sees it; others are told who may."""
    shutil.copy(cli.program, "/tmp/tachograph-of-all")
    Path("/tmp/tachograph-of-all").chmod(0o755)
    process = start(TARGET)
    try:
        for words in (["dump"], ["record", "-o", "-"]):
            done = subprocess.run(
                ["/tmp/tachograph-of-all", *words, "-p", str(process.pid)],
                user=65534,
                group=65534,
                cwd="/",
                env={},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 1
            assert f"process {process.pid} belongs to root: run tachograph as that user" in done.stderr
    finally:
        Path("/tmp/tachograph-of-all").unlink()
    assert process.poll() is None


@as_root
def test_root_sees_a_process_of_nobody(cli: Any, start: Any) -> None:
    """One that has given up root's rights, which makes it the system's secret, too."""
    process = start(
        "import ctypes, os, sys, threading\nos.setgroups([])\nos.setgid(65534)\nos.setuid(65534)\n" + TARGET
    )
    assert os.stat(f"/proc/{process.pid}/task").st_uid in (0, 65534)
    assert_seen(cli, process.pid)


def test_a_zombie(cli: Any) -> None:
    """It has ended, and its parent has not looked."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        for command in ("dump", "record"):
            done = cli(command, "-p", child)
            assert done.returncode == 1
            assert f"process {child} has ended; only its parent has not noticed yet (a zombie)" in done.stderr
    finally:
        os.waitpid(child, 0)


def test_a_stopped_process(cli: Any, start: Any) -> None:
    """It is seen where it stands, stays stopped, and goes on when it is told to."""
    process = start(TARGET)
    process.send_signal(signal.SIGSTOP)
    while {state_of(task) for task in Path(f"/proc/{process.pid}/task").iterdir()} != {"T"}:
        pass
    dump = json.loads(cli("dump", "-l", process.pid, "--json").stdout)
    assert {thread["state"] for thread in dump["threads"]} == {"T"}
    while state_of(Path(f"/proc/{process.pid}")) != "T":  # it is told by the kernel, when it is let go
        pass
    process.send_signal(signal.SIGCONT)
    assert process.communicate("", timeout=60)[1] == ""
    assert process.returncode == 0


def test_a_stripped_interpreter(cli: Any, start: Any, tmp_path: Path) -> None:
    """What extensions link against is left, and enough."""
    if not shutil.which("strip"):
        pytest.skip("needs strip")
    executable = Path(os.path.realpath(sys.executable))
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    files = [executable, *(Path(file) for file in mapped if Path(file).name.startswith("libpython3."))]
    for file in files:
        shutil.copy(file, tmp_path)
        subprocess.run(["strip", "--strip-all", tmp_path / file.name], check=True)
    environment = {**cli.environment, "PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": str(tmp_path)}
    process = start(TARGET, str(tmp_path / executable.name), env=environment)
    assert str(tmp_path / files[-1].name) in Path(f"/proc/{process.pid}/maps").read_text()
    assert_seen(cli, process.pid)


@as_root
@pytest.mark.parametrize("namespaces", [["--mount"], ["--pid", "--fork", "--mount-proc"]], ids=["mount", "pid"])
def test_in_a_namespace_of_its_own(cli: Any, start: Any, namespaces: list[str], tmp_path: Path) -> None:
    """As in a container: its files are not ours, or its processes have other numbers."""
    if subprocess.run(["unshare", *namespaces, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("may not make namespaces")
    words = ["unshare", "--kill-child", *namespaces] if "--fork" in namespaces else ["unshare", *namespaces]
    process = start(TARGET, *words, sys.executable)
    pid = process.pid
    if "--fork" in namespaces:
        pid = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    assert_seen(cli, pid)
    threads = json.loads(cli("dump", pid, "--json").stdout)["threads"]
    assert threads[0]["thread"] == pid  # as we count, not as it does


INTERPRETERS = """
import ctypes, sys, threading
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
CODE = '''
def inner(n):
    return sum(range(n))
for n in range(300): inner(n * 10)
'''
def outer():
    one = interpreters.create()
    (interpreters.exec if hasattr(interpreters, "exec") else interpreters.run_string)(one, CODE)
    interpreters.destroy(one)
ended = []
threading.Thread(target=lambda: (sys.stdin.read(), ended.append(1))).start()
print("ready", flush=True)
count = 0
while not ended:
    outer()
    count += 1
print(count, flush=True)
"""


@pytest.mark.longer
def test_interpreters_that_come_and_go(cli: Any, start: Any) -> None:
    process = start(INTERPRETERS)
    seconds = "2" if "TACHOGRAPH_SOAK" not in os.environ else "40"
    done = cli("record", "-p", process.pid, "-d", seconds, "-r", "1000", "-o", "-", "-f", "folded", "--idle")
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        names = [frame.partition(" (")[0] for frame in line.rpartition(" ")[0].split(";")]
        assert not ("inner" in names and "outer" in names), line  # each is on its own interpreter's thread
    out, err = process.communicate("", timeout=100)
    assert (process.returncode, err) == (0, "")
    assert int(out) > 0


STORM = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)
def turn(n):
    return sum(range(n))
print("ready", flush=True)
wrong = count = 0
while count < COUNT:
    child = os.fork()
    if child == 0:
        if count % 3 == 0:
            os.execv("/bin/true", ["true"])
        os._exit(turn(100) % 7)
    wrong += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != (0 if count % 3 == 0 else turn(100) % 7)
    count += 1
print(wrong, flush=True)
"""


@pytest.mark.longer
def test_forks_and_programs_that_are_followed(cli: Any, start: Any) -> None:
    """Children of a moment, all of which are followed: none ends otherwise than without the sampler."""
    count = 100 if "TACHOGRAPH_SOAK" not in os.environ else 1500
    process = start(STORM.replace("COUNT", str(count)))
    done = cli("record", "-p", process.pid, "-s", "-r", "1000", "-o", "out.folded")
    assert done.returncode == 0, done.stderr
    out, err = process.communicate(timeout=100)
    assert (out, err, process.returncode) == ("0\n", "", 0)


BLOCKS = """
import ctypes, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
sys.setswitchinterval(0.0005)
libc.prctl(0x59616D61, -1, 0, 0, 0)
class Time(ctypes.Structure): _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]
def turn(n):
    return sum(range(n))
def busy():
    while not ended: turn(100)
ended = []
thread = threading.Thread(target=busy)
thread.start()
print("ready", flush=True)
interrupted = 0
for _ in range(CALLS // 3):
    interrupted += libc.poll(None, 0, 1) != 0
    interrupted += libc.nanosleep(ctypes.byref(Time(0, 500_000)), None) != 0
    interrupted += libc.select(0, None, None, None, ctypes.byref(Time(0, 500))) != 0
    turn(300)
ended.append(1)
thread.join()
print(interrupted, flush=True)
"""


@pytest.mark.longer
def test_calls_that_block_are_not_broken_into(cli: Any, start: Any) -> None:
    """Who is stopped goes on in the call in which he was, also where nobody tries again."""
    calls = 450 if "TACHOGRAPH_SOAK" not in os.environ else 100_200
    process = start(BLOCKS.replace("CALLS", str(calls)))
    record = cli.start("record", "-p", process.pid, "-r", "1000", "-o", "out.folded")
    out, err = process.communicate(timeout=900)
    assert (out, err, process.returncode) == ("0\n", "", 0)
    _, said = record.communicate(timeout=60)
    assert record.returncode == 0, said
    assert (cli.directory / "out.folded").read_text()


def await_work(pid: int, seconds: float) -> None:
    """Waits until a process has used so much more processor time."""
    clock = (~pid << 3) | 2  # as Linux numbers the clocks of processes
    end = time.clock_gettime(clock) + seconds
    while time.clock_gettime(clock) < end:
        time.sleep(0.001)  # it needs a processor, and its target another


def works(pid: int, seconds: float) -> bool:
    """As `await_work`, unless somebody holds it."""
    clock = (~pid << 3) | 2
    end = time.clock_gettime(clock) + seconds
    while time.clock_gettime(clock) < end:
        if "t" in {state_of(task) for task in Path(f"/proc/{pid}/task").iterdir()}:
            return False
        time.sleep(0.001)
    return True


def test_a_recorder_that_the_terminal_suspends_holds_nobody(cli: Any, start: Any) -> None:
    """Ctrl-Z comes in between two looks, although half of the time some thread is held."""
    process = start(TARGET)
    # Nobody is suspended whose group no shell could wake again: so it has one of its own.
    record = cli.start("record", "-p", process.pid, "-r", "10000", "-o", "out.folded", process_group=0)
    try:
        for _ in range(30 if "TACHOGRAPH_SOAK" not in os.environ else 200):
            await_work(record.pid, 0.005)
            record.send_signal(signal.SIGTSTP)
            assert os.waitid(os.P_PID, record.pid, os.WSTOPPED).si_status == signal.SIGTSTP
            assert works(process.pid, 0.005)
            record.send_signal(signal.SIGCONT)
        record.send_signal(signal.SIGINT)
        _, said = record.communicate(timeout=60)
    finally:
        record.kill()
    assert record.returncode == 0, said


def test_who_stops_late_is_let_go(cli: Any, late: Any) -> None:
    """Also when it has waited for so long that it is no longer stopped at each look."""
    process = late("sleep")
    record = cli.start("record", "-p", process.pid, "-r", "1000", "-o", "out.folded")
    try:
        assert process.communicate(timeout=60) == ("through\n", "")
        _, said = record.communicate(timeout=60)
    finally:
        record.kill()
    assert record.returncode == 0, said


def test_looks_that_fell_out_are_told_with_what_passed_in_them(cli: Any, start: Any) -> None:
    process = start(TARGET)
    record = cli.start("record", "-p", process.pid, "-r", "1000", "-o", "out.folded")
    try:
        await_work(record.pid, 0.02)
        free = False
        while not free:  # stopped while it holds a thread, it would hold it for long
            record.send_signal(signal.SIGCONT)
            await_work(record.pid, 0.001)
            record.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, record.pid, os.WSTOPPED)
            free = works(process.pid, 0.5)
        record.send_signal(signal.SIGCONT)
        await_work(record.pid, 0.02)
        record.send_signal(signal.SIGINT)
        _, said = record.communicate(timeout=60)
    finally:
        record.kill()  # what it holds would not end before it
    assert record.returncode == 0
    lost = next(line for line in said.splitlines() if line.startswith("lost"))
    assert "looks fell out, since this machine was busy (its threads had " in lost
