"""`tachograph.serve()`: the server as a child of a Python program."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import tachograph
from histories import History, fill

pytestmark = pytest.mark.any_python

KILLED = """
import sys, tachograph
tachograph.serve.__globals__['find_program'] = lambda: sys.argv[1]
print(tachograph.serve(store=sys.argv[2], port=0).url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """A history of a service of two versions."""
    history = History(cli, tmp_path / "shop.db")
    fill(history.service())
    return history.done()


@pytest.fixture(autouse=True)
def under_test(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package starts the program under test, which need not be installed next to it."""
    monkeypatch.setattr("tachograph._serve.find_program", lambda: str(program))


def ask(url: str, path: str) -> Any:
    """An answer of the API."""
    address, token = url.split("#token=")
    request = urllib.request.Request(address + path, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:  # it says that it is about to end
        error.close()
        raise


def test_a_dashboard_lasts_as_long_as_its_block(store: Path) -> None:
    with tachograph.serve(store=store, port=0) as dashboard:
        assert ask(dashboard.url, "api/v1/functions")["function_count"] == 3
    dashboard.close()
    with pytest.raises(urllib.error.URLError):
        ask(dashboard.url, "healthz")


def test_why_there_is_none(store: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"^serve: port {port} of 127\.0\.0\.1 is taken$"):
            tachograph.serve(store=store, port=port)
    with pytest.raises(OSError, match="--password-file"):
        tachograph.serve(store=store, port=0, bind="0.0.0.0")
    with pytest.raises(OSError, match="password"):
        tachograph.serve(store=store, port=0, password_file=tmp_path / "none", users=["anna"])


@pytest.mark.parametrize(
    ("port", "kind", "said"),
    [
        ("abc", TypeError, "^port is an integer, not 'abc'$"),
        (8.5, TypeError, r"^port is an integer, not 8\.5$"),
        (65_536, ValueError, "^port is 0 to 65535, not 65536$"),
        (-1, ValueError, "^port is 0 to 65535, not -1$"),
    ],
)
def test_a_port_that_is_none(port: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        tachograph.serve(port=port)


def test_it_ends_when_the_program_is_killed(cli: Any, program: Path, store: Path) -> None:
    environment = {**cli.environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, program, store],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    url = parent.stdout.readline().strip()
    assert ask(url, "healthz")["status"] == "ok"
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            ask(url, "healthz")
        except OSError:
            return
    pytest.fail("it goes on without the program that started it")
