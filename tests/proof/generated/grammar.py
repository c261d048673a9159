"""Writes functions: any statement of the language may turn up in any place where it is allowed.

The programs end (loops run while there is `fuel()`), build nothing large (containers hold truth values), and are free
to raise whatever comes of it. What they use besides builtins is in worker.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

NAMES = ["a", "b", "c", "d"]
ERRORS = ["ValueError", "KeyError", "ZeroDivisionError", "TypeError", "StopIteration", "Exception", "BaseException"]
PLAIN, GENERATOR, COROUTINE, ASYNC_GENERATOR = "plain", "generator", "coroutine", "async generator"
KINDS = [PLAIN, GENERATOR, COROUTINE, ASYNC_GENERATOR]


@dataclass(frozen=True)
class Place:
    """Where in a function the next words go."""

    kind: str
    depth: int
    in_loop: bool = False
    in_group_handler: bool = False
    in_handler: bool = False
    in_expression: bool = False  # of a lambda or comprehension, which have frames of their own

    def deeper(self, **changes: Any) -> Place:
        return replace(self, depth=self.depth - 1, **changes)


class Writer:
    """One module, line by line."""

    def __init__(self, choices: random.Random) -> None:
        self.choices = choices
        self.lines: list[str] = []
        self.indentation = 0
        self.functions: list[tuple[str, str]] = []  # that may be called from here: name and kind
        self.named = 0

    def one_of(self, *options: str) -> str:
        return options[self.choices.randint(0, len(options) - 1)]

    def up_to(self, most: int) -> int:
        return self.choices.randint(0, most)

    def chance(self, percent: int) -> bool:
        return self.choices.randint(0, 99) >= 100 - percent

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indentation + text)

    def new_name(self, stem: str) -> str:
        self.named += 1
        return f"{stem}{self.named}"

    # Expressions

    def expression(self, place: Place) -> str:
        if place.depth <= 0 or self.chance(35):
            return self.one_of(*NAMES, str(self.up_to(5)), "None", "'s'", "args")
        forms = [
            self.arithmetic, self.comparison, self.conditional, self.container, self.lambda_call, self.comprehension,
            self.call, self.call, self.formatted, self.assignment_expression, self.subscript,
        ]  # fmt: skip
        if not place.in_expression and place.kind != PLAIN:
            forms += [self.suspension] * 8
        return forms[self.up_to(len(forms) - 1)](place)

    def arithmetic(self, place: Place) -> str:
        inner = place.deeper()
        if self.chance(40):
            return f"({self.expression(inner)} + {self.up_to(9)})"
        operator = self.one_of("-", "//", "%", "^")
        return f"({self.expression(inner)} {operator} {self.expression(inner)})"

    def comparison(self, place: Place) -> str:
        inner = place.deeper()
        first, second = self.expression(inner), self.expression(inner)
        if self.chance(30):
            return f"({first} == {second} != {self.expression(inner)})"
        return f"({first} {self.one_of('==', '!=', 'is', 'is not', 'and', 'or', 'in')} {second})"

    def conditional(self, place: Place) -> str:
        inner = place.deeper()
        if self.chance(20):
            return f"(not {self.expression(inner)})"
        return f"({self.expression(inner)} if {self.expression(inner)} else {self.expression(inner)})"

    def truth(self, place: Place) -> str:
        return f"bool({self.expression(place)})"

    def container(self, place: Place) -> str:
        inner = place.deeper()
        first, second = self.truth(inner), self.truth(inner)
        return self.one_of(
            f"({first}, {second})", f"[{first}, 7]", f"{{{first}: {second}}}", f"{{*span(2), {first}}}",
            f"(*span(2), {first})", f"{{**{{'k': 1}}, 'l': {second}}}", f"({first},\n{second})",
        )  # fmt: skip

    def lambda_call(self, place: Place) -> str:
        inner = place.deeper(in_expression=True)
        return f"(lambda x, y={self.expression(place.deeper())}: {self.expression(inner)})({self.up_to(3)})"

    def comprehension(self, place: Place) -> str:
        inner = place.deeper(in_expression=True)
        element, condition = self.truth(inner), self.expression(inner)
        forms = [f"[{element} for x in span(3) if {condition}]", f"{{x: {element} for x in span(2)}}"]
        forms += [f"{{{element} for x in span(2) for y in span(x)}}", f"tuple({element} for x in span(2))"]
        if place.kind in (COROUTINE, ASYNC_GENERATOR) and not place.in_expression:
            forms += [f"[{element} async for x in Steps({self.up_to(3)})]", "[await pause(x) for x in span(2)]"]
        return self.one_of(*forms)

    def arguments(self, place: Place) -> str:
        inner = place.deeper()
        return self.one_of(
            self.expression(inner), "*span(3)", "*args", f"{self.expression(inner)}, {self.expression(inner)}", "",
            f"b={self.expression(inner)}", "**{'b': 1, 'extra': 2}", f"*span(2), **{{'c': {self.expression(inner)}}}",
        )  # fmt: skip

    def callable_of(self, *kinds: str) -> str | None:
        known = [name for name, kind in self.functions if kind in kinds]
        return self.one_of(*known) if known else None

    def call(self, place: Place) -> str:
        name = self.callable_of(PLAIN)
        if name is None or self.chance(25):
            return f"boom({self.expression(place.deeper())})"
        return f"{name}({self.arguments(place)})"

    def formatted(self, place: Place) -> str:
        return f'f"<{{{self.expression(replace(place, depth=0))}!s:.5}}>"'.replace("'s'", "a")

    def assignment_expression(self, place: Place) -> str:
        if place.in_expression:
            return self.truth(place.deeper())
        return f"({self.one_of(*NAMES)} := {self.expression(place.deeper())})"

    def subscript(self, place: Place) -> str:
        return f"{self.container(place)}[{self.expression(place.deeper())}]"

    def suspension(self, place: Place) -> str:
        inner = place.deeper()
        if place.kind == GENERATOR:
            source = self.callable_of(GENERATOR)
            iterable = f"{source}({self.arguments(inner)})" if source else "span(2)"
            return self.one_of(f"(yield {self.expression(inner)})", "(yield)", f"(yield from {iterable})")
        source = self.callable_of(COROUTINE)
        awaited = f"{source}({self.arguments(inner)})" if source and self.chance(70) else f"pause({self.up_to(2)})"
        if place.kind == ASYNC_GENERATOR and self.chance(50):
            return f"(yield {self.expression(inner)})"
        return f"(await {awaited})"

    # Statements

    def block(self, place: Place) -> None:
        self.indentation += 1
        for _ in range(1 + self.up_to(min(place.depth, 2))):
            self.statement(place)
        self.indentation -= 1

    def statement(self, place: Place) -> None:
        if place.depth <= 0:
            self.simple(place)
            return
        forms = [
            self.simple, self.simple, self.simple, self.if_statement, self.for_statement, self.while_statement,
            self.try_statement, self.try_statement, self.try_statement, self.with_statement, self.match_statement,
            self.leave, self.nested_function, self.nested_class, self.one_line, self.try_group,
        ]  # fmt: skip
        if self.chance(2):
            forms = [self.many_constants]
        forms[self.up_to(len(forms) - 1)](place)

    def simple(self, place: Place) -> None:
        target, value = self.one_of(*NAMES), self.expression(place)
        self.line(
            self.one_of(
                f"{target} = {value}",
                f"{target} = {value}",
                f"{target} = {value}",
                value,
                "pass",
                f"del {target}",
                f"{target} += {self.up_to(3)}",
                f"assert {value}",
                f"{target}, *d = {value}",
                f"a = 1; {target} = {value}",
                f"noted: int = {value}",
                f"{target} = (\n    {value}\n)",
                f"counter = {value}",
            )
        )

    def leave(self, place: Place) -> None:
        forms = [
            f"raise {self.one_of(*ERRORS)}({self.up_to(3)})",
            f"raise ValueError from {self.one_of('None', 'KeyError(1)')}",
        ]
        if place.in_handler:
            forms += ["raise", "raise"]
        if not place.in_group_handler:
            forms += ["return"] if place.kind == ASYNC_GENERATOR else ["return", f"return {self.expression(place)}"]
            if place.in_loop:
                forms += ["break", "continue"] * 2
        self.line(self.one_of(*forms))

    def one_line(self, place: Place) -> None:
        condition = self.expression(place.deeper())
        self.line(f"if {condition}: {self.one_of('pass', 'a = 1; b = 2', 'raise KeyError(a)', 'boom(b)')}")

    def if_statement(self, place: Place) -> None:
        inner = place.deeper()
        self.line(f"if {self.expression(inner)}:")
        self.block(inner)
        if self.chance(30):
            self.line(f"elif {self.expression(inner)}:")
            self.block(inner)
        if self.chance(40):
            self.line("else:")
            self.block(inner)

    def for_statement(self, place: Place) -> None:
        inner, body = place.deeper(), place.deeper(in_loop=True, in_group_handler=False)
        target = self.one_of(*NAMES, "e, *rest")
        source = self.callable_of(GENERATOR)
        iterable = f"{source}({self.arguments(inner)})" if source and self.chance(50) else f"span({self.up_to(4)})"
        if place.kind in (COROUTINE, ASYNC_GENERATOR) and self.chance(60):
            source = self.callable_of(ASYNC_GENERATOR)
            iterable = f"{source}({self.arguments(inner)})" if source and self.chance(70) else f"Steps({self.up_to(3)})"
            self.line(f"async for {target} in {iterable}:")
        else:
            self.line(f"for {target} in {iterable}:")
        self.indentation += 1
        self.line("if not fuel(): break")
        self.indentation -= 1
        self.block(body)
        if self.chance(25):
            self.line("else:")
            self.block(inner)

    def while_statement(self, place: Place) -> None:
        inner = place.deeper()
        self.line(f"while fuel(){self.one_of('', f' and {self.expression(inner)}')}:")
        self.block(place.deeper(in_loop=True, in_group_handler=False))
        if self.chance(25):
            self.line("else:")
            self.block(inner)

    def try_statement(self, place: Place) -> None:
        inner = place.deeper()
        handlers = self.up_to(2)
        self.line("try:")
        self.block(inner)
        for number in range(handlers):
            name = self.one_of("", " as e", " as b")
            types = self.one_of(*ERRORS, f"({ERRORS[0]}, {ERRORS[1]})")
            last = number == handlers - 1 and self.chance(30)
            self.line("except:" if last else f"except {types}{name}:")
            self.block(place.deeper(in_handler=True))
        if handlers and self.chance(25):
            self.line("else:")
            self.block(inner)
        if not handlers or self.chance(40):
            self.line("finally:")
            self.block(inner)

    def try_group(self, place: Place) -> None:
        inner = place.deeper()
        self.line("try:")
        self.block(inner)
        self.line(f"except* {self.one_of(*ERRORS[:4])}{self.one_of('', ' as e')}:")
        self.block(place.deeper(in_group_handler=True, in_handler=True, in_loop=False))
        if self.chance(40):
            self.line("finally:")
            self.block(inner)

    def with_statement(self, place: Place) -> None:
        inner = place.deeper()
        managers = [f"Manager({self.up_to(3)}){self.one_of('', ' as a', ' as d')}" for _ in range(1 + self.up_to(1))]
        keyword = "with"
        if place.kind in (COROUTINE, ASYNC_GENERATOR) and self.chance(70):
            keyword = "async with"
        self.line(f"{keyword} {', '.join(managers)}:")
        self.block(inner)

    def match_statement(self, place: Place) -> None:
        inner = place.deeper()
        self.line(f"match {self.expression(inner)}:")
        self.indentation += 1
        for _ in range(1 + self.up_to(2)):
            pattern = self.one_of(
                "0", "1 | 2", "(a, b)", "[a, *rest]", "{True: b}", "int(a)", "str() as c", "None", "[[a], _]"
            )
            guard = f" if {self.expression(inner)}" if self.chance(30) else ""
            self.line(f"case {pattern}{guard}:")
            self.block(inner)
        if self.chance(50):
            self.line("case _:")
            self.block(inner)
        self.indentation -= 1

    def many_constants(self, place: Place) -> None:
        """Enough constants, names and bytes to need extended arguments, also for the jump across them."""
        first = self.choices.randint(1000, 9000)
        self.line(f"if {self.expression(place.deeper())}:")
        self.indentation += 1
        for row in range(30):
            self.line(f"a = [{', '.join(f'{first + row * 10 + column}.5' for column in range(10))}, a is None][0]")
        self.indentation -= 1

    def nested_class(self, place: Place) -> None:
        name = self.new_name("C")
        self.line(f"class {name}({self.one_of('', 'Manager')}):")
        self.indentation += 1
        self.line(f"field = {self.truth(place.deeper(in_expression=True))}")
        self.function("method", PLAIN, place.depth - 1, first="self", start="a = b = c = d = __class__.__name__")
        self.indentation -= 1
        self.line(f"{self.one_of(*NAMES)} = {name}({self.up_to(1) if self.chance(20) else ''}).method({self.up_to(3)})")

    def nested_function(self, place: Place) -> None:
        kind = KINDS[self.up_to(3)]
        name = self.new_name("n")
        outer = self.functions
        if self.chance(50):
            self.line(self.one_of("@identity", "@wrapping", "@identity\n" + "    " * self.indentation + "@identity"))
        self.function(name, kind, place.depth - 1, nonlocal_name=self.one_of("a", "b", ""))
        self.functions = outer
        for _ in range(1 + self.up_to(1)):
            self.use(name, kind, place)

    def use(self, name: str, kind: str, place: Place) -> None:
        call = f"{name}({self.arguments(place.deeper())})"
        asynchronous = place.kind in (COROUTINE, ASYNC_GENERATOR)
        if kind == PLAIN:
            self.line(f"{self.one_of(*NAMES)} = {call}")
        elif kind == GENERATOR:
            forms = [f"c = list({call})", f"c = next({call}, None)", f"d = {call}", f"a, *b = {call}"]
            self.line(self.one_of(*forms, *([f"c = yield from {call}"] * 3 if place.kind == GENERATOR else [])))
        elif kind == COROUTINE:
            self.line(f"c = await {call}" if asynchronous and self.chance(80) else f"{call}.close()")
        else:
            self.line(f"c = [x async for x in {call}]" if asynchronous and self.chance(80) else f"d = {call}")

    # Functions

    def function(
        self, name: str, kind: str, depth: int, *, first: str = "", start: str = "", nonlocal_name: str = ""
    ) -> None:
        outer = self.functions
        parameters = self.one_of(
            "a=1, b=2, *args", "a=1, /, b=2, *args, c=3, **kwargs", "a=0, b=None, *args, c=1, **kwargs"
        )
        returns = self.one_of("", " -> int")
        keyword = "async def" if kind in (COROUTINE, ASYNC_GENERATOR) else "def"
        if nonlocal_name:
            parameters = parameters.replace(f"{nonlocal_name}=", f"other_{nonlocal_name}=")
        given = f"{first}, {parameters}" if first else parameters
        self.line(f"{keyword} {name}({given}){returns}:")
        place = Place(kind, depth)
        self.indentation += 1
        if self.chance(30):
            self.line(f'"""What {name} does."""')
        if nonlocal_name:
            self.line(f"nonlocal {nonlocal_name}")
        if self.chance(30):
            self.line("global counter")
        self.line(start or self.one_of("c = d = 0", "c, d = b, a", "d = c = [a]"))
        self.indentation -= 1
        self.block(place)
        if self.chance(60):
            self.block(place)
        self.indentation += 1
        if kind in (GENERATOR, ASYNC_GENERATOR):
            self.line(self.one_of("yield a", "if a is None: yield", "c = yield (a is b), 1"))
        if self.chance(50):
            self.line(
                "return" if kind == ASYNC_GENERATOR else self.one_of("return a", "return a, b", "return 7", "return")
            )
        self.indentation -= 1
        self.functions = outer


def write_module(choices: random.Random) -> str:
    """The source of a module with one to four functions, f1 and so on; each may call those before it."""
    writer = Writer(choices)
    for number in range(1, 2 + writer.up_to(3)):
        kind = KINDS[writer.up_to(3)]
        writer.function(f"f{number}", kind, 1 + writer.up_to(2))
        writer.functions.append((f"f{number}", kind))
    return "\n".join(writer.lines) + "\n"
