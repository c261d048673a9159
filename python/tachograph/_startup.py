"""What ``tachograph run`` has done inside the program it starts, before the program's own code.

The environment says what is wanted (``TACHOGRAPH_TIME`` and ``TACHOGRAPH_EXCLUDE``: patterns, one a line; nothing: the
functions of the project the script belongs to). Nothing here may stop the program.
"""

from __future__ import annotations

import os
import sys
import warnings

from tachograph import _native, _settings

_PROJECT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def _lines(variable: str) -> list[str]:
    return [line for line in os.environ.get(variable, "").split("\n") if line]


def _start_directory() -> str:
    """Where the program's own code lies: the script's directory; the current one for ``-m``, ``-c`` and commands that
    were installed into the environment, such as pytest."""
    script = sys.argv[0] if sys.argv else ""
    if script in ("", "-", "-c", "-m"):
        return os.getcwd()
    path = os.path.realpath(script)
    if any(os.path.dirname(os.path.abspath(script)) == os.path.join(prefix, "bin") for prefix in _environments()):
        return os.getcwd()
    return path if os.path.isdir(path) else os.path.dirname(path)


def _environments() -> list[str]:
    """The directories of this Python and its environment. Some builds name them by way of ``..``."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    prefixes |= {os.path.realpath(prefix) for prefix in prefixes}
    return sorted(_with_slash(os.path.abspath(prefix)) for prefix in prefixes)


def _project() -> str:
    """The nearest directory upwards that looks like a project's, unless that is the home directory or the root."""
    start = directory = _start_directory()
    home = os.path.realpath(os.path.expanduser("~"))
    while directory not in (home, os.path.dirname(directory)):
        if any(os.path.exists(os.path.join(directory, mark)) for mark in _PROJECT_MARKS):
            return directory
        directory = os.path.dirname(directory)
    return start


def _with_slash(directory: str) -> str:
    return os.path.join(directory, "")


def _warn_of_unmatched() -> None:
    for pattern in _native.unmatched_patterns():
        module = pattern.split("::")[0].removesuffix(".*")
        near = _near_names(module)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        print(f"tachograph: no function matched --time {pattern!r}{hint}", file=sys.stderr)


def _near_names(module: str) -> list[str]:
    import difflib

    names = [name for name, loaded in list(sys.modules.items()) if getattr(loaded, "__file__", None)]
    return difflib.get_close_matches(module, names, n=3)


def start() -> None:
    """Asks for the functions that the environment names."""
    if _settings.disabled():
        return
    patterns = _lines("TACHOGRAPH_TIME")
    projects: list[str] = []
    foreign: list[str] = []
    if patterns:
        import atexit

        atexit.register(_warn_of_unmatched)
    else:
        if sys.argv[:1] in ([""], ["-"], ["-c"]):
            patterns = ["__main__"]  # it has no file
        start_directory = _start_directory()
        projects = list({_with_slash(_project()), _with_slash(os.path.abspath(start_directory))})
        foreign = [
            prefix for prefix in _environments() if not any(project.startswith(prefix) for project in projects)
        ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _native.start_recording()
    for warning in caught:
        print(warning.message, file=sys.stderr)
    _native.instrument_everything(patterns, _lines("TACHOGRAPH_EXCLUDE"), projects, foreign)
    _native.watch_main()


try:
    start()
except Exception as error:  # the program comes first
    print(f"tachograph: nothing is timed: {error}", file=sys.stderr)
