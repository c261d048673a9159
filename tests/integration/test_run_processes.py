"""Programs of several processes under `tachograph run`: each has its recording, and all calls are in them."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
METHODS = ["fork", "spawn", "forkserver"]
MODELS = [  # as in programs/models.py
    "fork",
    "subprocess",
    "exec",
    "thread",
    *(f"{kind}-{method}" for kind in ("process", "pool", "futures") for method in METHODS),
]


def run_command(history: Any, name: str, *arguments: object, options: tuple[str, ...] = ()) -> list[str]:
    """The words of `tachograph run` of one of programs/, without a history."""
    command = history.command(name, *arguments)
    return [str(history.program), "run", "--no-history", *options, "--python", *command]


@pytest.mark.parametrize("model", MODELS)
def test_each_process_has_its_recording(history: Any, model: str) -> None:
    options = history.options(PYTHONWARNINGS="ignore")  # Python warns of forks beside the program's own threads
    done = history.finish(run_command(history, "models.py", model, options=("--json",)), **options)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    counted = history.counted()
    assert len(counted) >= 2
    assert {pid: (calls, calls) for pid, calls in history.recorded().items() if calls} == counted
    calls = {row["name"]: row["call_count"] for row in json.loads(done.stderr)["functions"]}
    assert calls["counted::work"] == sum(ended for ended, _ in counted.values())
    own = {"process": 3, "pool": 29, "futures": 29}.get(model.split("-", maxsplit=1)[0], 0)
    assert calls.get("__main__::own", 0) == own  # also where children import the main program again


def test_the_first_process_alone(history: Any) -> None:
    """Its children run plain, whatever way they start."""
    options = history.options(PYTHONWARNINGS="ignore")
    command = run_command(history, "models.py", options=("--json", "--no-subprocesses"))
    done = history.finish(command, **options)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    counted = history.counted()
    (pid,) = history.recorded()
    calls = {row["name"]: row["call_count"] for row in json.loads(done.stderr)["functions"]}
    assert len(counted) >= 30
    assert calls["counted::work"] == counted[pid][0] == 2 + 10_000
    assert "__main__::own" not in calls


ALONE = """
import os, subprocess, sys, tachograph
@tachograph.timing
def work():
    return len(tachograph.statistics())
print(work(), flush=True)
if sys.argv[1:] != ["child"]:
    if os.fork() == 0:
        print(work(), tachograph.timing(len) is len, tachograph.recording_path())
        sys.exit(0)
    os.wait()
    subprocess.run([sys.executable, __file__, "child"], check=True)
    os.execv(sys.executable, [sys.executable, __file__, "child"])
"""


def test_children_that_use_the_package_themselves_are_left_out(history: Any) -> None:
    script = history.directory / "work" / "alone.py"
    script.write_text(ALONE)
    words = [history.program, "run", "--no-history", "--no-subprocesses", "--no-report", "--python", sys.executable]
    done = history.finish([*map(str, words), str(script)])
    assert (done.returncode, done.stdout.split("\n")) == (0, ["1", "0 True None", "0", "1", ""]), done.stderr
    (first,) = {path.name.split("-")[0] for path in history.runtime.glob("*.tgr")}
    assert first in done.stderr  # also as the program that it has become


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_worker_loses_nothing(history: Any, method: str) -> None:
    done = history.finish(run_command(history, "killed.py", method, options=("--no-report",)))
    assert (done.returncode, done.stdout.split()) == (0, [str(-signal.SIGKILL)] * 3), done.stderr
    counted, recorded = history.counted(), history.recorded()
    assert len(counted) == 3
    for pid, (ended, begun) in counted.items():
        assert ended <= recorded[pid] <= begun
        assert ended >= 10


def test_two_hundred_workers_at_once(history: Any) -> None:
    count = 200
    history.interval = 0.1
    done = history.finish(history.run_command("many.py", count))
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    assert "not all of it is there" not in done.stderr
    counted = history.counted()
    assert len(counted) == count
    history.expect_all(processes=count)
    assert {pid: (calls, calls) for pid, calls in history.recorded().items() if calls} == counted


class Uvicorn:
    """A server that starts its worker anew when a file changes, by spawn."""

    def __init__(self, history: Any) -> None:
        self.history = history
        self.directory = history.directory / "work"
        self.log = history.directory / "uvicorn.log"
        self.changed = 0.0
        for name in ("counted.py", "served_by_uvicorn.py"):
            shutil.copy(PROGRAMS / name, self.directory)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        uvicorn = str(Path(sys.executable).with_name("uvicorn"))
        words = [*history.run_command("")[:-1], uvicorn, "--reload", "--port", str(self.port)]
        with self.log.open("wb") as log:
            options = history.options(PYTHONWARNINGS="ignore")
            self.process = history.start([*words, "served_by_uvicorn:application"], **options, stdout=log, stderr=log)

    def get(self, times: int) -> int:
        """Asks for so many calls; the worker's process id, or 0 while there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", f"/{times}")
            return int(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def get_from_another(self, first: int) -> int:
        """Changes a file that it watches, again each second (it may not have looked yet), and asks for five calls; the
        worker's process id when that is another one."""
        if time.monotonic() >= self.changed + 1:
            self.changed = time.monotonic()
            with (self.directory / "served_by_uvicorn.py").open("a") as file:
                file.write("# changed\n")
        worker = self.get(5)
        return worker if worker != first else 0


def test_uvicorn_reloads(history: Any) -> None:
    server = Uvicorn(history)
    first = history.wait_until(lambda: server.get(3), "uvicorn to answer")
    second = history.wait_until(lambda: server.get_from_another(first), "another worker")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 0, server.log.read_text()
    counted = history.counted()
    assert {first, second} <= set(counted)
    history.expect_all(processes=len(counted))
    assert {pid: (calls, calls) for pid, calls in history.recorded().items() if calls} == counted
