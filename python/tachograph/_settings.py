"""Settings that come from the environment."""

from __future__ import annotations

import os
import sys

_DISABLE = "TACHOGRAPH_DISABLE"
_YES = ("1", "true", "yes", "on")
_NO = ("", "0", "false", "no", "off")


class _Said:
    """What is said once in a process."""

    word = False


def disabled() -> bool:
    """Whether ``TACHOGRAPH_DISABLE`` asks for the plain program.

    ``1``, ``true``, ``yes`` and ``on`` do; ``0``, ``false``, ``no``, ``off`` and nothing do not; in capitals or not. Any
    other word does, with a warning: whoever sets it wants less of us. ``tachograph run`` reads it alike.
    """
    value = os.environ.get(_DISABLE, "")
    word = value.lower()
    if word in _NO:
        return False
    if word not in _YES and not _Said.word:
        _Said.word = True
        _warn(f"tachograph: {_DISABLE} cannot be {value!r}: nothing is timed; set it to 1 or 0")
    return True


def number(variable: str, default: float) -> float:
    """The number in a variable of the environment, or the default where it is not set.

    Raises:
        ValueError: something else is in it.
    """
    value = os.environ.get(variable)
    if not value:
        return default
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{variable} is {value!r}, not a number") from None


def _warn(message: str) -> None:
    import warnings

    try:
        warnings.warn(message, RuntimeWarning, stacklevel=3)
    except RuntimeWarning:  # where warnings are errors, the program still goes on, but is told
        if sys.stderr is not None:
            print(message, file=sys.stderr)


disabled()  # before the extension looks
