"""The server in bad company: slow and greedy clients, histories that come and go, ports that are taken."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from histories import MS, History, fill
from serving import SECONDS, Serving

pytestmark = pytest.mark.any_python

HEAD = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """A history of a service of two versions."""
    history = History(cli, tmp_path / "shop.db")
    fill(history.service())
    return history.done()


@pytest.fixture
def server(cli: Any, store: Path) -> Iterator[Serving]:
    """A server of it."""
    server = Serving(cli, store)
    yield server
    server.stop()


def threads_of(server: Serving) -> int:
    """How many it has."""
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def connections_of(server: Serving) -> int:
    """How many sockets it has open."""
    count = 0
    for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since
            count += os.readlink(entry).startswith("socket:")
    return count


# --- clients ---


def test_slow_clients_cost_no_thread_and_keep_nobody_waiting(server: Serving, wait_until: Any) -> None:
    assert server.get("/healthz").status == 200
    threads = threads_of(server)
    connections = [server.connect() for _ in range(300)]
    try:
        for number, connection in enumerate(connections):
            if number % 3:  # the others say nothing at all
                connection.sendall(HEAD[: number % len(HEAD)].encode())
        wait_until(lambda: connections_of(server) > 300, "the connections")
        assert server.get("/healthz").status == 200
        assert server.api("functions")["function_count"] == 3
        assert threads_of(server) == threads
    finally:
        for connection in connections:
            connection.close()
    wait_until(lambda: connections_of(server) < 10, "their end")


def test_a_client_that_leaves_while_it_is_answered(server: Serving) -> None:
    for path in ("/api/v1/functions?percentiles=yes", "/metrics", "/api/v1/trends"):
        for _ in range(20):
            with server.connect() as connection:
                request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n\r\n"
                connection.sendall(request.encode())
    assert server.get("/healthz").status == 200


def test_many_at_once_are_answered_or_told_to_come_again(server: Serving) -> None:
    statuses: list[int] = []

    def ask() -> None:
        statuses.extend(server.get("/api/v1/functions", percentiles="yes").status for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 300
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 0


@pytest.mark.parametrize(
    ("data", "statuses"),
    [
        (HEAD + "X: " + "x" * 40_000 + "\r\n\r\n", (b"431", b"413", b"400")),
        (HEAD + "".join(f"X{i}: y\r\n" for i in range(5000)) + "\r\n", (b"431", b"413", b"400")),
        ("GET /" + "x" * 40_000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"414", b"431", b"413")),
        ("GET /" + "x" * 2_000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n", (b"401",)),
        ("POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", (b"413",)),
        ("POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n", (b"413", b"400")),
        ("POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", (b"413", b"400")),
        (
            "POST /sign-in HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + "x" * 4096 + "\r\n" + "1000\r\n" + "x" * 4096 + "\r\n0\r\n\r\n",
            (b"413",),
        ),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nabcd", (b"401",)),
        ("POST /api/v1/functions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n", (b"401",)),
        ("GET\r\n\r\n", (b"", b"400", b"401")),
        ("GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n", (b"", b"400", b"401", b"505")),
    ],
)  # fmt: skip
def test_requests_that_are_too_large_or_none(server: Serving, data: str, statuses: tuple[bytes, ...]) -> None:
    answer = server.send(data.encode("latin-1"))
    assert answer.split(b" ")[0] in statuses, answer[:200]
    assert server.get("/healthz").status == 200


def test_bytes_that_are_no_http(server: Serving) -> None:
    for data in (b"\x00\xff\r\n\r\n", b"\r\n" * 100, b"\x16\x03\x01\x02\x00\x01\x00" + bytes(512)):
        with server.connect() as connection:
            connection.sendall(data)
            assert server.get("/healthz").status == 200


def test_a_connection_is_kept_for_the_next_request(server: Serving) -> None:
    with server.connect() as connection:
        stream = connection.makefile("rb")
        for _ in range(3):
            connection.sendall(f"{HEAD}Authorization: Bearer {server.token}\r\n\r\n".encode())
            assert b" 200 " in stream.readline()
            length = 0
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.partition(b": ")
                length = int(value) if name.lower() == b"content-length" else length
            assert b'"ok"' in stream.read(length)


# --- histories ---


def test_a_history_that_is_not_there_yet(cli: Any, tmp_path: Path, store: Path) -> None:
    later = tmp_path / "later.db"
    server = Serving(cli, later)
    try:
        answer = server.get("/healthz")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert "later.db" in answer.json["error"]["message"]
        assert server.get("/").status == 200
        assert server.get("/api/v1/processes").status == 200
        shutil.copy(store, later)
        assert server.api("functions")["function_count"] == 3
    finally:
        server.stop()


def test_a_history_that_is_removed_and_made_again(cli: Any, server: Serving, store: Path) -> None:
    assert server.api("functions")["function_count"] == 3
    for path in store.parent.glob(store.name + "*"):
        path.unlink()
    for _ in range(10):  # whichever worker answers
        assert server.get("/api/v1/functions").status == 503
    history = History(cli, store)
    history.service("another").add(0, {"m::new": (20, MS)})
    history.done()
    for _ in range(10):
        found = server.api("functions")
        assert [f["name"] for f in found["functions"]] == ["m::new"]


def test_what_is_stored_while_it_is_served_is_seen(server: Serving, store: Path) -> None:
    assert server.api("services")["services"][0]["last_iteration"] == 29
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("UPDATE services SET last_iteration = 30")
    connection.close()
    assert server.api("services")["services"][0]["last_iteration"] == 30


def test_a_history_that_is_locked(server: Serving, store: Path) -> None:
    """Whoever writes keeps nobody from reading."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE services SET last_iteration = 77")
    try:
        assert server.api("services")["services"][0]["last_iteration"] == 29
    finally:
        connection.rollback()
        connection.close()


BAD = ["newer", "no history", "not a database", "a directory"]


def make_bad(path: Path, store: Path, kind: str) -> None:
    """Makes what is no history that can be read."""
    if kind == "newer":
        made = path.with_name("made.db")  # a server that looks meanwhile sees nothing, or all of it
        shutil.copy(store, made)
        connection = sqlite3.connect(made)
        with connection:
            connection.execute("INSERT INTO schema_version VALUES (99)")
        connection.close()
        made.rename(path)
    elif kind == "no history":
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("CREATE TABLE others (a)")
        connection.close()
    elif kind == "not a database":
        path.write_bytes(os.urandom(10_000))
    else:
        path.mkdir()


@pytest.mark.parametrize("kind", BAD)
def test_histories_that_become_unreadable(cli: Any, tmp_path: Path, store: Path, kind: str) -> None:
    path = tmp_path / "bad.db"
    server = Serving(cli, path)
    make_bad(path, store, kind)
    try:
        for name in ("services", "functions", "store"):
            answer = server.get(f"/api/v1/{name}")
            assert answer.status == 503
            assert ("newer tachograph" if kind == "newer" else "bad.db") in answer.json["error"]["message"]
    finally:
        server.stop()


@pytest.mark.parametrize("kind", ["newer", "missing"])
def test_what_cannot_be_read_is_said_and_waited_for(cli: Any, tmp_path: Path, store: Path, kind: str) -> None:
    """On the terminal at once, and by /healthz until it can be read."""
    path = tmp_path / "bad.db"
    if kind != "missing":
        make_bad(path, store, kind)
    server = Serving(cli, path)
    try:
        answer = server.get("/healthz")
        assert answer.status == 503
        reason = answer.json["error"]["message"]
        said = server.warning()
        path.unlink(missing_ok=True)
        shutil.copy(store, path)
        assert server.get("/healthz").json["status"] == "ok"
    finally:
        _, rest = server.stop()
    assert rest == ""
    assert said == f"tachograph: warning: serve: the history cannot be read: {reason}; the page waits until it can\n"


def test_it_ends_while_the_history_keeps_it_waiting(cli: Any, store: Path) -> None:
    """Its first look at a history waits for as long as any question may, and nothing else waits for the look."""
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("PRAGMA journal_mode = DELETE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        server = Serving(cli, store)
        assert server.stop() == (0, "")
    finally:
        holder.close()


def test_a_service_that_there_is_not_is_told(cli: Any, store: Path) -> None:
    server = Serving(cli, store, "--service", "nope")
    try:
        said = server.warning()
    finally:
        _, rest = server.stop()
    assert said == f"tachograph: warning: serve: there is no service 'nope' in {store}, but 'shop'\n"
    assert rest == ""


def test_on_all_addresses_it_prints_one_that_can_be_opened(cli: Any, tmp_path: Path, store: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t" * 40)
    token.chmod(0o600)
    server = Serving(cli, store, "--bind", "0.0.0.0", "--token-file", token)
    try:
        assert server.address == f"http://127.0.0.1:{server.port}/#token={'t' * 40}"
        assert server.get("/healthz").status == 200
    finally:
        _, said = server.stop()
    assert said.startswith("tachograph: warning: serve: others reach it as ")
    assert "0.0.0.0" not in said


def test_no_history_at_all(cli: Any) -> None:
    result = cli("serve", "--port", "0")
    assert (result.returncode, result.stdout) == (1, "")
    assert "there is no history yet" in result.stderr


@pytest.mark.parametrize("url", ["oracle://x/y", "mysql://"])
def test_urls_that_are_none(cli: Any, url: str) -> None:
    result = cli("serve", "--port", "0", "--store", url)
    assert result.returncode in (1, 2)
    assert result.stderr.startswith("tachograph: serve: ")


# --- starting and ending ---


def test_a_port_that_is_taken(cli: Any, server: Serving, store: Path) -> None:
    result = cli("serve", "--store", store, "--port", server.port)
    assert result.returncode == 1
    assert f"port {server.port} of 127.0.0.1 is taken: --port " in result.stderr
    assert "--port 0" in result.stderr


@pytest.mark.parametrize("port", ["x", "-1", "65536", "", "1 "])
def test_ports_that_are_none(cli: Any, store: Path, port: str) -> None:
    result = cli("serve", "--store", store, f"--port={port}")
    assert result.returncode == 2
    assert "--port" in result.stderr


@pytest.mark.parametrize("address", ["nonsense", "example.com", "1.2.3.4.5"])
def test_addresses_that_are_none(cli: Any, store: Path, address: str) -> None:
    result = cli("serve", "--store", store, "--port", "0", "--bind", address)
    assert result.returncode in (1, 2)
    assert address in result.stderr


def test_ipv6(cli: Any, store: Path) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    server = Serving(cli, store, "--bind", "::1")
    try:
        assert server.address.startswith("http://[::1]:")
        assert server.get("/healthz").status == 200
    finally:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_while_clients_are_connected(cli: Any, store: Path, number: int) -> None:
    server = Serving(cli, store)
    with server.connect() as idle, server.connect() as half:
        half.sendall(HEAD.encode())
        assert server.get("/healthz").status == 200
        server.process.send_signal(number)
        _, said = server.process.communicate(timeout=SECONDS)
        assert (server.process.returncode, said) == (0, "")
        assert idle.recv(1) == b""


def test_it_ends_with_the_input_of_the_one_that_started_it(cli: Any, store: Path) -> None:
    server = Serving(cli, store, "--until-input-ends", stdin=subprocess.PIPE)
    assert server.get("/healthz").status == 200
    server.process.communicate(timeout=SECONDS)  # closes it
    assert server.process.returncode == 0
