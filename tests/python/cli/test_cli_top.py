"""`tachograph top` without a terminal: what it prints of processes that live, end, come and go."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MS = 1_000_000


class Living:
    """A recording that is held as the process that writes it would, until it is let go."""

    def __init__(self, cli: Any, functions: list[Any], **header: Any) -> None:
        self.cli, self.header = cli, header
        self.path: Path = cli.record(functions, f"{header.get('pid', 4_000_000)}-a.tgr", **header)
        self.file = self.path.open("r+b", buffering=0)
        lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)
        fcntl.fcntl(self.file, fcntl.F_OFD_SETLK, lock)

    def count(self, functions: list[Any]) -> None:
        """Changes the figures in place: the file neither moves nor gets shorter, and a histogram is there first."""
        fresh = self.cli.record(functions, "fresh", **self.header)
        data = fresh.read_bytes()
        fresh.unlink()
        for offset in reversed(range(0, len(data), 64)):
            os.pwrite(self.file.fileno(), data[offset : offset + 64], offset)

    def end(self) -> None:
        """The process ends."""
        self.file.close()


@pytest.fixture
def living(cli: Any) -> Iterator[Callable[..., Living]]:
    """Makes recordings of processes that live."""
    made: list[Living] = []

    def make(functions: list[Any], **header: Any) -> Living:
        made.append(Living(cli, functions, **header))
        return made[-1]

    yield make
    for one in made:
        one.end()


class Stream:
    """`top --json` that runs."""

    def __init__(self, cli: Any, *words: str) -> None:
        self.process = cli.start("top", "--json", "-d", "0.1", *words)
        self.document: dict[str, Any] = {}

    def until(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first document that fulfils the condition; the test's time limit is the limit."""
        while True:
            self.document = json.loads(self.process.stdout.readline())
            if condition(self.document):
                return self.document

    def end(self) -> None:
        """Ends it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def stream(cli: Any) -> Iterator[Callable[..., Stream]]:
    """Starts `top --json`."""
    started: list[Stream] = []

    def start(*words: str) -> Stream:
        started.append(Stream(cli, *words))
        return started[-1]

    yield start
    for one in started:
        one.end()


def row_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """A function's row."""
    return next((row for row in document["rows"] if row["name"] == name), {})


def test_counts_what_happens_once(stream: Any, living: Any, function: Any) -> None:
    shop = living([function("shop::add", [2 * MS] * 10), function("shop::idle", [5, 5])])
    running = stream()
    before = running.until(lambda document: document["rows"])
    assert row_of(before, "shop::add")["interval"]["call_count"] == 0
    assert row_of(before, "shop::add")["ever"]["call_count"] == 10
    shop.count([function("shop::add", [2 * MS] * 10 + [4 * MS] * 5, errors=2), function("shop::idle", [5, 5])])
    row = row_of(running.until(lambda document: row_of(document, "shop::add")["ever"]["call_count"] == 15), "shop::add")
    assert row["interval"] == {
        "call_count": 5, "error_count": 2, "total_ns": 20 * MS, "self_ns": 20 * MS, "average_ns": 4 * MS,
        "p99_ns": pytest.approx(4 * MS, rel=0.0625),
    }  # fmt: skip
    after = running.until(lambda _: True)
    assert row_of(after, "shop::add")["interval"]["call_count"] == 0
    assert row_of(after, "shop::add")["interval"]["average_ns"] is None
    assert after["interval_ns"] > 50 * MS


def test_processes_come_end_and_go(stream: Any, living: Any, function: Any) -> None:
    living([function("shop::first", [5] * 2)], pid=11)
    running = stream()
    assert [process["pid"] for process in running.until(lambda _: True)["processes"]] == [11]
    second = living([function("shop::second", [5] * 3)], pid=12)
    running.until(lambda document: len(document["processes"]) == 2)
    second.count([function("shop::second", [5] * 7)])
    second.end()
    seen = 0

    def has_ended(document: dict[str, Any]) -> bool:
        nonlocal seen
        seen += row_of(document, "shop::second")["interval"]["call_count"]
        return not document["processes"][1]["alive"]

    assert not running.until(has_ended)["processes"][1]["cut_off"]
    assert seen == 4  # the last calls of a process are not missed
    second.path.unlink()
    assert running.until(lambda document: len(document["processes"]) == 1)["rows"][0]["name"] == "shop::first"


def test_a_recording_may_be_replaced_or_ruined_meanwhile(stream: Any, living: Any, cli: Any, function: Any) -> None:
    shop = living([function("shop::old", [5] * 2)], pid=11)
    running = stream()
    running.until(lambda document: row_of(document, "shop::old"))
    fresh = cli.record([function("shop::new", [5] * 3)], "fresh", pid=12)
    fresh.replace(shop.path)
    running.until(lambda document: row_of(document, "shop::new"))
    shop.path.write_bytes(b"ruined")
    assert running.until(lambda document: not document["processes"])["rows"] == []
    assert running.process.poll() is None


def test_processes_that_had_ended_show_their_totals_at_once(cli: Any, function: Any) -> None:
    cli.record([function("shop::add", [2 * MS] * 10, errors=3, running=1)])
    result = cli("top", "--once", "-d", "3600")
    assert (result.returncode, result.stderr) == (0, "")
    head, titles, row = result.stdout.splitlines()
    assert re.search(r"0 processes, 1 ended; 0 running$", head)
    figures = dict(zip(re.split(" {2,}", titles.strip()), re.split(" {2,}", row.strip()), strict=True))
    assert figures == {
        "calls/s": "-", "average": "-", "p99": "-", "self": "-", "running": "-", "errors/s": "-",
        "errors": "3", "calls": "10", "total": "20.0 ms", "function": "shop::add",
    }  # fmt: skip
    assert "cut off" in cli("top", "--once", "--by", "process").stdout


def test_what_had_ended_is_left_out_while_others_live(cli: Any, living: Any, function: Any) -> None:
    cli.record([function("shop::old", [5])], "1-a.tgr", pid=1)
    cli.record([function("shop::sibling", [5])], "2-a.tgr", pid=2, run=b"r" * 16)
    living([function("shop::live", [5])], pid=3, run=b"r" * 16)

    def names(*words: str) -> set[str]:
        return {row["name"] for row in json.loads(cli("top", "--once", "--json", "-d", "0.1", *words).stdout)["rows"]}

    assert names() == {"shop::live", "shop::sibling"}
    assert names("--ended") == {"shop::live", "shop::sibling", "shop::old"}
    assert names("-p", "1") == names("1") == {"shop::old"}
    assert names("-p", "1", "-p", "3") == {"shop::old", "shop::live"}
    assert names(cli.runtime) == {"shop::live", "shop::sibling", "shop::old"}
    assert names(cli.runtime / "1-a.tgr") == {"shop::old"}
    assert names("--only", "*::live") == {"shop::live"}


def test_json_members_are_all_documented(cli: Any, function: Any, request: pytest.FixtureRequest) -> None:
    cli.record([function("shop::add", [5])])
    specification = (request.config.rootpath / "docs/formats/top-json.md").read_text()
    documented = set(re.findall(r"`(\w+)`", specification))

    def members(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(members, value.values()))
        return set().union(*map(members, value)) if isinstance(value, list) else set()

    found = set()
    for by in ("function", "process", "thread"):
        found |= members(json.loads(cli("top", "--once", "--json", "--by", by).stdout))
    assert found
    assert found == found & documented


def test_sorts_and_limits(cli: Any, function: Any) -> None:
    cli.record([function(f"m::f{i}", [1000 * i]) for i in range(1, 41)])
    assert len(re.findall("m::f", cli("top", "--once").stdout)) == 30
    assert "10 more" in cli("top", "--once").stdout
    assert "m::f40" in cli("top", "--once").stdout.splitlines()[2]
    by_name = cli("top", "--once", "--sort", "name", "-n", "2").stdout
    assert re.findall(r"m::f\d+", by_name) == ["m::f1", "m::f10"]


WRONG = {
    "-d 0": "give seconds, from 0.1 to 3600",
    "--interval nan": "give seconds",
    "-d 1x": "'1x' is no interval",
    "-p x": "'x' is no process id",
    "--sort size": "choose one of calls, average",
    "--by module": "choose one of function, process, thread",
    "--only a:b": "pattern 'a:b'",
    "--onse": "did you mean '--once'",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage(cli: Any, words: str) -> None:
    result = cli("top", *words.split())
    assert (result.returncode, result.stdout) == (2, "")
    assert WRONG[words] in result.stderr


def test_says_why_there_is_nothing(cli: Any, function: Any) -> None:
    result = cli("top", "--once")
    assert result.returncode == 0
    assert "no process is being timed; 'tachograph run SCRIPT' starts one" in result.stdout
    unknown = cli("top", "-p", "4194305")
    assert unknown.returncode == 1
    assert "there is no process 4194305" in unknown.stderr
    for far in ("4294967297", "99999999999999999999999", "0"):  # not process 1, nor all of them
        result = cli("top", "--once", far)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"'{far}' is no process id" in result.stderr
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as other:
        untimed = cli("top", "-p", str(other.pid))
        other.communicate()
    assert untimed.returncode == 1
    assert "has no recording: start it with 'tachograph run'" in untimed.stderr
    assert "; nor can it be sampled: " in untimed.stderr
    missing = cli("top", "nowhere.tgr")
    assert missing.returncode == 1
    assert "nowhere.tgr" in missing.stderr
    assert "no recording lies in what was named" in cli("top", "--once", cli.directory).stdout
    cli.record([function("m::f", [5])])
    assert "no function matches --only" in cli("top", "--once", "--only", "shop").stdout


def test_a_process_of_another_user_is_refused_with_the_way(cli: Any) -> None:
    options: dict[str, Any] = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", **options) as other:
        pid, user = (other.pid, 65534) if options else (1, 0)
        result = cli("top", "-p", str(pid))
        other.communicate()
    assert result.returncode == 1
    assert f"process {pid} belongs to user {user}" in result.stderr
    assert f"sudo -u '#{user}' XDG_RUNTIME_DIR=/run/user/{user} tachograph top -p {pid}" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user, who only root can be")
def test_a_directory_of_another_user_is_refused_with_the_way(program: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        shutil.copy(program, place / "top")
        (place / "runtime").mkdir(0o700)
        options: dict[str, Any] = {"user": 65534, "group": 65534, "env": {}, "cwd": "/"}
        words = [place / "top", "top", "--once", place / "runtime"]
        result = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **options)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"Permission denied; its owner may, and root: sudo tachograph top {place / 'runtime'}" in result.stderr


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_has_seen_enough_is_no_failure(cli: Any, function: Any, form: list[str]) -> None:
    cli.record([function("m::f", [5])])
    process = cli.start("top", "-d", "0.1", *form)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_plain_lines_end_with_a_signal(cli: Any, function: Any) -> None:
    cli.record([function("m::f", [5])])
    process = cli.start("top", "-d", "0.1")
    lines = [process.stdout.readline() for _ in range(8)]
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == -signal.SIGINT
    assert sum("m::f" in line for line in lines) == 2
    assert "\033" not in "".join(lines)
