"""The decorator."""

from __future__ import annotations

from tachograph import _native, _settings
from tachograph._targets import functions_of, functions_of_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import TypedDict, TypeVar

    T = TypeVar("T")

    class Timing(TypedDict):
        """One entry of ``timing.data``: calls, their total in seconds, and the last one's duration in seconds."""

        count: int
        time: float
        last: float


class _Decorator:
    """Times every call of what it decorates.

    ``@tachograph.timing`` goes on functions, methods, static and class methods, properties, generators, coroutines,
    lambdas, classes (all their functions) and C callables. A Python function stays the same object, with rewritten
    code; a callable without Python code is replaced by a stand-in.

    Returns:
        What it was given, or the stand-in for a C callable.

    Raises:
        TypeError: the object cannot be called, or has no Python function in it that could be timed.
    """

    _lock: threading.RLock | None = None

    def __call__(self, target: T, /) -> T:
        if _settings.disabled():
            return target
        functions = list(functions_of_class(target) if isinstance(target, type) else functions_of(target))
        if not functions and not isinstance(target, (type, property, staticmethod, classmethod)):
            return self._wrap(target)
        if not functions:
            kind = f"the class {target.__qualname__}" if isinstance(target, type) else f"this {type(target).__name__}"
            raise TypeError(f"{kind} has no Python function that could be timed; time a function that calls it")
        for function in functions:
            timed = _native.time_function(function)
            if not timed and function is target:
                return self._wrap(target)
        return target

    @staticmethod
    def _wrap(target: T) -> T:
        if not callable(target):
            raise TypeError(f"timing goes on something that can be called, not on {type(target).__name__}")
        module = getattr(target, "__module__", None) or type(target).__module__
        name = getattr(target, "__qualname__", None) or type(target).__qualname__
        wrapped: T = _native.wrap_callable(target, f"{module}::{name}")
        return wrapped

    @property
    def data(self) -> dict[str, Timing]:
        """What has been timed so far, by ``module::qualname``: a new dict at each look."""
        return {
            name: {"count": known.call_count, "time": known.total_time, "last": known.last_time}
            for name, known in _native.statistics().items()
        }

    @property
    def lock(self) -> threading.RLock:
        """A lock for programs that take one around ``data``; reading needs none."""
        if self._lock is None:
            import threading

            self._lock = threading.RLock()
        return self._lock


_Decorator.__call__.__qualname__ = "timing"  # as Python's own messages call it
timing = _Decorator()
