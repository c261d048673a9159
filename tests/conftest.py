"""What all tests may use: a MariaDB server."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from mariadb_server import Server

# Whoever started the tests may ignore them, as nohup and shells do, and what is ignored is inherited.
for ignorable in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(ignorable, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """A server of this session's own; `url` names its database. A test may kill it and start it again."""
    with tempfile.TemporaryDirectory(prefix="tachograph-mariadb-") as directory:  # a short path: it holds a socket
        server = Server(Path(directory))
        try:
            server.start()
            yield server
        finally:
            server.kill()
