"""A store that cannot be had, in whatever way: the program never notices, its log has one line, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOAK = "TACHOGRAPH_SOAK" in os.environ


def fill(history: Any) -> None:
    """Makes the store, with something in it."""
    driven = history.drive()
    driven.tell("call 5")
    assert driven.end() == []


# What can be the matter with a file: what makes it so, what the log says, what ends it.


def make_garbage(history: Any) -> None:
    history.file.write_text("these are my notes\n" * 1000)


def make_corrupt(history: Any) -> None:
    fill(history)
    with history.file.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 20_000)


def make_newer(history: Any) -> None:
    fill(history)
    with contextlib.closing(sqlite3.connect(history.file)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999)")
        connection.commit()


def make_foreign(history: Any) -> None:
    with contextlib.closing(sqlite3.connect(history.file)) as connection:
        connection.execute("CREATE TABLE customers (name)")
        connection.execute("PRAGMA user_version = 3")
        connection.commit()


def make_directory(history: Any) -> None:
    history.file.mkdir()


def make_read_only(history: Any) -> None:
    fill(history)
    history.file.chmod(0o400)


def make_directory_read_only(history: Any) -> None:
    history.file.parent.chmod(0o500)


def start_anew(history: Any) -> None:
    """The user moves what is in the way to another place, and what was counted in it does not count."""
    history.file.rename(history.directory / "moved")
    for path in history.file.parent.iterdir():
        path.unlink()
    for path in history.counts.iterdir():
        if path.name.startswith(tuple(f"{pid}-" for pid in history.stored_before)):
            path.unlink()


def allow_writing(history: Any) -> None:
    history.file.parent.chmod(0o700)
    if history.file.exists():
        history.file.chmod(0o600)


FAULTS: dict[str, tuple[Callable[[Any], None], str, Callable[[Any], None]]] = {
    "not a database": (make_garbage, "not a database", start_anew),
    "corrupt": (make_corrupt, "malformed", start_anew),
    "newer": (make_newer, "999", start_anew),
    "of somebody else": (make_foreign, "history", start_anew),
    "a directory": (make_directory, "history.db", start_anew),
    "read-only": (make_read_only, "read-only", allow_writing),
    "in a read-only directory": (make_directory_read_only, "ermission", allow_writing),
}


def without_power() -> tuple[str, ...]:
    """Words before a command for which permissions count, also when we are root."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root needs setpriv (util-linux) for this")
    return (setpriv, "--bounding-set", "-dac_override,-dac_read_search", "--")


def expect_complaint(lines: list[str], cause: str, history: Any) -> None:
    """One line, which says the cause and where the data is."""
    (line,) = lines
    assert line.startswith("tachograph: ")
    assert cause in line
    assert str(history.spool) in line


@pytest.mark.parametrize("name", FAULTS)
def test_a_file_that_cannot_be_used(history: Any, name: str) -> None:
    make, cause, end = FAULTS[name]
    make(history)
    history.stored_before = list(history.counted())
    before = {path: path.read_bytes() for path in history.file.parent.rglob("*") if path.is_file()}

    driven = history.drive(under=without_power())
    driven.tell("call 100")
    expect_complaint(driven.wait_for_lines(1), cause, history)
    driven.tell("call 10")
    assert driven.tell("flush 10") == "False"
    expect_complaint(driven.end(), cause, history)  # it ended as ever, and said nothing more
    if name not in ("read-only", "newer"):  # whose log is brought into the file by reading it
        assert {path: path.read_bytes() for path in before} == before

    done = history.finish([*without_power(), *history.collect_command()])
    assert (done.returncode, json.loads(done.stdout)["waiting"]) == (1, 1)
    assert cause in done.stderr
    end(history)
    assert history.collect().returncode == 0
    history.expect_all(processes=1 + (name == "read-only"))
    assert list(history.spool.iterdir()) == []


@pytest.mark.parametrize("name", ["not a database", "in a read-only directory"])
def test_run_says_where_its_figures_wait(history: Any, name: str) -> None:
    make, cause, end = FAULTS[name]
    history.stored_before = []
    history.interval = 3600
    driven = history.drive_by([*without_power(), *history.run_command("driven.py")])
    make(history)  # while it runs: before, it would not have been started
    driven.tell("call 100")
    assert driven.tell("flush 10") == "False"
    lines = driven.end()
    assert len([line for line in lines if cause in line]) == 2  # in its log, and at its end
    assert "tachograph collect" in lines[-1]
    end(history)
    assert history.collect().returncode == 0
    history.expect_all(processes=1)


def test_a_store_that_comes_back_while_the_program_runs(history: Any) -> None:
    make_garbage(history)
    driven = history.drive()
    driven.tell("call 7")
    driven.wait_for_lines(1)
    driven.tell("call 8")
    history.file.unlink()
    lines = driven.wait_for_lines(2)  # it tries again by itself
    assert str(history.file) in lines[1]
    assert "what waited is stored" in lines[1]
    assert list(history.kept())  # it is true
    driven.tell("call 9")
    assert driven.tell("flush 10") == "True"
    history.expect_all(processes=1)
    assert len(driven.end()) == 2


def test_a_file_that_is_deleted_while_it_is_open(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    for path in history.file.parent.iterdir():
        path.unlink()
    driven.tell("call 23")
    lines = driven.wait_for_lines(2)
    assert "deleted or replaced" in lines[0]
    assert "what waited is stored" in lines[1]
    assert len(driven.end()) == 2
    assert history.rows("SELECT SUM(call_count) FROM function_intervals") == [(23,)]  # with the file went the others


@contextlib.contextmanager
def locked(history: Any) -> Iterator[None]:
    """The file while another process has it for itself."""
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    process = history.start([sys.executable, "-c", program, history.store])
    assert process.stdout.readline() == b"locked\n"
    yield
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize("seconds", [0, pytest.param(20, marks=pytest.mark.soak)])
def test_a_file_that_is_locked(history: Any, seconds: float) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    with locked(history):
        driven.tell("call 23")
        expect_complaint(driven.wait_for_lines(1), "locked", history)  # after the time-out, 5 s
        started = time.monotonic()
        driven.tell("fork 3")
        while time.monotonic() - started < seconds:
            driven.tell("call 10")
            driven.tell("flush 0.1")
    driven.wait_for_lines(2)
    assert "what waited is stored" in driven.end()[1]
    assert history.collect().returncode == 0
    history.expect_all(processes=4)


def test_a_program_ends_while_the_file_is_locked(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    with locked(history):
        driven.tell("call 23")
        started = time.monotonic()
        assert driven.end() == []
        assert time.monotonic() - started < 4  # it waits for a second, and not for the time-out
    assert history.collect().returncode == 0
    history.expect_all(processes=1)


def test_a_full_disk(history: Any) -> None:
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    driven.tell("limit 8192")  # the store is larger, and the spool is soon
    driven.tell("call 11")
    (line,) = driven.wait_for_lines(1)
    assert "full" in line
    for _ in range(30):
        driven.tell("call 10")
        assert driven.tell("flush 10") == "False"
    assert max(path.stat().st_size for path in history.spool.iterdir()) <= 8192
    driven.tell("limit -1")
    assert driven.tell("flush 10") == "True"
    history.expect_all(processes=1)
    lines = driven.end()
    assert (len(lines), lines[0]) == (2, line)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    directory = tmp_path / "disk"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1000k,mode=0700", "tachograph", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is for root")
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)  # processes may be at it when the test has failed


def test_a_disk_with_no_room_for_anything(history: Any, small_disk: Path) -> None:
    history.file, history.spool = small_disk / "history.db", small_disk / "spool"
    history.store = str(history.file)
    history.environment["TACHOGRAPH_SPOOL_DIR"] = str(history.spool)
    driven = history.drive()
    driven.tell("call 100")
    assert driven.tell("flush 10") == "True"
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(512))
    for _ in range(20):  # some of it may fit into the pages that are there
        driven.tell("call 500")
        driven.tell("flush 10")
    driven.wait_for_lines(1)
    filler.unlink()
    assert driven.tell("flush 10") == "True"
    history.expect_all(processes=1)
    assert len(driven.end()) == 2


@pytest.mark.longer
def test_the_applications_own_sqlite(history: Any) -> None:
    history.interval = 0.01
    fill(history)
    rounds = 50 if not SOAK else 1000
    processes = [history.start(history.command("shared.py", rounds)) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, out, err) == (0, b"ok\n", b"")
    assert history.collect().returncode == 0
    history.expect_all(processes=3)
    with contextlib.closing(sqlite3.connect(history.file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# Servers.


@contextlib.contextmanager
def silent_server() -> Iterator[int]:
    """The port of one that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening.getsockname()[1]


def database(server: Any, name: str, password: str | None = None) -> str:
    """The URL of another database of a server."""
    url = server.url.rsplit("/", 1)[0] + "/" + name
    return url.replace(server.password, password) if password else url


def test_a_server_that_hangs(history: Any, mariadb: Any) -> None:
    with silent_server() as port:
        history.store = f"mysql://somebody:secret-word@127.0.0.1:{port}/hanging"
        driven = history.drive()
        driven.tell("call 100")
        assert driven.tell("flush 0.05") == "False"
        started = time.monotonic()
        driven.tell("fork 3")
        driven.tell("call 20")
        assert time.monotonic() - started < 4  # nobody waits for the store
        (line,) = driven.wait_for_lines(1)  # after the time-out, 5 s
        assert f"127.0.0.1:{port}" in line
        started = time.monotonic()
        assert len(driven.end()) == 1
        assert time.monotonic() - started < 4
    done = history.collect()
    assert done.returncode == 1
    assert "secret-word" not in "".join([line, done.stdout, done.stderr])
    assert sum(ended for ended, _ in history.counted().values()) == 123


def test_a_server_that_is_not_there_yet(history: Any, mariadb: Any) -> None:
    history.store = database(mariadb, "absent")
    mariadb.kill()
    driven = history.drive()
    driven.tell("call 100")
    (line,) = driven.wait_for_lines(1)
    assert f"127.0.0.1:{mariadb.port}" in line
    for _ in range(5):
        driven.tell("call 4")
        assert driven.tell("flush 10") == "False"
    mariadb.start()
    driven.tell("call 3")
    assert driven.tell("flush 10") == "True"
    assert len(driven.wait_for_lines(2)) == 2
    mariadb.kill()
    driven.tell("call 2")
    assert len(driven.wait_for_lines(3)) == 3
    driven.end()
    mariadb.start()
    assert history.collect().returncode == 0
    (kept,) = history.expect_all(processes=1).values()
    assert kept.intervals >= 8
    ends = [int(end) for (end,) in history.rows("SELECT ended_ns FROM intervals ORDER BY id")]
    assert ends == sorted(ends)
    told = "\n".join(driven.lines())
    assert mariadb.password not in told


def test_a_wrong_password_is_told_to_nobody(history: Any, mariadb: Any) -> None:
    history.store = database(mariadb, "guarded", "not-the-password")
    driven = history.drive()
    driven.tell("call 100")
    (line,) = driven.wait_for_lines(1)
    assert "ccess denied" in line
    assert driven.tell("flush 10") == "False"
    assert driven.end() == [line]
    done = history.collect()
    assert done.returncode == 1
    under_run = history.finish(history.run_command("ends.py", "return"))
    assert under_run.returncode == 0
    shown = [line, done.stdout, done.stderr, under_run.stdout, under_run.stderr]
    on_disk = [path.read_bytes() for directory in (history.runtime, history.spool) for path in directory.iterdir()]
    assert len(on_disk) >= 4  # two recordings and two spools
    assert not any("not-the-password" in text for text in shown)
    assert not any(b"not-the-password" in content for content in on_disk)

    history.store = database(mariadb, "guarded")
    shown_url = history.store.replace(f":{mariadb.password}", "")
    assert history.collect(store=shown_url, TACHOGRAPH_STORE_PASSWORD=mariadb.password).returncode == 0
    history.expect_all(processes=2)
