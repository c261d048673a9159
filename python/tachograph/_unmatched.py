"""Patterns that named nothing, said when the process ends: until then a module may still be imported."""

from __future__ import annotations

import os
import sys

from tachograph import _native
from tachograph._targets import functions_of_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_registered: list[int] = []  # the process that has asked for the message at its end
_forked: list[int] = []  # the same, when it has children


def _names_of(module: object) -> dict[str, object]:
    """What is in a module now: a lazy one would import more if it was asked, and there are stranger things than modules."""
    try:
        names = object.__getattribute__(module, "__dict__")
    except AttributeError:
        return {}
    return names if isinstance(names, dict) else {}


def _modules() -> list[str]:
    """Modules and packages with source, so without what is built in."""
    loaded = [name for name, module in list(sys.modules.items()) if _names_of(module).get("__file__")]
    packages = {name.rpartition(".")[0] for name in loaded} - {""}
    return sorted({*loaded, *packages})


def _functions(module: str) -> list[str]:
    """What could be timed of a module."""
    return [function.__qualname__ for function in functions_of_namespace(_names_of(sys.modules.get(module)))]


def _has_functions(package: str, below: str) -> bool:
    """Whether a module, or with ``.*`` any of a package, has functions."""
    modules = [name for name in _modules() if below and name.startswith(f"{package}.")]
    return any(map(_functions, [package, *modules]))


def _main_stem() -> str:
    """What the program's own file would be called, were it imported."""
    script = sys.argv[0] if sys.argv else ""  # __main__ has no __file__ any more when it has run
    return os.path.splitext(os.path.basename(script))[0]


def _near(pattern: str) -> list[str]:
    """Patterns like this one that name something."""
    import difflib

    module, separator, function = pattern.partition("::")
    package = module.removesuffix(".*")
    below, rest = module[len(package) :], separator + function
    near = []
    if separator:
        near = [f"{module}::{name}" for name in difflib.get_close_matches(function, _functions(module), n=3)]
    if not near and not below and _has_functions(package, ".*"):
        near = [f"{package}.*{rest}"] if not _functions(package) else []
    if not near and _main_stem() and package.removesuffix(".py") == _main_stem():
        near = [f"__main__{rest}"]
    if not near and package not in _modules():
        modules = [name for name in difflib.get_close_matches(package, _modules(), n=3) if _has_functions(name, below)]
        near = [name + below + rest for name in modules]
    return [name for name in near if name != pattern]


def _reason(pattern: str) -> str:
    near = _near(pattern)
    if near:
        return f"; did you mean {', '.join(near)}?"
    module, separator, _ = pattern.partition("::")
    package = module.removesuffix(".*")
    if set(package) & set("*?["):
        return ""
    if package not in [*_modules(), "__main__"]:
        return f": no module {package} was imported"
    what = "was imported, but has no such function" if separator else "has no function in Python"
    return f": {package} {what}"


def _exclusion_reason(pattern: str) -> str:
    """As `_reason`; what is there and was not to be timed anyway is no mistake in the pattern."""
    from fnmatch import fnmatchcase

    module, _, function = pattern.partition("::")
    if any(fnmatchcase(name, function or "*") for name in _functions(module)):
        return ": it was not to be timed"
    return _reason(pattern)


def unmatched(options: Mapping[str, str] | None = None) -> list[str]:
    """One message for each pattern that has named no function so far, with what it may have meant, or why.

    With ``options`` somebody has named these patterns, by the option given, and the others are nobody's; of exclusions is
    told in any case. None where there are children: they may have imported what this process has not, as the workers of
    a server.
    """
    patterns, exclusions = _native.unmatched_patterns()
    patterns = [pattern for pattern in patterns if options is None or pattern in options]
    if not (patterns or exclusions) or os.getpid() in _forked or not _native.is_alone_in_run():
        return []
    named = {pattern: f"{options[pattern]} {pattern!r}" if options else repr(pattern) for pattern in patterns}
    messages = [f"tachograph: no function matched {named[pattern]}{_reason(pattern)}" for pattern in patterns]
    excluded = "tachograph: nothing was excluded by"
    return messages + [f"{excluded} {pattern!r}{_exclusion_reason(pattern)}" for pattern in exclusions]


def watch_forks() -> None:
    """To be called before `unmatched` can know of children."""
    os.register_at_fork(before=_note_fork)  # what runs Python after it would begin our threads before 3.13 counts them


def _note_fork() -> None:
    _forked[:] = [os.getpid()]


def warn_at_exit() -> None:
    """Prints the messages to stderr when this process, not a forked child, comes to its end. Once."""
    if _registered or "TACHOGRAPH_RUN" in os.environ:
        return
    _registered.append(os.getpid())
    import atexit

    watch_forks()
    atexit.register(_warn)


def _warn() -> None:
    if [os.getpid()] == _registered and sys.stderr is not None:
        for message in unmatched():
            print(message, file=sys.stderr)
