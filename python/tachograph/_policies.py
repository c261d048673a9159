"""What is to happen to the exceptions of a function, as the extension takes it."""

from __future__ import annotations

from tachograph import _native, _settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    Classes = tuple[type[BaseException], ...]
    Policy = tuple[Classes | None, Classes | None, bool, bool, bool]


class _State:
    """Of the process."""

    knows_words = False


def check_yes_no(**arguments: object) -> None:
    """Refuses what was meant for something else: any object is true or false.

    Raises:
        TypeError: an argument is no bool.
    """
    for name, value in arguments.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} is True or False, not {value!r}")


def policy(
    only: Classes | None = None,
    ignore: Classes | None = None,
    *,
    returns: bool = False,
    capture_args: bool = True,
    calls_repr: bool = False,
) -> Policy:
    """One; the first one also brings the settings of what is a secret."""
    if not _State.knows_words:
        _State.knows_words = True
        _set_words()
    return only, ignore, returns, capture_args, calls_repr


def _set_words() -> None:
    try:
        words = _settings.Known().text("TACHOGRAPH_REDACT") or ""
    except ValueError as error:
        _settings.warn(f"tachograph: only the words that are known anyway are redacted: {error}")
        return
    if mistake := _native.set_redacted_words(words):
        _settings.warn(f"tachograph: TACHOGRAPH_REDACT: {mistake}")
