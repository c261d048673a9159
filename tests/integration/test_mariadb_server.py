"""The server that tests are given: it must be one's own, and gone when they are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mariadb_server import Server

TOOL = Path(__file__).resolve().parents[2] / "tools" / "mariadb"


def wait_until_gone(pid: int) -> None:
    """Until the process has ended or only waits to be noticed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")


def test_it_comes_back_where_it_was(mariadb: Server) -> None:
    url, first = mariadb.url, mariadb.pid_file.read_text()
    mariadb.kill()
    assert not mariadb.pid_file.exists()
    mariadb.start()
    assert mariadb.url == url
    assert mariadb.pid_file.read_text() != first


def test_it_holds_nothing_of_ours(mariadb: Server, tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        mariadb.kill()
        mariadb.start()
        descriptors = Path(f"/proc/{mariadb.pid_file.read_text().strip()}/fd").iterdir()
        assert str(tmp_path / "ours") not in {os.readlink(descriptor) for descriptor in descriptors}


def test_it_ends_with_whoever_started_it() -> None:
    script = 'echo "$TEST_MYSQL_DIR"; exec sleep 100'
    command = [sys.executable, TOOL, "run", "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as tool:
        assert tool.stdout is not None
        directory = Path(tool.stdout.readline().strip())
        server = int((directory / "pid").read_text())
        tool.kill()
        tool.wait()
        wait_until_gone(server)
        os.killpg(tool.pid, signal.SIGKILL)  # the command
    shutil.rmtree(directory)


def test_a_command_gets_a_server_and_gives_its_exit_code() -> None:
    command = [
        sys.executable,
        TOOL,
        "run",
        "sh",
        "-c",
        'echo "$TEST_MYSQL_DIR $TEST_MYSQL_URL"; exit 7',
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    directory, url = result.stdout.split()
    assert result.returncode == 7
    assert url.startswith("mysql://")
    assert not Path(directory).exists()
