"""`tachograph record` and `tachograph dump`: programs whose stacks are known, seen from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from forbidding import forbidding

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGETS = Path(__file__).resolve().parents[2] / "targets"
sys.path.insert(0, str(TARGETS))
import truth  # noqa: E402

# Lets any process of the user look at it (where only its parents might), says that it is ready, and goes on until its
# standard input ends. `burn` may call `turn` only, never the other way round.
TARGET = """
import ctypes, os, sys, threading

def turn(n):
    return sum(range(n))

def burn(ended):
    while not ended.is_set():
        turn(1000)

def wait_long(ended):
    ended.wait()

def main():
    ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)
    ended = threading.Event()
    threads = [threading.Thread(target=burn, args=(ended,), name="burner"),
               threading.Thread(target=wait_long, args=(ended,), name="waiter")]
    for thread in threads:
        thread.start()
    print("ready", flush=True)
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()

main()
"""

WORK = """
import sys, time
def turn(n):
    return sum(range(n))
def work():
    end = time.process_time() + 0.4
    while time.process_time() < end:
        turn(1000)
work()
sys.exit(7)
"""


@pytest.fixture
def target(cli: Any) -> Iterator[subprocess.Popen[str]]:
    """A program with three threads: one works, one waits, the first reads."""
    process = cli.start_other(sys.executable, cli.script(TARGET, "target.py"), stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    yield process
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()
    process.stderr.close()


def stacks(text: str) -> Counter[tuple[str, ...]]:
    """Folded stacks by the functions' names alone."""
    found: Counter[tuple[str, ...]] = Counter()
    for line in text.splitlines():
        stack, _, value = line.rpartition(" ")
        found[tuple(re.sub(r" \([^()]*:\d+\)$", "", frame) for frame in stack.split(";"))] += int(value)
    return found


def test_a_process_is_recorded_without_its_knowing(cli: Any, target: Any) -> None:
    done = cli("record", "-p", target.pid, "-d", "0.5", "-t", "-o", "-", "-f", "folded")
    assert done.returncode == 0, done.stderr
    found = stacks(done.stdout)
    assert found
    total = sum(found.values())
    burning = sum(value for stack, value in found.items() if "burn" in stack)
    assert burning > 0.9 * total, found
    for stack in found:
        assert "turn" not in stack or stack[stack.index("turn") - 1] == "burn", stack
        assert stack[0] != "process"
    assert re.search(
        rf"^recorded +process {target.pid} \(.*target\.py\), \d+ ms: \d+ samples of", done.stderr, re.MULTILINE
    )
    assert re.search(r"^hottest +\d+\.\d % ", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("--wall", r"all \d+ samples were of threads that waited; --idle records them too"),
        ("--cpu", r"all \d+ samples were of threads that waited; --wall --idle records them too"),
        ("--gil", r"no thread had the lock at any of \d+ looks; --wall --idle records those without"),
    ],
)
def test_a_program_that_only_waits_has_its_file_all_the_same(cli: Any, mode: str, said: str) -> None:
    script = cli.script(TARGET.replace("threads = [", "threads = [][:0] and ["), "waits.py")
    process = cli.start_other(sys.executable, script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    done = cli("record", "-p", process.pid, "-d", "0.3", mode, "-o", "waits.folded")
    process.communicate()
    assert done.returncode == 0, done.stderr
    assert re.search(said, done.stderr)
    assert (cli.directory / "waits.folded").read_text() == ""


def test_one_sample_is_no_samples(cli: Any, target: Any) -> None:
    """The first comes after a tenth to three tenths of a second: at times there is none yet, at others a second one."""
    for _ in range(30):
        done = cli("record", "-p", target.pid, "-r", "5", "-d", "0.24", "-o", "one.folded")
        if done.returncode == 0 and ": 2 samples of " not in done.stderr:
            break
        assert done.returncode == 0 or "it was over before the first sample" in done.stderr, done.stderr
    assert ": 1 sample of 1 thread\n" in done.stderr


def test_threads_that_wait_are_recorded_on_request(cli: Any, target: Any) -> None:
    done = cli("record", "-p", target.pid, "-d", "0.3", "--idle", "-t", "-o", "all.folded")
    assert done.returncode == 0, done.stderr
    found = stacks((cli.directory / "all.folded").read_text())
    assert any("wait_long" in stack for stack in found)
    assert any("main" in stack and "burn" not in stack for stack in found)
    assert len({stack[0] for stack in found}) == 3


def test_a_thread_is_active_when_it_runs_or_has_the_lock(cli: Any) -> None:
    """Threads of known duty: each look at one that is on a processor counts, and no other."""
    period = 0.001
    words = ["-r", "1000", "-t", "-o", "duty.folded", "--python", sys.executable]
    done = cli("record", *words, TARGETS / "duty.py", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    active: Counter[str] = Counter()
    for stack, value in stacks((cli.directory / "duty.folded").read_text()).items():
        active[stack[0].partition(" (")[0]] += value
    fell_out = re.search(r"([\d,]+) looks fell out", done.stderr)
    unwatched = 1.25 * period * int(fell_out[1].replace(",", "")) if fell_out else 0.0
    for name, ran in json.loads(done.stdout.splitlines()[1])["ran"].items():
        # A stretch on a processor lies in the intervals of at most two looks more than it is long; who has the lock
        # may be waiting for a processor with it.
        most = ran["seconds"] + ran["waiting_seconds"] + 2 * 1.25 * period * (ran["stretches"] + 1)
        least = 0.8 * ran["seconds"] - unwatched
        assert least <= active[name] / 1e6 <= most, (name, ran, active, done.stderr)


RESTS = """
import json, sys, time
def leaf(n):
    return n + 1
def work():
    n, end = 0, time.thread_time() + 0.001
    while time.thread_time() < end:
        for _ in range(20): n = leaf(n)
def rest():
    time.sleep(0.03)
end = time.monotonic() + 2
cycles = 0
while time.monotonic() < end:
    work()
    rest()
    cycles += 1
print(cycles)
"""


def test_who_rests_is_not_woken_by_being_looked_at(cli: Any) -> None:
    """Although it ran among calls a moment ago: then it would be told as active, for the time that waking it takes."""
    words = ["-r", "1000", "-o", "rests.folded", "--python", sys.executable]
    done = cli("record", *words, cli.script(RESTS, "rests.py"))
    assert done.returncode == 0, done.stderr
    seen = stacks((cli.directory / "rests.folded").read_text())
    assert sum(value for stack, value in seen.items() if "work" in stack) > 0
    resting = sum(value for stack, value in seen.items() if "rest" in stack)
    assert resting < 5000 * int(done.stdout), (seen, done.stderr)  # microseconds: the looks after the work, at most


def test_who_works_and_waits_has_worked_where_it_works(cli: Any) -> None:
    """In stretches shorter than the time between two looks, after most of which it is found waiting."""
    words = ["--cpu", "-o", "rests.folded", "--python", sys.executable]
    program = RESTS.replace("0.001", "0.004").replace("0.03", "0.012").replace("monotonic() + 2", "monotonic() + 4")
    done = cli("record", *words, cli.script(program, "rests.py"))
    assert done.returncode == 0, done.stderr
    seen = stacks((cli.directory / "rests.folded").read_text())
    working = sum(value for stack, value in seen.items() if "work" in stack)
    resting = sum(value for stack, value in seen.items() if "rest" in stack)
    assert working > 2 * resting, (seen, done.stderr)  # it is the other way round by where it is found
    assert working + resting > 0.5 * 4000 * int(done.stdout), (seen, done.stderr)


def test_each_task_of_asyncio_is_what_calls(cli: Any) -> None:
    """Also where the next one lies in the memory of the one before."""
    words = ["-r", "1000", "-t", "-o", "tasks.folded", "--python", sys.executable]
    done = cli("record", *words, TARGETS / "asyncio_tasks.py", "--seconds", "2")
    assert done.returncode == 0, done.stderr
    assert re.search(r"samples of 1 thread$", done.stderr, re.MULTILINE)
    seen = list(truth.parse((cli.directory / "tasks.folded").read_text().splitlines()))
    right, nameless, wrong = truth.count_tasks(seen, json.loads(done.stdout.splitlines()[1])["tasks"])
    assert not wrong
    assert right > 10_000  # microseconds
    assert nameless < 0.02 * right + 5000  # before it was seen in asyncio


def is_stopped(pid: int) -> bool:
    """Whether each of its threads has stopped; one that waits for a processor has not yet."""
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) == {"T"}


def test_a_process_that_is_stopped_is_said_to_be(cli: Any, target: Any, wait_until: Any) -> None:
    helps = f"process {target.pid} is stopped (SIGSTOP, Ctrl-Z); 'kill -CONT {target.pid}' lets it go on"
    target.send_signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(target.pid), "the process to stop")
    try:
        dumped = cli("dump", "-p", target.pid)
        recorded = [
            cli("record", "-p", target.pid, "-d", "0.2", mode, "-o", "x.folded") for mode in ("--wall", "--cpu")
        ]
        top = cli("top", "-p", target.pid, "--sample", "--once", "-d", "0.2")
    finally:
        target.send_signal(signal.SIGCONT)
    for done in (dumped, *recorded):
        assert f"warning: {done.args[1]}: {helps}\n" in done.stderr
    assert re.findall(r"^thread .*, (\w+)", dumped.stdout.replace(", has the GIL", ""), re.MULTILINE) == ["stopped"] * 3
    assert re.search(r"nothing ran at any of \d+ looks: the process is stopped", recorded[1].stderr)
    assert "waited" not in recorded[1].stderr
    assert top.stdout.splitlines()[1].startswith(f"STOPPED ('kill -CONT {target.pid}' lets it go on)  functions by")
    for words in (["dump"], ["record", "-d", "0.2", "-o", "x.folded"], ["top", "--once", "-d", "0.2"]):
        done = cli(*words, "-p", target.pid)
        assert "kill -CONT" not in done.stdout + done.stderr


def test_time_in_which_it_is_suspended_is_no_busy_machine(cli: Any, target: Any, wait_until: Any) -> None:
    # In a group of its own, whose leader's parent is of another one: a terminal's signals pass orphaned groups by.
    recorder = cli.start("record", "-p", target.pid, "-r", "1000", "-o", "x.folded", process_group=0)
    wait_for_pidfd(recorder.pid)
    recorder.send_signal(signal.SIGTSTP)
    assert os.waitid(os.P_PID, recorder.pid, os.WSTOPPED).si_status == signal.SIGTSTP
    ran = processor_time(target.pid)
    wait_until(lambda: processor_time(target.pid) > ran + 0.5, "the process to run for half a second")
    recorder.send_signal(signal.SIGCONT)
    ran = processor_time(target.pid)
    wait_until(lambda: processor_time(target.pid) > ran + 0.1, "some looks")
    recorder.send_signal(signal.SIGINT)
    _, said = recorder.communicate(timeout=20)
    assert recorder.returncode == 0, said
    assert re.search(r"\d (ms|s) passed while this was suspended$", said, re.MULTILINE), said


def processor_time(pid: int) -> float:
    """What a process has had of processors, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def programs_in_the_kernel(pid: int) -> list[str]:
    """The descriptors of such programs that a process has."""
    links = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except FileNotFoundError:  # it has just been closed
            continue
    return [link for link in links if "bpf-prog" in link]


def test_the_kernel_runs_a_program_of_ours_for_who_may(cli: Any, target: Any, wait_until: Any) -> None:
    findings = json.loads(cli("doctor", "--json").stdout)["findings"]
    if not any("the kernel runs our program" in finding["text"] for finding in findings):
        pytest.skip("not for this user")
    record = cli.start("record", "-p", target.pid, "-d", "20", "-r", "1000", "-o", "-", "-f", "folded")
    wait_until(lambda: programs_in_the_kernel(record.pid), "a look at a thread that calls")
    record.send_signal(signal.SIGINT)
    text, said = record.communicate(timeout=20)
    assert record.returncode == 0, said
    assert any("burn" in stack for stack in stacks(text))


@pytest.mark.parametrize(
    ("words", "forbid"),
    [(["--no-bpf"], None), ([], forbidding("bpf")), ([], forbidding("bpf", kills=True))],
    ids=["option", "forbidden", "killed"],
)
def test_threads_that_call_are_recorded_without_a_program_in_the_kernel(
    cli: Any, target: Any, words: list[str], forbid: Any
) -> None:
    record = cli.start(
        "record", "-p", target.pid, "-d", "1", "-r", "1000", "-o", "-", "-f", "folded", *words, preexec_fn=forbid
    )
    seen = []
    while record.poll() is None and Path(f"/proc/{record.pid}/fd").exists():
        with contextlib.suppress(OSError):  # it ends
            seen += programs_in_the_kernel(record.pid)
        time.sleep(0.01)
    text, said = record.communicate(timeout=20)
    assert record.returncode == 0, said
    assert not seen
    found = stacks(text)
    assert sum(value for stack, value in found.items() if "turn" in stack) > 0, found


@pytest.mark.parametrize(("mode", "sure"), [("--gil", "burn"), ("--cpu", "burn")])
def test_modes_leave_out_threads_that_have_no_part(cli: Any, target: Any, mode: str, sure: str) -> None:
    done = cli("record", "-p", target.pid, "-d", "0.3", mode, "-o", "-", "-f", "folded")
    assert done.returncode == 0, done.stderr
    found = stacks(done.stdout)
    assert any(sure in stack for stack in found)
    assert not any("wait_long" in stack for stack in found)


def test_an_interrupt_ends_the_recording_and_writes_the_file(cli: Any, target: Any) -> None:
    for number, ending in enumerate((signal.SIGINT, signal.SIGTERM)):
        recorder = cli.start("record", "-p", target.pid, "-o", f"{number}.json")
        # It is a tracer's file descriptor of the process that shows that it has begun.
        wait_for_pidfd(recorder.pid)
        recorder.send_signal(ending)
        _, said = recorder.communicate(timeout=20)
        written = cli.directory / f"{number}.json"
        if recorder.returncode == 0:
            assert json.loads(written.read_text())["profiles"][0]["type"] == "sampled", said
        else:  # before the first sample
            assert "record longer" in said
            assert not written.exists()


def wait_for_pidfd(pid: int) -> None:
    """Until the recorder watches a process: from then on an interrupt is caught."""
    status = Path(f"/proc/{pid}/status")
    while not int(re.search(r"SigCgt:\s*(\w+)", status.read_text())[1], 16) & 1 << (signal.SIGTERM - 1):
        pass


def test_a_program_is_recorded_from_start_to_end_and_keeps_its_exit_code(cli: Any) -> None:
    script = cli.script(WORK)
    done = cli("record", "-o", "out.html", script.name)
    assert done.returncode == 7, done.stderr
    page = (cli.directory / "out.html").read_text()
    assert '"work"' in page
    assert '"turn"' in page
    assert re.search(r"^recorded +app\.py, ", done.stderr, re.MULTILINE)
    assert re.search(r"^flamegraph +out\.html$", done.stderr, re.MULTILINE)


def test_a_file_of_its_own_is_named_after_the_process(cli: Any) -> None:
    script = cli.script(WORK + "\n")
    done = cli("record", "--", sys.executable, script)
    assert done.returncode == 7, done.stderr
    (page,) = cli.directory.glob("tachograph-*.html")
    assert page.name in done.stderr


def test_a_program_ends_by_the_signal_that_it_gets(cli: Any) -> None:
    script = cli.script("import os, signal\nprint('ready', flush=True)\nsignal.pause()\n")
    recorder = cli.start("record", "--idle", "-o", "out.html", script)
    assert recorder.stdout.readline() == "ready\n"
    recorder.send_signal(signal.SIGTERM)
    recorder.communicate(timeout=20)
    assert recorder.returncode == -signal.SIGTERM


def test_processes_that_a_program_starts_are_recorded_on_request(cli: Any) -> None:
    cli.script(WORK, "work.py")
    script = cli.script("import subprocess, sys\nsubprocess.run([sys.executable, 'work.py'])\n", "parent.py")
    alone = cli("record", "-o", "-", "-f", "folded", "--idle", script)
    assert not any("work" in stack for stack in stacks(alone.stdout)), alone.stderr
    both = cli("record", "-s", "-o", "-", "-f", "folded", "--idle", script)
    found = stacks(both.stdout)
    assert any("work" in stack for stack in found), both.stderr
    assert len({stack[0] for stack in found}) == 2
    assert all(stack[0].startswith("process ") for stack in found)
    assert " in 2 processes" in both.stderr


def test_a_program_may_execute_another(cli: Any) -> None:
    """The interpreter that is looked at becomes another one, at other addresses."""
    cli.script(WORK, "work.py")
    script = cli.script("import os, sys\nos.execv(sys.executable, [sys.executable, 'work.py'])\n", "first.py")
    done = cli("record", "-o", "-", "-f", "folded", script)
    assert done.returncode == 7
    assert any("work" in stack for stack in stacks(done.stdout)), done.stderr


def test_a_program_runs_on_where_its_file_cannot_be_written(cli: Any) -> None:
    script = cli.script(WORK)
    done = cli("record", "-o", "/dev/full", "-f", "folded", script)
    assert done.returncode == 7
    assert "No space left on device" in done.stderr


def test_a_program_runs_on_after_its_file_is_written(cli: Any, wait_until: Any) -> None:
    """Which is there at once; signals and the exit code stay the program's."""
    text = f"""
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))
{WORKS}
print("worked", flush=True)
while True: signal.pause()
"""
    recorder = cli.start("record", "-d", "0.2", "-o", "x.folded", cli.script(text))
    try:
        assert recorder.stdout.readline() == "worked\n"
        wait_until((cli.directory / "x.folded").exists, "the file to be there")
        assert stacks((cli.directory / "x.folded").read_text())
        assert re.match(r"recorded .*app\.py, 2\d\d ms: \d+ samples? of 1 thread\n", recorder.stderr.readline())
        assert list(iter(recorder.stderr.readline, "folded     x.folded\n"))
        assert recorder.poll() is None
    finally:
        recorder.send_signal(signal.SIGUSR1)
        _, rest = recorder.communicate(timeout=20)
    assert (recorder.returncode, rest) == (9, "")


def test_a_file_that_could_not_be_written_in_the_midst_is_no_success_either(cli: Any) -> None:
    done = cli("record", "-d", "0.2", "-o", "/dev/full", "-f", "folded", cli.script(WORKS + "print('ended')\n"))
    assert (done.returncode, done.stdout) == (125, "ended\n")
    assert done.stderr == "tachograph: record: cannot write '/dev/full': No space left on device\n"


def test_a_program_that_ended_well_without_a_file_is_no_success(cli: Any) -> None:
    script = cli.script(WORK.replace("sys.exit(7)", ""))
    done = cli("record", "-o", "/dev/full", "-f", "folded", script)
    assert done.returncode == 125, done.stderr
    assert done.stderr == "tachograph: record: cannot write '/dev/full': No space left on device\n"
    assert cli("record", "-o", "x.folded", script).returncode == 0


def test_a_file_that_nobody_reads_is_lost(cli: Any, target: Any) -> None:
    for words, code in (["-p", target.pid, "-d", "0.2"], 1), ([cli.script(WORK.replace("sys.exit(7)", ""))], 125):
        reader, writer = os.pipe()
        os.close(reader)
        done = cli("record", "-o", "-", "-f", "folded", *words, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert done.returncode == code, done.stderr
        assert done.stderr == "tachograph: record: the file is lost: nobody read standard output to its end\n"


WORKS = "import os, sys, time\nended = time.monotonic() + 0.3\nwhile time.monotonic() < ended: pass\n"


def lost(said: str) -> str:
    """What a summary says of it."""
    found = re.search(r"^lost +(.*)$", said, re.MULTILINE)
    return found[1] if found else ""


def test_what_was_executed_and_is_no_python_is_told(cli: Any) -> None:
    script = cli.script(WORKS + "os.execv('/bin/sleep', ['sleep', '1.1'])\n")
    done = cli("record", "-o", "x.folded", script)
    assert done.returncode == 0, done.stderr
    assert re.search(r"for 1\.\d\d s it ran a program that is no Python, which it had executed$", lost(done.stderr))


def test_what_was_executed_is_told_though_a_python_comes_after_it(cli: Any) -> None:
    words = f"['sh', '-c', 'sleep 1; exec {sys.executable} work.py']"
    cli.script(WORK, "work.py")
    done = cli("record", "-o", "x.folded", cli.script(f"{WORKS}os.execv('/bin/sh', {words})\n"))
    assert done.returncode == 7, done.stderr
    assert re.search(r"for (\d{3} ms|1\.\d\d s) it ran a program that is no Python", lost(done.stderr))


def test_a_python_that_executes_itself_is_no_other_program(cli: Any) -> None:
    script = cli.script(WORKS + "len(sys.argv) > 1 or os.execv(sys.executable, [sys.executable, __file__, 'again'])\n")
    done = cli("record", "-o", "x.folded", script)
    assert done.returncode == 0, done.stderr
    assert "no Python" not in done.stderr


@pytest.mark.parametrize(
    ("count", "said"), [(1, "a process ran a program that is"), (2, "together 2 processes ran programs that are")]
)
def test_of_several_processes_it_is_said_how_many_executed_another_program(cli: Any, count: int, said: str) -> None:
    cli.script(WORKS + "os.execv('/bin/sleep', ['sleep', '0.5'])\n", "child.py")
    text = (
        f"import subprocess\nchildren = [subprocess.Popen([{sys.executable!r}, 'child.py']) for _ in range({count})]\n"
    )
    done = cli("record", "-s", "-o", "x.folded", cli.script(text + "for child in children: child.wait()\n"))
    assert done.returncode == 0, done.stderr
    assert re.search(rf"for [\d.]+ m?s {said} no Python, which (it|they) had executed", lost(done.stderr)), done.stderr


@pytest.mark.parametrize("count", [1, 2])
def test_why_a_process_can_no_longer_be_sampled_is_told(cli: Any, count: int) -> None:
    """What is called Python and has none of its symbols is taken for one that was stripped."""
    shutil.copy("/bin/sleep", cli.directory / "python3")
    cli.script(WORKS + "os.execv('./python3', ['sleep', '0.3'])\n", "child.py")
    text = (
        f"import subprocess\nchildren = [subprocess.Popen([{sys.executable!r}, 'child.py']) for _ in range({count})]\n"
    )
    done = cli("record", "-s", "-o", "x.folded", cli.script(text + "for child in children: child.wait()\n"))
    assert done.returncode == 0, done.stderr
    several = "2 processes could not be sampled, the last one as " if count == 2 else ""
    assert re.search(rf"{several}process \d+ runs a Python \(python3\) that was stripped", lost(done.stderr)), (
        done.stderr
    )
    assert "no Python" not in lost(done.stderr)


WRONG = {
    "nothing": ([], 2, "nothing to record"),
    "both": (["-p", "1", "app.py"], 2, "not both"),
    "two processes": (["-p", "1", "-p", "2"], 2, "--pid was given twice, '1' and '2': one process at a time"),
    "two files": (["-p", "1", "-o", "a.html", "-o", "b.html"], 2, "--output was given twice, 'a.html' and 'b.html'"),
    "no number": (["-p", "x"], 2, "'x' is no process id"),
    "no such process": (["-p", "2147483647"], 1, "there is no process 2147483647"),
    "no duration": (["-p", "1", "-d", "0"], 2, "'0' is no duration"),
    "too high a rate": (["-p", "1", "-r", "100000"], 2, "--rate wants a number from 1 to 20000, not '100000'"),
    "no rate": (["-p", "1", "-r", "1e9"], 2, "--rate wants a number from 1 to 20000, not '1e9'"),
    "no rate at all": (["-p", "1", "-r", "-1"], 2, "--rate wants a number from 1 to 20000, not '-1'"),
    "no format": (["-p", "1", "-f", "svg"], 2, "there are flamegraph, speedscope, folded"),
    "format unsaid": (["-p", "1", "-o", "x.svg"], 2, "or say -f"),
    "no directory": (["-p", "1", "-o", "nowhere/x.html"], 2, "cannot write"),
    "two modes": (["-p", "1", "--gil", "--cpu"], 2, "exclude each other"),
    "an interpreter of its own": (["-p", "1", "--python", "python3"], 2, "leave it out with -p"),
    "idle without a lock": (["-p", "1", "--gil", "--idle"], 2, "leave --idle out"),
    "no script": (["nothere.py"], 2, "there is no script 'nothere.py'"),
    "a process as a program": (["4711"], 2, "there is no script '4711'; did you mean -p 4711?"),
    "no Python": (["--python", "/bin/ls", "-c", "pass"], 126, "'/bin/ls' (from --python) does not work as a Python"),
    "no command": (["nothere"], 2, "there is no script 'nothere', nor a command of that name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_meant_is_said(cli: Any, name: str) -> None:
    words, code, said = WRONG[name]
    done = cli("record", *words)
    assert done.returncode == code
    assert done.stderr.startswith("tachograph: record: ")
    assert said in done.stderr
    assert done.stdout == ""
    assert list(cli.directory.iterdir()) == []


def test_a_page_is_not_poured_onto_a_terminal(cli: Any) -> None:
    script = cli.script(WORK)
    for options, said in (
        ([], "flamegraph is not for a terminal: write it to a file with -o profile.html"),
        (["-f", "speedscope"], "speedscope is not for a terminal: write it to a file with -o profile.json"),
    ):
        written = cli.on_terminal(200, "record", "-o", "-", *options, script, code=2)
        assert said in written
        assert len(written.splitlines()) == 1
    assert "work (" in cli.on_terminal(200, "record", "-o", "-", "-f", "folded", script, code=7)


def test_a_process_without_python_is_refused(cli: Any, wait_until: Any) -> None:
    other = cli.start_other("sleep", "60")
    wait_until(lambda: " S " in Path(f"/proc/{other.pid}/stat").read_text(), "the program to have begun")
    try:
        for command in ("record", "dump"):
            done = cli(command, "-p", other.pid)
            assert done.returncode == 1
            assert "runs sleep and no Python" in done.stderr
    finally:
        other.kill()
        other.communicate()


def test_a_program_that_is_no_python_is_said(cli: Any) -> None:
    """A shell that becomes something else is given time, to no avail."""
    script = cli.script("import os\nos.execv('/bin/true', ['true'])\n")
    done = cli("record", "--idle", "-r", "1", "-o", "x.html", script)
    assert done.returncode == 125
    assert "tachograph: record: " in done.stderr
    assert not (cli.directory / "x.html").exists()


def test_a_shell_that_ended_before_it_became_a_python_is_said(cli: Any) -> None:
    """As pyenv's python: it answers when it is asked whether it is one."""
    python = cli.directory / "python"
    python.write_text(f'#!/bin/bash\n[ "$1" = -c ] && exec {sys.executable} "$@"\nread line < <(sleep 0.5)\nexit 0\n')
    python.chmod(0o755)
    script = cli.script("pass\n")
    said = "nothing was sampled: the program ran bash, and ended before a Python was seen in it; name the Python with"
    done = cli("record", "-o", "x.html", "--", "./python", script)
    assert done.returncode == 125, done.stderr
    assert done.stderr == f"tachograph: record: {said} --python, or add -s if it starts one\n"
    done = cli("record", "-s", "-o", "x.html", "--", "./python", script)
    assert done.stderr == f"tachograph: record: {said} --python\n"


def test_dump_shows_every_thread(cli: Any, target: Any) -> None:
    done = cli("dump", "-p", target.pid)
    assert done.returncode == 0, done.stderr
    first, *threads = done.stdout.split("\n\n")
    assert re.fullmatch(
        rf"process {target.pid} \(.*target\.py\), Python {'.'.join(map(str, sys.version_info[:3]))}, 3 threads", first
    )
    functions = [re.findall(r"^    (\S+)", thread, re.MULTILINE) for thread in threads]
    assert functions[0][-2:] == ["main", "<module>"]
    assert "burn" in functions[1]
    assert "wait_long" in functions[2]
    assert "waits" in threads[2].splitlines()[0]
    assert "target.py:12\n" in threads[2]


def test_dump_as_json(cli: Any, target: Any) -> None:
    dump = json.loads(cli("dump", target.pid, "--json").stdout)
    assert (dump["schema"], dump["schema_version"]) == ("tachograph-dump", 1)
    assert dump["pid"] == target.pid
    assert dump["threads"][0]["thread"] == target.pid
    assert [thread["name"] for thread in dump["threads"]] == ["MainThread", "burner", "waiter"]
    assert dump["unread_count"] == 0
    waiter = dump["threads"][2]
    assert waiter["state"] == "S"
    assert not waiter["has_gil"]
    (frame,) = [frame for frame in waiter["frames"] if frame["function"] == "wait_long"]
    assert frame["file"] == os.fspath(cli.directory / "target.py")
    assert (frame["line"], frame["first_line"]) == (12, 11)


def test_dump_wants_one_process(cli: Any) -> None:
    for words in ([], ["-p", "1", "2"], ["word"]):
        done = cli("dump", *words)
        assert done.returncode == 2
        assert "say which process" in done.stderr
    done = cli("dump", "-p", "1", "-p", "2")
    assert done.returncode == 2
    assert "--pid was given twice, '1' and '2': one process at a time" in done.stderr
