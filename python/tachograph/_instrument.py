"""Timing whole modules, classes and namespaces."""

from __future__ import annotations

import types
from _collections_abc import Iterable, Mapping

from tachograph import _native, _settings
from tachograph._policies import check_yes_no, policy
from tachograph._targets import functions_of, functions_of_class, functions_of_namespace
from tachograph._unmatched import warn_at_exit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Target = str | Iterable[str] | types.ModuleType | type | Mapping[str, object] | Callable[..., object]


def _patterns(target: object) -> list[str] | None:
    """The patterns that `target` stands for, or None when it stands for objects."""
    if isinstance(target, str):
        return [target]
    if isinstance(target, types.ModuleType):
        return [target.__name__]
    if isinstance(target, Iterable) and not isinstance(target, (type, Mapping)):
        return list(target)
    return None


def _functions(target: object) -> list[types.FunctionType]:
    if isinstance(target, type):
        return list(functions_of_class(target))
    if isinstance(target, Mapping):
        return list(functions_of_namespace(target))
    functions = list(functions_of(target))
    if not functions:
        raise TypeError(
            "expected a pattern, a module, a class, a dict of globals or a Python function, "
            f"not {type(target).__name__}; put @tachograph.timing on callables written in C"
        )
    return functions


def _exclusions(exclude: str | Iterable[str]) -> list[str]:
    return [exclude] if isinstance(exclude, str) else list(exclude)


def instrument(
    target: Target, *, exclude: str | Iterable[str] = (), exceptions: bool = False, capture_args: bool = True
) -> int:
    """Times functions without touching their source.

    Args:
        target: a pattern or several, for modules loaded now, in part or whole, and imported later: ``shop`` is that
            module, ``shop.*`` it and its submodules, and with ``::`` the pattern globs full names, as in
            ``shop.cart::Cart.*``; or a module; a class; a dict of globals (all functions and classes defined there); a
            function.
        exclude: patterns of functions to leave alone.
        exceptions: whether exceptions that leave these functions are recorded, each once, where it leaves the innermost
            of them; `exception_logger` says what is kept. They are raised on as they are, and calls that do not fail
            cost no more for it.
        capture_args: whether the arguments of failed calls are kept; only with `exceptions`.

    Returns:
        How many functions are timed now that were not before, as they stand in the source: functions nested in them are
        counted, those of modules imported later are not. A pattern that has still named none when the process ends is
        reported on stderr.

    Raises:
        ValueError: a pattern that cannot mean anything, or `capture_args=False` without `exceptions=True`.
        TypeError: a target that is none of the above, or `exceptions` or `capture_args` that is no bool.
    """
    given: object = exceptions
    if isinstance(given, (type, tuple)):
        raise TypeError(f"exceptions is True or False, not {given!r}: exception_logger(only=...) chooses classes")
    check_yes_no(exceptions=exceptions, capture_args=capture_args)
    if not (exceptions or capture_args):
        raise ValueError("capture_args=False is about recorded exceptions: it needs exceptions=True, or leave it out")
    if _settings.disabled():
        return 0
    patterns = _patterns(target)
    chosen = policy(capture_args=capture_args) if exceptions else None
    if patterns is None:
        return _native.instrument_functions(_functions(target), _exclusions(exclude), chosen)
    warn_at_exit()
    return _native.instrument_everything(patterns, _exclusions(exclude), [], [], chosen)


def uninstrument(target: Target | None = None) -> int:
    """Gives functions back the code they had: calls cost nothing again. Calls that run are still recorded.

    Args:
        target: as for `instrument`; None: everything, and no further imports are timed.

    Returns:
        How many functions are no longer timed, counted as by `instrument`.
    """
    if target is None:
        count = _native.uninstrument_functions(None, ["*"])
        _native.remove_hook()
        return count
    patterns = _patterns(target)
    if patterns is None:
        return _native.uninstrument_functions(_functions(target), ["*"])
    return _native.uninstrument_functions(None, patterns)
