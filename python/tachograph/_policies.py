"""What is to happen to the exceptions of a function, as the extension takes it."""

from __future__ import annotations

from tachograph import _native, _settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    Classes = tuple[type[BaseException], ...]
    Policy = tuple[Classes | None, Classes | None, bool, bool, bool]


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
    if mistake := _native.know_redacted_words():
        _settings.warn(f"tachograph: secrets: {mistake}")
    return only, ignore, returns, capture_args, calls_repr
