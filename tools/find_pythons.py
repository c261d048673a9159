#!/usr/bin/env python3
"""Lists the CPythons that tachograph can be built for, one line each: VERSION PATH.

Looks in PYTHON_DIRS, in PATH, in pyenv's directory and in build/python-*. The first of each version counts. One
without its headers, without the GIL, or that cannot make virtual environments, is passed over.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")

PROBE = """
import os, platform, sys, sysconfig, ensurepip, venv
header = os.path.join(sysconfig.get_paths()["include"], "Python.h")
good = (
    platform.python_implementation() == "CPython"
    and os.path.exists(header)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
)
print("%d.%d" % sys.version_info[:2] if good else "", getattr(sys, "_base_executable", sys.executable))
"""


def directories() -> Iterator[Path]:
    """The directories that may hold interpreters, the most specific first."""
    for name in os.environ.get("PYTHON_DIRS", "").split(os.pathsep):
        if name:
            yield Path(name)
            yield Path(name, "bin")
    yield from (Path(name) for name in os.environ.get("PATH", os.defpath).split(os.pathsep) if name)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted((pyenv / "versions").glob("3.*/bin"), reverse=True)
    yield from sorted(Path(__file__).resolve().parent.parent.glob("build/python-*/bin"))


def probe(executable: Path) -> tuple[str, str] | None:
    """Version and real path of an interpreter, or None when it is not one for us."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", PROBE], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version, _, path = answer.stdout.strip().partition(" ")
    return (version, path) if answer.returncode == 0 and version in SUPPORTED else None


def find() -> dict[str, str]:
    """The interpreter for each version there is."""
    found: dict[str, str] = {}
    seen: set[Path] = set()
    for directory in directories():
        for name in ("python3", *(f"python{version}" for version in SUPPORTED)):
            executable = directory / name
            if not os.access(executable, os.X_OK) or executable in seen:
                continue
            seen.add(executable)
            answer = probe(executable)
            if answer:
                found.setdefault(*answer)
    return dict(sorted(found.items()))


def main() -> int:
    """Print what was found; fail when that is nothing."""
    found = find()
    for version, path in found.items():
        print(version, path)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
