"""Programs of several processes, forked, spawned and served: the history has the calls of each."""

from __future__ import annotations

import concurrent.futures
import http.client
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SOAK = "TACHOGRAPH_SOAK" in os.environ
ALWAYS = "always"  # some versions swallow the warning of a fork where it is an error
TASKS = 40  # as in programs/processes.py
KINDS = [
    "fork",
    *(f"{kind} {method}" for kind in ("pool", "futures") for method in ("fork", "spawn")),
    "process forkserver",
]


def told_by(kind: str) -> str:
    """What programs/processes.py prints."""
    told = {"fork": [0, -signal.SIGKILL, 0, 0, 0, 0], "process": [0, 0, 0]}
    return str(told.get(kind.split(maxsplit=1)[0], sum(range(1, TASKS))))


@pytest.mark.parametrize("kind", KINDS)
def test_all_calls_of_all_processes(history: Any, kind: str) -> None:
    warnings = "ignore" if kind == "pool fork" else ALWAYS  # a pool forks from a thread of its own
    done = history.finish(history.command("processes.py", *kind.split()), **history.options(PYTHONWARNINGS=warnings))
    assert (done.returncode, done.stdout, done.stderr) == (0, told_by(kind) + "\n", "")
    expect_all(history, kind, collected=True)


@pytest.mark.parametrize("kind", KINDS)
def test_all_calls_of_all_processes_under_run(history: Any, kind: str) -> None:
    done = history.finish(history.run_command("processes.py", *kind.split()))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, told_by(kind)), done
    expect_all(history, kind, collected=False)


def expect_all(history: Any, kind: str, *, collected: bool) -> None:
    if collected:
        done = history.collect()
        assert (done.returncode, done.stderr) == (0, "")
    counted = history.counted()
    assert len(counted) >= 2
    kept = history.expect_all(processes=len(counted))
    total = {"fork": sum(range(10, 16)) + 5 + 1, "process": 300}.get(
        kind.split(maxsplit=1)[0], 1 + sum(range(1, TASKS))
    )
    assert sum(one.calls for one in kept.values()) == total
    assert list(history.spool.iterdir()) == []


class Gunicorn:
    """A server of two workers, each replaced after some requests."""

    def __init__(self, history: Any, command: list[str], kind: str, **environment: str) -> None:
        self.log = history.directory / "gunicorn.log"
        options = ["--bind", "127.0.0.1:0", "--workers", "2", "--max-requests", "15", "--max-requests-jitter", "5"]
        options += ["--worker-class", kind, "--threads", "3" if kind == "gthread" else "1", "--graceful-timeout", "5"]
        programs = str(Path(__file__).parent / "programs")
        words = [*command, *options, "--no-control-socket", "--pythonpath", programs, "served:application"]
        with self.log.open("wb") as log:
            given = history.options(PYTHONWARNINGS="default", **environment)
            self.process = history.start(words, **given, stdout=log, stderr=log)
        listening = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
        found = history.wait_until(lambda: listening.search(self.log.read_text()), "gunicorn to listen")
        self.port = int(found[1])

    def get(self, times: int) -> int:
        """Asks for so many calls; the worker's process id."""
        deadline = time.monotonic() + 30
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("GET", f"/{times}")
                return int(connection.getresponse().read())
            except (ConnectionResetError, http.client.RemoteDisconnected):  # by a worker that is being replaced
                assert time.monotonic() < deadline
            finally:
                connection.close()

    def stop(self) -> None:
        """Ends it as an operator does."""
        os.kill(self.master(), signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()

    def master(self) -> int:
        """The process id of the workers' parent, also under `tachograph run`."""
        pid = re.search(r"\[(\d+)\] \[INFO\] Listening", self.log.read_text())
        assert pid
        return int(pid[1])


@pytest.mark.parametrize("kind", ["sync", "gthread", "gevent"])
@pytest.mark.parametrize("under_run", [False, True])
def test_gunicorn_replaces_its_workers(history: Any, under_run: bool, kind: str) -> None:
    gunicorn = [str(Path(sys.executable).with_name("gunicorn"))]
    if under_run:
        run = history.run_command("")[:-1]
        server = Gunicorn(history, [*run, *gunicorn], kind)
    else:
        server = Gunicorn(history, gunicorn, kind)
    workers: list[int] = []
    calls = [number % 7 + 1 for number in range(100)]
    asked = 0
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        while len(set(workers)) < 5:  # those of gevent look once a second whether their time has come
            workers += clients.map(server.get, calls)
            asked += sum(calls)
    os.kill(workers[-1], signal.SIGKILL)  # one is killed; the others end as gunicorn wants it
    server.stop()
    if not under_run:
        assert history.collect().returncode == 0
    history.expect_all(processes=len(history.counted()))
    assert sum(ended for ended, _ in history.counted().values()) >= asked
    assert "Traceback" not in server.log.read_text()
    assert list(history.spool.iterdir()) == []


def test_a_forked_child_stores_its_own(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 10")
    assert driven.tell("fork_and_flush 23") == "0"
    driven.tell("call 1")
    assert driven.tell("fork_and_flush 24") == "0"
    assert driven.tell("flush 10") == "True"
    history.expect_all(processes=3)
    assert driven.end() == []


def test_a_child_has_one_thread_until_it_calls(history: Any) -> None:
    for command in (history.command("before_exec.py"), history.run_command("before_exec.py")):
        done = history.finish(command)
        threads = ["parent 2", "forked 1", "calling 2", "preexec 1", "parent 2"]
        assert (done.returncode, done.stdout.splitlines()) == (0, threads), done.stderr
    assert history.collect().returncode == 0
    history.expect_all(processes=4)


@pytest.mark.longer
def test_a_storm_of_forks_without_a_warning(history: Any) -> None:
    history.interval = 0.01
    forks = 100 if not SOAK else 10_000
    done = history.finish(history.command("storm.py", 0, forks), **history.options(PYTHONWARNINGS=ALWAYS))
    assert (done.returncode, done.stdout, done.stderr) == (0, "forked\n", "")
    assert history.collect().returncode == 0
    history.expect_all(processes=1 + forks // 2)


@pytest.mark.longer
def test_a_storm_of_forks_beside_threads(history: Any) -> None:
    history.interval = 0.01
    forks = 60 if not SOAK else 5000
    options = history.options(PYTHONWARNINGS="ignore")  # Python warns of the program's own threads
    done = history.finish(history.command("storm.py", 4, forks), **options)
    assert (done.returncode, done.stdout, done.stderr) == (0, "forked\n", "")
    assert history.collect().returncode == 0
    history.expect_all(processes=1 + forks // 2)


def test_a_child_of_a_thread_ends_with_it(history: Any) -> None:
    done = history.finish(history.command("thread_forks.py"), **history.options(PYTHONWARNINGS="ignore"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
    assert history.collect().returncode == 0
    kept = history.expect_all(processes=2)
    assert sum(one.calls for one in kept.values()) == 1 + 2 + 3
