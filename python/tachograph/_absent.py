"""What stands where the extension cannot be: the program runs as it would without tachograph.

It is imported in the place of ``tachograph._native``, so the rest of the package is the same everywhere, and has to run on
every Python that may install it (3.8 and newer, PyPy too). Nothing is timed and nothing counted: decorators hand back what
they were given, figures are empty, and only a history that somebody wants to keep or to read is a reason to say so.
"""

from __future__ import annotations

import os
import sys

from tachograph import _settings
from tachograph._interpreter import obstacle

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable
    from typing import Literal, NoReturn, Self, TypeVar

    T = TypeVar("T")


class Absence:
    """Of the process's extension."""

    cause: Exception | None = None
    reason = ""


def stand_in(cause: Exception) -> None:
    """Takes the extension's place, whose import has failed.

    Where it should have been possible, the installation is broken: that is said at once.
    """
    sys.modules["tachograph._native"] = sys.modules[__name__]
    setattr(sys.modules["tachograph"], "_native", sys.modules[__name__])  # noqa: B010
    Absence.cause = cause
    Absence.reason = obstacle()
    if not Absence.reason:
        Absence.reason = (
            f"the extension of tachograph cannot be loaded ({cause}); in a checkout of tachograph, type: "
            f"{sys.executable} -m pip install --force-reinstall ."
        )
        if "TACHOGRAPH_RUN" not in os.environ:  # `tachograph run` has looked already
            _tell()


def _tell() -> None:
    _settings.warn(f"tachograph: nothing is timed: {Absence.reason}")


class FunctionStatistics:
    """What would be known of the calls of one function. There are none."""


class span:
    """A ``with`` statement that is not timed."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a span is a str, not {type(name).__name__}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None, /
    ) -> Literal[False]:
        return False


class StoreError(OSError):
    """A history cannot be read here."""


class StoreReader:
    """Reads no history."""

    def __new__(cls, url: str, /) -> NoReturn:
        raise StoreError(
            f"histories cannot be read here: {Absence.reason}; the commands rank, trend and diff read them"
        )


def statistics(
    pattern: str | None = None, *, by_thread: bool = False
) -> dict[str, FunctionStatistics] | dict[int, dict[str, FunctionStatistics]]:
    return {}


def drain() -> dict[str, FunctionStatistics]:
    return {}


def recording_path() -> None:
    return None


def wrap_callable(callable: T, name: str, /) -> T:
    return callable


def start_collecting(store: str, service: str, version: str | None, interval: float, /) -> None:
    _tell()


# What the others answer, whatever they are asked.
_ANSWERS: dict[str, object] = {
    "abandon_collecting": None,
    "after_fork_in_child": None,
    "after_fork_in_parent": None,
    "before_fork": None,
    "check_sampling": "",
    "code_hash": 0,
    "compiled_code": None,
    "default_store": "tachograph.db",
    "exchange_functions": None,
    "export_samples": "",
    "flush_collecting": False,
    "functions_of": (),
    "instrument_everything": 0,
    "instrument_functions": 0,
    "is_alone_in_run": True,
    "is_collecting": False,
    "know_redacted_words": None,
    "misspelt_settings": (),
    "pause_sampling": None,
    "project_name": None,
    "project_settings": {},
    "record_event": None,
    "remove_hook": None,
    "sampled_functions": ((), 0),
    "sampler_family": (),
    "sampling_state": (False, False, 0.0, "", 0, 0, 0, 0, 0, "wall", True),
    "start_recording": None,
    "start_sampling": None,
    "stop_collecting": True,
    "stop_sampling": None,
    "stop_watching": None,
    "time_function": True,  # so that the decorator hands the function back
    "timed_code": None,
    "uninstrument_functions": 0,
    "unmatched_patterns": ((), ()),
    "unwatch_path": None,
    "watch_files": None,
    "watch_function": False,  # so that what programs rely on is done without the extension
    "watch_main": None,
    "watch_path": 0,
}


def __getattr__(name: str) -> Callable[..., object]:
    """A function with one answer."""
    if name not in _ANSWERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return lambda *_, **__: _ANSWERS[name]
