"""The dashboard as a child of this process. `tachograph serve` is the program that does it."""

from __future__ import annotations

import operator
import subprocess

from tachograph.__main__ import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    import types
    from collections.abc import Iterable
    from typing import Self

SECONDS = 10  # it has two for questions that do not end
PORT_MAX = 65_535


class Dashboard:
    """A running ``tachograph serve``, which ends with this process at the latest. A context manager that closes it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        """Of a child that has printed its address."""
        self._process = process
        #: The address to open, with the token that lets whoever has it in.
        self.url = url

    def close(self) -> None:
        """Ends it, and waits until it has; a second call does nothing."""
        self._process.terminate()
        self._process.communicate(timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.close()


def _port(port: int) -> int:
    try:
        number = operator.index(port)
    except TypeError:
        raise TypeError(f"port is an integer, not {port!r}") from None
    if not 0 <= number <= PORT_MAX:
        raise ValueError(f"port is 0 to {PORT_MAX}, not {number}")
    return number


def serve(
    *,
    store: str | os.PathLike[str] | None = None,
    service: str | None = None,
    port: int = 7373,
    bind: str = "127.0.0.1",
    open: bool = False,
    token_file: str | os.PathLike[str] | None = None,
    password_file: str | os.PathLike[str] | None = None,
    users: Iterable[str] = (),
) -> Dashboard:
    """Serves a history and live processes over HTTP, from a child process; returns when it listens.

    Args:
        store: A path or URL; without it the history that ``tachograph rank`` would ask.
        service: Shown first; without it the project's, else the one written to last.
        port: 0 takes any that is free.
        bind: A numeric address; other than loopback only with a password or token file.
        open: Opens it in the browser.
        token_file: Its first line is the token, instead of a new one.
        password_file: Whoever knows its first line may look.
        users: The only ones that may give the password.

    Raises:
        TypeError: A port that is no integer.
        ValueError: A port below 0 or above 65535.
        OSError: The program is not there, or could not serve; the message has its reason.
    """
    number = _port(port)
    program = find_program()
    if program is None:
        raise FileNotFoundError("the program tachograph was not found next to this Python")
    options = {"store": store, "service": service, "token-file": token_file, "password-file": password_file}
    command = [program, "serve", f"--port={number}", f"--bind={bind}", "--until-input-ends"]
    command += [f"--{name}={value}" for name, value in options.items() if value is not None]
    command += [f"--users={user}" for user in users]
    command += ["--open"] if open else []
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if not url:
        _, said = process.communicate(timeout=SECONDS)
        raise OSError(said.strip().removeprefix("tachograph: "))
    return Dashboard(process, url)
