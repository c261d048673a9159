"""What `tachograph runs` says of a run is what `tachograph run` said when it ended: program, processes, time."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = """
import counted, pytest

@pytest.mark.parametrize("times", range(1, 9))
def test_calls(times):
    counted.call(times)
"""
SERVER = """
import os, signal, sys, threading
import counted
from gunicorn.app.base import BaseApplication

class Server(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")
        self.cfg.set("workers", 2)
        self.cfg.set("post_worker_init", called)
    def load(self):
        return None

def called(worker):
    counted.call(5)
    if worker.age == 2:
        os.kill(worker.ppid, signal.SIGTERM)

Server().run()
"""
STARTS = """
import multiprocessing, sys
sys.path[:0] = [{programs!r}]
import counted

if __name__ == "__main__":
    workers = [multiprocessing.get_context({method!r}).Process(target=counted.call, args=(7,)) for _ in range(2)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
"""
PROGRAMS = Path(__file__).parent / "programs"


def words_of(model: str, directory: Path) -> list[str]:
    """The program of a model: its first process calls nothing that is timed."""
    if model == "xdist":
        pytest.importorskip("xdist")
        (directory / "test_counted.py").write_text(TESTS)
        return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", "test_counted.py"]
    if model == "gunicorn":
        pytest.importorskip("gunicorn")
        (directory / "server.py").write_text(SERVER)
        return ["server.py"]
    (directory / "starts.py").write_text(STARTS.format(programs=str(PROGRAMS), method=model))
    return ["starts.py"]


def run_it(history: Any, model: str, *options: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The report at the end, and what the history has of the run."""
    work = history.directory / "work"
    told = history.directory / "told.json"
    words = [str(history.program), "run", "--store", history.store, "--interval", "10", "--time", "counted::work"]
    words += ["--service", "test", "--json", "-o", str(told), *options, "--python", sys.executable]
    environment = history.options(PYTHONPATH=str(PROGRAMS), PYTHONWARNINGS="ignore")
    done = history.finish([*words, *words_of(model, work)], **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(told.read_text()), run_of(history)


def run_of(history: Any) -> dict[str, Any]:
    """The only one that the history has."""
    listed = history.finish([str(history.program), "runs", "--json", "--store", history.store])
    assert listed.returncode == 0, listed.stderr
    (run,) = json.loads(listed.stdout)["runs"]
    return dict(run)


@pytest.mark.parametrize("model", ["xdist", "gunicorn", "spawn", "forkserver", "fork"])
def test_runs_says_what_run_said(history: Any, model: str) -> None:
    told, run = run_it(history, model)
    calls = {row["name"]: row["call_count"] for row in told["functions"]}
    assert run["process_count"] == len(told["processes"]) >= 3
    assert run["program"] == told["processes"][0]["program"]
    assert run["pid"] == told["processes"][0]["pid"]
    assert run["end"] == "ended"
    assert run["started_unix_ns"] == told["processes"][0]["started_unix_ns"]
    assert run["call_count"] == calls["counted::work"] == sum(ended for ended, _ in history.counted().values())
    assert history.rows("SELECT COUNT(*) FROM processes") == [(run["process_count"],)]


def test_its_span_is_from_the_first_start_to_the_last_end(history: Any) -> None:
    """The first process waits for the others, and ends when it says so, with no call of its own."""
    _, run = run_it(history, "spawn")
    ((first, last),) = history.rows("SELECT MIN(started_ns), MAX(ended_ns) FROM processes")
    ((own_last,),) = history.rows(f"SELECT ended_ns FROM processes WHERE pid = {run['pid']}")
    assert (run["started_unix_ns"], run["ended_unix_ns"]) == (first, last)
    others = history.rows(f"SELECT ended_ns FROM processes WHERE pid != {run['pid']}")
    assert last == own_last > max(end for (end,) in others)


KILLED = """
import os, signal, subprocess, sys
subprocess.run([sys.executable, "-c", "import counted; counted.call(3)"], check=True)
os.kill(os.getppid(), signal.SIGKILL)
signal.pause()
"""


def test_a_run_that_was_killed_is_collected_as_a_whole(history: Any) -> None:
    """`tachograph run` itself is killed, and the program with it."""
    (history.directory / "work" / "killed.py").write_text(KILLED)
    words = [str(history.program), "run", "--store", history.store, "--time", "counted::work", "--service", "test"]
    words += ["--python", sys.executable, "killed.py"]
    process = history.start(words, **history.options(PYTHONPATH=str(PROGRAMS)))
    assert process.wait(60) == -signal.SIGKILL
    history.wait_until(lambda: all(is_over(path) for path in history.runtime.glob("*.tgr")), "the program's end")
    assert history.collect().returncode == 0
    run = run_of(history)
    assert (run["process_count"], run["end"], run["call_count"]) == (2, "killed", 3)
    assert run["program"].endswith("killed.py")


def is_over(recording: Path) -> bool:
    """Whether its process has ended."""
    return not os.path.exists(f"/proc/{recording.name.split('-')[0]}")


def test_a_run_that_called_nothing_leaves_no_history(history: Any) -> None:
    (history.directory / "work" / "idle.py").write_text("def never(): pass\n")
    words = [str(history.program), "run", "--store", history.store, "--python", sys.executable, "idle.py"]
    assert history.finish(words).returncode == 0
    assert not history.file.exists()
    assert "nothing to collect" in history.finish([str(history.program), "collect", "--store", history.store]).stdout
