"""``python -m tachograph`` is the program ``tachograph`` that was installed with this package."""

from __future__ import annotations

import os
import sys
import sysconfig

from tachograph._interpreter import obstacle


def find_program() -> str | None:
    """The program that was installed with this package."""
    directories = [
        sysconfig.get_path("scripts"),
        os.path.dirname(sys.executable),
        sysconfig.get_path("scripts", "posix_user"),
    ]
    for directory in directories:
        path = os.path.join(directory, "tachograph")
        if os.access(path, os.X_OK):
            return path
    return None


def main() -> int:
    """Replaces this process by the program; returns only when it cannot be found."""
    program = find_program()
    if program is None:
        problem = obstacle()
        advice = problem or (f"in a checkout of tachograph, type: {sys.executable} -m pip install --force-reinstall .")
        print(f"tachograph: the program was not found next to this Python; {advice}", file=sys.stderr)
        return 127
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        arguments[1:1] = ["--python", sys.executable]  # whoever starts it with a Python means that Python
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    sys.exit(main())
