"""Patterns that named nothing, said when the process ends: until then a module may still be imported."""

from __future__ import annotations

import os
import sys

from tachograph import _native

_registered: list[int] = []  # the process that has asked for the message at its end


def _near_names(module: str) -> list[str]:
    import difflib

    names = [name for name, loaded in list(sys.modules.items()) if getattr(loaded, "__file__", None)]
    return difflib.get_close_matches(module, names, n=3)


def unmatched() -> list[str]:
    """One message for each pattern that has named no function so far, with the modules that it may have meant."""
    messages = []
    for pattern in _native.unmatched_patterns():
        near = _near_names(pattern.split("::")[0].removesuffix(".*"))
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        messages.append(f"tachograph: no function matched {pattern!r}{hint}")
    return messages


def warn_at_exit() -> None:
    """Prints the messages to stderr when this process, not a forked child, comes to its end. Once."""
    if _registered or "TACHOGRAPH_RUN" in os.environ:
        return
    _registered.append(os.getpid())
    import atexit

    atexit.register(_warn)


def _warn() -> None:
    if [os.getpid()] == _registered and sys.stderr is not None:
        for message in unmatched():
            print(message, file=sys.stderr)
