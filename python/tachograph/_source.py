"""What a module's source says, and what of a newer one is new: the rule of hot reload, without doing anything.

The rule, in the words of docs/guide/hot-reload.md: code is exchanged, statements that bind names run when they are new or
changed, everything else is left alone.
"""

from __future__ import annotations
import __future__

import ast

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Iterable, Iterator

    Function = ast.FunctionDef | ast.AsyncFunctionDef
    Body = list[ast.stmt]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BINDINGS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, *filter(None, [getattr(ast, "TypeAlias", None)]))
_TRIES = (ast.Try, *filter(None, [getattr(ast, "TryStar", None)]))
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class RefusedError(Exception):
    """The new source cannot take the old one's place; says why."""


class Scope:
    """What a module's or class's statements have bound, so that what is said again is not done again.

    Statements that a newer source has no more stay in it: so does what they have bound, and a file that was saved half
    and then whole does not run its second half again.
    """

    def __init__(self) -> None:
        self.bound: dict[str, set[str]] = {}  # statement -> names it binds
        self.functions: dict[str, list[Function]] = {}
        self.classes: dict[str, tuple[str, Scope]] = {}  # name -> its first line, its body
        self.done: set[str] = set()  # statements that only do something
        self.docstring: str | None = None


def parse(text: bytes | str, file: str) -> tuple[ast.Module, types.CodeType]:
    """The syntax tree and the code of a module.

    Raises:
        RefusedError: it is no Python.
    """
    try:
        tree: ast.Module = compile(text, file, "exec", flags=ast.PyCF_ONLY_AST | 0, dont_inherit=True)
        code: types.CodeType = compile(tree, file, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise RefusedError(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise RefusedError(f"it cannot be compiled: {error}") from None
    return tree, code


def compile_part(body: Body, code: types.CodeType) -> types.CodeType:
    """Code of some of a module's statements, as they would be in its whole code."""
    module = ast.Module(body=body, type_ignores=[])
    ast.fix_missing_locations(module)
    part: types.CodeType = compile(module, code.co_filename, "exec", code.co_flags & _FUTURES, dont_inherit=True)
    return part


def read_scope(body: Body) -> Scope:
    """What these statements bind."""
    scope = Scope()
    scope.docstring = _docstring(body)
    for statement in _flat(body):
        if isinstance(statement, _FUNCTIONS):
            scope.functions.setdefault(statement.name, []).append(statement)
            scope.bound[_key(statement)] = {statement.name}
        elif isinstance(statement, ast.ClassDef):
            scope.classes[statement.name] = (_head(statement), read_scope(statement.body))
            scope.bound[_key(statement)] = {statement.name}
        elif _is_binding(statement):
            scope.bound[_key(statement)] = set(_names(statement))
        else:
            scope.done.add(_key(statement))
    return scope


def merge(old: Scope, new: Scope) -> Scope:
    """What is bound once what is new of `new` has run after `old`."""
    run = [names for key, names in new.bound.items() if key not in old.bound]
    again = set().union(*run)
    for key, names in old.bound.items():
        if key not in new.bound and not names & again:
            new.bound[key] = names
    for name, (head, scope) in old.classes.items():
        if name in new.classes:
            merge(scope, new.classes[name][1])
        else:
            new.classes[name] = (head, scope)
    return new


class Work:
    """What of a newer body is to be done: statements to run, bodies of classes, definitions whose values have changed."""

    def __init__(self, path: tuple[str, ...] = ()) -> None:
        self.path = path  # names of the classes around, outermost first
        self.run: Body = []
        self.redefined: list[tuple[Function, Function]] = []  # (before, now): their parameters or docstring differ
        self.classes: list[Work] = []
        self.docstring: tuple[str | None] | None = None  # the new one, where it has changed
        self.not_run: list[int] = []  # lines of statements that are new and only do something

    def all(self) -> Iterator[Work]:
        """This and all classes within."""
        yield self
        for inner in self.classes:
            yield from inner.all()


def compare(old: Scope, body: Body, path: tuple[str, ...] = ()) -> Work:
    """What is to be done so that `body` takes the place of what `old` stands for.

    Raises:
        RefusedError: something cannot be done in place.
    """
    work = Work(path)
    docstring = _docstring(body)
    if docstring != old.docstring:
        work.docstring = (docstring,)
    seen: dict[str, int] = {}
    work.run = _select(old, body[1:] if docstring is not None else body, work, seen)
    return work


def _select(old: Scope, body: Body, work: Work, seen: dict[str, int]) -> Body:
    selected: Body = []
    for statement in body:
        if isinstance(statement, _FUNCTIONS):
            _compare_function(old, statement, work, seen)
        if isinstance(statement, ast.ClassDef) and statement.name in old.classes:
            _compare_class(old, statement, work)
        elif isinstance(statement, ast.If) and not _is_main_guard(statement):
            selected += _select_if(old, statement, work, seen)
        elif isinstance(statement, _TRIES):
            selected += _select_try(old, statement, work, seen)
        elif _is_binding(statement) or isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            if _key(statement) not in old.bound:
                selected.append(statement)
        elif _does_something(statement) and _key(statement) not in old.done:
            work.not_run.append(statement.lineno)
    return selected


def _compare_function(old: Scope, statement: Function, work: Work, seen: dict[str, int]) -> None:
    """Namesakes, such as a property's accessors, are told apart by their order."""
    index = seen.setdefault(statement.name, 0)
    seen[statement.name] += 1
    before = old.functions.get(statement.name, [])
    if index < len(before) and _values(before[index]) != _values(statement):
        work.redefined.append((before[index], statement))


def _compare_class(old: Scope, statement: ast.ClassDef, work: Work) -> None:
    head, scope = old.classes[statement.name]
    path = (*work.path, statement.name)
    if head != _head(statement):
        raise RefusedError(
            f"line {statement.lineno}: the bases, keywords or decorators of the class {'.'.join(path)} have changed"
        )
    inner = compare(scope, statement.body, path)
    if inner.run and getattr(statement, "type_params", None):
        raise RefusedError(f"line {statement.lineno}: the body of the generic class {'.'.join(path)} has changed")
    if (
        inner.run
        and statement.decorator_list
        and any(isinstance(part, (ast.Assign, ast.AnnAssign)) for part in inner.run)
    ):
        raise RefusedError(
            f"line {inner.run[0].lineno}: the fields of the class {'.'.join(path)} have changed, and its decorator has "
            "made something of those it had"
        )
    for part in inner.run:
        if "__slots__" in _names(part):
            raise RefusedError(f"line {part.lineno}: the slots of the class {'.'.join(path)} have changed")
    work.classes.append(inner)


def _select_if(old: Scope, statement: ast.If, work: Work, seen: dict[str, int]) -> Body:
    body = _select(old, statement.body, work, seen)
    other = _select(old, statement.orelse, work, seen)
    if not body and not other:
        return []
    part = ast.If(test=statement.test, body=body or [_nothing(statement)], orelse=other)
    return [ast.copy_location(part, statement)]


def _select_try(old: Scope, statement: ast.stmt, work: Work, seen: dict[str, int]) -> Body:
    """What is new in it is tried as well; what handles its failure is as it stands."""
    assert isinstance(statement, _TRIES)
    body = _select(old, statement.body, work, seen)
    after = _select(old, statement.orelse, work, seen)
    for handler in statement.handlers:
        _select(old, handler.body, work, seen)
    if not body and not after:
        return []
    part = type(statement)(
        body=body or [_nothing(statement)], handlers=statement.handlers, orelse=after, finalbody=statement.finalbody
    )
    return [ast.copy_location(part, statement)]


def _nothing(place: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Pass(), place)


def _flat(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements with those inside conditions and the like, which belong to the same scope."""
    for statement in body:
        yield statement
        if not isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
            for child in ast.iter_child_nodes(statement):
                if isinstance(child, ast.stmt):
                    yield from _flat([child])
                elif isinstance(child, (ast.ExceptHandler, *filter(None, [getattr(ast, "match_case", None)]))):
                    yield from _flat(child.body)  # type: ignore[attr-defined]


def _is_binding(statement: ast.stmt) -> bool:
    return isinstance(statement, _BINDINGS)


def _does_something(statement: ast.stmt) -> bool:
    return not isinstance(statement, (ast.Pass, ast.If)) and not (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _key(statement: ast.stmt) -> str:
    """Equal for statements that need not run again."""
    if isinstance(statement, _FUNCTIONS):
        return f"def {statement.name} {[ast.dump(decorator) for decorator in statement.decorator_list]}"
    if isinstance(statement, ast.ClassDef):
        return f"class {statement.name}"
    return ast.dump(statement)


def _head(statement: ast.ClassDef) -> str:
    parts = [*statement.bases, *statement.keywords, *statement.decorator_list]
    return f"{[ast.dump(part) for part in parts]} {[ast.dump(p) for p in getattr(statement, 'type_params', [])]}"


def _values(function: Function) -> str:
    """What of a definition is worked out when it runs, and not when it is called."""
    returns = ast.dump(function.returns) if function.returns else ""
    return f"{ast.dump(function.args)} {returns} {_docstring(function.body)}"


def _docstring(body: Body) -> str | None:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value
    return None


def _names(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    elif isinstance(statement, (*_FUNCTIONS, ast.ClassDef)):
        yield statement.name
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _is_main_guard(statement: ast.If) -> bool:
    """Whether its condition asks for ``__name__``: what follows is the program's start, which has been."""
    return any(isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(statement.test))


def without_decorators(function: Function) -> Function:
    """The bare definition, to work out its default values and annotations anew."""
    fields = {name: getattr(function, name) for name in function._fields if hasattr(function, name)}
    fields["decorator_list"] = []
    return ast.copy_location(type(function)(**fields), function)


def default_texts(function: Function) -> dict[str, str]:
    """Each parameter's default value, as it is written."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    texts = {
        parameter.arg: ast.dump(value)
        for parameter, value in zip(positional[len(positional) - len(args.defaults) :], args.defaults)
    }
    texts.update(
        {parameter.arg: ast.dump(value) for parameter, value in zip(args.kwonlyargs, args.kw_defaults) if value}
    )
    return texts


def first_line(function: Function) -> int:
    """As code objects have it: of the first decorator."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
