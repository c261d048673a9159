"""`tachograph dump`: variables whose values are known, and asyncio tasks that are suspended."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from forbidding import forbidding

if TYPE_CHECKING:
    from collections.abc import Iterator

# Any process of the user may look at it; it ends with its standard input.
BEGIN = """
import ctypes, sys, threading
ctypes.CDLL(None).prctl(0x59616D61, -1, 0, 0, 0)
"""

VALUES = (
    BEGIN
    + r"""
class Text(str): pass
class Number(int): pass

def many(*arguments, **named):
    shown = 1
    return wait("caller", 2)

def wait(text, number, nothing=None):
    negative, zero, large, word, huge = -5, 0, 1 << 62, (1 << 64) - 1, 1 << 64
    real, whole, tiny, endless, no_number = 1.5, 2.0, 1e-300, float("inf"), float("nan")
    yes, no, empty = True, False, ""
    wide, long = "\u00fc\u20ac\U0001f600", "x" * 500
    escape, data, binary = "\x1b[31m", b"abc", bytes(range(200, 250)) * 9
    of_the_program, of_the_program_too = Text("secret"), Number(3)
    things, pair, object_ = [1], (1, 2), object()
    def inner():
        return shared, number
    shared = "in a cell"
    unset = 1
    del unset
    print("ready", flush=True)
    sys.stdin.read()
    return inner

many(1, two=2)
"""
)

SECRETS = (
    BEGIN
    + r"""
def login(user, password):
    api_token, iban = 9876, "DE02"
    url, data = "mysql://joe:hunter9@db/shop", b"pin=9876"
    long = "password=" + "z" * 300
    tail = "pin=9876 " + "x" + "\u00fc" * 54
    print("ready", flush=True)
    sys.stdin.read()

login("joe", ["hunter2"])
"""
)

CHANGES = (
    BEGIN
    + """
def turn():
    n = 0
    text = "number 0"
    while not ended:
        n += 1
        text = f"number {n}"

ended = []
thread = threading.Thread(target=turn)
thread.start()
print("ready", flush=True)
sys.stdin.read()
ended.append(1)
"""
)

TASKS = (
    BEGIN
    + """
import asyncio

async def deep(n):
    if n:
        await deep(n - 1)
    else:
        await asyncio.sleep(3600)

async def fetch(n):
    await deep(n)

async def ends():
    return 1

async def main():
    tasks = [asyncio.create_task(fetch(n), name=f"fetch {n}") for n in range(3)]
    tasks += [asyncio.create_task(ends(), name="has ended"), asyncio.create_task(deep(0))]
    await asyncio.sleep(0.01)
    print("ready", flush=True)
    wait()

def wait():
    sys.stdin.read()

asyncio.run(main())
"""
)


@pytest.fixture
def start(cli: Any) -> Iterator[Any]:
    """Starts a program that says when it is ready."""
    processes = []

    def start(code: str) -> subprocess.Popen[str]:
        process = cli.start_other(sys.executable, cli.script(code, "target.py"), stdin=subprocess.PIPE)
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.communicate(timeout=20)
        assert process.returncode in (0, 1)


def variables(thread: dict[str, Any], function: str) -> dict[str, tuple[Any, ...]]:
    """What is told of a function's variables."""
    frame = next(frame for frame in thread["frames"] if frame["function"] == function)
    return {each["name"]: (each["kind"], each["value"], each.get("length")) for each in frame["locals"]}


def test_values_that_never_change(cli: Any, start: Any) -> None:
    dump = json.loads(cli("dump", start(VALUES).pid, "--locals", "--json").stdout)
    found = variables(dump["threads"][0], "wait")
    expected = {
        "text": ("str", "caller", 6),
        "number": ("literal", "2", None),
        "nothing": ("literal", "None", None),
        "negative": ("literal", "-5", None),
        "zero": ("literal", "0", None),
        "large": ("literal", str(1 << 62), None),
        "word": ("literal", str((1 << 64) - 1), None),
        "huge": ("type", "int", None),
        "real": ("literal", "1.5", None),
        "whole": ("literal", "2.0", None),
        "tiny": ("literal", "1e-300", None),
        "endless": ("literal", "inf", None),
        "no_number": ("literal", "nan", None),
        "yes": ("literal", "True", None),
        "no": ("literal", "False", None),
        "empty": ("str", "", 0),
        "wide": ("str", "\u00fc\u20ac\U0001f600", 3),
        "long": ("str", "x" * 119, 500),
        "escape": ("str", "\x1b[31m", 5),
        "data": ("bytes", "abc", 3),
        "of_the_program": ("type", "Text", None),
        "of_the_program_too": ("type", "Number", None),
        "things": ("type", "list", None),
        "pair": ("type", "tuple", None),
        "object_": ("type", "object", None),
        "inner": ("type", "function", None),
        "shared": ("str", "in a cell", 9),
    }
    assert found.pop("binary")[::2] == ("bytes", 450)
    assert found == expected
    assert variables(dump["threads"][0], "many") == {
        "arguments": ("type", "tuple", None),
        "named": ("type", "dict", None),
        "shown": ("literal", "1", None),
    }


def test_values_as_text(cli: Any, start: Any) -> None:
    process = start(VALUES)
    text = cli("dump", "-l", "-p", process.pid).stdout
    lines = [line.strip() for line in text.splitlines() if line.startswith("        ")]
    assert "negative = -5" in lines
    assert r"escape = '\x1b[31m'" in lines
    assert f"long = '{'x' * 119}'... (500 characters)" in lines
    assert "data = b'abc'" in lines
    assert "things = <list>" in lines
    assert "unset" not in text
    assert "secret" not in text
    assert " = " not in cli("dump", "-p", process.pid).stdout


def test_secrets_are_hidden(cli: Any, start: Any) -> None:
    process = start(SECRETS)
    environment = {**cli.environment, "TACHOGRAPH_REDACT": "iban"}
    written = cli("dump", process.pid, "-l", "--json", env=environment).stdout
    found = variables(json.loads(written)["threads"][0], "login")
    assert {name: value for name, value in found.items() if name != "tail"} == {
        "user": ("str", "joe", 3),
        "password": ("redacted", "[redacted]", None),
        "api_token": ("redacted", "[redacted]", None),
        "iban": ("redacted", "[redacted]", None),
        "url": ("str", "mysql://joe:[redacted]@db/shop", 27),
        "data": ("bytes", "pin=[redacted]", 8),
        "long": ("str", "password=[redacted]", 309),
    }
    text = cli("dump", process.pid, "-l", env=environment).stdout
    lines = [line.strip() for line in text.splitlines()]
    assert "password = [redacted]" in lines
    assert "url = 'mysql://joe:[redacted]@db/shop'" in lines
    assert "data = b'pin=[redacted]'" in lines
    assert len(found["tail"][1].encode()) == 118  # it grew, and was cut before a character of two bytes
    for secret in ("hunter", "9876", "zzz"):
        assert secret not in written + text
    assert "iban = 'DE02'" in cli("dump", process.pid, "-l").stdout


def test_values_of_one_moment(cli: Any, start: Any) -> None:
    """A thread that runs is stopped for them: two variables that belong together do."""
    process = start(CHANGES)
    seen = set()
    for _ in range(20):
        thread = json.loads(cli("dump", "-l", "--json", process.pid).stdout)["threads"][1]
        found = variables(thread, "turn")
        n, text = int(found["n"][1]), found["text"][1]
        assert text in (f"number {n}", f"number {n - 1}")
        seen.add(n)
    assert len(seen) > 3  # on a busy machine it may not run between two looks


def test_nobody_may_be_stopped(cli: Any, start: Any) -> None:
    """Then there are stacks all the same, and no value that might be of another moment."""
    done = cli("dump", "-l", start(CHANGES).pid, preexec_fn=forbidding("ptrace"))
    assert done.returncode == 0
    assert "may not be stopped" in done.stdout
    assert "n = " not in done.stdout


def test_tasks(cli: Any, start: Any) -> None:
    process = start(TASKS)
    dump = json.loads(cli("dump", process.pid, "--json").stdout)
    tasks = {task["name"]: task for task in dump["tasks"]}
    running = [name for name, task in tasks.items() if task["is_running"]]
    assert sorted(name for name in tasks if name.startswith("fetch")) == ["fetch 0", "fetch 1", "fetch 2"]
    assert len(tasks) == 5
    assert [tasks[name]["thread"] for name in running] == [process.pid]
    assert running[0].startswith("Task-")
    for n in range(3):
        frames = [(frame["function"], frame["line"] > 0) for frame in tasks[f"fetch {n}"]["frames"]]
        assert frames == [("sleep", True), *[("deep", True)] * (n + 1), ("fetch", True)]
        assert not tasks[f"fetch {n}"]["is_running"]
        assert tasks[f"fetch {n}"]["thread"] is None
    text = cli("dump", process.pid).stdout
    assert f"5 asyncio tasks\n\nthread {process.pid} MainThread" in text
    assert f", task {running[0]}\n    wait  " in text
    assert "\ntask fetch 2, suspended\n    sleep  " in text


def test_no_asyncio(cli: Any, start: Any) -> None:
    process = start(VALUES)
    assert json.loads(cli("dump", process.pid, "--json").stdout)["tasks"] == []
    assert "task" not in cli("dump", "-l", process.pid).stdout


SERVES = (
    BEGIN
    + """
import time

def serve(n):
    kept = n
    time.sleep(0.0005)
    return kept

def answer(ended):
    name = "answering"
    while not ended.is_set():
        serve(len(name))

def accept(ended):
    while not ended.is_set():
        thread = threading.Thread(target=serve, args=(1,))
        thread.start()
        thread.join()

ended = threading.Event()
threads = [threading.Thread(target=answer, args=(ended,), name="answer") for _ in range(8)]
threads.append(threading.Thread(target=accept, args=(ended,), name="accept"))
for thread in threads:
    thread.start()
print("ready", flush=True)
sys.stdin.read()
ended.set()
for thread in threads:
    thread.join()
"""
)


def test_values_where_threads_come_and_go(cli: Any, start: Any) -> None:
    """The lock has changed hands, or a thread begun, before all of them have been looked into: one of them is stopped."""
    process = start(SERVES)
    for _ in range(10):
        done = cli("dump", "-l", "-p", process.pid)
        assert done.returncode == 0, done.stderr
        threads = re.findall(r"^thread .*(?:\n .*)*", done.stdout, re.MULTILINE)
        count = int(re.search(r", (\d+) threads\n", done.stdout)[1])
        assert 10 <= count <= 12, done.stdout  # the last ones come and go
        assert count - 1 <= len(threads) <= count
        assert sum("name = 'answering'" in thread for thread in threads) == 8, done.stdout


def test_stacks_where_threads_come_and_go_and_nobody_may_be_stopped(cli: Any, start: Any) -> None:
    """Those that cannot be had with their variables are shown without."""
    process = start(SERVES)
    for _ in range(5):
        done = cli("dump", "-l", "-p", process.pid, preexec_fn=forbidding("ptrace"))
        assert done.returncode == 0, done.stderr
        assert len(re.findall(r"^    answer  ", done.stdout, re.MULTILINE)) == 8, done.stdout
