"""Returning exceptions without the extension: programs rely on it wherever they run. Nothing is recorded."""

from __future__ import annotations

import functools
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_COROUTINE = 0x80  # inspect.CO_COROUTINE


def _of_function(
    function: types.FunctionType,
    only: tuple[type[BaseException], ...] | None,
    ignore: tuple[type[BaseException], ...] | None,
) -> Callable[..., Any]:
    """The function with its exceptions as results: those of `only` (None: each `Exception`) but not those of `ignore`."""
    wanted = (Exception,) if only is None else only
    unwanted = ignore or ()

    if function.__code__.co_flags & _COROUTINE:

        @functools.wraps(function)
        async def call_coroutine(*args: Any, **kwargs: Any) -> Any:
            try:
                return await function(*args, **kwargs)
            except unwanted:
                raise
            except wanted as error:
                return error

        return call_coroutine

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except unwanted:
            raise
        except wanted as error:
            return error

    return call


def returning(
    target: Any, only: tuple[type[BaseException], ...] | None, ignore: tuple[type[BaseException], ...] | None
) -> Any:
    """The same of a function or of what holds one; other objects as they are."""
    if isinstance(target, types.FunctionType):
        return _of_function(target, only, ignore)
    if isinstance(target, (staticmethod, classmethod)):
        return type(target)(returning(target.__func__, only, ignore))
    if isinstance(target, property):
        fget, fset, fdel = (returning(accessor, only, ignore) for accessor in (target.fget, target.fset, target.fdel))
        return type(target)(fget, fset, fdel, target.__doc__)
    return target
