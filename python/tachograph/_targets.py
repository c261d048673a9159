"""What an object offers to be timed: the Python functions behind it.

``isinstance`` asks what is no instance for its ``__class__``; a lazy object, such as Django's settings, then becomes what it
stands for, or fails. So what is met on the way is first judged by its type.
"""

from __future__ import annotations

import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_HOLDERS = (types.FunctionType, staticmethod, classmethod, types.MethodType, property)
_NAMED = ("cached_property", "singledispatchmethod")  # of functools, and what others call like that


def functions_of(value: object) -> Iterator[types.FunctionType]:
    """Yields the functions behind a function, method, property or the like; nothing for other objects."""
    if not issubclass(type(value), _HOLDERS) and type(value).__name__ not in _NAMED:
        return
    if isinstance(value, types.FunctionType):
        yield value
    elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
        yield from functions_of(value.__func__)
    elif isinstance(value, property):
        for accessor in (value.fget, value.fset, value.fdel):
            yield from functions_of(accessor)
    else:
        yield from functions_of(getattr(value, "func", None))


def functions_of_class(cls: type) -> Iterator[types.FunctionType]:
    """Yields the functions that a class statement defined, those of classes inside it included."""
    for value in list(vars(cls).values()):
        if issubclass(type(value), type) and isinstance(value, type):
            if value.__module__ == cls.__module__ and value.__qualname__.startswith(cls.__qualname__ + "."):
                yield from functions_of_class(value)
        else:
            yield from functions_of(value)


def functions_of_namespace(names: Mapping[str, object]) -> Iterator[types.FunctionType]:
    """Yields the functions and the classes' functions that were defined where `names` are the globals."""
    module = names.get("__name__")
    for value in list(names.values()):
        if not issubclass(type(value), (type, types.FunctionType)):
            continue
        if isinstance(value, type):
            if value.__module__ == module:
                yield from functions_of_class(value)
        elif isinstance(value, types.FunctionType) and value.__globals__ is names:
            yield value
