"""A server under test, and requests to it, down to single bytes."""

from __future__ import annotations

import dataclasses
import gzip
import http.client
import json
import select
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

SECONDS = 20


@dataclasses.dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        assert self.headers["Content-Type"] == "application/json", self.body
        return json.loads(gzip.decompress(self.body) if self.headers["Content-Encoding"] == "gzip" else self.body)


class Serving:
    """A `tachograph serve` on a port of its own."""

    def __init__(self, cli: Any, store: Path, *words: str | Path, **options: Any) -> None:
        """Starts it and waits for the address that it prints."""
        self.process: subprocess.Popen[str] = cli.start("serve", "--store", store, "--port", "0", *words, **options)
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.process.communicate()[1]
        parts = urlsplit(self.address)
        assert parts.hostname
        assert parts.port
        self.host, self.port = parts.hostname, parts.port
        self.token = parts.fragment.removeprefix("token=")

    def request(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """One request with these headers and no others but Host; a Host of None is left out."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None, **parameters: Any) -> Answer:
        """What an API client asks."""
        query = "?" + urlencode(parameters, quote_via=quote) if parameters else ""
        return self.request("GET", path + query, {"Authorization": f"Bearer {self.token}", **(headers or {})})

    def api(self, name: str, **parameters: Any) -> Any:
        """An answer of the API that must succeed."""
        answer = self.get(f"/api/v1/{name}", **parameters)
        assert answer.status == 200, answer.body
        return answer.json

    def send(self, data: bytes) -> bytes:
        """Sends bytes as they are; all that comes back until the server closes, or its first answer is whole."""
        with self.connect() as connection:
            connection.sendall(data)
            response = http.client.HTTPResponse(connection)
            try:
                response.begin()
            except (http.client.HTTPException, ConnectionError):
                return b""
            return b"%d " % response.status + response.read()

    def connect(self) -> socket.socket:
        """A connection on which nothing has been said."""
        return socket.create_connection((self.host, self.port), timeout=SECONDS)

    def warning(self) -> str:
        """The first line on standard error, which it waits for."""
        assert self.process.stderr
        assert select.select([self.process.stderr], [], [], SECONDS)[0], "it said nothing"
        return self.process.stderr.readline()

    def stop(self) -> tuple[int, str]:
        """Ends it as Ctrl-C does; its exit code and what it said on standard error."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, said
