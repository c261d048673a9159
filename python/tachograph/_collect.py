"""Keeping a history: starts and stops the collector, a native thread that brings what is timed to a store."""

from __future__ import annotations

import os

from tachograph import _forks, _native, _sampling, _settings
from tachograph._instrument import instrument as _instrument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tachograph._instrument import Target

_DEFAULT_INTERVAL = 10.0
NO_STORE = "none"


class _State:
    """Of the process."""

    is_by_run = False  # the history was begun by ``tachograph run``


def start(
    *,
    service: str | None = None,
    version: str | None = None,
    store: str | os.PathLike[str] | None = None,
    interval: float | None = None,
    instrument: Target | None = None,
    sample_hz: float | None = None,
    sample_paused: bool | None = None,
    sample_mode: str | None = None,
    sample_signals: bool | None = None,
) -> None:
    """Begins to keep a history of what is timed and sampled in this process, and in those forked from it.

    A thread that never takes Python's lock stores the difference every ``interval`` seconds, and a last one at the end
    of the process. A store that is not there is waited for: figures are kept on disk meanwhile. Does nothing when
    ``TACHOGRAPH_DISABLE`` is set.

    What is not given is taken from a variable of the environment, else from its key in ``[tool.tachograph]`` of the
    nearest ``pyproject.toml`` from the script's directory upwards (the working directory for ``-c``, ``-m`` and
    installed commands).

    Args:
        service: the name under which the history is kept; processes of one service add up. ``TACHOGRAPH_SERVICE``,
            ``service``; else ``[project].name`` of the ``pyproject.toml``, else the name of the script.
        version: what is running, such as ``"1.4.2"``, to compare with others later. ``TACHOGRAPH_SERVICE_VERSION``,
            ``version``.
        store: ``sqlite:///path``, a path, or ``mysql://user@host/database`` (the password may come from the variable
            ``TACHOGRAPH_STORE_PASSWORD``); ``none`` keeps no history. ``TACHOGRAPH_STORE``, ``store``; else a file of
            the service's name under ``$XDG_DATA_HOME/tachograph`` (``~/.local/share/tachograph``).
        interval: seconds between two entries in the history, 0.01 to 86,400. ``TACHOGRAPH_INTERVAL``, ``interval``;
            else 10.
        instrument: what is to be timed, as for `tachograph.instrument`. ``TACHOGRAPH_TIME``, ``time``, less what
            ``TACHOGRAPH_EXCLUDE`` or ``exclude`` names; else nothing more than what is decorated.
        sample_hz: how often in a second to look at the stacks of all threads, up to 10,000; 0 never.
            ``TACHOGRAPH_SAMPLE_HZ``, ``sample_hz``; else 0. `tachograph.query` tells what was seen.
        sample_paused: sampling waits for `tachograph.unpause`. ``TACHOGRAPH_SAMPLE_PAUSED``, ``sample_paused``.
        sample_mode: which threads are looked at: ``"wall"`` all of them, waiting or not; ``"cpu"`` those that were on a
            processor; ``"gil"`` the one that has Python's lock. ``TACHOGRAPH_SAMPLE_MODE``, ``sample_mode``; else wall.
        sample_signals: False: no thread is ever sent a signal. A stack that changes all the time cannot be read then: it
            is counted as torn, and code that is dense with calls is seen too seldom. ``TACHOGRAPH_SAMPLE_SIGNALS``,
            ``sample_signals``; else True.

    A call that fails leaves the process as it was.

    Raises:
        RuntimeError: this process keeps a history already, or has kept one in another store.
        ValueError: an argument, or what is set, cannot be used.
        TypeError: an argument is of a type that has no meaning here.
    """
    if _settings.disabled():
        return
    _settings.warn_of_misspelt()
    _check_types({"service": service, "version": version}, interval)
    known = _settings.Known()
    sampling = _sampling.wanted(known, sample_hz, sample_paused, sample_mode, sample_signals)
    if instrument is None and "TACHOGRAPH_RUN" not in os.environ:
        instrument = known.lines("TACHOGRAPH_TIME") or None
    # Under ``tachograph run`` its command line has said where to, and what.
    undo: list[Callable[[], object]] = []
    try:
        if not (_State.is_by_run and _native.is_collecting()):
            _start_collecting(known, service, version, store, interval)
            undo.append(_native.abandon_collecting)
        if sampling[0]:
            undo.append(_sampling.undo())
            _sampling.start_native(*sampling)
        watched = known.lines("TACHOGRAPH_EXCEPTIONS") if "TACHOGRAPH_RUN" not in os.environ else []
        if watched:
            _instrument(watched, exclude=known.lines("TACHOGRAPH_EXCLUDE"), exceptions=True)
        if instrument is not None:
            _instrument(instrument, exclude=known.lines("TACHOGRAPH_EXCLUDE"))
    except BaseException:
        for take_back in reversed(undo):
            take_back()
        raise


def _check_types(texts: dict[str, str | None], interval: float | None) -> None:
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"the {name} is a str, not {type(text).__name__}")
    if interval is not None and not isinstance(interval, (int, float)):
        raise TypeError(f"the interval is a number of seconds, not {type(interval).__name__}")


def start_by_run() -> None:
    """Begins to keep the history of a program under ``tachograph run``, as the environment says; children do alike."""
    if not os.environ.get("TACHOGRAPH_SERVICE"):
        os.environ["TACHOGRAPH_SERVICE"] = default_service()
    known = _settings.Known()
    _start_collecting(known, None, None, None, None)
    _State.is_by_run = True
    sampling = _sampling.wanted(known, None, None, None, None)
    if sampling[0]:
        _sampling.start_native(*sampling)


def _start_collecting(
    known: _settings.Known,
    service: str | None,
    version: str | None,
    store: str | os.PathLike[str] | None,
    interval: float | None,
) -> None:
    name = service or _service(known)
    url = os.fspath(store) if store is not None else known.text("TACHOGRAPH_STORE") or _native.default_store(name)
    if url == NO_STORE:
        return
    seconds = known.number("TACHOGRAPH_INTERVAL", _DEFAULT_INTERVAL) if interval is None else float(interval)
    _native.start_collecting(url, name, version or known.text("TACHOGRAPH_SERVICE_VERSION"), seconds)
    _forks.hook()


def stop(timeout: float = 1.0) -> bool:
    """Ends sampling, and the history of this process with what has been seen until now. Functions stay timed.

    Args:
        timeout: seconds to wait for the store.

    Returns:
        True when all of it is stored, or there was no history; False when something waits on disk: it is stored by the
        next process of this user that keeps a history in the same store, or by ``tachograph collect``.
    """
    _native.stop_sampling()
    return _native.stop_collecting(timeout)


def flush(timeout: float = 5.0) -> bool:
    """Stores what has been counted until now, and waits for it.

    Args:
        timeout: seconds to wait for the store.

    Returns:
        True when all of it is stored; False when there is no history, or something waits on disk.
    """
    return _native.flush_collecting(timeout)


def default_store() -> str:
    """Where a history of this program is kept when nothing says otherwise in it."""
    known = _settings.Known()
    store = known.text("TACHOGRAPH_STORE")
    return store if store and store != NO_STORE else _native.default_store(_service(known))


def _service(known: _settings.Known) -> str:
    return known.text("TACHOGRAPH_SERVICE") or default_service()


def default_service() -> str:
    """The name of the project that the program belongs to, else of the program."""
    script = _settings.script()
    if script in ("", "-", "-c", "-m"):
        return _native.project_name(script) or "python"
    stem = os.path.splitext(os.path.basename(os.path.abspath(script)))[0]
    if stem == "__main__":
        stem = os.path.basename(os.path.dirname(os.path.abspath(script)))
    return _native.project_name(script) or stem or "python"
