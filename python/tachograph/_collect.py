"""Keeping a history: starts and stops the collector, a native thread that brings what is timed to a store."""

from __future__ import annotations

import os
import sys

from tachograph import _native, _settings
from tachograph._instrument import instrument as _instrument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tachograph._instrument import Target

_DEFAULT_INTERVAL = 10.0
NO_STORE = "none"


class _State:
    """Of the process."""

    forks_are_hooked = False
    is_by_run = False  # the history was begun by ``tachograph run``


def start(
    *,
    service: str | None = None,
    version: str | None = None,
    store: str | os.PathLike[str] | None = None,
    interval: float | None = None,
    instrument: Target | None = None,
) -> None:
    """Begins to keep a history of what is timed in this process, and in those forked from it.

    A thread that never takes Python's lock stores the difference every ``interval`` seconds, and a last one at the end
    of the process. A store that is not there is waited for: figures are kept on disk meanwhile. Does nothing when
    ``TACHOGRAPH_DISABLE`` is set.

    Args:
        service: the name under which the history is kept; processes of one service add up. Default: the variable
            ``TACHOGRAPH_SERVICE``, else the name of the project in ``pyproject.toml``, else the name of the script.
        version: what is running, such as ``"1.4.2"``, to compare with others later. Default: the variable
            ``TACHOGRAPH_SERVICE_VERSION``.
        store: ``sqlite:///path``, a path, or ``mysql://user@host/database`` (the password may come from the variable
            ``TACHOGRAPH_STORE_PASSWORD``); ``none`` keeps no history. Default: the variable ``TACHOGRAPH_STORE``, else a
            file of the service's name under ``$XDG_DATA_HOME/tachograph`` (``~/.local/share/tachograph``).
        interval: seconds between two entries in the history, 0.01 to 86,400. Default: the variable
            ``TACHOGRAPH_INTERVAL``, else 10.
        instrument: what is to be timed, as for `tachograph.instrument`.

    Raises:
        RuntimeError: this process keeps a history already, or has kept one in another store.
        ValueError: an argument cannot be used.
    """
    if _settings.disabled():
        return
    # Under ``tachograph run`` its command line has said where to.
    if not (_State.is_by_run and _native.is_collecting()):
        _start_collecting(service, version, store, interval)
    if instrument is not None:
        _instrument(instrument)


def start_by_run() -> None:
    """Begins to keep the history of a program under ``tachograph run``, as the environment says; children do alike."""
    os.environ.setdefault("TACHOGRAPH_SERVICE", default_service())
    _start_collecting(None, None, None, None)
    _State.is_by_run = True


def _start_collecting(
    service: str | None, version: str | None, store: str | os.PathLike[str] | None, interval: float | None
) -> None:
    name = service or os.environ.get("TACHOGRAPH_SERVICE") or default_service()
    url = store_url(store, name)
    if url == NO_STORE:
        return
    seconds = _settings.number("TACHOGRAPH_INTERVAL", _DEFAULT_INTERVAL) if interval is None else float(interval)
    _native.start_collecting(url, name, version or os.environ.get("TACHOGRAPH_SERVICE_VERSION"), seconds)
    _hook_forks()


def stop(timeout: float = 1.0) -> bool:
    """Ends the history of this process with what has been counted until now. Functions stay timed.

    Args:
        timeout: seconds to wait for the store.

    Returns:
        True when all of it is stored, or there was no history; False when something waits on disk: it is stored by the
        next process of this user that keeps a history in the same store, or by ``tachograph collect``.
    """
    return _native.stop_collecting(timeout)


def flush(timeout: float = 5.0) -> bool:
    """Stores what has been counted until now, and waits for it.

    Args:
        timeout: seconds to wait for the store.

    Returns:
        True when all of it is stored; False when there is no history, or something waits on disk.
    """
    return _native.flush_collecting(timeout)


def store_url(store: str | os.PathLike[str] | None, service: str) -> str:
    """The URL meant by an argument, the environment, or neither."""
    if store is not None:
        return os.fspath(store)
    return os.environ.get("TACHOGRAPH_STORE") or _native.default_store(service)


def default_service() -> str:
    """The name of the project that the program belongs to, else of the program."""
    script = sys.argv[0] if sys.argv else ""
    if script in ("", "-", "-c", "-m"):
        return _project_name(os.getcwd()) or "python"
    path = os.path.abspath(script)
    stem = os.path.splitext(os.path.basename(path))[0]
    if stem == "__main__":
        stem = os.path.basename(os.path.dirname(path))
    return _project_name(os.path.dirname(path)) or stem or "python"


def _project_name(directory: str) -> str | None:
    """``[project].name`` of the nearest ``pyproject.toml`` upwards, if it has one."""
    while True:
        path = os.path.join(directory, "pyproject.toml")
        if os.path.exists(path):
            return _name_in(path)
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _name_in(path: str) -> str | None:
    import tomllib

    try:
        with open(path, "rb") as file:
            project = tomllib.load(file).get("project")
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    name = project.get("name") if isinstance(project, dict) else None
    return name if isinstance(name, str) and name else None


def _hook_forks() -> None:
    """Python warns of forks while other threads live, and a child has none of its parent's threads."""
    if not _State.forks_are_hooked:
        _State.forks_are_hooked = True
        os.register_at_fork(
            before=_native.before_fork,
            after_in_parent=_native.after_fork_in_parent,
            after_in_child=_native.after_fork_in_child,
        )
