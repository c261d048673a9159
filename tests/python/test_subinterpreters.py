"""Subinterpreters, as mod_wsgi makes them, in a process whose main interpreter is timed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

KINDS = ["legacy", "isolated"]

# create(kind), execute(interpreter, code) and destroy(interpreter) of this version's module; code that fails raises.
MODULE = """
import sys, textwrap
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create = interpreters.create
    def execute(interpreter, code):
        failed = interpreters.exec(interpreter, textwrap.dedent(code))
        if failed is not None: raise RuntimeError(failed.formatted)
else:
    import _xxsubinterpreters as interpreters
    def create(kind): return interpreters.create(isolated=kind == "isolated")
    def execute(interpreter, code): interpreters.run_string(interpreter, textwrap.dedent(code))
destroy = interpreters.destroy
"""

# What an application does there. (Not tachograph.history: it needs datetime, which crashes isolated ones of 3.12 and 3.13.)
USES = """
import sys, tachograph, warnings
assert "threading" not in sys.modules  # whoever imports it first there has to live on: 3.11 and 3.12 wait for that thread
@tachograph.timing
def f(n): return n + 1
assert [f(n) for n in range(100)] == list(range(1, 101))
class Shop:
    def sell(self): return "sold"
assert tachograph.timing(Shop)().sell() == "sold"
with tachograph.span("part"): pass
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    tachograph.start(); tachograph.start()
here_before = globals().get("here_before", [])  # the code runs there more than once
assert here_before + [str(w.message) for w in told] == [
    "tachograph: nothing is timed: this is a subinterpreter; tachograph times the main interpreter "
    "(under mod_wsgi: WSGIApplicationGroup %{GLOBAL})"
], told
here_before = here_before or [str(w.message) for w in told]
assert tachograph.instrument(f) == tachograph.instrument("json.*") == 0
assert tachograph.statistics() == tachograph.drain() == {}
assert tachograph.recording_path() is None
import json; json.dumps([1])
"""


@pytest.mark.parametrize("kind", KINDS)
def test_import_works_while_the_main_interpreter_is_timed(run: Any, kind: str) -> None:
    run(
        MODULE + f"USES = {USES!r}\n"
        "import tachograph\n"
        "@tachograph.timing\n"
        "def main(): return execute(interpreter, USES)\n"
        "tachograph.instrument('json.*')\n"
        "for _ in range(3):\n"
        f"    interpreter = create({kind!r})\n"
        "    main(); main_again = main()\n"
        "    destroy(interpreter)\n"
        "import json; json.dumps([1])\n"
        "figures = tachograph.statistics()\n"
        "assert figures['__main__::main'].call_count == 6, figures\n"
        "assert figures['__main__::main'].exception_count == 0\n"
        "assert figures['json::dumps'].call_count == 1\n"
        "assert '__main__::f' not in figures\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_imported_there_first(run: Any, kind: str) -> None:
    """The extension's code is loaded once in a process, whoever is first."""
    run(
        MODULE + f"interpreter = create({kind!r})\n"
        f"execute(interpreter, {USES!r})\n"
        "import tachograph\n"
        "@tachograph.timing\n"
        "def f(): pass\n"
        "f()\n"
        f"execute(interpreter, {USES!r})\n"
        "assert tachograph.statistics()['__main__::f'].call_count == 1\n"
        "destroy(interpreter); f()\n"
        "assert tachograph.statistics()['__main__::f'].call_count == 2\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_threads_that_go_in_and_out(run: Any, kind: str) -> None:
    """Threads of the main interpreter that call timed functions before, after and around code elsewhere."""
    run(
        MODULE + f"USES = {USES!r}\n"
        "import threading, tachograph\n"
        "def step(n): return n + 1\n"
        "def steps(interpreter):\n"
        "    n = sum(step(0) for _ in range(500))\n"
        "    execute(interpreter, USES)\n"
        "    return n + sum(step(0) for _ in range(500))\n"
        "def work(interpreter):\n"
        "    for _ in range(3): assert steps(interpreter) == 1000\n"
        "tachograph.instrument(globals())\n"
        f"made = [create({kind!r}) for _ in range(4)]\n"
        "threads = [threading.Thread(target=work, args=(interpreter,)) for interpreter in made]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "for interpreter in made: destroy(interpreter)\n"
        "figures = tachograph.statistics()\n"
        "assert figures['__main__::work'].call_count == 4 and figures['__main__::work'].exception_count == 0\n"
        "assert figures['__main__::steps'].call_count == 12\n"
        "assert figures['__main__::step'].call_count == 12000\n"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_start_up_hook_leaves_them_alone(run: Any, kind: str) -> None:
    """Each runs the start-up files of site-packages for itself, with what `tachograph run` has put into the environment."""
    done = run(
        MODULE + "import tachograph._startup\n"
        f"interpreter = create({kind!r})\n"
        "execute(interpreter, 'import tachograph._startup, tachograph; print(tachograph.statistics(), flush=True)')\n"
        "destroy(interpreter)\n"
        "def f(): return 1\n"
        "assert f() == 1\n",
        environment={"TACHOGRAPH_RUN": "00112233445566778899aabbccddeeff"},
    )
    assert done.stdout == "{}\n"


@pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is newer")
def test_timed_functions_are_called_elsewhere(run: Any, tmp_path: Path) -> None:
    """As plain ones are: by name, where the code cannot be marshalled."""
    program = tmp_path / "calling.py"
    program.write_text(
        "import tachograph\n"
        "from concurrent import futures, interpreters\n"
        "@tachograph.timing\n"
        "def f(n): return n + 1\n"
        "if __name__ == '__main__':\n"
        "    interpreter = interpreters.create()\n"
        "    print(interpreter.call(f, 41), f(1))\n"
        "    interpreter.close()\n"
        "    with futures.InterpreterPoolExecutor(2) as pool: print(list(pool.map(f, range(4))))\n"
        "    print(tachograph.statistics()['__main__::f'].call_count)\n"
    )
    assert run(program).stdout == "42 2\n[1, 2, 3, 4]\n1\n"
