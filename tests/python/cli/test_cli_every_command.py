"""What holds for every command: a narrow terminal, and a reader that leaves early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = """
def price(n): return n * 2
def receipt(n): return price(n) + price(n + 1)
for n in range(50): receipt(n)
try: price(None)
except TypeError: pass
"""

COMMANDS: dict[str, list[str]] = {
    "run": ["run", "app.py"],
    "report": ["report"],
    "report by thread": ["report", "--by-thread"],
    "report as JSON": ["report", "--json"],
    "record": ["record", "-o", "out.html", "-c", "sum(range(20_000_000))"],
    "dump": ["dump", "-p", str(os.getpid())],
    "dump as JSON": ["dump", "-p", str(os.getpid()), "--json"],
    "top": ["top", "--once", "-d", "0.1"],
    "top as JSON": ["top", "--once", "-d", "0.1", "--json"],
    "rank": ["rank"],
    "rank as JSON": ["rank", "--json"],
    "trend": ["trend", "receipt"],
    "trend of all": ["trend", "--all"],
    "diff": ["diff", "version:1", "version:2"],
    "runs": ["runs"],
    "runs as JSON": ["runs", "--json"],
    "exceptions as JSON": ["exceptions", "--json"],
    "one exception": ["exceptions", "show", "1"],
    "event": ["event", "deployed 1.4"],
    "event as JSON": ["event", "deployed 1.4", "--json"],
    "exceptions": ["exceptions"],
    "collect": ["collect"],
    "store status": ["store", "status"],
    "store verify": ["store", "verify"],
    "clean": ["clean"],
    "doctor": ["doctor"],
    "completion": ["completion", "bash"],
    "help": ["help"],
    "help of one": ["help", "run"],
    "help settings": ["help", "settings"],
    "man page": ["help", "--man"],
    "version": ["version"],
}
TABLES = ("run", "report", "rank", "trend", "diff", "runs", "exceptions", "store status", "clean")
SAMPLING: dict[str, list[str]] = {  # what needs a program that samples itself
    "export": ["export", "-f", "folded"],
    "pause": ["pause"],
    "unpause": ["unpause"],
    "rate": ["rate", "50"],
}
COMMANDS |= SAMPLING
SERVE = ["serve", "--port", "0"]  # which goes on until it is ended
ATTACH = ["attach"]  # which changes another process: it has tests of its own
PRINTING = [name for name in COMMANDS if name not in ("run", "record")]  # which print to stderr


@pytest.fixture
def used(cli: Any) -> Any:
    """The program where something has been recorded and stored: two versions."""
    cli.environment["TACHOGRAPH_STORE"] = str(cli.directory / "history.db")
    cli.environment["TACHOGRAPH_INTERVAL"] = "0.05"
    script = cli.script(WORK)
    for version in "12":
        done = cli("run", "--version", version, "--exceptions", "*", "--no-report", script)
        assert done.returncode == 0, done.stderr
    return cli


SAMPLED = """
import sys, time
def turn(): return sum(range(1000))
def wait(): sys.stdin.read()
end = time.monotonic() + 0.3
while time.monotonic() < end: turn()
print("ready", flush=True)
wait()
"""


@pytest.fixture
def prepared(used: Any, request: pytest.FixtureRequest, wait_until: Any) -> Iterator[Any]:
    """The same, and for the commands that need one a program that samples itself."""
    name = request.getfixturevalue("name")
    if name not in SAMPLING:
        yield used
        return
    script = used.script(SAMPLED, "sampled.py")
    process = used.start("run", "--sample-hz", "200", "--no-report", script, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    if name == "export":
        wait_until(lambda: used(*COMMANDS[name]).stdout, "samples that are stored")
    yield used
    process.communicate()
    assert process.returncode == 0


def test_no_command_is_left_out(cli: Any) -> None:
    names = re.findall(r"^  (\w+) +\w", cli("help").stdout.split("Commands:")[1].split("Examples:")[0], re.MULTILINE)
    assert {words[0] for words in [*COMMANDS.values(), SERVE, ATTACH]} == set(names)


@pytest.mark.parametrize("name", COMMANDS)
def test_tables_fit_twenty_columns(prepared: Any, name: str) -> None:
    """What is no table is wrapped by the terminal, and nothing fails for want of room."""
    for width in (20, 1):
        text = prepared.on_terminal(width, *COMMANDS[name])
        assert text.strip()
        tables = [part.split("\n\n")[0] for part in text.split("\x1b[1m")[1:]]
        assert name not in TABLES or tables
        if name in TABLES and width == 20:
            lines = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(tables)).splitlines()
            assert max(map(len, lines)) <= 20


def leave(command: list[str], first: int, **options: Any) -> tuple[int, str]:
    """Reads a few bytes of what a command prints and goes; its exit code and what it says of that."""
    process = subprocess.Popen(command, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    assert process.stderr
    process.stdout.read(first)
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    return process.wait(20), said


@pytest.mark.parametrize("name", PRINTING)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_reader_that_leaves_is_no_error(prepared: Any, name: str, ignored: bool) -> None:
    """As with `| head -1`, also where SIGPIPE is ignored, as under many servers; a reader that was never there too."""
    options = {"env": prepared.environment, "cwd": prepared.directory, "restore_signals": False}
    preset = signal.signal(signal.SIGPIPE, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        for first in (1, 0):
            code, said = leave(prepared.command(*COMMANDS[name]), first, **options)
            assert re.sub(r".* of the samples are missing: .*\n", "", said) == ""  # this machine was busy
            assert code in (0, -signal.SIGPIPE, 128 + signal.SIGPIPE)
    finally:
        signal.signal(signal.SIGPIPE, preset)


@pytest.mark.parametrize("name", PRINTING)
def test_a_full_disk_is_an_error(prepared: Any, name: str) -> None:
    """No success is told of what did not arrive."""
    with Path("/dev/full").open("w") as full:
        done = prepared(*COMMANDS[name], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "cannot write to standard output: No space left on device" in done.stderr


@pytest.mark.parametrize("name", PRINTING)
def test_a_closed_output_is_an_error(prepared: Any, name: str) -> None:
    """As by `>&-`. Nothing that the command opens takes its place, either."""
    done = prepared(*COMMANDS[name], stdout=None, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert "cannot write to standard output: Bad file descriptor" in done.stderr


@pytest.mark.parametrize("closed", [False, True])
def test_a_server_that_cannot_say_where_it_is(used: Any, closed: bool) -> None:
    with Path("/dev/full").open("w") as full:
        options = {"stdout": None, "preexec_fn": lambda: os.close(1)} if closed else {"stdout": full}
        done = used(*SERVE, **options, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_a_server_whose_reader_leaves_goes_on(used: Any) -> None:
    process = used.start(*SERVE)
    assert process.stdout.readline().startswith("http://")
    process.stdout.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
