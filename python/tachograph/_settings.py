"""Settings that come from the environment or the project's ``pyproject.toml``.

What there is, and what a file may say, is known in one place: src/settings.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types

_DISABLE = "TACHOGRAPH_DISABLE"
_YES = ("1", "true", "yes", "on")
_NO = ("", "0", "false", "no", "off")


_warnings: set[str] = set()  # of this process


def disabled() -> bool:
    """Whether ``TACHOGRAPH_DISABLE`` asks for the plain program.

    ``1``, ``true``, ``yes`` and ``on`` do; ``0``, ``false``, ``no``, ``off`` and nothing do not; in capitals or not. Any
    other word does, with a warning: whoever sets it wants less of us. ``tachograph run`` reads it alike.
    """
    value = os.environ.get(_DISABLE, "")
    word = value.lower()
    if word in _NO:
        return _is_left_out()
    if word not in _YES:
        warn(f"tachograph: {_DISABLE} cannot be {value!r}: nothing is timed; set it to 1 or 0")
    return True


def _is_left_out() -> bool:
    """Whether this is a child of a process that is timed alone (``tachograph run --no-subprocesses``)."""
    return "TACHOGRAPH_RUN_ALONE" in os.environ and os.environ.get("TACHOGRAPH_RUN_PID") != str(os.getpid())


def is_yes(value: str | None) -> bool:
    """Whether a word says yes, as src/base/yes_no has it."""
    return (value or "").lower() in _YES


def script() -> str:
    """The program, as it was named."""
    return sys.argv[0] if sys.argv else ""


class Known:
    """What is set for this program: a variable of the environment, else its key in the project's file.

    Raises:
        ValueError: the file cannot be used; says why, and in which line.
    """

    def __init__(self) -> None:
        from tachograph import _native

        # Under ``tachograph run`` the variables are those of the project that it runs, for all its processes.
        self._project = {} if "TACHOGRAPH_RUN" in os.environ else _native.project_settings(script())

    def text(self, variable: str) -> str | None:
        """The value, or None where it is not set."""
        return os.environ.get(variable) or self._project.get(variable) or None

    def lines(self, variable: str) -> list[str]:
        """The patterns in it."""
        return [line for line in (self.text(variable) or "").split("\n") if line]

    def number(self, variable: str, default: float) -> float:
        """The number in it, or the default where it is not set.

        Raises:
            ValueError: something else is in it.
        """
        value = self.text(variable)
        if not value:
            return default
        try:
            return float(value)
        except ValueError:
            raise ValueError(f"{variable} is {value!r}, not a number") from None


def warn_of_misspelt() -> None:
    """Says which variables come near to ours and are read by nobody; ``tachograph run`` has done so for its own."""
    if "TACHOGRAPH_RUN" in os.environ:
        return
    from tachograph import _native

    for note in _native.misspelt_settings():
        warn(f"tachograph: {note}")


def warn(message: str) -> None:
    """Warns the code that called the package, once; never raises."""
    import warnings

    if message in _warnings:
        return
    _warnings.add(message)
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=_own_frames() + 1)
    except RuntimeWarning:  # where warnings are errors, the program still goes on, but is told
        if sys.stderr is not None:
            print(message, file=sys.stderr)


def _own_frames() -> int:
    """How many frames, from the caller's outwards, are of this package."""
    count = 0
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]:
        count += 1
        frame = frame.f_back
    return count


disabled()  # before the extension looks
