"""Hot reload: source files are watched, and what has changed in them is put in the place of what runs."""

from __future__ import annotations

import functools
import os
import sys

from tachograph import _forks, _native, _settings
from tachograph._targets import functions_of, functions_of_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Iterable
    from typing import Self, TypeVar

    from tachograph._exchange import LoadedModule, Outcome

    T = TypeVar("T")
    Path = str | os.PathLike[str]


_IMPORT_SECONDS = 10.0  # a module that runs for longer than this is no import any more: a program goes on in it
_IS_ABSENT = _native.__name__ != "tachograph._native"  # an interpreter that the extension does not know


class _Known:
    """A module that runs, and its source as it was loaded; that is taken apart when it is first compared."""

    def __init__(self, names: dict[str, object], file: str) -> None:
        self.names = names
        self.file = file  # as code objects have it
        self.stamp = _stamp(file)  # before its text, so that a change in between is seen
        self.text = _read(file)
        self.loaded: LoadedModule | None = None
        self.refused: tuple[bytes, str] | None = None  # what was tried last, and why not
        self.is_program = False  # goes on running while its import lasts

    @property
    def name(self) -> str:
        return str(self.names.get("__name__"))


class _State:
    """Of the process."""

    is_hooked = False


_roots: dict[int, str] = {}  # what is watched
_files: dict[str, list[_Known]] = {}  # by real path; a file may be several modules


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(file: str) -> bytes:
    with open(file, "rb") as stream:
        return stream.read()


def _start() -> None:
    if not _State.is_hooked:
        _State.is_hooked = True
        import atexit

        _native.watch_files(_files_changed, _module_is_imported)
        _forks.hook()
        atexit.register(_native.stop_watching)


class Watch:
    """Files that are watched, until `stop`; a context manager does that at its end."""

    def __init__(self) -> None:
        self._roots: list[int] = []

    def _add(self, path: str) -> None:
        root = _native.watch_path(path)
        self._roots.append(root)
        _roots[root] = path

    def stop(self) -> None:
        """Ends watching. What was reloaded stays; a second call does nothing."""
        while self._roots:
            root = self._roots.pop()
            _roots.pop(root, None)
            _native.unwatch_path(root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _paths(paths: Path | Iterable[Path]) -> list[str]:
    try:
        return [os.fsdecode(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    except TypeError:
        raise TypeError(f"expected a path or several, each a str or an os.PathLike, not {paths!r}") from None


def watch(paths: Path | Iterable[Path] = ".") -> Watch:
    """Reloads modules when their files change: the code of every function is exchanged, objects stay what they are.

    Watched are modules that are loaded now and that are imported later. What exactly a change does, and what it cannot
    do, is in docs/guide/hot-reload.md. A reload, and one that was refused, is told to the logger ``tachograph.reload`` and
    kept with the recording: ``tachograph report`` shows it.

    Args:
        paths: files, or directories with all below them except for virtual environments, ``__pycache__``,
            ``node_modules`` and names that begin with a dot.

    Returns:
        What ends it: ``watch(...).stop()``, or a ``with`` statement.

    Raises:
        TypeError: something that is no path.
        FileNotFoundError: there is no such path.
        OSError: it cannot be watched; says which limit of the system to raise.
    """
    wanted = _paths(paths)
    handle = Watch()
    if _settings.disabled() or _IS_ABSENT:
        return handle
    _start()
    try:
        for path in wanted:
            handle._add(os.path.realpath(path))
    except BaseException:
        handle.stop()
        raise
    for module in list(sys.modules.values()):
        _module_imported(module)
    return handle


def hot_reload(target: T, /) -> T:
    """Reloads the module of what it decorates when its file changes: the next call runs the newest code.

    ``@tachograph.hot_reload`` goes on functions, methods, coroutines, generators and classes, and hands them back as they
    are: a call costs nothing more. It is the whole file that is watched, not this function alone; see `watch`.

    Raises:
        TypeError: there is no Python function in it.
    """
    functions = functions_of_class(target) if isinstance(target, type) else functions_of(target)
    function = next(iter(functions), None)
    if function is None:
        raise TypeError(
            f"hot_reload goes on a Python function or a class with methods, not on {type(target).__name__}; put it "
            "below decorators that return something else"
        )
    if not (_settings.disabled() or _IS_ABSENT):
        _watch_file_of(function)
    return target


def _watch_file_of(function: types.FunctionType) -> None:
    file = function.__globals__.get("__file__")
    if not isinstance(file, str) or not file.endswith(".py"):
        _settings.warn(
            f"tachograph: {function.__qualname__} is not reloaded: it does not come from a file of Python source"
        )
        return
    path = os.path.realpath(file)
    _start()
    if path not in _roots.values():
        try:
            Watch()._add(path)
        except OSError as error:
            _settings.warn(f"tachograph: {function.__qualname__} is not reloaded: {error}")
            return
    if not any(known.names is function.__globals__ for known in _files.get(path, ())):
        _know(function.__globals__, path, file)


def _is_watched(path: str) -> bool:
    return any(path == root or path.startswith(os.path.join(root, "")) for root in list(_roots.values()))


def _module_is_imported(module: types.ModuleType) -> Exception | None:
    """Called in the importing thread. Returns what has gone wrong here; what it raises came with a signal."""
    try:
        _module_imported(module)
    except Exception as error:
        if not _is_ours(error):
            raise
        return error
    return None


def _is_ours(error: Exception) -> bool:
    """Whether it was raised by what this module does, and not by the handler of a signal that came meanwhile."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_filename in (__file__, os.path.__file__)


def _module_imported(module: types.ModuleType) -> None:
    """A module is about to run, or there already."""
    names = getattr(module, "__dict__", None)
    if type(names) is not dict:
        return
    file = names.get("__file__")
    if type(file) is str and file.endswith(".py"):
        path = os.path.realpath(file)
        if _is_watched(path):
            _know(names, path, file)


def _know(names: dict[str, object], path: str, file: str) -> None:
    """Keeps the source as it is now. A module that has run again, or in whose place another is, is known anew."""
    try:
        known = _Known(names, file)
    except OSError as error:
        if not _is_ours(error):
            raise
        return
    others = _files.get(path, [])
    kept = [other for other in others if other.names is not names and (other.name != known.name or _is_loaded(other))]
    _files[path] = [*kept, known]


def _is_loaded(known: _Known) -> bool:
    return getattr(sys.modules.get(known.name), "__dict__", None) is known.names


def _files_changed(paths: list[str], anything: bool, problem: str | None) -> None:
    """Called in the watch's thread. Told is when all is done: who listens may need what a thread that forks holds."""
    told: list[Callable[[], None]] = []
    if problem is not None:
        told.append(functools.partial(_tell_problem, problem))
    try:
        for path in list(_files) if anything else paths:
            for known in list(_files.get(path, ())):
                if _is_watched(path):
                    told += _look(known, anything)
    finally:
        for tell in told:
            tell()


def _look(known: _Known, by_stamp: bool) -> list[Callable[[], None]]:
    """What is to be told of it."""
    stamp = _stamp(known.file)
    if by_stamp and stamp == known.stamp:
        return []
    try:
        text = _read(known.file)
    except OSError as error:
        told = _refuse(known, b"", f"the file cannot be read: {error.strerror}")
    else:
        told = _reload(known, text) if text != known.text else []
    known.stamp = stamp  # at last: a child forked before does all of this by itself
    return told


def _reload(known: _Known, text: bytes) -> list[Callable[[], None]]:
    from tachograph._exchange import LoadedModule
    from tachograph._source import RefusedError

    _await_import(known)
    try:
        if known.loaded is None:
            known.loaded = LoadedModule(known.names, known.text, known.file)
        outcome = known.loaded.exchange(text)
    except RefusedError as error:
        return _refuse(known, text, str(error))
    known.text = text
    known.refused = None
    return [
        functools.partial(_tell, known, True, _summary(outcome))
        if outcome
        else functools.partial(_tell_same, known, _summary(outcome))
    ]


def _await_import(known: _Known) -> None:
    """What a module has not run yet would bind its old values over the new ones, and new statements miss it."""
    import time

    end = time.monotonic() + _IMPORT_SECONDS
    while not known.is_program and getattr(known.names.get("__spec__"), "_initializing", False):
        known.is_program = time.monotonic() > end
        time.sleep(0.01)


def _summary(outcome: Outcome) -> str:
    parts = []
    if outcome.changed:
        parts.append("changed: " + ", ".join(outcome.changed))
    if outcome.bound:
        parts.append("bound: " + ", ".join(outcome.bound))
    if outcome.not_run:
        parts.append("not run again: line " + ", ".join(map(str, outcome.not_run)))
    return "; ".join(parts)


def _refuse(known: _Known, text: bytes, reason: str) -> list[Callable[[], None]]:
    if known.refused == (text, reason):
        return []
    known.refused = (text, reason)
    return [functools.partial(_tell, known, False, reason)]


def _tell(known: _Known, is_done: bool, detail: str) -> None:
    import logging

    _native.record_event(is_done, f"{known.name}: {detail}")
    logger = logging.getLogger("tachograph.reload")
    if is_done:
        logger.info("%s is reloaded: %s", known.name, detail)
    else:
        logger.warning("%s keeps its old code: %s (%s)", known.name, detail, known.file)


def _tell_same(known: _Known, not_run: str) -> None:
    """No event: a history would be full of what changed nothing."""
    import logging

    level = logging.INFO if not_run else logging.DEBUG
    detail = not_run or "only its text has changed"
    logging.getLogger("tachograph.reload").log(level, "%s runs what it ran: %s", known.name, detail)


def _tell_problem(problem: str) -> None:
    import logging

    _native.record_event(False, f"not all files are watched: {problem}")
    logging.getLogger("tachograph.reload").warning("not all files are watched: %s", problem)
