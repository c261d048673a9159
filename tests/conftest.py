"""What all tests may use: a MariaDB server."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from mariadb_server import Server


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
