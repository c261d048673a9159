"""Runs generated functions, as they are and timed, and looks for a difference: behind test_generated_functions.

Reads one JSON object a line, {"number": …, "source": …}, and answers one a line: {"difference": text or null, "calls":
how many calls were timed, "events": how many events were compared}, or {"invalid": why it is no program}. Each function
is driven in several ways (every kind of interruption for what can be suspended), and each time watched by nobody, by a
debugger (`sys.settrace`), by a profiler (`sys.setprofile`), and by `sys.monitoring` where there is one.
"""

from __future__ import annotations

import dis
import functools
import gc
import itertools
import json
import marshal
import sys
import types
import warnings
from collections import Counter
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import tachograph

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

FILE = "<generated>"
FUEL = 40
CO_FUNCTION = 3  # CO_OPTIMIZED | CO_NEWLOCALS
FORGETFUL = sys.version_info < (3, 12)
Log = list[Any]
interrupting = False  # the way that is gone just now does (see places_of)
MONITORING: Any = getattr(sys, "monitoring", None)


# What generated functions use. These are not timed, and nobody watches them.


class Runtime:
    """The names that a generated module finds, besides builtins."""

    def __init__(self) -> None:
        self.left = FUEL

    def fuel(self) -> bool:
        self.left -= 1
        return self.left > 0

    def names(self) -> dict[str, Any]:
        return {
            "fuel": self.fuel,
            "span": span,
            "boom": boom,
            "pause": pause,
            "Steps": Steps,
            "Manager": Manager,
            "identity": lambda function: function,
            "wrapping": wrapping,
            "counter": 0,
        }


def span(count: object) -> range:
    return range(count if type(count) is int and count < 5 else 2)


def boom(value: object) -> object:
    """Raises what the value chooses, or gives it back."""
    errors = [KeyError, StopIteration, ValueError, ZeroDivisionError, None, TypeError, StopAsyncIteration]
    error = errors[value % len(errors)] if isinstance(value, int) else None
    if error is not None:
        raise error("boom")
    return value


@types.coroutine
def pause(times: int) -> Generator[str, object, object]:
    value = None
    for number in range(min(times, 3)):
        value = yield f"pause {number}"
    return value


class Steps:
    """An asynchronous iterator."""

    def __init__(self, count: int) -> None:
        self.numbers = iter(range(count))

    def __aiter__(self) -> Steps:
        return self

    async def __anext__(self) -> int:
        for number in self.numbers:
            await pause(number)
            return number
        raise StopAsyncIteration


class Manager:
    """A context manager of both kinds: 1 swallows errors, 2 raises at the end, 3 at the beginning."""

    def __init__(self, way: object = 0) -> None:
        self.way = way

    def __enter__(self) -> object:
        if self.way == 3:
            raise ValueError("enter")
        return self.way

    def __exit__(self, *error: object) -> bool:
        if self.way == 2:
            raise KeyError("exit")
        return self.way == 1

    async def __aenter__(self) -> object:
        await pause(1)
        return self.__enter__()

    async def __aexit__(self, *error: object) -> bool:
        await pause(1)
        return self.__exit__(*error)


def wrapping(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


# What is seen of a value, an exception, an event


def shown(value: object, depth: int = 2) -> str:
    """A text that is the same for the same values of two runs."""
    if isinstance(value, BaseException):
        return " <- ".join(described(value))
    if isinstance(value, (tuple, list, set, dict)) and depth:
        items: Iterable[object] = value.items() if isinstance(value, dict) else value
        return f"{type(value).__name__}({', '.join(shown(item, depth - 1) for item in items)})"
    if isinstance(value, (int, str, float, range, type(None), type)):
        return repr(value)
    return f"<{type(value).__name__} {getattr(value, '__qualname__', '')}>"


def tracebacks(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def places_of(entry: TracebackType | None) -> list[tuple[object, ...]]:
    """The places in generated code, outermost first.

    Where an exception is thrown into a coroutine that awaits another one while it handles an exception, 3.11 forgets
    all places but the outermost (_PyErr_ChainStackItem drops a traceback that no handler has made the exception's own
    yet). Timed coroutines have such a handler and keep them, so there only the outermost is compared.
    """
    places = [place_of(each) for each in tracebacks(entry) if each.tb_frame.f_code.co_filename == FILE]
    return places[:1] if FORGETFUL and interrupting else places


def place_of(entry: TracebackType) -> tuple[object, ...]:
    """Line and columns; the start of the line that the traceback itself tells must be the same."""
    code = entry.tb_frame.f_code
    return code.co_name, entry.tb_lineno, *next(itertools.islice(code.co_positions(), entry.tb_lasti // 2, None))


def described(error: BaseException | None) -> Iterator[str]:
    """An exception, where it was raised to the column, and those it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        places = places_of(error.__traceback__)
        inner = [list(described(each)) for each in getattr(error, "exceptions", ())]
        yield f"{type(error).__name__}{shown(error.args)} {places} {inner or ''}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


# Driving what a function returned


def attempt(log: Log, what: str, action: Callable[[], object]) -> bool:
    """Whether it went well."""
    try:
        log.append((what, shown(action())))
    except BaseException as error:
        log.append((what, "raised", shown(error)))
        return False
    return True


def drive_coroutine(coroutine: Any, interruption: BaseException | None = None, at: int = -1) -> object:
    """Runs something awaitable to its end; the result."""
    stepper = coroutine.__await__()
    answer: object = None
    for number in itertools.count():
        try:
            if number == at and interruption is not None:
                stepper.throw(interruption)
            elif answer is None:
                next(stepper)
            else:
                stepper.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = number
        if number > FUEL:
            coroutine.close()
            return "endless"
    return None


WAYS: list[tuple[str, Callable[[], BaseException] | None]] = [
    ("to the end", None),
    ("throw ValueError", lambda: ValueError("thrown")),
    ("throw GeneratorExit", GeneratorExit),
    ("throw StopIteration", lambda: StopIteration("thrown")),
    ("throw StopAsyncIteration", lambda: StopAsyncIteration("thrown")),
    ("close", None),
    ("drop", None),
]


def drive_generator(log: Log, generator: Any, way: str, make: Callable[[], BaseException] | None, steps: int) -> None:
    for number in range(FUEL if way == "to the end" else steps):
        if not attempt(log, f"step {number}", lambda n=number: generator.send(n or None)):  # type: ignore[misc]
            break
    if make is not None:
        attempt(log, way, lambda: generator.throw(make()))
        attempt(log, "next", lambda: next(generator))
    elif way == "close":
        attempt(log, way, generator.close)
        attempt(log, "next", lambda: next(generator))


def drive_async_generator(
    log: Log, generator: Any, way: str, make: Callable[[], BaseException] | None, steps: int
) -> None:
    for number in range(FUEL if way == "to the end" else steps):
        answer = number or None
        if not attempt(log, f"step {number}", lambda a=answer: drive_coroutine(generator.asend(a))):  # type: ignore[misc]
            break
    if make is not None:
        attempt(log, way, lambda: drive_coroutine(generator.athrow(make())))
        attempt(log, "next", lambda: drive_coroutine(generator.asend(None), make(), 1))
    elif way == "close":
        attempt(log, way, lambda: drive_coroutine(generator.aclose()))
        attempt(log, "next", lambda: drive_coroutine(generator.asend(None)))


def is_interruption(number: int) -> bool:
    """Whether the way of this number throws something in, by name or by closing."""
    way, make = WAYS[number % len(WAYS)]
    return make is not None or way == "close"


def drive(log: Log, result: Any, number: int) -> None:
    """Uses what a function has returned in the way of this number."""
    (way, make), steps = WAYS[number % len(WAYS)], number // len(WAYS)
    if isinstance(result, types.GeneratorType):
        drive_generator(log, result, way, make, steps)
    elif isinstance(result, types.CoroutineType):
        if way == "close":
            attempt(log, way, result.close)
        elif way != "drop":
            attempt(log, way, lambda: drive_coroutine(result, make() if make else None, steps))
    elif isinstance(result, types.AsyncGeneratorType):
        drive_async_generator(log, result, way, make, steps)


# Watching


def begin_offset(code: CodeType) -> int:
    """Where the RESUME is that begins a call; no other instruction is one with this argument."""
    offset = BEGINNINGS.get(id(code))
    if offset is None:
        offset = next(i.offset for i in dis.get_instructions(code) if i.opname == "RESUME")
        BEGINNINGS[id(code)] = offset
        KEPT.append(code)
    return offset


BEGINNINGS: dict[int, int] = {}
KEPT: list[CodeType] = []  # or their ids would come again


def is_counted(code: CodeType) -> bool:
    is_function = code.co_flags & CO_FUNCTION == CO_FUNCTION  # and no class body
    return is_function and code.co_filename == FILE and (code.co_name[0] != "<" or code.co_name == "<lambda>")


class Watcher:
    """What others see of a run, and how many calls of which function begin."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.log: Log = []
        self.begun: Counter[str] = Counter()

    def count(self, frame: FrameType) -> None:
        code = frame.f_code
        if is_counted(code) and frame.f_lasti == begin_offset(code):
            self.begun[code.co_qualname] += 1

    def trace(self, frame: FrameType, event: str, value: Any) -> Any:
        if frame.f_code.co_filename != FILE:
            return None
        if event == "call":
            self.count(frame)
        if event == "exception":  # the traceback may not be the exception's own yet
            value = (type(value[1]), value[1].args, places_of(value[2]))
        self.log.append((event, frame.f_code.co_qualname, frame.f_lineno, shown(value)))
        return self.trace

    def profile(self, frame: FrameType, event: str, value: Any) -> None:
        if frame.f_code.co_filename == FILE:
            if event == "call":
                self.count(frame)
            self.log.append((event, frame.f_code.co_qualname, frame.f_lineno, shown(value)))

    @contextmanager
    def watching(self) -> Iterator[None]:
        if self.how == "trace":
            sys.settrace(self.trace)
        elif self.how == "profile":
            sys.setprofile(self.profile)
        elif self.how == "monitoring":
            self.start_monitoring()
        try:
            yield
        finally:
            sys.settrace(None)
            sys.setprofile(None)
            if self.how == "monitoring":
                MONITORING.set_events(TOOL, 0)
                MONITORING.free_tool_id(TOOL)

    def start_monitoring(self) -> None:
        MONITORING.use_tool_id(TOOL, "proof")
        wanted = 0
        for name in MONITORED:
            event = getattr(MONITORING.events, name, 0)
            if event:
                MONITORING.register_callback(TOOL, event, functools.partial(self.monitored, name))
                wanted |= event
        MONITORING.set_events(TOOL, wanted)

    def monitored(self, event: str, code: CodeType, place: int, *values: object) -> None:
        """Events at instructions that have no line belong to no source: they are ours, or the compiler's."""
        if code.co_filename != FILE:
            return
        line = place if event == "LINE" else line_at(code, place)
        if event == "PY_START" and is_counted(code):
            self.begun[code.co_qualname] += 1
        if line is None and event not in ("PY_START", "PY_RESUME"):
            return
        self.log.append((event, code.co_qualname, line, [shown(value) for value in values]))


TOOL = 3
MONITORED = [
    "PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "PY_UNWIND", "PY_THROW", "LINE", "RAISE", "RERAISE",
    "EXCEPTION_HANDLED", "STOP_ITERATION", "CALL", "C_RETURN", "C_RAISE",
]  # fmt: skip


def line_at(code: CodeType, offset: int) -> int | None:
    for start, end, line in code.co_lines():
        if start <= offset < end:
            return line
    return None


# One run, and the comparison


def run_once(module: bytes, name: str, number: int, how: str, timed: bool) -> tuple[Watcher, dict[str, int]]:
    """Makes the module anew and drives each of its functions; what was seen, and what was recorded.

    The code is new as well: on 3.11, which line an unbound variable is reported on depends on how often it ran before.
    """
    runtime = Runtime()
    watcher = Watcher(how)
    unraisable: Log = watcher.log
    sys.unraisablehook = lambda what: unraisable.append(("unraisable", shown(what.exc_value)))
    names = {**runtime.names(), "__name__": name}
    exec(marshal.loads(module), names)
    functions = [names[each] for each in sorted(names) if each[0] == "f" and each[1:].isdigit()]
    if timed:
        assert tachograph.instrument(names) > 0
    before = {each: known.call_count for each, known in tachograph.statistics(name).items()}
    with watcher.watching():
        for function in functions:
            runtime.left = FUEL
            call(watcher.log, function, number)
            gc.collect()
    watcher.log.append(("counter", shown(names["counter"])))
    names.clear()
    del functions, function
    gc.collect()
    after = tachograph.statistics(name)
    running = {each: known.running_count for each, known in after.items() if known.running_count}
    assert not running, f"still running: {running}"
    counts = {each: known.call_count - before.get(each, 0) for each, known in after.items()}
    return watcher, {each.split("::")[1]: count for each, count in counts.items() if count}


def call(log: Log, function: Callable[..., Any], number: int) -> None:
    """Calls it and uses the result; nothing of it stays."""
    results: list[Any] = []
    arguments = [(), (3,), (0, 1, 2, 3)][number % 3]
    if attempt(log, "call", lambda: results.append(function(*arguments))):
        log.append(("result", shown(results[0])))
        drive(log, results.pop(), number)


def first_difference(plain: Log, timed: Log) -> str | None:
    for index, (one, other) in enumerate(itertools.zip_longest(plain, timed)):
        if one != other:
            before = "\n".join(f"      {entry}" for entry in plain[max(0, index - 5) : index])
            return f"at {index}:\n{before}\n  plain {one}\n  timed {other}\n  then  {timed[index + 1 : index + 3]}"
    return None


def compare(module: bytes, name: str, number: int, how: str) -> tuple[str | None, int, int]:
    plain, nothing = run_once(module, name, number, how, timed=False)
    assert not nothing, "the plain run was timed"
    timed, recorded = run_once(module, name, number, how, timed=True)
    difference = first_difference(plain.log, timed.log)
    if difference is None and how != "nobody" and recorded != dict(plain.begun):
        difference = f"calls begun {dict(plain.begun)}, calls recorded {recorded}"
    return difference, sum(recorded.values()), len(plain.log)


def answer(number: int, source: str) -> dict[str, Any]:
    """What became of a module."""
    global interrupting  # noqa: PLW0603
    try:
        module = marshal.dumps(compile(source, FILE, "exec"))
    except SyntaxError as error:
        return {"invalid": str(error)}
    calls = events = 0
    watchers = ["nobody", "trace", "profile", *(["monitoring"] if MONITORING else [])]
    for way in range(len(WAYS) * 3):
        interrupting = is_interruption(way)
        # All ways are gone unwatched; each watcher sees the shorter ones too.
        for how in watchers if way < len(WAYS) * 2 else watchers[:1]:
            try:
                difference, timed, compared = compare(module, f"generated{number}", way, how)
            except AssertionError as error:
                difference, timed, compared = str(error), 0, 0
            if difference is not None:
                return {"difference": f"way {way} {WAYS[way % len(WAYS)][0]!r}, watched by {how}: {difference}"}
            calls += timed
            events += compared
    return {"difference": None, "calls": calls, "events": events}


def main() -> None:
    """Answers until there are no more questions."""
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(400)
    gc.disable()
    gc.freeze()  # what is here now need not be looked at each time
    for line in sys.stdin:
        question = json.loads(line)
        BEGINNINGS.clear()
        KEPT.clear()
        print(json.dumps(answer(question["number"], question["source"])), flush=True)


if __name__ == "__main__":
    main()
