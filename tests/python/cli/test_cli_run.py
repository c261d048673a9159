"""`tachograph run`: the program sees what plain Python shows it, ends as it would, and is reported whatever happens."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

# What a program can know of how it was started.
LOOK = """
import json, os, signal, sys
def descriptors():  # all but the recording's own and the one that lists them
    for fd in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue
        if not target.endswith(".tgr"):
            yield target.split(":")[0]
def look():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    main = sys.modules["__main__"]
    return {
        "argv": sys.argv, "path": sys.path, "orig_argv": sys.orig_argv, "executable": sys.executable,
        "prefix": sys.prefix, "name": __name__, "file": main.__dict__.get("__file__"), "cwd": os.getcwd(),
        "spec": getattr(main.__spec__, "name", None), "group": os.getpgrp(), "session": os.getsid(0),
        "signals": {name: status[name].strip() for name in ("SigBlk", "SigIgn")},
        "handlers": [str(signal.getsignal(number)) for number in range(1, 32) if number not in (9, 19)],
        "descriptors": sorted(descriptors()), "flags": str(sys.flags), "stdin": sys.stdin.read(),
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("TACHOGRAPH_")},
    }
print(json.dumps(look()))
"""

WORK = """
def inner(n):
    return sum(range(n))
def outer():
    for _ in range(10):
        inner(100)
outer()
"""


def calls(report: dict[str, Any]) -> dict[str, int]:
    """Calls by function."""
    return {function["name"]: function["call_count"] for function in report["functions"]}


@pytest.fixture
def started(cli: Any) -> dict[str, list[str]]:
    """Ways to start LOOK, as the words after `python` or `tachograph run`."""
    script = cli.script(LOOK)
    cli.script(LOOK, "pack/__init__.py").write_text("")
    cli.script(LOOK, "pack/__main__.py")
    cli.script(LOOK, "mod.py")
    cli.script(LOOK, "folder/__main__.py")
    with zipfile.ZipFile(cli.directory / "app.zip", "w") as archive:
        archive.writestr("__main__.py", LOOK)
    cli.script(LOOK, "app")
    return {
        "script": ["app.py", "a", "--b", "-c"],
        "absolute": [str(script), "--", "x"],
        "below": ["folder/../app.py"],
        "no ending": ["app"],
        "module": ["-m", "mod", "-m", "--help"],
        "package": ["-m", "pack", "--", "-x"],
        "code": ["-c", LOOK, "-x", "y z"],
        "directory": ["folder", "1"],
        "zip": ["app.zip", ""],
    }


WAYS = ["script", "absolute", "below", "no ending", "module", "package", "code", "directory", "zip"]


@pytest.mark.parametrize("way", WAYS)
def test_program_sees_what_plain_python_shows(cli: Any, started: dict[str, list[str]], way: str) -> None:
    plain = cli.plain(sys.executable, *started[way], input="some\ninput")
    assert plain.returncode == 0, plain.stderr
    timed = cli("run", *started[way], input="some\ninput")
    assert timed.returncode == 0, timed.stderr
    assert json.loads(timed.stdout) == json.loads(plain.stdout)


def test_program_from_standard_input(cli: Any) -> None:
    result = cli("run", "-", "a", input="import sys\ndef f(): print(sys.argv)\nf()\n")
    assert result.stdout == "['-', 'a']\n"


def test_dispositions_and_mask_are_inherited(cli: Any) -> None:
    script = cli.script(
        "import signal\n"
        "print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN, signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN,"
        " signal.SIGUSR1 in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )

    def prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    result = cli("run", script, preexec_fn=prepare)
    assert (result.stdout, result.returncode) == ("True True True\n", 0)


def test_closed_descriptors_stay_closed(cli: Any) -> None:
    text = "import os\ndef is_open(fd): return os.path.exists(f'/proc/self/fd/{fd}')\n"
    script = cli.script(text + "os.write(1, str([is_open(0), is_open(2)]).encode())")
    shell = 'exec "$@" <&- 2>&-'
    plain = cli.plain("sh", "-c", shell, "sh", sys.executable, script)
    timed = cli.plain("sh", "-c", shell, "sh", *cli.command("run", script))
    assert plain.stdout == "[False, False]"
    assert (timed.stdout, timed.returncode, timed.stderr) == (plain.stdout, plain.returncode, "")


ENDS = {
    "falls off": "",
    "exit 0": "sys.exit()",
    "exit 1": "sys.exit('some text')",
    "exit 3": "sys.exit(3)",
    "exit 125": "sys.exit(125)",
    "exit 255": "sys.exit(-1)",
    "exception": "1 / 0",
    "syntax": "exec('(')",
    "_exit": "os._exit(9)",
    "abort": "os.abort()",
    "kill": "os.kill(os.getpid(), 9)",
    "term": "os.kill(os.getpid(), 15)",
    "segv": "os.kill(os.getpid(), 11)",
    "pipe": "signal.signal(13, signal.SIG_DFL); os.kill(os.getpid(), 13)",
    "interrupt": "os.kill(os.getpid(), 2); time.sleep(9)",
    "real-time": "os.kill(os.getpid(), 40)",
}


@pytest.mark.parametrize("end", ENDS)
def test_ends_as_the_program_does_and_reports(cli: Any, end: str) -> None:
    script = cli.script("import os, sys, signal, time\n" + WORK + ENDS[end])
    plain = cli.plain(sys.executable, script)
    timed = cli("run", script)
    assert timed.returncode == plain.returncode
    assert timed.stdout == plain.stdout
    assert timed.stderr.startswith(plain.stderr)
    assert re.search(r"\n +10 .* __main__::inner ", timed.stderr)
    assert not list(cli.directory.glob("core*"))
    if plain.returncode >= 0:
        assert f"ended with exit code {plain.returncode}\n" in timed.stderr
    elif end != "real-time":
        assert f"ended by {signal.Signals(-plain.returncode).name}\n" in timed.stderr


def test_a_history_is_kept_and_named_last(cli: Any, tmp_path: Path) -> None:
    result = cli("run", "--service", "shop", cli.script(WORK), env={"TACHOGRAPH_STORE": ""})
    path = tmp_path / "data" / "tachograph" / "shop.db"
    *_, where, run, trend = result.stderr.splitlines()
    assert (where, trend) == (f"history   sqlite:///{path}", "trend     tachograph trend --all")
    assert " app.py::inner " in cli("rank", "--service", "shop").stdout
    assert "function  app.py::inner (" in cli("trend", "__main__::inner", "--service", "shop").stdout
    word = re.fullmatch(r"this run  (run:[0-9a-f]{8}) \(a side of tachograph diff\)", run)
    assert word
    assert (
        f"A         {word[1].replace(':', ' ')}: iteration" in cli("diff", word[1], word[1], "--service", "shop").stdout
    )
    other = tmp_path / "other.db"
    result = cli("run", "--store", other, "--no-report", cli.script(WORK))
    assert result.stderr.splitlines()[-1] == f"trend     tachograph trend --all --store sqlite:///{other}"
    result = cli("run", "--no-history", cli.script(WORK), env={"TACHOGRAPH_STORE": str(other)})
    assert not [line for line in result.stderr.splitlines() if line.startswith(("history", "trend"))]


def test_what_waits_is_told_by_store(cli: Any, tmp_path: Path) -> None:
    stores = [tmp_path / "folder" / "a.db", tmp_path / "garbage.db"]
    spoils = [  # while the program runs: before, it would not be started
        f"open({str(stores[0].parent)!r}, 'w').write('no folder')\n",
        f"open({str(stores[1])!r}, 'w').write('garbage' * 1000)\n",
    ]
    for store, spoil in zip(stores, spoils, strict=True):
        result = cli("run", "--store", store, "--no-report", cli.script(WORK + spoil))
        assert (result.returncode, "the rest waits; store it with: tachograph collect" in result.stderr) == (0, True)
    result = cli("collect", "--json")
    waiting = {one["store"]: one for one in json.loads(result.stdout)["waiting_for"]}
    assert result.returncode == 1
    for store, reason in zip(stores, ("Not a directory", "not a database"), strict=True):
        assert waiting[f"sqlite:///{store}"]["processes"] == 1
        assert reason in waiting[f"sqlite:///{store}"]["reason"]
        assert len([line for line in result.stderr.splitlines() if f"left for sqlite:///{store} waits" in line]) == 1


def test_last_line_is_the_next_command(cli: Any) -> None:
    result = cli("run", cli.script(WORK))
    words = result.stderr.splitlines()[-1].split()
    assert words[1:3] == ["tachograph", "report"]
    assert str(cli.recordings()[-1]) in result.stderr
    again = cli(*words[2:])
    assert "__main__::inner" in again.stdout


def assert_ends_with_next(cli: Any, result: subprocess.CompletedProcess[str]) -> None:
    """The last line of a run names its recording, in a command that can be typed as it is."""
    recording = cli.recordings()[-1]
    assert result.stderr.splitlines()[-2:] == [f"recorded  {recording}", f"again     tachograph report {recording}"]


def test_every_run_ends_with_where_the_recording_is(cli: Any) -> None:
    script = cli.script(WORK)
    for options in ([], ["-n1"], ["--no-report"], ["-o", "report.txt"], ["--json", "-o", "/dev/stdout"]):
        result = cli("run", *options, script)
        assert_ends_with_next(cli, result)
    assert calls(json.loads(result.stdout))["__main__::inner"] == 10  # nothing but JSON


def test_last_line_can_be_typed(cli: Any) -> None:
    """Also where the directory has a name that a shell would take apart, and is not known to the next shell."""
    runtime = cli.directory / "it's here"
    forks = "import os\nif os.fork() == 0:\n    inner(1)\n    os._exit(0)\nos.wait()\n"
    for text in (WORK, WORK + forks):
        result = cli("run", cli.script(text), env={"TACHOGRAPH_RUNTIME_DIR": str(runtime)})
        line = result.stderr.splitlines()[-1].removeprefix("again     ")
        environment = {"TACHOGRAPH_RUNTIME_DIR": "", "PATH": f"{cli.program.parent}:/usr/bin:/bin"}
        again = cli.plain("sh", "-c", line, env=environment)
        assert "__main__::inner" in again.stdout, (line, again.stderr)


def test_json_goes_to_stderr_or_a_file(cli: Any) -> None:
    script = cli.script(WORK + "print('out')")
    direct = cli("run", "--json", script)
    assert direct.stdout == "out\n"
    report = json.loads(direct.stderr)
    assert calls(report) == {"__main__::inner": 10, "__main__::outer": 1}
    assert report["end"]["exit_code"] == 0
    assert report["end"]["signal"] is None
    assert report["end"]["duration_ns"] > max(function["total_ns"] for function in report["functions"])
    filed = cli("run", "--json", "-o", "report.json", script)
    assert filed.stdout == "out\n"
    assert_ends_with_next(cli, filed)
    assert "report.json" in filed.stderr.splitlines()[0]
    assert calls(json.loads((cli.directory / "report.json").read_text())) == calls(report)


def test_options_of_the_program_are_its_own(cli: Any) -> None:
    script = cli.script("import sys\nprint(sys.argv[1:])\ndef f(): pass\nf()")
    assert cli("run", script, "-o", "x", "--json", "--help", "-n").stdout == "['-o', 'x', '--json', '--help', '-n']\n"
    assert not (cli.directory / "x").exists()


def test_no_report_keeps_the_recording(cli: Any) -> None:
    result = cli("run", "--no-report", cli.script(WORK))
    assert result.stderr.count("\n") == 2
    assert_ends_with_next(cli, result)
    assert "__main__::outer" in cli("report", cli.recordings()[-1]).stdout


def test_output_that_cannot_be_written_is_known_before(cli: Any) -> None:
    script = cli.script("print('ran')")
    result = cli("run", "-o", cli.directory / "no" / "report.txt", script)
    assert (result.returncode, result.stdout) == (125, "")
    assert "report.txt" in result.stderr
    assert cli("run", "-o", cli.directory, script).returncode == 125
    assert cli("run", "-o", "/proc/report.txt", script).returncode == 125  # where permissions would let root
    assert list(cli.directory.iterdir()) == [script]  # and nothing is left of the trial


def test_full_disk_names_the_recording_and_leaves_the_exit_code(cli: Any) -> None:
    result = cli("run", "-o", "/dev/full", cli.script(WORK + "\nimport sys; sys.exit(3)"))
    assert result.returncode == 3
    assert f"tachograph report {cli.recordings()[-1]}" in result.stderr
    assert "No space left" in result.stderr


def test_stderr_that_nobody_reads_changes_nothing(cli: Any) -> None:
    process = cli.start("run", cli.script(WORK + "import sys; sys.stdin.read(); sys.exit(4)"), stdin=subprocess.PIPE)
    process.stderr.close()
    process.stdin.close()
    assert process.wait(20) == 4
    process.stdout.close()


READY = """
import os, signal, sys, time
def wait():
    print("ready", os.getpid(), flush=True)
    time.sleep(60)
"""


def ready(process: subprocess.Popen[str]) -> int:
    """Waits for the program; its process."""
    assert process.stdout is not None
    word, pid = process.stdout.readline().split()
    assert word == "ready"
    return int(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM, signal.SIGQUIT])
def test_signals_are_passed_on(cli: Any, number: signal.Signals) -> None:
    process = cli.start("run", cli.script(READY + WORK + "wait()"))
    ready(process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -number
    assert f"ended by {number.name}" in errors
    assert "__main__::inner" in errors
    assert re.search(r" 1 +__main__::wait", errors)  # still running


def test_interrupt_sent_by_a_process_is_passed_on(cli: Any) -> None:
    process = cli.start("run", cli.script(READY + "wait()"))
    ready(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    assert "__main__::wait" in errors


def test_handled_signal_is_the_programs_to_answer(cli: Any) -> None:
    handler = "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(17))\n"
    process = cli.start("run", cli.script(READY + handler + "wait()"))
    ready(process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 17
    assert "ended with exit code 17" in errors


def test_signal_to_own_group_arrives_once(cli: Any) -> None:
    text = (  # a real-time signal: two of them do not become one
        "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [40])\nos.killpg(0, 40)\n"
        "got = 0\nwhile signal.sigtimedwait([40], .3): got += 1\nprint(got)"
    )
    assert cli("run", cli.script(text), start_new_session=True).stdout == "1\n"


def test_killed_tachograph_takes_the_program_along(cli: Any, wait_until: Any) -> None:
    process = cli.start("run", cli.script(READY + "wait()"))
    pid = ready(process)
    process.kill()
    process.communicate(timeout=20)
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the program's end")


def test_killed_program_loses_nothing(cli: Any) -> None:
    text = (
        "import os\ndef count(n): return n\n"
        "for n in range(1, 1_000_000):\n    count(n)\n    if n == 54_321: os.kill(os.getpid(), 9)\n"
    )
    result = cli("run", "--json", cli.script(text))
    assert result.returncode == -9
    report = json.loads(result.stderr)
    assert calls(report) == {"__main__::count": 54_321}
    assert (report["end"]["signal"], report["end"]["signal_name"]) == (9, "KILL")


def state(pid: int) -> str:
    """The letter of /proc: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_stop_of_tachograph_is_one_of_the_program(cli: Any, wait_until: Any) -> None:
    # A group of its own in this session: stop signals do nothing to an orphaned one.
    process = cli.start("run", cli.script(READY + "wait()"), process_group=0)
    pid = ready(process)
    for _ in range(3):
        process.send_signal(signal.SIGTSTP)
        wait_until(lambda: (state(pid), state(process.pid)) == ("T", "T"), "both to stop")
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: "T" not in (state(pid), state(process.pid)), "both to go on")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM


def test_program_that_is_stopped_alone_can_be_continued_alone(cli: Any, wait_until: Any) -> None:
    # In a group of its own: one whose session has no other group, as under a service manager, cannot be stopped so.
    process = cli.start("run", cli.script(READY + "wait()"), process_group=0)
    pid = ready(process)
    for number in (signal.SIGSTOP, signal.SIGTSTP):
        os.kill(pid, number)
        wait_until(lambda: state(pid) == "T", "the program to stop")
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: state(pid) != "T", "the program to go on")
    assert state(process.pid) != "T"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM


# A shell with job control, as far as it matters: the job has a group of its own and the terminal.
SHELL = """
import os, signal, sys
job = os.fork()
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpgrp())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    print("stopped by", os.WSTOPSIG(status), flush=True)
    os.killpg(job, signal.SIGCONT)
os.tcsetpgrp(0, os.getpgrp())
print("ended with", os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.parametrize("timed", [False, True])
def test_terminal_keys_work_as_with_plain_python(cli: Any, timed: bool) -> None:
    counted = (
        "import signal, sys, time\ngot = []\nsignal.signal(signal.SIGINT, lambda *a: got.append(a))\n"
        "def wait():\n    print('ready', flush=True)\n    while not got: time.sleep(.01)\n"
        "    end = time.monotonic() + .3\n    while time.monotonic() < end: time.sleep(.01)\n"
        "wait()\nprint('interrupts:', len(got), flush=True)\nsys.exit(5)"
    )
    script = str(cli.script(counted))
    command = cli.command("run", "-o", "report.txt", script) if timed else [sys.executable, script]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cli.directory)
        os.execve(sys.executable, [sys.executable, "-c", SHELL, *command], cli.environment)
    seen = b""

    def read_until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(terminal, 4096)

    read_until(b"ready")
    os.write(terminal, b"\x1a")  # Ctrl-Z
    read_until(b"stopped by 20")
    os.write(terminal, b"\x03")  # Ctrl-C
    read_until(b"ended with 5")
    os.close(terminal)
    os.waitpid(pid, 0)
    assert b"interrupts: 1\r\n" in seen
    assert seen.count(b"stopped by") == 1
    assert (cli.directory / "report.txt").exists() is timed


def test_interrupt_from_the_terminal_reports_and_dies_of_it(cli: Any) -> None:
    command = cli.command("run", "-o", "report.txt", cli.script(READY + "wait()"))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cli.directory)
        os.execve(sys.executable, [sys.executable, "-c", SHELL, *command], cli.environment)
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    while b"ended with" not in seen:
        seen += os.read(terminal, 4096)
    os.close(terminal)
    os.waitpid(pid, 0)
    assert b"KeyboardInterrupt" in seen
    assert b"ended with -2" in seen
    assert "ended by SIGINT" in (cli.directory / "report.txt").read_text()


def test_child_processes_are_in_the_report(cli: Any) -> None:
    text = (
        "import os, subprocess, sys\ndef work(n): return n\n"
        "if len(sys.argv) > 1:\n    [work(n) for n in range(5)]\nelse:\n"
        "    work(0)\n    subprocess.run([sys.executable, __file__, 'child'], check=True)\n"
        "    if os.fork() == 0:\n        work(1)\n        os._exit(0)\n    os.wait()\n"
    )
    script = cli.script(text)
    result = cli("run", "--json", script)
    report = json.loads(result.stderr)
    assert calls(report) == {"__main__::work": 7}
    assert len(report["processes"]) == 3
    assert report["processes"][0]["pid"] == report["end"]["pid"]
    assert len({process["run"] for process in report["processes"]}) == 1
    text_report = cli("run", script).stderr
    assert re.search(r"tachograph report [0-9a-f]{32}\n", text_report)
    again = cli("report", report["processes"][0]["run"], "--json")
    assert calls(json.loads(again.stdout)) == {"__main__::work": 7}


def test_patterns_choose(cli: Any) -> None:
    script = cli.script(WORK)
    report = json.loads(cli("run", "--json", "--time", "__main__::inner", script).stderr)
    assert calls(report) == {"__main__::inner": 10}
    result = cli("run", "--json", "-o", "a.json", "--time=*", "--exclude", "__main__::out*", "--time", "nosuch", script)
    assert "nosuch" in result.stderr
    report = json.loads((cli.directory / "a.json").read_text())
    assert "__main__::outer" not in calls(report)
    assert calls(report)["__main__::inner"] == 10


HINTS = {
    "shopper": "; did you mean shopper.*?",
    "shopper::total": "; did you mean shopper.*::total?",
    "shopper.crat": "; did you mean shopper.cart?",
    "shoper.*": "; did you mean shopper.*, shopper.cart.*?",
    "shopper.cart::totl": "; did you mean shopper.cart::total?",
    "shopper.cart::nothing_like": ": shopper.cart was imported, but has no such function",
    "shopper.empty": ": shopper.empty has no function in Python",
    "app": "; did you mean __main__?",
    "app.py": "; did you mean __main__?",
    "app::main": "; did you mean __main__::main?",
    "xyzzy_quux.*": ": no module xyzzy_quux was imported",
    "xyzzy_*::f": "",
}


def test_exceptions_of_what_patterns_name_are_recorded(cli: Any, tmp_path: Path) -> None:
    script = cli.script(
        """
def pay(user, *, password): raise ValueError("declined")
def ship(order): raise LookupError(order)
for function, args in ((pay, {"user": "ada", "password": "abc"}), (ship, {"order": 3})):
    try: function(**args)
    except Exception: pass
"""
    )
    store = tmp_path / "history.db"
    result = cli("run", "--store", store, "--exceptions", "__main__::pay", "--no-report", script)
    assert result.returncode == 0
    assert f"failed    tachograph exceptions --store sqlite:///{store}" in [
        re.sub(r"  +\S*tachograph", "    tachograph", line) for line in result.stderr.splitlines()
    ]
    other = cli(
        "run", "--store", store, "--exceptions", "__main__::ship", "--no-report", cli.script("def ship(): pass\nship()")
    )
    assert "history   " in other.stderr
    assert "failed    " not in other.stderr
    told = json.loads(cli("exceptions", "--json", "--store", store).stdout)
    [row] = told["exceptions"]
    assert (row["function"], row["type"], row["count"]) == ("app.py::pay", "ValueError", 1)
    assert (row["sample"]["args"], row["sample"]["kwargs"]) == (["ada"], {"password": "[redacted]"})
    wrong = cli("run", "--exceptions", "a b", script)
    assert wrong.returncode == 2
    assert "--exceptions" in wrong.stderr


SECRET_WORDS = [
    "--password=hunter-a",
    "--token",
    "hunter-b",
    "mysql://me:hunter-c@db/x",
    "API_KEY=hunter-d",
    "--iban",
    "hunter-e",
]
SHOWN_WORDS = "--password=[redacted] --token [redacted] mysql://me:[redacted]@db/x API_KEY=[redacted] --iban [redacted] --user ada"


def test_patterns_of_exceptions_that_name_nothing_are_told(cli: Any) -> None:
    cli.script("def total(): pass\n", "shopper.py")
    script = cli.script("import shopper\ndef main(): shopper.total()\nmain()\n")
    told = cli("run", "--exceptions", "shopper::totl", "--exclude", "shopper::total", "--no-report", script).stderr
    said = "tachograph: no function matched --exceptions 'shopper::totl'; did you mean shopper::total?"
    assert [line for line in told.splitlines() if "match" in line or "excluded" in line] == [said]
    for options in (["--exceptions", "shopper"], ["--exceptions", "shopper", "--time", "shopper"]):
        told = cli("run", *options, "--no-report", script).stderr
        assert "match" not in told


def test_secrets_of_a_command_line_are_kept_nowhere(cli: Any, tmp_path: Path) -> None:
    script = cli.script("def f(): pass\nf()\nimport sys; print(sys.argv)\n")
    store = tmp_path / "history.db"
    said = {"TACHOGRAPH_REDACT": "iban"}
    result = cli("run", "--store", store, script, *SECRET_WORDS, "--user", "ada", env=said)
    assert result.returncode == 0
    assert "hunter-a" in result.stdout
    report = json.loads(cli("report", "--json").stdout)
    [process] = report["processes"]
    assert process["program"].endswith(f"app.py {SHOWN_WORDS}")
    found = [path for path in tmp_path.rglob("*") if path.is_file() and b"hunter-" in path.read_bytes()]
    assert found == []
    assert "hunter-" not in cli("runs", "--store", store).stdout + cli("runs", "--store", store, "--json").stdout


@pytest.mark.parametrize("is_file", [True, False])
def test_words_that_cannot_be_redacted_stop_no_program(cli: Any, tmp_path: Path, is_file: bool) -> None:
    script = cli.script("def f(): pass\nf()\n")
    words = "iban,,--,"
    (tmp_path / "pyproject.toml").write_text(f'[tool.tachograph]\nredact = "{words}"\n' if is_file else "")
    said = {} if is_file else {"TACHOGRAPH_REDACT": words}
    result = cli("run", "--no-history", script, "--iban", "hunter-e", env=said)
    assert result.returncode == 0
    origin = f"{tmp_path / 'pyproject.toml'}:2" if is_file else "TACHOGRAPH_REDACT"
    warning = f"tachograph: warning: not every word is redacted: {origin}: '--' is no word: "
    assert [warning in line for line in result.stderr.splitlines() if "redacted:" in line] == [True]
    [process] = json.loads(cli("report", "--json").stdout)["processes"]
    assert process["program"].endswith("app.py --iban [redacted]")


def test_secrets_of_a_command_line_are_not_shown(cli: Any, tmp_path: Path) -> None:
    script = cli.script("import sys\nprint('ready', flush=True)\nsys.stdin.read()\n")
    words = [sys.executable, script.name, "--iban", "hunter-e", "--pwd=hunter-a"]
    with cli.start_other(*words, stdin=subprocess.PIPE, env={"TACHOGRAPH_REDACT": "iban"}) as waits:
        assert waits.stdout.readline() == "ready\n"
        shown = [cli("dump", waits.pid, env={"TACHOGRAPH_REDACT": "iban"}).stdout.replace("\n", "")]
        (tmp_path / "pyproject.toml").write_text('[tool.tachograph]\nredact = "iban"\n')
        shown.append(cli("dump", waits.pid).stdout.replace("\n", ""))
        waits.stdin.close()
    for text in shown:
        assert "app.py --iban [redacted] --pwd=[redacted])" in text


def test_what_is_offered_for_a_pattern_names_something_else(cli: Any) -> None:
    cli.script("", "shopper/__init__.py")
    cli.script("def total(): pass\nclass Cart:\n    def add(self): pass\n", "shopper/cart.py")
    cli.script("X = 1", "shopper/empty.py")
    script = cli.script("import shopper.cart, shopper.empty\ndef main(): shopper.cart.total()\nmain()\n")
    options = [word for pattern in HINTS for word in ("--time", pattern)]
    lines = cli("run", *options, script).stderr.splitlines()
    assert lines[: len(HINTS)] == [
        f"tachograph: no function matched --time '{name}'{said}" for name, said in HINTS.items()
    ]
    for pattern, said in HINTS.items():
        if "did you mean" in said:
            for meant in said.removeprefix("; did you mean ").removesuffix("?").split(", "):
                assert meant != pattern
                assert "no function matched" not in cli("run", "--time", meant, script).stderr


def test_modules_are_not_asked_for_what_they_would_have_to_import(cli: Any) -> None:
    text = (
        "import sys, types\nclass Lazy(types.ModuleType):\n    def __getattr__(self, name):\n        print('asked')\n"
        "        raise RuntimeError(name)\nsys.modules['lazy'] = Lazy('lazy')\nsys.modules['odd'] = 1\n"
    )
    result = cli("run", "--time", "laz", "--no-report", cli.script(text))
    assert result.stdout == ""
    assert "tachograph: no function matched --time 'laz'" in result.stderr
    assert "Traceback" not in result.stderr


def test_settings_reach_the_recording(cli: Any) -> None:
    script = cli.script(WORK)
    options = ["--service", "shop", "--version", "2.1", "--clock", "monotonic"]
    process = json.loads(cli("run", "--json", *options, script).stderr)["processes"][0]
    assert (process["service"], process["service_version"], process["clock"]) == ("shop", "2.1", "monotonic")
    process = json.loads(cli("run", "--json", script, env={"TACHOGRAPH_SERVICE": "from-env"}).stderr)["processes"][0]
    assert process["service"] == "from-env"


@pytest.mark.parametrize("value", [None, ""])
def test_children_are_of_the_service_of_the_first(cli: Any, value: str | None) -> None:
    child = cli.script("def part(): pass\npart()\n", "child.py")
    script = cli.script(f"import subprocess, sys\nsubprocess.run([sys.executable, {str(child)!r}], check=True)\n")
    environment = {"TACHOGRAPH_STORE": "h.db"} | ({} if value is None else {"TACHOGRAPH_SERVICE": value})
    report = json.loads(cli("run", "--json", script, env=environment).stderr)
    assert [process["service"] for process in report["processes"]] == ["app", "app"]


PYTHON_S = ["--", sys.executable, "-BS", "w.py"]
MASTER = """
import os, sys, tachograph
if sys.argv[2:]: tachograph.instrument(sys.argv[2])
if sys.argv[1] == "forks" and os.fork() == 0:
    import late
    late.work()
    os._exit(0)
if sys.argv[1] == "forks": os.wait()
"""


@pytest.mark.parametrize("under_run", [False, True])
def test_a_pattern_that_children_may_have_matched_is_no_mistake(cli: Any, under_run: bool) -> None:
    """As in a server, whose workers import the application and whose first process never does."""
    cli.script("def work(): pass\n", "late.py")
    script = cli.script(MASTER, "master.py")
    for what, told in (("forks", False), ("does not", True)):
        if under_run:
            done = cli("run", "--time", "late.*", script, what)
            assert ("late::work" in done.stderr) is not told
        else:
            done = cli.plain(sys.executable, script, what, "late.*")
        assert done.returncode == 0
        named = "--time 'late.*'" if under_run else "'late.*'"
        assert (f"no function matched {named}" in done.stderr) is told


NOTHING = {
    "unmatched": (
        ["--time", "nosuch.*", "w.py"],
        "No function of what the program imported matches --time 'nosuch.*'.",
    ),
    "not called": (["--time", "__main__::idle", "w.py"], "1 function was chosen by --time '__main__::idle', but none"),
    "project not called": (["idle.py"], "2 functions were chosen, but none was called."),
    "no functions": (["empty.py"], "The program's own project has no function"),
    "no site": (PYTHON_S, "with -S Python does not look into site-packages"),
    "nothing run": (["--", sys.executable, "--version"], "it ended before Python ran any of it"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_says_why_nothing_was_timed(cli: Any, case: str) -> None:
    words, reason = NOTHING[case]
    cli.script(WORK + "def idle(): pass\n", "w.py")
    cli.script("def one(): pass\ndef two(): pass\n", "idle.py")
    cli.script("print(1)", "empty.py")
    result = cli("run", *words)
    assert result.returncode == 0
    assert "no function was timed" in result.stderr
    assert reason in result.stderr
    assert sum(why in result.stderr for _, why in NOTHING.values()) == 1
    assert re.search(r"\nstarted +20\d\d-\d\d-\d\d [^,]+, lasted ", result.stderr)
    assert max(map(len, result.stderr.splitlines())) < 200
    assert json.loads(cli("run", "--json", "empty.py").stderr)["functions"] == []


def test_says_why_there_is_no_recording_where_it_can_be_known(cli: Any) -> None:
    script = cli.script(WORK)
    cli.runtime.chmod(0o777)
    for options in ([], ["--no-report"], ["-o", "report.txt"]):
        result = cli("run", *options, script)
        assert "there is no directory for it.\neverybody can replace what lies in" in result.stderr
    python = cli.directory / "bin" / "python"  # a link alone is no environment, so it has no start-up hook
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    packages = ":".join(path for path in sys.path if "site-packages" in path)
    program = cli.directory / "alone" / "tachograph"  # without a package that could be injected
    program.parent.mkdir()
    shutil.copy(cli.program, program)
    result = cli.plain(program, "run", "--python", python, script, env={"PYTHONPATH": packages})
    assert "found through PYTHONPATH. Install it" in result.stderr


def test_disabled_is_the_plain_program(cli: Any) -> None:
    script = cli.script("import os\ndef f(): pass\nf()\nprint(os.getpid(), 'TACHOGRAPH_RUN' in os.environ)")
    process = cli.start("run", script, env={"TACHOGRAPH_DISABLE": "1"})
    output, errors = process.communicate(timeout=20)
    assert output == f"{process.pid} False\n"
    assert errors == ""
    assert cli.recordings() == []


DISABLES = {
    **dict.fromkeys(("1", "true", "yes", "on", "TRUE", "On"), (True, False)),
    **dict.fromkeys(("0", "false", "no", "off", "", "False", "OFF"), (False, False)),
    **dict.fromkeys(("2", "maybe", " ", "disabled"), (True, True)),
}


@pytest.mark.parametrize("value", DISABLES)
def test_disable_means_the_same_everywhere(cli: Any, value: str) -> None:
    disabled, warned = DISABLES[value]
    text = "import tachograph\n@tachograph.timing\ndef f(): pass\nf()\nwith tachograph.span('s'): pass\n"
    script = cli.script(text + "print(len(tachograph.statistics()))")
    for words in ([sys.executable], cli.command("run")):
        result = cli.plain(*words, script, env={"TACHOGRAPH_DISABLE": value})
        assert (result.returncode, result.stdout) == (0, "0\n" if disabled else "2\n")
        assert (
            f"TACHOGRAPH_DISABLE cannot be '{value}': nothing is timed; set it to 1 or 0" in result.stderr
        ) is warned
    assert bool(cli.recordings()) is not disabled


def test_shared_directory_gets_one_of_our_own(cli: Any) -> None:
    """A container's volume has mode 755 and belongs to root or to the user."""
    cli.runtime.chmod(0o755)
    result = cli("run", cli.script(WORK))
    assert "__main__::inner" in result.stderr
    ours = cli.runtime / f"tachograph-{os.geteuid()}"
    assert ours.stat().st_mode & 0o7777 == 0o700
    (recording,) = ours.glob("*.tgr")
    assert result.stderr.splitlines()[-1].endswith(f"tachograph report {recording}")
    assert "__main__::inner" in cli("report").stdout


def test_directory_in_a_shared_one_that_is_no_directory_is_refused(cli: Any) -> None:
    cli.runtime.chmod(0o755)
    elsewhere = cli.directory / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (cli.runtime / f"tachograph-{os.geteuid()}").symlink_to(elsewhere)
    result = cli("run", cli.script(WORK))
    assert "timings stay inside this process" in result.stderr
    assert list(elsewhere.iterdir()) == []


def test_no_directory_for_recordings_is_said(cli: Any) -> None:
    result = cli("run", cli.script(WORK + "print('ran')"), env={"TACHOGRAPH_RUNTIME_DIR": "/proc/nowhere"})
    assert result.returncode == 0
    assert result.stdout == "ran\n"
    assert "TACHOGRAPH_RUNTIME_DIR" in result.stderr
