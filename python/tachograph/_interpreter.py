"""Which interpreters tachograph times: CPython of the versions it was made for, with the global lock, the main one.

The build runs this file with the Python it builds for: what it prints is why there can be no extension, or nothing.
"""

from __future__ import annotations

import sys

_FIRST = (3, 11)
_LAST = (3, 14)
_TIMED = "tachograph times CPython {}.{} to {}.{}".format(*_FIRST, *_LAST)


def obstacle() -> str:
    """Why no function can be timed in this interpreter, and what to do about it; nothing: they can be."""
    version = "{}.{}.{}".format(*sys.version_info[:3])
    if sys.implementation.name != "cpython":
        import platform

        return f"this is {platform.python_implementation()} (Python {version}); {_TIMED}"
    if not _FIRST <= sys.version_info[:2] <= _LAST:
        return f"this is CPython {version}; {_TIMED}"
    if "t" in sys.abiflags:
        return f"this is CPython {version} without the global lock; {_TIMED} with it"
    if (
        not _is_main()
    ):  # where little may be imported: `threading`, first seen by a thread that ends, hangs 3.11 and 3.12
        return (
            "this is a subinterpreter; tachograph times the main interpreter "
            "(under mod_wsgi: WSGIApplicationGroup %{GLOBAL})"
        )
    return ""


def _is_main() -> bool:
    import importlib

    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    try:
        interpreters = importlib.import_module(name)
    except ImportError:  # a build that has none
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


if __name__ == "__main__":
    print(obstacle())
