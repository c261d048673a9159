"""What the server of the dashboard takes: many askers at once, askers that are slow, and a first look at a million rows.

The one who asks shares the processors with the server, so rates are of both together; `cpu` is the server's alone.
"""

import ctypes
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from asking import databases
from harness.claim import QUICK, ROOT, report
from harness.filling import DIRECTORY

SECONDS = 2 if QUICK else 8
ROUNDS = 3
CONNECTIONS = 200
IDLE = 1000
SLOW = 200
BYTES = 100_000  # of the answer that is asked for
AT_ONCE = 6  # questions of one browser
ROWS = 25  # of the first page of the table
DESCRIPTORS = 4096
PROGRAM = Path(sys.executable).parent / "tachograph"


class Result(ctypes.Structure):
    """struct tg_load_result."""

    _fields_ = [
        (name, ctypes.c_uint64)
        for name in ("answer_count", "failure_count", "byte_count", "p50_ns", "p99_ns", "worst_ns")
    ]


class Server:
    """A `tachograph serve` of a history."""

    def __init__(self, store: Path) -> None:
        """Starts it."""
        command = [PROGRAM, "serve", "--store", store, "--port", "0", "--until-input-ends"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        address = urlsplit(self.process.stdout.readline().strip())
        assert address.port
        self.port = address.port
        self.token = address.fragment.removeprefix("token=")

    def ask(self, route: str, **parameters: Any) -> bytes:
        """An answer, as a browser gets it."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        path = f"/api/v1/{route}?{urlencode(parameters)}"
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body!r}")
        return body

    def memory_mb(self) -> float:
        """What it has resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """Processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(store: Path) -> Iterator[Server]:
    """Starts a server and ends it."""
    server = Server(store)
    try:
        yield server
    finally:
        server.process.communicate(timeout=20)


def request_of(server: Server, route: str, **parameters: Any) -> bytes:
    """A request that keeps its connection."""
    path = f"/api/v1/{route}?{urlencode(parameters)}"
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
    )


def load(server: Server, request: bytes, connections: int) -> tuple[Result, float]:
    """Asks for SECONDS; what came, and the share of a processor that the server took."""
    library = ctypes.CDLL(str(DIRECTORY / "load_server.so"))
    library.tg_load_run.argtypes = [
        ctypes.c_uint16,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_int64,
        ctypes.POINTER(Result),
    ]
    result = Result()
    before = server.cpu_seconds()
    if library.tg_load_run(server.port, request, connections, int(SECONDS * 1e9), ctypes.byref(result)) != 0:
        raise SystemExit("the server could not be asked")
    if result.failure_count:
        raise SystemExit(f"{result.failure_count} of {result.answer_count} answers were none")
    return result, (server.cpu_seconds() - before) / SECONDS


def series_of_size(server: Server) -> dict[str, Any]:
    """The question whose answer comes nearest to BYTES."""
    line = len(server.ask("series", column="total", last=500, limit=1))
    parameters = {"column": "total", "last": 500, "limit": max(1, round(BYTES / line))}
    server.ask("series", **parameters)
    return parameters


def measure_load(store: Path) -> None:
    """The same series on all connections: it is kept, as that of a page that many have open."""
    with serving(store) as server:
        parameters = series_of_size(server)
        size = len(server.ask("series", **parameters))
        before = server.memory_mb()
        result, cpu = load(server, request_of(server, "series", **parameters), CONNECTIONS)
        after = server.memory_mb()
        report("serving_rate", result.answer_count / SECONDS, bytes=size, cpu=cpu, worst_ms=result.worst_ns / 1e6)
        report("serving_p99_ms", result.p99_ns / 1e6, p50_ms=result.p50_ns / 1e6)
        report("serving_memory_mb", after - before, before_mb=before, after_mb=after)


def hold(server: Server, count: int, begins: bool) -> list[socket.socket]:
    """Connections that say nothing, or begin a request and do not end it."""
    held = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", server.port))
        if begins:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        held.append(one)
    return held


def is_open(one: socket.socket) -> bool:
    """Whether the server has not ended it."""
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def measure_held(store: Path) -> None:
    """A small question, alone and beside connections that ask nothing, or never finish asking."""
    with serving(store) as server:
        request = request_of(server, "services")
        alone, _ = load(server, request, 8)
        before = server.memory_mb()
        idle, slow = hold(server, IDLE, False), hold(server, SLOW, True)
        beside, _ = load(server, request, 8)
        for one in slow:  # a byte each, which keeps nobody waiting either
            one.sendall(b"x")
        held = sum(map(is_open, [*idle, *slow]))
        threads = len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))
        report("serving_held", held, threads=threads, memory_mb=server.memory_mb() - before)
        report("serving_held_p99", beside.p99_ns / alone.p99_ns, alone_ms=alone.p99_ns / 1e6)
        for one in (*idle, *slow):
            one.close()


def first_view(server: Server, browser: ThreadPoolExecutor) -> tuple[float, float]:
    """Asks what the overview asks; seconds to the table and the rest of the panels, and to the last figure of all."""

    def ask(*questions: tuple[str, dict[str, Any]]) -> list[Any]:
        asked = [browser.submit(server.ask, route, **parameters) for route, parameters in questions]
        return [json.loads(one.result()) for one in asked]

    page = {"sort": "self", "order": "descending", "offset": 0, "limit": ROWS}
    started = time.monotonic()
    ask(("services", {}), ("versions", {}))
    answers = ask(
        ("functions", page),
        ("trends", {"limit": 50}),
        ("functions", {"sort": "errors", "limit": 5}),
        ("quality", {}),
        ("store", {}),
        ("processes", {"by": "process", "limit": 20}),
    )
    shown = time.monotonic() - started
    sparks = [
        ("series", {"function": row["name"], "column": "average", "points": 48}) for row in answers[0]["functions"]
    ]
    ask(("functions", {**page, "percentiles": "yes"}), *sparks)
    return shown, time.monotonic() - started


def measure_first_view(store: Path) -> None:
    """By a server that has answered nothing yet, each time."""
    views = []
    with ThreadPoolExecutor(AT_ONCE) as browser:
        for _ in range(ROUNDS):
            with serving(store) as server:
                views.append(first_view(server, browser))
    report("serving_first_view_s", median(whole for _, whole in views), panels_s=median(shown for shown, _ in views))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    kept, _ = databases()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as directory:
        store = Path(directory) / "served.db"
        shutil.copy(kept, store)
        measure_load(store)
        measure_held(store)
        measure_first_view(store)


if __name__ == "__main__":
    main()
