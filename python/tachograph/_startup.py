"""What ``tachograph run`` has done inside the program it starts, before the program's own code.

The environment says what is wanted (``TACHOGRAPH_TIME`` and ``TACHOGRAPH_EXCLUDE``: patterns, one a line; nothing: the
functions of the project the script belongs to). Nothing here may stop the program, and only the run's first process,
whose stderr is the user's, says anything: what its children write may be read by programs.
"""

from __future__ import annotations

import os
import sys
import warnings

from tachograph import _collect, _native, _settings
from tachograph._unmatched import unmatched, watch_forks

_NO_FILE = ("", "-", "-c")
_PROJECTS = "TACHOGRAPH_RUN_PROJECTS"  # of the run's first process, for those that it starts
_PROJECT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


def _lines(variable: str) -> list[str]:
    return [line for line in os.environ.get(variable, "").split("\n") if line]


def _start_directories() -> set[str]:
    """Where the program's own code lies: the script's directory.

    It is the current one for ``-m``, ``-c`` and commands that were installed into the environment, such as pytest. Code
    knows its file as it was named, so where symbolic links lead there the directory has two names.
    """
    script = sys.argv[0] if sys.argv else ""
    path = os.path.abspath(script)
    if script in (*_NO_FILE, "-m") or os.path.dirname(path) in {prefix + "bin" for prefix in _environments()}:
        return {os.getcwd()}
    directory = path if os.path.isdir(path) else os.path.dirname(path)
    resolved = os.path.realpath(path)
    return {directory, resolved if os.path.isdir(resolved) else os.path.dirname(resolved)}


def _environments() -> list[str]:
    """The directories of this Python and its environment. Some builds name them by way of ``..``."""
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix}
    prefixes |= {os.path.realpath(prefix) for prefix in prefixes}
    return sorted(_with_slash(os.path.abspath(prefix)) for prefix in prefixes)


def _project(start: str) -> str:
    """The nearest directory upwards that looks like a project's, unless that is the home directory or the root."""
    directory = start
    home = os.path.abspath(os.path.expanduser("~"))
    while directory not in (home, os.path.realpath(home), os.path.dirname(directory)):
        if any(os.path.exists(os.path.join(directory, mark)) for mark in _PROJECT_MARKS):
            return directory
        directory = os.path.dirname(directory)
    return start


def _projects() -> set[str]:
    """The directories whose functions are timed: those of the program, and of the run's first one.

    A child that has no file, as those of multiprocessing, belongs to that alone, wherever it is started.
    """
    projects = set(_lines(_PROJECTS))
    if not projects or sys.argv[:1] not in [[word] for word in _NO_FILE]:
        starts = _start_directories()
        projects |= {_with_slash(directory) for start in starts for directory in (start, _project(start))}
    os.environ.setdefault(_PROJECTS, "\n".join(sorted(projects)))
    return projects


def _is_of_multiprocessing(*modules: str) -> bool:
    """Whether this program is one of these modules of multiprocessing's, which start in this way alone."""
    starts = tuple(f"from multiprocessing.{module} " for module in modules)
    return any(word.startswith(starts) for word in sys.orig_argv)


def _with_slash(directory: str) -> str:
    return os.path.join(directory, "")


def _say(message: str) -> None:
    if os.environ.get("TACHOGRAPH_RUN_PID") == str(os.getpid()) and sys.stderr is not None:
        print(message, file=sys.stderr)


def _warn_of_unmatched() -> None:
    origins = dict.fromkeys(_lines("TACHOGRAPH_EXCEPTIONS"), "--exceptions") | dict.fromkeys(
        _lines("TACHOGRAPH_TIME"), "--time"
    )
    for message in unmatched(origins):
        _say(message)


def _keep_history() -> None:
    try:
        _collect.start_by_run()
    except (ValueError, OSError) as error:
        _say(f"tachograph: no history is kept: {error}")


def start() -> None:
    """Asks for the functions that the environment names."""
    if _settings.disabled() or os.environ.get("TACHOGRAPH_RUN") == "probe":  # only to see whether this module is found
        return
    if "tachograph._absent" in sys.modules:  # an interpreter that cannot be timed, in a child
        return
    if _is_of_multiprocessing("resource_tracker"):  # runs nothing of the program's
        return
    patterns = _lines("TACHOGRAPH_TIME")
    projects: list[str] = []
    foreign: list[str] = []
    if not patterns:
        if sys.argv[:1] in [[word] for word in _NO_FILE]:
            patterns = ["__main__"]
        projects = sorted(_projects())
        foreign = [prefix for prefix in _environments() if not any(project.startswith(prefix) for project in projects)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _native.start_recording()
    for warning in caught:
        _say(str(warning.message))
    _keep_history()
    _native.instrument_everything(patterns, _lines("TACHOGRAPH_EXCLUDE"), projects, foreign, None)
    if _lines("TACHOGRAPH_EXCEPTIONS"):
        from tachograph._policies import policy

        _native.instrument_everything(_lines("TACHOGRAPH_EXCEPTIONS"), _lines("TACHOGRAPH_EXCLUDE"), [], [], policy())
    # They import the main program of their parent as __mp_main__.
    _native.watch_main(_is_of_multiprocessing("spawn", "forkserver"))
    if any(map(_lines, ("TACHOGRAPH_TIME", "TACHOGRAPH_EXCEPTIONS", "TACHOGRAPH_EXCLUDE"))):
        import atexit

        watch_forks()
        atexit.register(_warn_of_unmatched)


try:
    start()
except Exception as error:  # the program comes first
    _say(f"tachograph: nothing is timed: {error}")
