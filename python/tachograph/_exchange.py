"""Puts a module's newer source in the place of the one it runs, or leaves everything as it was."""

from __future__ import annotations

import ast
import contextlib
import gc
import inspect
import types
from collections.abc import MutableMapping

from tachograph import _native, _source
from tachograph._source import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Definition = tuple[_source.Function, _source.Function, types.FunctionType]  # before, now, and as it is made now
    Exchange = (
        tuple[types.FunctionType, types.CodeType]
        | tuple[types.FunctionType, types.CodeType, tuple[object, ...] | None, dict[str, object] | None]
    )

_KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_ITERABLE_COROUTINE
# What a class's body says for the making of the class.
_OF_MAKING = {
    "__module__",
    "__qualname__",
    "__firstlineno__",
    "__static_attributes__",
    "__classcell__",
    "__classdictcell__",
    "__conditional_annotations__",
    "__annotate__",
    "__annotate_func__",
    "__annotations__",
}
# What Python itself writes into a module.
_OF_PYTHON = {
    "__annotate__",
    "__annotations__",
    "__builtins__",
    "__conditional_annotations__",
    "__warningregistry__",
}
_ABSENT = object()  # in the place of what a name refers to: there is no such name


class _LivingError(RefusedError):
    """Because of a function that lives."""


class Outcome:
    """What a reload has changed."""

    def __init__(self) -> None:
        self.changed: list[str] = []  # qualified names of functions with new code
        self.bound: list[str] = []  # names in the module and its classes that are new or bound again
        self.not_run: list[int] = []  # lines of statements that were left alone

    def __bool__(self) -> bool:
        return bool(self.changed or self.bound)


class LoadedModule:
    """A module's names, and the source that it runs."""

    def __init__(self, names: dict[str, object], text: bytes, file: str) -> None:
        """Raises `RefusedError` where the source cannot be understood: then there is nothing to compare with."""
        tree, code = _source.parse(text, file)
        self.names = names
        self.file = file
        self.code = code
        self.scope = _source.read_scope(tree.body)

    def exchange(self, text: bytes) -> Outcome:
        """Has the module run the newer source.

        Raises:
            RefusedError: it does not; nothing has changed.
        """
        tree, code = _source.parse(text, self.file)
        if not tree.body:
            raise RefusedError("the file is empty")  # it is being written
        outcome = None
        with contextlib.suppress(_LivingError):  # and with it go the references that its traceback holds
            outcome = self._exchange(tree, code)
        if outcome is None:
            gc.collect()  # what it was about may only have been left over
            outcome = self._exchange(tree, code)
        self.scope = _source.merge(self.scope, _source.read_scope(tree.body))
        self.code = code
        return outcome

    def _exchange(self, tree: ast.Module, code: types.CodeType) -> Outcome:
        change = _Change(self.names, _source.compare(self.scope, tree.body), code)
        try:
            change.plan(self.code)
            change.apply()
        except RefusedError:
            change.undo()
            raise
        except BaseException as error:
            change.undo()
            raise RefusedError(f"{_line_of(error, self.file)}{type(error).__name__}: {error}") from None
        return change.outcome


def _line_of(error: BaseException, file: str) -> str:
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file and trace.tb_frame.f_code.co_name == "<module>":
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f"line {lines[-1]}: " if lines else ""


class _Names(dict[str, object]):
    """The names of a class whose body runs once more: knows which it has bound."""

    def __init__(self, cls: type) -> None:
        super().__init__(vars(cls))
        self.stored: dict[str, object] = {}

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        self.stored[name] = value


class _ModuleNames(MutableMapping[str, object]):
    """A module's names, for statements of its own: they bind in the module, and it is known what.

    What the functions that they call bind goes past this, as does what other threads do.
    """

    def __init__(self, names: dict[str, object]) -> None:
        self.names = names
        self.before: dict[str, object] = {}  # what the names that were bound referred to, or _ABSENT
        self.bound: dict[str, object] = {}  # and what now

    def __getitem__(self, name: str) -> object:
        return self.names[name]

    def __setitem__(self, name: str, value: object) -> None:
        self._note(name, value)
        self.names[name] = value

    def __delitem__(self, name: str) -> None:
        value = self.names[name]
        self._note(name, _ABSENT)
        del self.names[name], value

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def _note(self, name: str, value: object) -> None:
        self.before.setdefault(name, self.names.get(name, _ABSENT))
        self.bound[name] = value

    def put_back(self) -> None:
        for name, value in self.bound.items():
            _put_back(self.names, name, value, self.before[name])

    def changed(self) -> list[str]:
        return [name for name, value in self.bound.items() if name not in _OF_PYTHON and value is not self.before[name]]


def _put_back(names: dict[str, object], name: str, value: object, before: object) -> None:
    """Only where it is still ours: what others have bound meanwhile is the program's state.

    No other thread runs between the look and what follows from it, as there is neither a call nor a loop.
    """
    if name in names:
        if names[name] is value:
            if before is _ABSENT:
                del names[name]
            else:
                names[name] = before
    elif value is _ABSENT:
        names[name] = before


class _Change:
    """One exchange under way, and how to take it back."""

    def __init__(self, names: dict[str, object], work: _source.Work, code: types.CodeType) -> None:
        self.names = names
        self.work = work
        self.code = code
        self.outcome = Outcome()
        self._functions: list[tuple[types.FunctionType, types.CodeType]] = []  # with the compiler's new code
        self._exchanges: list[Exchange] = []
        self._described: list[tuple[types.FunctionType, dict[str, object]]] = []  # with attributes that no call reads
        self._undo: list[Callable[[], object]] = []

    def plan(self, before: types.CodeType) -> None:
        """Finds every function that has old code."""
        pairs = list(_pairs(before, self.code))
        new_codes = {_identity(old): new for old, new in pairs}
        by_name: dict[str, list[types.CodeType]] = {}
        for before_it, after_it in pairs:
            by_name.setdefault(before_it.co_qualname, []).append(after_it)
        redefined = {_place(work, now) for work in self.work.all() for _, now in work.redefined}
        for function in _native.functions_of(self.names):
            old = _native.compiled_code(function.__code__)
            if old.co_filename != before.co_filename:
                continue
            new: types.CodeType | None = new_codes.get(_identity(old))
            if new is None and len(by_name.get(old.co_qualname, ())) == 1:
                new = by_name[old.co_qualname][0]  # loaded from a source that nobody has seen
            if new is not None and (new != old or (new.co_qualname, new.co_firstlineno) in redefined):
                _check(function, old, new)
                self._functions.append((function, new))

    def apply(self) -> None:
        """Does all of it."""
        self._run_statements()
        classes = [self._run_class(work) for work in self.work.all() if work.path and work.run]
        self._prepare(dict(self._define_anew()))
        for cls, names in classes:
            for name, value in names.items():
                self._set(cls, name, value)
                tell = getattr(type(value), "__set_name__", None)
                if tell is not None:
                    tell(value, cls, name)
                self.outcome.bound.append(f"{cls.__qualname__}.{name}")
        self._document()
        _native.exchange_functions(self._exchanges)  # all or none; from here on nothing can be refused
        for function, attributes in self._described:
            for name, value in attributes.items():
                setattr(function, name, value)
        for work in self.work.all():
            self.outcome.not_run += work.not_run

    def undo(self) -> None:
        """Puts everything back, the last first."""
        while self._undo:
            self._undo.pop()()

    def _run_statements(self) -> None:
        if not self.work.run:
            return
        code = _source.compile_part(self.work.run, self.code)
        names = _ModuleNames(self.names)
        self._undo.append(names.put_back)
        exec(_native.timed_code(code, self._module_name(), None), self.names, names)
        self.outcome.bound += names.changed()

    def _module_name(self) -> str:
        name = self.names.get("__name__")
        return name if isinstance(name, str) else "__main__"

    def _class(self, path: tuple[str, ...]) -> type:
        found: object = self.names.get(path[0])
        for name in path[1:]:
            found = vars(found).get(name) if isinstance(found, type) else None
        if not isinstance(found, type):
            raise RefusedError(f"{'.'.join(path)} is no class any more: its body cannot be changed")
        return found

    def _run_class(self, work: _source.Work) -> tuple[type, dict[str, object]]:
        """The body of a class as far as it is new, in a copy of the class's names."""
        cls = self._class(work.path)
        fields = [part for part in work.run if isinstance(part, (ast.Assign, ast.AnnAssign))]
        if fields and type(cls).__name__ not in ("type", "ABCMeta"):
            raise RefusedError(
                f"line {fields[0].lineno}: the fields of the class {cls.__qualname__} have changed, and its metaclass "
                "has made something of those it had"
            )
        body = _body_code(_wrapped(work.path, work.run), work.path, self.code)
        names = _Names(cls)
        exec(_native.timed_code(body, self._module_name(), None), self.names, names)
        _fill_cells(names, cls)
        return cls, {name: value for name, value in names.stored.items() if name not in _OF_MAKING}

    def _define_anew(self) -> Iterator[tuple[tuple[str, int], Definition]]:
        """Definitions whose default values, annotations or docstring have changed, by qualified name and line."""
        for work in self.work.all():
            for before, now in work.redefined:
                bare = _source.without_decorators(now)
                names: dict[str, object] = _Names(self._class(work.path)) if work.path else {}
                if work.path:
                    exec(_body_code(_wrapped(work.path, [bare]), work.path, self.code), self.names, names)
                    _fill_cells(names, self._class(work.path))
                else:
                    exec(_source.compile_part([bare], self.code), self.names, names)
                fresh = names[_mangled(now.name, work.path)]
                assert isinstance(fresh, types.FunctionType)
                yield _place(work, now), (before, now, fresh)

    def _document(self) -> None:
        for work in self.work.all():
            if work.docstring and work.path:
                self._set(self._class(work.path), "__doc__", work.docstring[0])
            elif work.docstring:
                names = _ModuleNames(self.names)
                self._undo.append(names.put_back)
                names["__doc__"] = work.docstring[0]

    def _prepare(self, redefined: dict[tuple[str, int], Definition]) -> None:
        made: dict[tuple[int, int], types.CodeType] = {}
        kept = []  # what the keys of `made` are the addresses of
        changed: set[str] = set()
        for function, code in self._functions:
            old = function.__code__
            key = (id(old), id(code))
            kept.append(old)
            if key not in made:
                made[key] = _native.timed_code(code, self._module_name(), old)
            entry = redefined.get((code.co_qualname, code.co_firstlineno))
            if entry:
                self._exchanges.append((function, made[key], *_follow(function, *entry)))
                self._described.append((function, _description(entry[-1])))
            elif _parameters(old) != _parameters(code) and (function.__defaults__ or function.__kwdefaults__):
                raise _LivingError(
                    f"line {code.co_firstlineno}: the parameters of {code.co_qualname} have changed, and one of "
                    "those that live has default values"
                )
            else:
                self._exchanges.append((function, made[key]))
            if entry or _native.code_hash(_native.compiled_code(old)) != _native.code_hash(code):
                changed.add(code.co_qualname)
        self.outcome.changed += sorted(changed)

    def _set(self, cls: type, name: str, value: object) -> None:
        names = vars(cls)
        before = names.get(name, _ABSENT)

        def put_back() -> None:
            if name in names and names[name] is value:  # nobody has set it since
                if before is _ABSENT:
                    delattr(cls, name)
                else:
                    setattr(cls, name, before)

        setattr(cls, name, value)
        self._undo.append(put_back)


def _place(work: _source.Work, function: _source.Function) -> tuple[str, int]:
    """Where a definition is, as its code has it: qualified name and first line."""
    return ".".join((*work.path, function.name)), _source.first_line(function)


def _follow(
    function: types.FunctionType, before: _source.Function, now: _source.Function, fresh: types.FunctionType
) -> tuple[tuple[object, ...] | None, dict[str, object] | None]:
    """The default values that it gets: one that is written as before stays the object that it was."""
    texts = _source.default_texts(before)
    kept = {
        name: value
        for name, value in _defaults(function).items()
        if texts.get(name) == _source.default_texts(now).get(name)
    }
    values = {name: kept.get(name, value) for name, value in _defaults(fresh).items()}
    positional = fresh.__code__.co_varnames[: fresh.__code__.co_argcount]
    defaults = tuple(values[name] for name in positional if name in values)
    keywords = {name: value for name, value in values.items() if name not in positional}
    return defaults or None, keywords or None


def _description(fresh: types.FunctionType) -> dict[str, object]:
    annotate = getattr(fresh, "__annotate__", None)
    if annotate is not None:  # from 3.14 on they are worked out when they are asked for
        return {"__doc__": fresh.__doc__, "__annotate__": annotate}
    return {"__doc__": fresh.__doc__, "__annotations__": fresh.__annotations__}


def _wrapped(path: tuple[str, ...], body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements in the classes that they belong to."""
    for name in reversed(path):
        cls = ast.ClassDef(name=name, bases=[], keywords=[], body=body, decorator_list=[])
        if "type_params" in cls._fields:
            setattr(cls, "type_params", [])  # noqa: B010  # from 3.12 on
        body = [ast.copy_location(cls, body[0])]
    return body


def _body_code(statements: list[ast.stmt], path: tuple[str, ...], code: types.CodeType) -> types.CodeType:
    found = _source.compile_part(statements, code)
    for name in path:
        found = next(const for const in found.co_consts if isinstance(const, types.CodeType) and const.co_name == name)
    return found


def _fill_cells(names: dict[str, object], cls: type) -> None:
    """``super()`` and ``__class__`` in the new methods mean the class that there is."""
    for name, value in (("__classcell__", cls), ("__classdictcell__", names)):
        cell = names.get(name)
        if isinstance(cell, types.CellType):
            cell.cell_contents = value


def _mangled(name: str, path: tuple[str, ...]) -> str:
    is_private = path and name.startswith("__") and not name.endswith("__")
    return f"_{path[-1].lstrip('_')}{name}" if is_private else name


def _defaults(function: types.FunctionType) -> dict[str, object]:
    values = function.__defaults__ or ()
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = dict(zip(positional[len(positional) - len(values) :], values))
    defaults.update(function.__kwdefaults__ or {})
    return defaults


def _parameters(code: types.CodeType) -> tuple[object, ...]:
    count = code.co_argcount + code.co_kwonlyargcount
    return code.co_argcount, code.co_posonlyargcount, code.co_varnames[:count]


def _identity(code: types.CodeType) -> tuple[object, ...]:
    """What tells a function's code from others of its file."""
    return code.co_qualname, code.co_firstlineno, code.co_code


def _nested(code: types.CodeType) -> dict[str, list[types.CodeType]]:
    nested: dict[str, list[types.CodeType]] = {}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            nested.setdefault(const.co_name, []).append(const)
    return nested


def _pairs(old: types.CodeType, new: types.CodeType) -> Iterator[tuple[types.CodeType, types.CodeType]]:
    """Which code takes which code's place: by name, and among namesakes first what is the same, then by order."""
    after = _nested(new)
    for name, before in _nested(old).items():
        for pair in _namesakes(before, after.get(name, [])):
            yield pair
            yield from _pairs(*pair)


def _namesakes(
    before: list[types.CodeType], after: list[types.CodeType]
) -> Iterator[tuple[types.CodeType, types.CodeType]]:
    if len(before) == len(after):
        yield from zip(before, after)
        return
    rest = list(after)
    for old in before:
        same = [new for new in rest if _native.code_hash(new) == _native.code_hash(old)]
        if same:
            rest.remove(same[0])
            yield old, same[0]


def _check(function: types.FunctionType, old: types.CodeType, new: types.CodeType) -> None:
    name = new.co_qualname
    if old.co_flags & _KINDS != new.co_flags & _KINDS:
        raise _LivingError(f"line {new.co_firstlineno}: {name} was a {_kind(old)} and would be a {_kind(new)}")
    if len(function.__closure__ or ()) != len(new.co_freevars) or old.co_freevars != new.co_freevars:
        raise _LivingError(
            f"line {new.co_firstlineno}: {name} takes other variables from around it than before: "
            f"{', '.join(new.co_freevars) or 'none'} instead of {', '.join(old.co_freevars) or 'none'}"
        )


def _kind(code: types.CodeType) -> str:
    kinds = {
        inspect.CO_GENERATOR: "generator",
        inspect.CO_COROUTINE: "coroutine",
        inspect.CO_ASYNC_GENERATOR: "asynchronous generator",
    }
    return next((name for flag, name in kinds.items() if code.co_flags & flag), "plain function")
