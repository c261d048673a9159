"""Writes down what can be observed of subject.py: transparency.py plain|imported|later DIRECTORY.

`plain` without tachograph, `imported` with every function timed from the import on, `later` timed after it. The test
wants the same from all three. Each observation is made in a process of its own, and is a file of the directory.
"""

from __future__ import annotations

import abc
import ast
import asyncio
import bdb
import contextlib
import copy
import dataclasses
import dis
import doctest
import functools
import gc
import importlib
import inspect
import io
import os
import pickle
import pydoc
import reprlib
import sys
import threading
import traceback
import types
import typing
import unittest.mock
import warnings
import weakref
from collections.abc import Callable, Iterator

HOW, DIRECTORY = sys.argv[1:3]
if HOW == "imported":
    import tachograph

    tachograph.instrument("subject")
subject = importlib.import_module("subject")

if HOW == "later":
    import tachograph

    assert tachograph.instrument("subject") > 60


def functions() -> Iterator[tuple[str, types.FunctionType]]:
    """All functions of the subject, in the order of their definition."""
    found = [f for f in gc.get_objects() if isinstance(f, types.FunctionType) and f.__globals__ is vars(subject)]
    found.sort(key=lambda f: (f.__code__.co_firstlineno, f.__qualname__))
    for function in found:
        yield f"{function.__qualname__}:{function.__code__.co_firstlineno}", function


def signatures() -> None:
    for name, function in functions():
        print(name, inspect.signature(function), inspect.getfullargspec(function), inspect.unwrap(function) is function)
    for each in (
        subject.decorated,
        subject.twice,
        subject.Point,
        subject.Square,
        subject.Square(1).area,
        subject.Shape.make,
    ):
        print(inspect.signature(each))
    print(inspect.getcallargs(subject.add, 1, 2, 3, z=5))


def kinds() -> None:
    checks = [inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction, inspect.isfunction]
    checks += [
        inspect.isroutine,
        inspect.ismethod,
        callable,
        gc.is_tracked,
        asyncio.iscoroutinefunction,
        inspect.isabstract,
    ]
    warnings.simplefilter("ignore")
    for name, function in functions():
        print(name, [check(function) for check in checks], type(function), sys.getsizeof(function), bool(function))


def sources() -> None:
    for name, function in functions():
        with contextlib.suppress(OSError):
            print(name, inspect.getsourcelines(function), inspect.getsourcefile(function), inspect.getmodule(function))
            print(inspect.getdoc(function), inspect.getcomments(function))


def closures() -> None:
    for name, function in functions():
        with contextlib.suppress(ValueError):
            variables = inspect.getclosurevars(function)
            print(
                name,
                sorted(variables.nonlocals),
                sorted(variables.globals),
                sorted(variables.builtins),
                variables.unbound,
            )
        print([cell.cell_contents.__class__ for cell in function.__closure__ or ()])


def attributes() -> None:
    names = ["__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__", "__annotations__"]
    for name, function in functions():
        print(name, [getattr(function, each) for each in names], sorted(function.__dict__), dir(function))


def codes() -> None:
    names = ["name", "qualname", "argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "varnames", "names"]
    names += ["cellvars", "freevars", "filename", "firstlineno", "flags"]
    for name, function in functions():
        code = function.__code__
        lines = sorted({line for _, _, line in code.co_lines() if line})
        print(
            name,
            [getattr(code, f"co_{each}") for each in names],
            lines,
            {line for _, line in dis.findlinestarts(code) if line},
        )
        print(repr(code).split(" at ")[0], [type(c) for c in code.co_consts if isinstance(c, str)], code.co_consts[:1])
        assert code == code.replace()
        assert hash(code) == hash(code.replace())


def code_identity() -> None:
    first, second = subject.outer(1), subject.outer(2)
    print(first.__code__ is second.__code__, first.__code__ == subject.closure.__code__, first == second)
    print(any(first.__code__ is const for const in subject.outer.__code__.co_consts))
    print(len({first.__code__, second.__code__, subject.closure.__code__}))
    moved = types.FunctionType(subject.closure.__code__, {"TABLE": {}}, "moved", None, subject.closure.__closure__)
    print(moved(1), subject.closure(1))
    renamed = subject.double.__code__.replace(co_name="renamed", co_filename="elsewhere.py")
    print(types.FunctionType(renamed, {})(3, 4), renamed.co_name, renamed.co_filename)


def pickles() -> None:
    things: list[object] = [
        subject.add,
        subject.Square,
        subject.Square.make,
        subject.Square(3).area,
        subject.Point(1, 2),
    ]
    things += [
        subject.Color.RED,
        subject.Version,
        subject.twice.func.__name__,
        subject.numbers,
        subject.switch,
        subject.fib,
    ]
    things += [
        subject.decorated,
        subject.Shape.unit,
        functools.partial(subject.add, 1),
        subject.Box[int],
        subject.describe,
    ]
    for thing in things:
        for protocol in range(2 if thing is things[3] else 0, pickle.HIGHEST_PROTOCOL + 1):
            text = pickle.dumps(thing, protocol)
            again = pickle.loads(text)
            print(text, again is thing or again == thing or repr(again)[:30])
    for thing in (
        subject.double,
        subject.closure,
        next(subject.functions) if hasattr(subject, "functions") else subject.outer(1),
    ):
        try:
            pickle.dumps(thing)
        except Exception as error:
            print(type(error).__name__, str(error).split(" at 0x")[0])


def copies() -> None:
    for name, function in functions():
        print(
            name,
            copy.copy(function) is function,
            copy.deepcopy(function) is function,
            weakref.ref(function)() is function,
        )
    print(copy.deepcopy({"f": subject.add, "m": subject.Square(2).area})["f"] is subject.add)
    local = subject.outer(5)
    gone: list[str] = []
    weakref.finalize(local, gone.append, "gone")
    del local
    print(gone)


def functools_tools() -> None:
    subject.fib.cache_clear()
    print(subject.fib(20), subject.fib.cache_info(), subject.fib.__wrapped__.__name__, subject.fib.cache_parameters())
    print([subject.describe(x) for x in (1, [1, "a"], {}, True)], sorted(map(str, subject.describe.registry)))
    print(subject.describe.dispatch(bool).__name__, subject.twice(3), functools.partial(subject.add, 1)(2, c=9))
    print(min(subject.Version(2), subject.Version(1)).number, subject.Version(1) <= subject.Version(1))
    square = subject.Square(2)
    print(square.expensive, vars(square), functools.reduce(subject.add, [1, 2, 3]))
    wrapped = functools.wraps(subject.add)(lambda *a: None)
    print(
        wrapped.__name__,
        wrapped.__wrapped__ is subject.add,
        sorted(vars(wrapped)),
        wrapped.__doc__ == subject.add.__doc__,
    )
    print(functools.cmp_to_key(lambda a, b: a - b)(3) < functools.cmp_to_key(lambda a, b: a - b)(4))
    method = functools.partialmethod(subject.add, 5)
    print(type("P", (), {"m": method, "__add__": lambda s, o: 1, "__radd__": lambda s, o: 2})().m.func.__name__)


def classes() -> None:
    print(subject.Shape.__abstractmethods__ == {"area", "name"}, abc.get_cache_token() >= 0)
    for attempt in (subject.Shape, lambda: subject.Point(-1), lambda: subject.Color("blue"), lambda: subject.Made()._x):
        try:
            attempt()
        except Exception as error:
            print(type(error).__name__, error)
    with contextlib.suppress(dataclasses.FrozenInstanceError):
        subject.Point(1).x = 2
    print(
        dataclasses.fields(subject.Point),
        dataclasses.asdict(subject.Point(1, 2)),
        dataclasses.replace(subject.Point(1), y=5),
    )
    print(subject.Point(1) < subject.Point(2), hash(subject.Point(1)) == hash(subject.Point(1)), subject.Point(3))
    print(list(subject.Color), subject.Color.default(), subject.Color.__members__, subject.Flags.A | subject.Flags.B)
    print(subject.Square.keywords, subject.Made().attribute, type(subject.Made.attribute), subject.Made().called)
    print(
        isinstance(42, subject.Made), subject.Square.__mro__, sorted(vars(subject.Square)), subject.Square.name.__doc__
    )
    print(
        [(kind, name) for name, kind, _, _ in inspect.classify_class_attrs(subject.Square) if not name.startswith("__")]
    )


def types_and_hints() -> None:
    for name in ("annotated", "add", "numbers", "switch", "outer"):
        print(name, typing.get_type_hints(getattr(subject, name)))
    print(typing.get_type_hints(subject.Point), [inspect.signature(f) for f in typing.get_overloads(subject.parse)])
    print(isinstance([], subject.Sized), isinstance(3, subject.Sized), subject.Box[int], subject.Box[int](3).get())
    print(
        subject.Box.__parameters__,
        typing.get_origin(subject.Box[int]),
        inspect.get_annotations(subject.add, eval_str=True),
    )
    for name, function in functions():
        print(name, inspect.get_annotations(function))


def documentation() -> None:
    print(pydoc.plain(pydoc.render_doc(subject)))
    print(pydoc.plain(pydoc.render_doc(subject.Square.area)), pydoc.describe(subject.add))


def doctests() -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = doctest.testmod(subject, verbose=True)
    print(result, out.getvalue())


KINDS = [
    "zero",
    "chained",
    "context",
    "generator",
    "thrown",
    "group",
    "coroutine",
    "comprehension",
    "class",
    "signature",
]
KINDS += ["with", "assert", "except star"]


def tracebacks() -> None:
    for kind in KINDS:
        try:
            subject.fails(kind)
        except BaseException as error:
            print("".join(traceback.format_exception(error)))
            trace = error.__traceback__
            while trace:
                print(
                    trace.tb_frame.f_code.co_qualname,
                    trace.tb_lineno,
                    trace.tb_frame.f_lineno,
                    sorted(trace.tb_frame.f_locals),
                )
                trace = trace.tb_next
            captured = traceback.TracebackException.from_exception(error, capture_locals=True)
            print([(f.name, f.lineno, f.end_lineno, f.colno, f.end_colno, sorted(f.locals)) for f in captured.stack])
    try:
        sys.setrecursionlimit(200)
        subject.fails("recursion")
    except RecursionError as error:
        sys.setrecursionlimit(1000)
        print(error, len(traceback.extract_tb(error.__traceback__)))
        print("".join(traceback.format_exception(error)))


def recursion_limit() -> None:
    def depths(call: Callable[[list[int]], object]) -> int:
        reached = [0]
        with contextlib.suppress(RecursionError):
            call(reached)
        return reached[0]

    source = """
def down(reached):
    reached[0] += 1
    down(reached)
def down_generator(reached):
    reached[0] += 1
    yield from down_generator(reached)
def down_lambda(reached):
    return (lambda: (reached.__setitem__(0, reached[0] + 1), down_lambda(reached)))()
async def down_coroutine(reached):
    reached[0] += 1
    await down_coroutine(reached)
class Class:
    def __call__(self, reached):
        reached[0] += 1
        self(reached)
instance = Class()
def down_sorted(reached):
    reached[0] += 1
    return sorted([1, 2], key=lambda _: down_sorted(reached))
"""
    names: dict[str, typing.Any] = {"__name__": "deep"}
    exec(source, names)
    if HOW != "plain":
        assert tachograph.instrument(names) >= 7
    for limit in (100, 1000):
        sys.setrecursionlimit(limit)
        print(depths(names["down"]), depths(names["down_lambda"]), depths(names["instance"]))
        print(
            depths(lambda r: next(names["down_generator"](r))), depths(lambda r: names["down_coroutine"](r).send(None))
        )
        print(depths(names["down_sorted"]))
    sys.setrecursionlimit(20_000)
    print(depths(names["down"]))


def line_events() -> None:
    """What a debugger, a profiler or a line counter is told."""
    log: list[object] = []
    seen = 0

    def watch(frame: types.FrameType, event: str, argument: object) -> object:
        if frame.f_globals is vars(subject) or event.startswith("c_"):
            told = type(argument).__name__ if event in ("return", "c_call", "c_return") else None
            if event == "exception":
                told = argument[0].__name__
            log.append((event, frame.f_code.co_qualname, frame.f_lineno, told))
            if event == "call":
                log.append(sorted(frame.f_locals))
        return watch

    for switch_on in (sys.settrace, sys.setprofile):
        switch_on(watch)
        try:
            subject.scenario()
        finally:
            switch_on(None)
        seen, before = len(log), seen
        assert seen - before > 500
    print(*log, sep="\n")


def line_events_in_threads() -> None:
    log: list[object] = []

    def watch(frame: types.FrameType, event: str, argument: object) -> object:
        if frame.f_globals is vars(subject):
            log.append((event, frame.f_code.co_qualname, frame.f_lineno))
        return watch

    threading.settrace(watch)
    thread = threading.Thread(target=subject.scenario)
    thread.start()
    thread.join()
    threading.settrace(None)
    assert len(log) > 500
    print(*log, sep="\n")


def monitoring() -> None:
    if sys.version_info < (3, 12):
        return
    log: list[object] = []
    watching = sys.monitoring
    events = watching.events
    watching.use_tool_id(3, "test")

    def logger(name: str) -> Callable[..., None]:
        def note(code: types.CodeType, *arguments: object) -> None:
            if code.co_filename == subject.__file__:
                told = arguments if name == "LINE" else [type(a).__name__ for a in arguments[1:2]]
                log.append((name, code.co_qualname, *told))

        return note

    names = ["PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW", "CALL", "C_RETURN", "C_RAISE"]
    names += ["LINE", "RAISE"]
    for name in names:
        watching.register_callback(3, getattr(events, name), logger(name))
    watching.set_events(3, functools.reduce(int.__or__, (getattr(events, name) for name in names)))
    subject.scenario()
    watching.set_events(3, 0)
    watching.free_tool_id(3)
    assert len(log) > 500
    print(*log, sep="\n")


class Stepper(bdb.Bdb):
    """Steps in a pattern and logs where it stops."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def note(self, what: str, frame: types.FrameType) -> None:
        if frame.f_globals is vars(subject):
            print(what, frame.f_code.co_qualname, frame.f_lineno)
        self.stops += 1
        [self.set_step, lambda: self.set_next(frame), self.set_step, lambda: self.set_until(frame)][self.stops % 4]()

    def user_line(self, frame: types.FrameType) -> None:
        self.note("line", frame)

    def user_call(self, frame: types.FrameType, argument_list: object) -> None:
        self.note("call", frame)

    def user_return(self, frame: types.FrameType, value: object) -> None:
        self.note("return", frame)

    def user_exception(self, frame: types.FrameType, info: tuple[type, object, object]) -> None:
        self.note("exception " + info[0].__name__, frame)


def stepping() -> None:
    stepper = Stepper()
    stepper.runcall(subject.scenario)
    for line in (60, 200):
        stepper.set_break(subject.__file__, line)
    assert stepper.stops > 50
    stepper = Stepper()
    print(stepper.set_break(subject.__file__, inspect.getsourcelines(subject.numbers)[1] + 4))
    stepper.set_step = stepper.set_continue  # only break points
    stepper.runcall(subject.scenario)


def debugging() -> None:
    look = [
        "args",
        "where",
        "p sorted(locals())",
        "up",
        "list",
        "down",
        "longlist",
        "whatis subject.add",
        "source subject.add",
    ]
    sessions = [
        ["step", "step", *look, "next", "next", "tbreak subject.numbers", "continue", *look, "next", "next", "next"],
        ["tbreak subject.gather", "continue", *look, *["next"] * 30, *look, "return", "step"],
        ["tbreak subject.fails", "continue", *look, *["next"] * 20, "until", "retval"],
        [*["step"] * 300, *look, *["step", "next"] * 200],
    ]
    out = io.StringIO()
    for commands in sessions:
        debugger = importlib.import_module("pdb").Pdb(
            stdin=io.StringIO("\n".join([*commands, "quit"]) + "\n"), stdout=out, nosigint=True, readrc=False
        )
        debugger.use_rawinput = False
        with contextlib.suppress(bdb.BdbQuit):
            debugger.runcall(subject.scenario)
    print(out.getvalue())
    assert len(out.getvalue()) > 20_000


def suspended() -> None:
    """Generators and coroutines as they look from outside while they wait."""
    for make in (lambda: subject.delegating(2), lambda: subject.numbers(2)):
        generator = make()
        while True:
            frame = generator.gi_frame
            print(
                inspect.getgeneratorstate(generator),
                frame and (frame.f_lineno, sorted(frame.f_locals)),
                generator.gi_running,
            )
            print(generator.gi_yieldfrom and generator.gi_yieldfrom.__name__, inspect.getgeneratorlocals(generator))
            if next(generator, "end") == "end":
                break
        print(inspect.getgeneratorstate(generator), generator.gi_frame, generator.gi_code.co_name)
    coroutine = subject.gather(2)
    with contextlib.suppress(StopIteration):
        while True:
            coroutine.send(None)
            print(inspect.getcoroutinestate(coroutine), coroutine.cr_frame.f_lineno, type(coroutine.cr_await).__name__)
            print(inspect.getcoroutinelocals(coroutine).keys(), coroutine.cr_running, coroutine.cr_suspended)
    stream = subject.stream(2)
    print(stream.ag_running, stream.ag_await, stream.ag_frame.f_lineno, repr(stream).split(" at ")[0])
    stepping = stream.asend(None)
    stepping.send(None)
    print(stream.ag_running, type(stream.ag_await).__name__, stream.ag_frame.f_lineno)
    with contextlib.suppress(StopIteration):
        stepping.send(None)
    generator = subject.numbers(1)
    next(generator)
    frame = generator.gi_frame
    frame.clear() if sys.version_info < (3, 13) else generator.close()
    print(frame.f_locals, next(generator, "end"))


def stacks() -> None:
    def look(*_: object) -> str:
        print([(f.function, f.lineno, f.code_context, f.index) for f in inspect.stack() if "subject" in f.filename])
        return ""

    with unittest.mock.patch.object(
        subject, "TABLE", new=type("Looking", (dict,), {"__len__": lambda s: (look() and 1) or 0})()
    ):
        subject.outer(1)(2)
    list(map(look, subject.numbers(1)))

    async def main() -> None:
        task = asyncio.create_task(subject.gather_like() if hasattr(subject, "gather_like") else asyncio.sleep(0))
        task.print_stack(file=sys.stdout)
        await task

    asyncio.run(main())


def warning_places() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        subject.calls_warns()
        subject.warns()
    print([(w.filename.rsplit("/", 1)[1], w.lineno, str(w.message)) for w in caught])


def mocks() -> None:
    with unittest.mock.patch("subject.add", autospec=True) as mocked:
        mocked.return_value = "mocked"
        print(subject.add(1), mocked.call_args, inspect.signature(subject.add))
        try:
            subject.add()
        except TypeError as error:
            print(error)
    print(
        subject.add(1),
        unittest.mock.create_autospec(subject.switch),
        unittest.mock.create_autospec(subject.Square)(1).area,
    )
    with unittest.mock.patch.object(subject.Square, "area", return_value=99):
        print(subject.Square(1).area())
    print(subject.Square(1).area())


def disassembly() -> None:
    for _, function in functions():
        dis.dis(function, file=io.StringIO(), depth=3)
        assert list(dis.get_instructions(function, show_caches=True))
        assert dis.code_info(function)
        assert function.__code__.co_code
        assert list(function.__code__.co_positions())
    print(ast.dump(ast.parse(inspect.getsource(subject.add)))[:50])
    gc.collect()
    print([reprlib.repr(type(r)) for r in gc.get_referents(subject.add) if isinstance(r, (dict, tuple))])


def results() -> None:
    print(*subject.scenario(), sep="\n")
    print(asyncio.run(subject_main()))
    print({k: v for k, v in os.environ.items() if "TACHO" in k and k != "TACHOGRAPH_RUNTIME_DIR"})


async def subject_main() -> list[object]:
    async def one(n: int) -> int:
        await asyncio.sleep(0)
        return subject.add(n)

    return await asyncio.gather(*(one(n) for n in range(3)))


def all_timed() -> bool:
    from tachograph import _native

    untimed = ("__annotate__", "<dictcomp>", "<listcomp>")
    own = [(name, f) for name, f in functions() if f.__code__.co_filename == subject.__file__]
    plain = [name for name, f in own if not _native.is_timed(f) and f.__name__ not in untimed]
    print("not timed:", plain) if plain else None
    return not plain and len(own) > 60


def observe(name: str) -> None:
    """In a child: the output, and an exception as its last lines."""
    out = io.TextIOWrapper(
        io.FileIO(os.path.join(DIRECTORY, f"{name}.txt"), "w"), encoding="utf-8", errors="backslashreplace"
    )
    sys.stdout = sys.stderr = out
    gc.disable()  # what cycles hold ends at the same moment
    try:
        OBSERVATIONS[name]()
        assert HOW == "plain" or all_timed()
    except BaseException:
        print("the observation itself failed")
        traceback.print_exc()
    out.flush()
    os._exit(0)


OBSERVATIONS = {
    name: value
    for name, value in list(globals().items())
    if isinstance(value, types.FunctionType)
    and value.__module__ == "__main__"
    and name not in ("functions", "all_timed", "observe")
    and not inspect.iscoroutinefunction(value)
}

if __name__ == "__main__":
    for each in OBSERVATIONS:
        child = os.fork()
        if child == 0:
            observe(each)
        _, status = os.waitpid(child, 0)
        if status:
            with open(os.path.join(DIRECTORY, f"{each}.txt"), "a") as file:
                print("the process ended with", os.waitstatus_to_exitcode(status), file=file)
