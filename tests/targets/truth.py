"""Compares what a sampler says of a program of this folder with what can be, and with what was.

Stacks are folded: a line for each, its frames from the outermost inwards joined by ``;``, then a space and how often it
was seen, or for how long. A frame is ``file:function:line`` or ``function (file:line)``; other words, such as a thread's
name, are passed over.

    python tests/targets/truth.py tests/targets/split.py STACKS [SAID]

prints a line of JSON, ``SAID`` being what the program has printed; the exit code is 1 when a stack is impossible.

A stack is possible when
- its outermost frame is one that a thread begins with,
- every frame of the program's own file is in a function that is there, at one of its lines,
- a function of the program stands on another one only at a line that mentions it there, and
- it stands on code from elsewhere only when it was handed to somebody, as callbacks are.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import functools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_SPELT = re.compile(r"(?P<function>.+) \((?P<file>[^()]+):(?P<line>\d+)\)|(?P<f>.+):(?P<g>[^:]+):(?P<n>-?\d+)")
_MADE = re.compile(r"tiny-(\d+)")  # the files of tiny_functions.py


@dataclasses.dataclass(frozen=True)
class Frame:
    """A function that was entered and not left, and the line it was at."""

    file: str
    function: str
    line: int

    @classmethod
    def parse(cls, text: str) -> Frame | None:
        """One from its text; None: it is something else."""
        spelt = _SPELT.fullmatch(text)
        if not spelt:
            return None
        file, function, line = spelt["file"] or spelt["f"], spelt["function"] or spelt["g"], spelt["line"] or spelt["n"]
        return cls(file.rpartition("/")[2], function, int(line))

    def __str__(self) -> str:
        return f"{self.file}:{self.function}:{self.line}"


@dataclasses.dataclass(frozen=True)
class Stack:
    """Frames from the outermost inwards, and how often they were seen; the thread's name where there is one."""

    frames: tuple[Frame, ...]
    count: int
    thread: str = ""


def parse(lines: Iterable[str]) -> Iterator[Stack]:
    """The stacks of a folded profile.

    Raises:
        ValueError: a line is none.
    """
    for line in lines:
        if not line.strip():
            continue
        text, _, count = line.rstrip("\n").rpartition(" ")
        words = text.split(";")
        frames = tuple(frame for frame in map(Frame.parse, words) if frame)
        yield Stack(frames, int(count), words[0] if Frame.parse(words[0]) is None else "")


def count_tasks(stacks: Iterable[Stack], tasks: dict[str, str]) -> tuple[int, int, list[str]]:
    """Samples of functions that one task alone calls: those that were given to it, those that were given to none, and
    what was given to another, which must not be.
    """
    right = nameless = 0
    wrong = []
    for stack in stacks:
        for task in {tasks[frame.function] for frame in stack.frames if frame.function in tasks}:
            told = stack.thread.rpartition(" (")[0].partition(", task ")[2]
            right += stack.count * (told == task)
            nameless += stack.count * (not told)
            wrong += [f"{stack.thread}: {stack.frames[-1]}"] * (told not in ("", task))
    return right, nameless, wrong


@dataclasses.dataclass
class _Function:
    """What its source says of a function."""

    first_line: int
    last_line: int
    mentions: dict[int, set[str]] = dataclasses.field(default_factory=lambda: collections.defaultdict(set))


class _Reader(ast.NodeVisitor):
    """Goes through a program: its functions, what they mention, and which functions are handed to somebody."""

    def __init__(self, tree: ast.Module, length: int) -> None:
        self.functions = {"<module>": _Function(1, length)}
        self.handed_over: set[str] = set()
        self._current = "<module>"
        self._path: list[str] = []  # of the functions around
        self.visit(tree)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        outer = self._current
        self._current = ".".join([*(f"{part}.<locals>" for part in self._path), node.name])
        self._path.append(node.name)
        self.functions[self._current] = _Function(node.lineno, node.end_lineno or node.lineno)
        self.generic_visit(node)
        self._current = outer
        self._path.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Name(self, node: ast.Name) -> None:
        self.functions[self._current].mentions[node.lineno].add(node.id)

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.functions[self._current].mentions[node.lineno].add("import")

    def visit_Import(self, node: ast.Import) -> None:
        self._visit_import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._visit_import(node)

    def visit_Call(self, node: ast.Call) -> None:
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        self.handed_over |= {word.id for word in arguments if isinstance(word, ast.Name)}
        # Coroutines and generators are made where they are called, and run by whoever gets them.
        self.handed_over |= {
            word.func.id for word in arguments if isinstance(word, ast.Call) and isinstance(word.func, ast.Name)
        }
        self.generic_visit(node)


class Program:
    """What can be, of one program."""

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        read = _Reader(ast.parse(text), text.count("\n") + 1)
        self.file = path.name
        self.functions = read.functions
        self.handed_over = read.handed_over
        self.marks = {name: line for line, name in _marks(text)}

    def fault(self, frames: tuple[Frame, ...]) -> str | None:
        """Why this cannot have been a stack; None: it can."""
        if not frames:
            return None  # a thread that has not begun, or has ended
        return self._fault_of_root(frames[0]) or next(filter(None, map(self._fault_of_edge, frames, frames[1:])), None)

    def _is_own(self, frame: Frame) -> bool:
        return frame.file == self.file

    def _fault_of_root(self, root: Frame) -> str | None:
        if self._is_own(root) and root.function != "<module>":
            return f"begins with {root}"
        if _MADE.fullmatch(root.file) or (root.file == "threading.py" and root.function != "Thread._bootstrap"):
            return f"begins with {root}"
        return self._fault_of_place(root)

    def _fault_of_place(self, frame: Frame) -> str | None:
        if not self._is_own(frame):
            return None
        function = self.functions.get(frame.function)
        if function is None:
            return f"there is no {frame.function}"
        if not function.first_line <= frame.line <= function.last_line:
            return f"{frame} is not within lines {function.first_line} to {function.last_line}"
        return None

    @functools.lru_cache(maxsize=100_000)  # noqa: B019  # a program lives as long as the check
    def _fault_of_edge(self, caller: Frame, callee: Frame) -> str | None:
        made = _MADE.fullmatch(callee.file)
        if made:
            return self._fault_of_made(caller, callee, made[1])
        if _MADE.fullmatch(caller.file):
            return f"{caller} calls nothing but its own tiny function"
        if not self._is_own(callee):
            return self._fault_of_call(caller, callee)
        fault = self._fault_of_place(callee)
        if fault:
            return fault
        if not self._is_own(caller):
            handed = callee.function == "<module>" or callee.function in self.handed_over
            return None if handed else f"{caller} has no way to {callee}"
        mentioned = self.functions[caller.function].mentions.get(caller.line, set())
        return None if callee.function in mentioned else f"{caller} does not mention {callee.function}"

    def _fault_of_call(self, caller: Frame, callee: Frame) -> str | None:
        if self._is_own(caller) and not self.functions[caller.function].mentions.get(caller.line):
            return f"{caller} calls nothing, not {callee}"
        return None

    def _fault_of_made(self, caller: Frame, callee: Frame, number: str) -> str | None:
        names = {"<module>": ("make",), f"caller_{number}": ("call_all",), f"tiny_{number}": (f"caller_{number}",)}
        if caller.function in names.get(callee.function, ()):
            return None
        return f"{caller} does not call {callee}"


def _marks(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say what takes long there: ``# at: NAME``."""
    for number, line in enumerate(text.splitlines(), 1):
        found = re.search(r"# at: (\w+)", line)
        if found:
            yield number, found[1]


@dataclasses.dataclass
class Verdict:
    """What a profile is worth. Shares are percent of the samples in any of the functions that the program measured."""

    samples: int = 0
    impossible: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)
    shares: dict[str, float] = dataclasses.field(default_factory=dict)
    off_by: dict[str, float] = dataclasses.field(default_factory=dict)
    too_deep: int = 0
    wrong_line: int = 0

    @property
    def worst(self) -> float:
        """Points by which the worst share is off."""
        return max(map(abs, self.off_by.values()), default=0.0)


def judge(program: Path, stacks: Iterable[Stack], said: dict[str, Any] | None = None) -> Verdict:
    """Holds stacks against a program's source, and against what it has said of itself."""
    source = Program(program)
    said = said or {}
    verdict = Verdict()
    seen: collections.Counter[str] = collections.Counter()
    for stack in stacks:
        verdict.samples += stack.count
        fault = source.fault(stack.frames)
        if fault:
            verdict.impossible += stack.count
            verdict.examples.append(f"{fault}: {';'.join(map(str, stack.frames))}")
        own = [frame for frame in stack.frames if frame.file == source.file]
        depths = collections.Counter(frame.function for frame in own)
        verdict.too_deep += stack.count * any(depths[name] > most for name, most in said.get("at_most", {}).items())
        for name in depths.keys() & said.get("shares", {}).keys():
            seen[name] += stack.count
        if own and own[-1].function in source.marks:
            verdict.wrong_line += stack.count * (own[-1].line not in _at_or_on_the_way(source, own[-1].function))
    verdict.examples = verdict.examples[:5]
    whole = sum(seen.values())
    if whole:
        verdict.shares = {name: 100 * seen[name] / whole for name in said["shares"]}
        verdict.off_by = {name: share - said["shares"][name] for name, share in verdict.shares.items()}
    return verdict


def _at_or_on_the_way(source: Program, name: str) -> set[int]:
    """The marked line, and that of the ``def``, where a function is for an instant when it is entered."""
    return {source.marks[name], source.functions[name].first_line}


def main() -> int:
    """Prints the verdict on a file of stacks."""
    if len(sys.argv) not in (3, 4):
        print("usage: truth.py PROGRAM STACKS [SAID]", file=sys.stderr)
        return 2
    said = json.loads(Path(sys.argv[3]).read_text().splitlines()[-1]) if len(sys.argv) == 4 else None
    with open(sys.argv[2], encoding="utf-8") as lines:
        verdict = judge(Path(sys.argv[1]), parse(lines), said)
    print(json.dumps(dataclasses.asdict(verdict), ensure_ascii=False))
    return 1 if verdict.impossible or verdict.too_deep else 0


if __name__ == "__main__":
    sys.exit(main())
