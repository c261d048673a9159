"""A MariaDB server of one's own, for tests and benchmarks: a fresh data directory, a free port on loopback.

A server belongs to a directory, which holds its data, its socket, its log, and the file `server.json` that says where it
listens and with which password. It is small (some 200 MB with its log), starts in about two seconds, and is configured
unlike ours on purpose: another time zone, another character set, no strictness. What depends on such defaults shows.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("mariadbd", "mariadb-install-db", "setpriv")
SYSTEM_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # where Debian keeps servers, not on every user's PATH
START_SECONDS = 60
STOP_SECONDS = 30
USER = "tachograph"
DATABASE = "tachograph"

SETTINGS = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=32M",
    "--max-connections=60",
    "--default-time-zone=+05:30",
    "--character-set-server=latin1",
    "--collation-server=latin1_swedish_ci",
    "--sql-mode=",
]


class MariaDBError(Exception):
    """The server could not be started; says why."""


def find_program(name: str) -> str:
    """The path of one of the server's programs."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES])
    program = shutil.which(name, path=path)
    if program is None:
        raise MariaDBError(f"{name} is not installed: run tools/bootstrap test (or apt-get install mariadb-server)")
    return program


def free_port() -> int:
    """A port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """The server of one directory, whose path must be short: a socket's may have 107 bytes."""

    def __init__(self, directory: Path, more_settings: list[str] | None = None) -> None:
        """Starts nothing yet."""
        self.directory = directory.resolve()
        self.more_settings = more_settings or []
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = ""

    @property
    def url(self) -> str:
        """The URL of its database, with the password of a user who may do everything."""
        return f"mysql://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def socket(self) -> Path:
        """Its socket in the file system."""
        return self.directory / "socket"

    @property
    def log(self) -> Path:
        """What it has to say."""
        return self.directory / "log"

    @property
    def pid_file(self) -> Path:
        """Holds the process id while the server runs; written here, not by the server."""
        return self.directory / "pid"

    def start(self, *, outlives_us: bool = False) -> None:
        """Makes the database if it is not there, starts the server, and waits until it answers.

        It dies with the thread that calls this, unless it is to outlive us. The port stays the same from start to
        start. No descriptor of ours is handed on.

        Raises:
            MariaDBError: it did not start; the message has the end of its log.
        """
        self._install()
        for attempt in range(5):
            self._spawn(outlives_us)
            if self._wait_until_ready():
                return
            self.kill()
            if attempt > 0 or "Address already in use" not in self._end_of_log():
                break
            self.port = free_port()  # somebody was faster
            self._save()
        raise MariaDBError(f"mariadbd did not start in {self.directory}; the end of its log:\n{self._end_of_log()}")

    def wait(self) -> None:
        """Waits until it has ended, whoever ended it."""
        if self.process:
            self.process.wait()

    def kill(self) -> None:
        """Ends it at once, as a power cut would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.pid_file.unlink(missing_ok=True)

    def stop(self) -> None:
        """Shuts it down in order, in bounded time."""
        if self.process:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
            self.kill()

    def _install(self) -> None:
        state = self.directory / "server.json"
        if state.exists():
            saved = json.loads(state.read_text())
            self.port, self.password = saved["port"], saved["password"]
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "tmp").mkdir()
        install = [
            *(find_program("mariadb-install-db"), "--no-defaults", *self._as_user()),
            *(f"--datadir={self.directory / 'data'}", f"--auth-root-socket-user={getpass.getuser()}"),
            *("--skip-test-db", "--skip-name-resolve"),
        ]
        with self.log.open("ab") as log:
            result = subprocess.run(
                install, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(), check=False
            )
        if result.returncode != 0:
            raise MariaDBError(f"mariadb-install-db failed; the end of what it said:\n{self._end_of_log()}")
        self.port, self.password = free_port(), secrets.token_hex(16)
        (self.directory / "init.sql").write_text(
            f"CREATE DATABASE IF NOT EXISTS {DATABASE};\n"
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        self._save()

    def _save(self) -> None:
        state = {"port": self.port, "password": self.password}
        (self.directory / "server.json").write_text(json.dumps(state) + "\n")

    def _as_user(self) -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []

    def _environment(self) -> dict[str, str]:
        """Nothing of a test's own. Servers that share a directory for temporary files remove each other's."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TMPDIR": str(self.directory / "tmp")}

    def _spawn(self, outlives_us: bool) -> None:
        die_with_us = [] if outlives_us else [find_program("setpriv"), "--pdeathsig", "KILL", "--"]
        command = [
            *(*die_with_us, find_program("mariadbd"), "--no-defaults", *self._as_user()),
            *(f"--datadir={self.directory / 'data'}", f"--tmpdir={self.directory / 'tmp'}"),
            *(f"--socket={self.socket}", f"--port={self.port}", f"--init-file={self.directory / 'init.sql'}"),
            *(f"--pid-file={self.directory / 'mariadbd.pid'}", *SETTINGS, *self.more_settings),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=outlives_us,
            )
        self.pid_file.write_text(f"{self.process.pid}\n")

    def _wait_until_ready(self) -> bool:
        """Whether it greets somebody who connects, before it ends or the time is over."""
        process = self.process
        deadline = time.monotonic() + START_SECONDS
        while process and process.poll() is None and time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                try:
                    client.connect(str(self.socket))
                    if client.recv(1):
                        return True
                except OSError:
                    pass
            time.sleep(0.02)
        return False

    def _end_of_log(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines[:-20] if "ERROR" in line] + lines[-20:])


def stop_other(directory: Path) -> bool:
    """Ends a server that another process has started. False: there was none."""
    pid_file = directory / "pid"
    try:
        pid = int(pid_file.read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return False
    if os.fsencode(f"--datadir={directory.resolve() / 'data'}") not in arguments:
        return False  # another process by now
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    pid_file.unlink(missing_ok=True)
    return True
