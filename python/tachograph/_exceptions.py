"""The decorator that records exceptions."""

from __future__ import annotations

from tachograph import _native, _settings
from tachograph._policies import check_yes_no, policy
from tachograph._targets import functions_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Coroutine
    from typing import Any, Literal, ParamSpec, Protocol, TypeVar, overload

    from tachograph._policies import Policy

    P = ParamSpec("P")
    R = TypeVar("R")
    F = TypeVar("F", bound=Callable[..., object])
    Classes = type[BaseException] | tuple[type[BaseException], ...]

    class Returning(Protocol):
        """What makes functions return their exceptions."""

        @overload
        def __call__(
            self, target: Callable[P, Coroutine[Any, Any, R]], /
        ) -> Callable[P, Coroutine[Any, Any, R | Exception]]: ...
        @overload
        def __call__(self, target: Callable[P, R], /) -> Callable[P, R | Exception]: ...

    class Reraising(Protocol):
        """What leaves functions as they are."""

        def __call__(self, target: F, /) -> F: ...

    class ExceptionLogger(Protocol):
        """With and without arguments."""

        @overload
        def __call__(
            self, target: Callable[P, Coroutine[Any, Any, R]], /
        ) -> Callable[P, Coroutine[Any, Any, R | Exception]]: ...
        @overload
        def __call__(self, target: Callable[P, R], /) -> Callable[P, R | Exception]: ...
        @overload
        def __call__(
            self,
            *,
            reraise: Literal[True],
            only: Classes | None = None,
            ignore: Classes | None = None,
            capture_args: bool = True,
            repr: bool = False,
        ) -> Reraising: ...
        @overload
        def __call__(
            self,
            *,
            reraise: Literal[False] = False,
            only: Classes | None = None,
            ignore: Classes | None = None,
            capture_args: bool = True,
            repr: bool = False,
        ) -> Returning: ...


_GENERATORS = 0x20 | 0x200  # inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR, which costs time to import


def _classes(name: str, value: Classes | None) -> tuple[type[BaseException], ...] | None:
    """As a tuple."""
    if value is None:
        return None
    classes = value if isinstance(value, tuple) else (value,)
    given: tuple[object, ...] = classes
    for item in given:
        if isinstance(item, BaseException):
            raise TypeError(
                f"{name} takes exception classes, not {item!r}, which is one of them: {type(item).__name__}"
            )
        if not (isinstance(item, type) and issubclass(item, BaseException)):
            raise TypeError(f"{name} takes exception classes, one or a tuple of them, not {item!r}")
    if name == "only" and not classes:
        raise ValueError("only=() would record nothing: name a class, or leave it out to record all")
    return classes


class Logger:
    """Records the exceptions of what it decorates; `name` is what that decorator is called."""

    def __init__(self, name: str, policy: Policy) -> None:
        self._name = name
        self._policy = policy
        self._returns = policy[2]

    def __call__(self, target: Any, /) -> Any:
        functions = list(functions_of(target))
        if not functions:
            raise TypeError(
                f"{self._name} goes on functions, methods and coroutines written in Python, "
                f"not on {f'the class {target.__qualname__}' if isinstance(target, type) else type(target).__name__}; "
                "tachograph.instrument(..., exceptions=True) records for whole modules and classes"
            )
        if self._returns:
            for function in functions:
                self._refuse_other_results(function)
        elif _settings.disabled():
            return target
        for function in functions:
            if not _native.watch_function(function, self._policy):
                return self._otherwise(target)
        return target

    def _refuse_other_results(self, function: types.FunctionType) -> None:
        name = function.__name__
        if name.startswith("__") and name.endswith("__") and name != "__call__":
            raise TypeError(
                f"Python itself calls {function.__qualname__}, and would take an exception for its result: "
                f"use {self._name}(reraise=True)"
            )
        if function.__code__.co_flags & _GENERATORS:
            raise TypeError(
                f"{function.__qualname__} is a generator, which cannot return its exceptions: "
                f"use {self._name}(reraise=True)"
            )

    def _otherwise(self, target: Any) -> Any:
        """For code that cannot be rewritten: what the program relies on stays, but nothing is recorded."""
        if not self._returns:
            return target
        from tachograph._returning import returning

        return returning(target, self._policy[0], self._policy[1])


def make_logger(
    name: str,
    target: object,
    *,
    reraise: bool,
    only: Classes | None,
    ignore: Classes | None,
    capture_args: bool,
    calls_repr: bool,
) -> Logger:
    """What decorates, of a decorator that takes these arguments; `target` is what that was given without a name."""
    if isinstance(target, type) and issubclass(target, BaseException):
        raise TypeError(f"{name} takes exception classes by name: only= or ignore=")
    check_yes_no(reraise=reraise, capture_args=capture_args, repr=calls_repr)
    return Logger(
        name,
        policy(
            _classes("only", only),
            _classes("ignore", ignore),
            returns=not reraise,
            capture_args=capture_args,
            calls_repr=calls_repr,
        ),
    )


def _exception_logger(
    target: Any = None,
    /,
    *,
    reraise: bool = False,
    only: Classes | None = None,
    ignore: Classes | None = None,
    capture_args: bool = True,
    repr: bool = False,
) -> Any:
    """Records the exceptions that leave a function, and returns them in the place of a result.

    ``@tachograph.exception_logger`` goes on functions, methods, static and class methods, properties and coroutines; on
    generators with ``reraise=True`` only. What it decorates stays the same object, with rewritten code, and is timed as by
    `timing`. An exception is recorded once, where it leaves the innermost function that is watched.

    Recorded are type, message, traceback, arguments, thread and time; secrets in them are not. ``KeyboardInterrupt``,
    ``SystemExit``, ``GeneratorExit``, cancellations, and the ``StopIteration`` of a ``__next__`` are no failures, unless
    `only` names them, and neither is returned what is no `Exception`.

    Args:
        target: what is decorated, where nothing else is said.
        reraise: the exception is raised on as it was: the same object, the same traceback.
        only: a class or several: other exceptions are neither recorded nor returned.
        ignore: the same: these are neither.
        capture_args: whether the arguments of the failed call are kept. They are those that the parameters hold when it
            fails; parameters that the function binds anew are named with them.
        repr: whether arguments that have no form in JSON are asked for their ``repr()``; else their type and size is all
            that is kept, and no code of the program runs.

    Returns:
        What it was given, or a decorator.

    Raises:
        TypeError: there is no Python function in it, or it is a generator, or a method that Python itself calls as
            ``__eq__``, that should return its exceptions; or an argument is none of what it takes.
        ValueError: `only` is empty.
    """
    logger = make_logger(
        "exception_logger",
        target,
        reraise=reraise,
        only=only,
        ignore=ignore,
        capture_args=capture_args,
        calls_repr=repr,
    )
    return logger if target is None else logger(target)


_exception_logger.__name__ = _exception_logger.__qualname__ = "exception_logger"
exception_logger: ExceptionLogger = _exception_logger
