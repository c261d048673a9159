"""The decorator that is three."""

from __future__ import annotations

from tachograph._exceptions import make_logger
from tachograph._watch import hot_reload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tachograph._exceptions import Classes, ExceptionLogger


def _super_decorator(
    target: Any = None,
    /,
    *,
    reraise: bool = False,
    only: Classes | None = None,
    ignore: Classes | None = None,
    capture_args: bool = True,
    repr: bool = False,
) -> Any:
    """Hot reload, recorded exceptions and timing at once: `hot_reload`, `exception_logger` and `timing`, in that order.

    ``@tachograph.super_decorator`` goes on functions, methods, static and class methods, properties and coroutines; on
    generators with ``reraise=True`` only. There is no wrapper: what it decorates stays the same object, a call costs
    what a timed one does, and all three go on when its file is edited while it runs.

    Args:
        target: what it decorates.
        reraise: exceptions are raised on; else they are returned in the place of a result. This and the others are
            those of `exception_logger`.
        only: a class or several: other exceptions are neither recorded nor returned.
        ignore: the same: these are neither.
        capture_args: whether the arguments of the failed call are kept.
        repr: whether arguments that have no form in JSON are asked for their ``repr()``.

    Returns:
        What it was given, or a decorator.

    Raises:
        TypeError: there is no Python function in it, or it is a generator, or a method that Python itself calls as
            ``__eq__``, that should return its exceptions; or an argument is none of what it takes.
        ValueError: `only` is empty.
    """
    logger = make_logger(
        "super_decorator",
        target,
        reraise=reraise,
        only=only,
        ignore=ignore,
        capture_args=capture_args,
        calls_repr=repr,
    )

    def decorate(target: Any, /) -> Any:
        logged = logger(target)  # refuses what none of the three can be on
        hot_reload(target)
        return logged

    return decorate if target is None else decorate(target)


_super_decorator.__name__ = _super_decorator.__qualname__ = "super_decorator"
super_decorator: ExceptionLogger = _super_decorator
