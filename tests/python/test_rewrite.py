"""The rewriter of code objects: programs behave as before, debuggers see the same, every call's token lives and ends."""

from __future__ import annotations

import dis
import gc
import importlib.util
import inspect
import opcode
import random
import re
import sys
import traceback
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
CASES = [HERE / "rewrite_cases.py", HERE / "rewrite_cases_suspended.py"]
TRACED_FILES = {*map(str, CASES), "<generated>", "<string>"}

LIFE = re.compile(r"enter (pause continue )*(exit|error:\S+|pause drop) ")


def compile_cases(path: Path) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a return in a finally
        return compile(path.read_text(), str(path), "exec", dont_inherit=True)


class NeverRaisedError(BaseException):
    """What functions ask for in vain that return it."""


class Loaded:
    """The cases, as they are (`probes` is None) or rewritten, to return exceptions of class `catch` if there is one."""

    def __init__(self, probes: ModuleType | None, catch: type[BaseException] | None = None) -> None:
        self.log: list[tuple[str, int, str]] = []
        self.probes = probes
        self.catch = catch
        self.module = ModuleType("cases")
        for path in CASES:
            code = compile_cases(path)
            if probes is not None:
                code, _, refused, reason = probes.rewrite(code, None, self.log, catch)
                assert (refused, reason) == (0, None)
            part = ModuleType(path.stem)
            sys.modules[path.stem] = part  # where dataclasses look, and the second file for the first
            vars(part)["exec"] = self.generate
            exec(code, vars(part))
            vars(self.module).update(vars(part))

    def generate(self, source: str, namespace: dict[str, Any]) -> None:
        """What the cases use as exec(): code that they generate is rewritten as well."""
        code = compile(source, "<generated>", "exec")
        if self.probes is not None:
            code, _, refused, _ = self.probes.rewrite(code, None, self.log, self.catch)
            assert refused == 0
        exec(code, namespace)

    def take_log(self) -> list[tuple[str, int, str]]:
        """What has been logged since; every life must be complete by now."""
        gc.collect()
        log = self.log[:]
        self.log.clear()
        return log


@pytest.fixture(scope="session")
def plain() -> Loaded:
    return Loaded(None)


@pytest.fixture(scope="session")
def rewritten(probes: ModuleType) -> Loaded:
    return Loaded(probes)


@pytest.fixture(scope="session")
def catching(probes: ModuleType) -> Loaded:
    """Rewritten with the handler that returns exceptions, and never does."""
    return Loaded(probes, NeverRaisedError)


CASE_NAMES = [name for path in CASES for name in re.findall(r"^def (case_\w+)", path.read_text(), re.MULTILINE)]


def check_lives(log: list[tuple[str, int, str]]) -> None:
    """Every token is born, paused and continued in turn, and ends."""
    lives: dict[tuple[str, int], str] = {}
    for name, number, event in log:
        lives[name, number] = lives.get((name, number), "") + event + " "
    broken = {key: life for key, life in lives.items() if not LIFE.fullmatch(life)}
    assert not broken


def clean(text: str) -> str:
    """Without addresses, and without the frames of this file."""
    text = re.sub(r"0x[0-9a-f]+|(?<=Task-)\d+", "…", text)
    return re.sub(r'  File "[^"]*test_rewrite.py".*\n(    .*\n)*', "", text)


def outcome(function: Callable[..., Any], *arguments: Any) -> tuple[Any, ...]:
    """What a call does, traceback included."""
    try:
        return ("returned", clean(repr(function(*arguments))))
    except Exception as error:
        return ("raised", clean("".join(traceback.format_exception(error))))


def positions_of(error: BaseException) -> list[Any]:
    """The source range of each frame of a traceback."""
    found = []
    step = error.__traceback__
    while step is not None:
        found.append(
            (
                step.tb_frame.f_code.co_name,
                step.tb_lineno,
                list(step.tb_frame.f_code.co_positions())[step.tb_lasti // 2],
            )
        )
        step = step.tb_next
    return found


# What can be observed


class Tracer:
    """Events of sys.settrace or sys.setprofile in code of the cases."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename in TRACED_FILES:
            if event == "exception":
                argument = argument[0].__name__, str(argument[1])
            elif event == "call":
                argument = None
            self.events.append((event, frame.f_code.co_name, frame.f_lineno, clean(repr(argument))))
            return self
        return None


def with_trace(function: Callable[[], Any]) -> list[Any]:
    tracer = Tracer()
    sys.settrace(tracer)
    try:
        result = outcome(function)
    finally:
        sys.settrace(None)
    return [*tracer.events, result]


def with_profile(function: Callable[[], Any]) -> list[Any]:
    tracer = Tracer()
    sys.setprofile(tracer)
    try:
        result = outcome(function)
    finally:
        sys.setprofile(None)
    return [*tracer.events, result]


@cache
def positions(code: CodeType) -> list[Any]:
    return list(code.co_positions())


def with_monitoring(function: Callable[[], Any]) -> list[Any]:
    """Events of sys.monitoring with their source range.

    A throw() adds EXCEPTION_HANDLED and RERAISE, because trampolines are handlers.
    """
    monitoring: Any = vars(sys)["monitoring"]  # since 3.12
    seen: list[Any] = []

    def watch(kind: str) -> Callable[..., None]:
        def callback(code: CodeType, place: int, *rest: Any) -> None:
            if code.co_filename in TRACED_FILES:
                where = place if kind == "LINE" else positions(code)[place // 2]
                seen.append((kind, code.co_name, where, clean(repr(rest))))

        return callback

    kinds = ["LINE", "PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW"]
    kinds += ["RAISE", "STOP_ITERATION", "CALL"]
    monitoring.use_tool_id(4, "test_rewrite")
    try:
        for kind in kinds:
            monitoring.register_callback(4, getattr(monitoring.events, kind), watch(kind))
        monitoring.set_events(4, sum(getattr(monitoring.events, kind) for kind in kinds))
        result = outcome(function)
        monitoring.set_events(4, 0)
    finally:
        monitoring.set_events(4, 0)
        for kind in kinds:
            monitoring.register_callback(4, getattr(monitoring.events, kind), None)
        monitoring.free_tool_id(4)
    return [*seen, result]


OBSERVERS: list[Callable[[Callable[[], Any]], Any]] = [outcome, with_trace, with_profile]
if sys.version_info >= (3, 12):
    OBSERVERS.append(with_monitoring)


def without_exits(events: Any) -> Any:
    """Without the places where exceptions have left: a function that may return them raises them on elsewhere."""
    return [(*event[:2], None, *event[3:]) if event[0] == "PY_UNWIND" else event for event in events]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine")
@pytest.mark.parametrize("observe", OBSERVERS)
@pytest.mark.parametrize("name", CASE_NAMES)
def test_nobody_sees_a_difference(
    plain: Loaded, rewritten: Loaded, catching: Loaded, name: str, observe: Callable[[Callable[[], Any]], Any]
) -> None:
    gc.disable()  # it would finalize generators now or then
    try:
        expected = observe(getattr(plain.module, name))
        for loaded in (rewritten, catching):
            loaded.take_log()
            found = observe(getattr(loaded.module, name))
            assert found == expected or (loaded is catching and without_exits(found) == without_exits(expected))
            log = loaded.take_log()
            assert log
            check_lives(log)
    finally:
        gc.enable()


def test_jumps_across_a_huge_function(plain: Loaded, rewritten: Loaded, catching: Loaded) -> None:
    results = []
    for loaded in (plain, rewritten, catching):
        namespace: dict[str, Any] = {}
        loaded.generate(loaded.module.long_source(12000), namespace)
        assert len(namespace["f"].__code__.co_code) > 2 * 65536
        results.append((namespace["f"](1), namespace["f"](-1), list(namespace["h"](0)), list(namespace["h"](-9))))
    assert results[0] == results[1] == results[2]
    check_lives(rewritten.take_log())
    check_lives(catching.take_log())


def test_tracebacks_point_at_the_same_source(plain: Loaded, rewritten: Loaded, catching: Loaded) -> None:
    found = []
    for loaded in (plain, rewritten, catching):
        with pytest.raises(TypeError) as info:
            loaded.module.case_uncaught()
        found.append((positions_of(info.value)[1:], clean("".join(traceback.format_exception(info.value)))))
    assert found[0] == found[1] == found[2]
    assert "b(n" in found[0][1]
    assert len(found[0][0]) > 3


def test_recursion_is_as_deep_as_before(probes: ModuleType) -> None:
    source = "def f(n):\n    global deepest\n    deepest = n\n    f(n + 1)\ndeepest = 0\n"
    deepest = []
    for code in (compile(source, "<f>", "exec"), probes.rewrite(compile(source, "<f>", "exec"))[0]):
        namespace: dict[str, Any] = {}
        exec(code, namespace)
        with pytest.raises(RecursionError):
            namespace["f"](0)
        deepest.append(namespace["deepest"])
    assert deepest[0] == deepest[1] > 100


# Errors that come from a suspended instruction itself, not from throw()

SUSPENDED = """
def f(log):
    for i in range(3):
        try:
            log.append((yield i))
        except ValueError as error:
            log.append(str(error))
def g(log):
    try:
        yield from f(log)
    except KeyError:
        log.append("key")
        yield "after key"
"""


def load(probes: ModuleType, source: str, log: list[Any] | None) -> dict[str, Any]:
    """The namespace of a source, rewritten if there is a log."""
    code = compile(source, "<suspended>", "exec")
    if log is not None:
        code = probes.rewrite(code, None, log)[0]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    return namespace


@pytest.mark.parametrize("event", ["call", "return"])
@pytest.mark.parametrize("error", [ValueError, KeyError])
@pytest.mark.parametrize("name", ["f", "g"])
@pytest.mark.parametrize("nth", range(8))
def test_a_tracer_raises_at_a_yield(probes: ModuleType, event: str, error: type, name: str, nth: int) -> None:
    def run(tokens: list[Any] | None) -> list[Any]:
        namespace = load(probes, SUSPENDED, tokens)
        countdown = nth

        def tracer(frame: FrameType, kind: str, _: Any) -> Any:
            nonlocal countdown
            if frame.f_code.co_filename == "<suspended>" and kind == event:
                countdown -= 1
                if countdown == -1:
                    raise error("from the tracer")
            return tracer

        log: list[Any] = []
        sys.settrace(tracer)
        try:
            log.append(outcome(lambda: list(namespace[name](log))))
        finally:
            sys.settrace(None)
        return log

    tokens: list[Any] = []
    assert run(tokens) == run(None)
    check_lives(tokens)


# Debuggers that assign to frame.f_lineno


class EndlessLoopError(Exception):
    """A jump made an endless loop."""


def jump(function: Callable[..., Any], source: int, target: int, finish: Callable[[Any], Any]) -> Any:
    """Calls the function; when it comes to line `source` for the first time, it goes on at `target`."""
    code = function.__code__
    steps = 0
    complaint: list[str] = []

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if frame.f_code is not code:
            return None
        steps += 1
        if steps > 200:
            raise EndlessLoopError
        if event == "line" and frame.f_lineno == source and not complaint:
            try:
                frame.f_lineno = target  # type: ignore[misc]
                complaint.append("jumped")
            except ValueError as error:
                complaint.append(str(error))
        return tracer

    sys.settrace(tracer)
    try:
        result = outcome(lambda: finish(function(3)))
    finally:
        sys.settrace(None)
    return complaint, result, steps


def finish_any(result: Any) -> Any:
    """Runs generators and coroutines to their end."""
    if not hasattr(result, "send"):
        return result
    seen: list[Any] = []
    try:
        while len(seen) < 50:
            seen += [result.send(None)]
    except StopIteration as stop:
        return seen, stop.value
    finally:
        result.close()
    return seen


def lines_of(function: Callable[..., Any]) -> list[int]:
    return sorted({line for *_, line in function.__code__.co_lines() if line})


@pytest.mark.filterwarnings("ignore:assigning None", "ignore:coroutine")
@pytest.mark.parametrize("name", ["jump_plain", "jump_loops", "jump_blocks", "jump_generator", "jump_coroutine"])
def test_debugger_jumps(plain: Loaded, rewritten: Loaded, name: str) -> None:
    before, after = getattr(plain.module, name), getattr(rewritten.module, name)
    is_generator = name in ("jump_generator", "jump_coroutine")
    lines = lines_of(before)
    jumped = 0
    rewritten.take_log()
    for source in lines:
        for target in lines[is_generator:]:
            expected = jump(before, source, target, finish_any)
            if "object is not callable" in expected[1][1]:
                continue  # CPython let it jump into a `with` whose __exit__ is whatever lay on the stack
            assert jump(after, source, target, finish_any) == expected, (source, target)
            jumped += expected[0] == ["jumped"]
    assert jumped > len(lines)
    check_lives(rewritten.take_log())


@pytest.mark.parametrize("name", ["jump_generator", "jump_coroutine"])
def test_debugger_cannot_jump_to_the_def_of_a_generator(rewritten: Loaded, name: str) -> None:
    """CPython itself refuses with an empty stack, and crashes otherwise."""
    function = getattr(rewritten.module, name)
    first, *others = lines_of(function)
    refused = 0
    rewritten.take_log()
    for source in others:
        complaint, *_ = jump(function, source, first, finish_any)
        assert not complaint or complaint[0].startswith("can't jump"), source
        refused += len(complaint)
    assert refused > 2
    check_lives(rewritten.take_log())


# The code itself


def functions_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from functions_in(const)


def shape(code: CodeType) -> list[tuple[Any, ...]]:
    """Instructions without jumps' arguments: what a rewrite keeps."""
    found = []
    for i in dis.get_instructions(code):
        if i.opname == "EXTENDED_ARG":
            continue
        is_jump = i.opcode in dis.hasjrel
        found.append((i.opname, None if is_jump else i.arg, tuple(i.positions or ())))
    return found


def check_is_subsequence(before: CodeType, after: CodeType) -> None:
    """All original instructions, in order, with their positions; what is new has a neighbour's position or none."""
    old = iter(shape(before))
    expected = next(old)
    none = (None, None, None, None)
    positions = {position for *_, position in shape(before)} | {none}
    for instruction in shape(after):
        assert instruction[2] in positions
        if instruction == expected:
            expected = next(old, (None, None, ()))
    assert expected == (None, None, ())


def check_depths(code: CodeType) -> None:
    """Follows the new code: depths agree, the stack is high enough, every hook finds the token at the bottom."""
    instructions = {i.offset: i for i in dis.get_instructions(code, show_caches=False)}
    offsets = sorted(instructions)
    following = dict(pairwise(offsets))
    entry = next(o for o in offsets if instructions[o].opname == "RESUME")
    depths: dict[int, int] = {}
    work = [(entry, 0)]
    table = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    work += [(e.target, e.depth + e.lasti + 1) for e in table]
    while work:
        offset, depth = work.pop()
        if offset in depths:
            assert depths[offset] == depth or offset_is_agnostic(instructions, following, offset)
            continue
        depths[offset] = depth
        assert 0 <= depth <= code.co_stacksize
        i = instructions[offset]
        if i.opname == "EXTENDED_ARG":
            work.append((following[offset], depth))
            continue
        argument = i.arg if i.opcode in getattr(dis, "hasarg", range(dis.HAVE_ARGUMENT, 256)) else None
        is_jump = i.opcode in dis.hasjrel and i.opname != "END_ASYNC_FOR"
        if i.opname == "COPY":
            operation = instructions[following[offset]].opname
            if operation in ("UNARY_INVERT", "UNARY_NEGATIVE"):
                assert i.arg == depth
        if is_jump:
            work.append((i.argval, depth + dis.stack_effect(i.opcode, argument, jump=True)))
        if i.opname in ("RETURN_VALUE", "RETURN_CONST"):
            assert depth == (i.opname == "RETURN_VALUE")
        elif i.opname not in (
            "JUMP_FORWARD",
            "JUMP_BACKWARD",
            "JUMP_BACKWARD_NO_INTERRUPT",
            "RAISE_VARARGS",
            "RERAISE",
        ):
            work.append((following[offset], depth + dis.stack_effect(i.opcode, argument, jump=False)))
    for line in table:
        covered = [depths[o] for o in offsets if o in depths and line.start <= o < line.end]
        assert min(covered, default=line.depth) >= line.depth


def offset_is_agnostic(instructions: dict[int, dis.Instruction], following: dict[int, int], offset: int) -> bool:
    """The handler of whole generators, which is entered with and without a token, and raises."""
    names = [instructions[offset].opname, instructions[following.get(offset, offset)].opname]
    return names == ["CALL_INTRINSIC_1", "RERAISE"] or instructions[offset].opname == "RERAISE"


def compile_standard(module: str) -> CodeType:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return compile(Path(spec.origin).read_bytes(), spec.origin, "exec", dont_inherit=True)


@pytest.mark.parametrize("catch", [None, Exception])
@pytest.mark.parametrize(
    "module", ["cases", "cases suspended", "argparse", "asyncio.tasks", "contextlib", "inspect", "typing", "tarfile"]
)
def test_new_code_is_sound(probes: ModuleType, module: str, catch: type[Exception] | None) -> None:
    ours = {"cases": CASES[0], "cases suspended": CASES[1]}
    code = compile_cases(ours[module]) if module in ours else compile_standard(module)
    after, count, refused, _ = probes.rewrite(code, None, None, catch)
    assert count > 20
    assert refused == 0
    for old, new in zip(functions_in(code), functions_in(after), strict=True):
        assert (old.co_flags, old.co_qualname, old.co_varnames) == (new.co_flags, new.co_qualname, new.co_varnames)
        if probes.probe_of(new) is None:
            assert old.co_code == new.co_code
            continue
        check_is_subsequence(old, new)
        check_depths(new)
        assert new.co_consts[-1] is probes.probe_of(new)
        assert len(new.co_consts) == len(old.co_consts) + 1


def test_what_is_chosen(probes: ModuleType) -> None:
    source = """
class C:
    'class doc'
    def method(self):
        'method doc'
        def inner(): return (x for x in [1])
        return lambda: [x for x in inner()]
def other(): pass
"""
    code = compile(source, "<source>", "exec")
    asked: list[str] = []

    def choose(function: CodeType) -> bool:
        asked.append(function.co_qualname)
        return function.co_name != "method"

    after, count, refused, reason = probes.rewrite(code, choose)
    inner = "C.method.<locals>.inner"
    assert asked == [inner, "C.method.<locals>.<lambda>", "C.method", "other"]
    assert (count, refused, reason) == (3, 0, None)
    carrying = {c.co_qualname for c in functions_in(after) if probes.probe_of(c)}
    assert carrying == {inner, "C.method.<locals>.<lambda>", "other"}
    method = next(c for c in functions_in(after) if c.co_name == "method")
    assert method.co_consts[0] == "method doc"
    rewritten_again, count, refused, _ = probes.rewrite(after)
    assert (count, refused) == (1, 0)
    assert rewritten_again is not after
    assert probes.rewrite(rewritten_again)[:2] == (rewritten_again, 0)


def test_nothing_chosen_is_the_same_object(probes: ModuleType) -> None:
    code = compile("def f(): return lambda: 1", "<source>", "exec")
    assert probes.rewrite(code, lambda _: False)[0] is code
    assert probes.probe_of(code) is None


def test_errors_of_the_chooser_come_out(probes: ModuleType) -> None:
    code = compile("def f(): return lambda: 1", "<source>", "exec")
    with pytest.raises(ZeroDivisionError):
        probes.rewrite(code, lambda _: 1 / 0)


def test_signatures_and_source_stay(plain: Loaded, rewritten: Loaded) -> None:
    for name in CASE_NAMES:
        before, after = getattr(plain.module, name), getattr(rewritten.module, name)
        assert inspect.signature(before) == inspect.signature(after)
        assert inspect.getsource(before) == inspect.getsource(after)
        assert before.__doc__ == after.__doc__


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of 3.12")
def test_type_parameters(probes: ModuleType) -> None:
    source = (
        "type A[T: int] = list[T]\ndef f[T: (int, str) ](a: T, b: A[int] = []) -> T: return a\nclass C[T]:\n    x: T\n"
    )
    found = []
    for code in (compile(source, "<source>", "exec"), probes.rewrite(compile(source, "<source>", "exec"))[0]):
        namespace: dict[str, Any] = {}
        exec(code, namespace)
        f, a, c = (namespace[name] for name in "fAC")
        annotations = inspect.get_annotations(f), inspect.get_annotations(c)
        found.append(
            repr((f(1), annotations, a.__value__, a.__type_params__[0].__bound__, f.__type_params__[0].__constraints__))
        )
    assert found[0] == found[1]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="__annotate__ functions came with 3.14")
def test_annotate_functions_are_left_alone(probes: ModuleType) -> None:
    code = compile("def f(a: int): pass\ntype A = int\nclass C:\n    x: int\n", "<source>", "exec")
    after = probes.rewrite(code)[0]
    assert [c.co_qualname for c in functions_in(after) if probes.probe_of(c)] == ["f"]


# Code that no compiler writes


def broken_codes() -> Iterator[tuple[str, CodeType, str]]:
    def f(a: int) -> int:
        try:
            return a + 1
        except ValueError:
            return 2

    code = f.__code__
    resume = code.co_code.index(dis.opmap["RESUME"])
    jump = bytes([dis.opmap["JUMP_FORWARD"], 255])
    prefix = bytes([dis.opmap["EXTENDED_ARG"], 1])
    end = code.co_code
    yield "unknown", code.replace(co_code=end + bytes(2)), "an instruction is not known"
    yield "cut", code.replace(co_code=end + prefix), "an instruction is not known"
    yield "prefixes", code.replace(co_code=end + prefix * 4 + b"\x09\x00"), "an instruction is not known"
    yield "jump", code.replace(co_code=end + jump), "an instruction is not known"
    yield (
        "entry",
        code.replace(co_code=end[: resume + 1] + b"\x01" + end[resume + 2 :]),
        "the code does not begin with RESUME 0",
    )
    yield "table", code.replace(co_exceptiontable=b"\x80\x01"), "the exception table is not understood"
    yield "order", code.replace(co_exceptiontable=code.co_exceptiontable * 2), "the exception table is not understood"
    yield "lines", code.replace(co_linetable=code.co_linetable[:2]), "the line table does not fit the code"
    yield (
        "more lines",
        code.replace(co_linetable=code.co_linetable + b"\x80\x00"),
        "the line table does not fit the code",
    )
    pop = bytes([dis.opmap["POP_TOP"], 0])
    yield (
        "below",
        code.replace(co_code=end[: resume + 2] + pop + end[resume + 4 :]),
        "the stack runs over or the code off its end",
    )
    again = bytes([dis.opmap["RESUME"], 0, dis.opmap["NOP"], 0, dis.opmap["NOP"], 0])
    yield "end", code.replace(co_code=again, co_exceptiontable=b""), "the stack runs over or the code off its end"


@pytest.mark.parametrize(("code", "reason"), [pytest.param(c, r, id=i) for i, c, r in broken_codes()])
def test_broken_code_is_left_alone(probes: ModuleType, code: CodeType, reason: str) -> None:
    assert probes.rewrite(code) == (code, 0, 1, reason)


def test_refused_code_keeps_rewritten_nested_code(probes: ModuleType) -> None:
    outer = compile("def outer():\n    def inner(): return 1\n    return inner", "<source>", "exec").co_consts[0]
    after, count, refused, reason = probes.rewrite(outer.replace(co_linetable=b""))
    assert (count, refused, reason) == (1, 1, "the line table does not fit the code")
    assert [c.co_name for c in functions_in(after) if probes.probe_of(c)] == ["inner"]


def damage(code: CodeType, chance: random.Random) -> CodeType:
    """Other arguments and opcodes of the same size, or any bytes in a table. (More would crash CPython before us.)"""
    name = chance.choice(["co_code", "co_code", "co_exceptiontable", "co_linetable"])
    data = bytearray(getattr(code, name))
    if name != "co_code":
        for _ in range(chance.randrange(1, 4)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        changes: dict[str, Any] = {name: bytes(data[: chance.randrange(1, 4 * len(data) + 2)])}
        return code.replace(**changes)
    instructions = list(dis.get_instructions(code))
    for _ in range(chance.randrange(1, 4)):
        victim = chance.choice(instructions)
        if chance.random() < 0.5:
            data[victim.offset + 1] = chance.randrange(256)
        elif victim.opname != "RESUME":
            data[victim.offset] = chance.choice([i.opcode for i in instructions if units(i) == units(victim)])
    return code.replace(co_code=bytes(data))


def units(instruction: dis.Instruction) -> int:
    """Its size without prefixes."""
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    if isinstance(entries, dict):
        return 1 + int(entries.get(instruction.opname, 0))
    return 1 + int(entries[instruction.opcode])


def test_damaged_code_never_crashes(probes: ModuleType) -> None:
    chance = random.Random(20)
    everything = [c for path in CASES for c in functions_in(compile_cases(path))]
    codes = [c for c in everything if len(c.co_code) < 800 and not any(isinstance(k, CodeType) for k in c.co_consts)]
    verdicts = [probes.rewrite(damage(chance.choice(codes), chance))[3] for _ in range(4000)]
    assert verdicts.count(None) > 100
    assert len(set(verdicts)) > 8
