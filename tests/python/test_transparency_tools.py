"""Tools that look into programs find in a timed one what they find in a plain one."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = Path(__file__).parent / "programs"
TIMED = "import tachograph; tachograph.instrument('subject')\n"
IMPORT = f"import sys; sys.path.insert(0, {str(PROGRAMS)!r})\n"


@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage(core: str, run: Any) -> None:
    pytest.importorskip("coverage")
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring is newer")
    if core == "pytrace" and sys.version_info >= (3, 14):
        pytest.skip("coverage.py 7.17 fails here on the plain program")
    branch = core != "sysmon" or sys.version_info >= (3, 14)
    program = IMPORT + (
        "import coverage, json\n"
        f"tool = coverage.Coverage(branch={branch}, data_file=None, include=['*/subject.py'])\n"
        "tool.start()\n"
        "%s"
        "import subject; subject.scenario()\n"
        "tool.stop()\n"
        "data = tool.get_data()\n"
        "file, = data.measured_files()\n"
        "print(json.dumps([sorted(data.lines(file)), sorted(data.arcs(file) or []), tool.analysis2(file)[1:]]))\n"
    )
    environment = {"COVERAGE_CORE": core}
    plain = run(program % "", environment=environment, code=None)
    timed = run(program % TIMED, environment=environment, code=None)
    assert len(json.loads(plain.stdout.splitlines()[-1])[0]) > 150
    assert json.loads(timed.stdout.splitlines()[-1]) == json.loads(plain.stdout.splitlines()[-1])


def test_cloudpickle_by_value_runs_where_tachograph_is_not(run: Any, tmp_path: Path) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    path = tmp_path / "functions.pickle"
    run(
        "import cloudpickle, sys, tachograph\n"
        "factor = 3\n"
        "@tachograph.timing\n"
        "def times(n, *, m=2):\n"
        "    'A docstring.'\n"
        "    def inner(k): return k * n * m\n"
        "    return inner(factor)\n"
        "triple = tachograph.timing(lambda n: times(n) * 3)\n"
        "@tachograph.timing\n"
        "def count(n):\n"
        "    try:\n"
        "        got = yield from range(n)\n"
        "    finally:\n"
        "        yield 'end'\n"
        "@tachograph.timing\n"
        "class Shop:\n"
        "    def sell(self): return 'sold'\n"
        "assert times(1) == 6\n"
        "with open(sys.argv[1], 'wb') as file: cloudpickle.dump([times, triple, count, Shop], file)\n",
        str(path),
    )
    program = (
        "import pickle, sys\n"
        f"sys.path.append({str(Path(cloudpickle.__file__).parent.parent)!r})\n"
        "with open(sys.argv[1], 'rb') as file: times, triple, count, Shop = pickle.load(file)\n"
        "print(times(1), times(2, m=1), times.__doc__, triple(2), list(count(2)), Shop().sell())\n"
        "generator = count(2); next(generator)\n"
        "try: print(generator.throw(KeyError('thrown'))); next(generator)\n"
        "except KeyError as error: print(error)\n"
        "assert not [name for name in sys.modules if name.startswith('tachograph')]\n"
    )
    alone = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (alone.stdout, alone.stderr) == ("6 6 A docstring. 36 [0, 1, 'end'] sold\nend\n'thrown'\n", "")


def test_marshal_refuses_timed_code_and_takes_what_imports_get(run: Any, module_path: Path) -> None:
    (module_path / "marshalled.py").write_text("def f(): return 1\n")
    run(
        f"import sys; sys.path.insert(0, {str(module_path)!r})\n"
        "import marshal, importlib.util, tachograph\n"
        "tachograph.instrument('marshalled')\n"
        "code = importlib.util.find_spec('marshalled').loader.get_code('marshalled')\n"
        "assert marshal.loads(marshal.dumps(code)) == code\n"
        "import marshalled\n"
        "try: marshal.dumps(marshalled.f.__code__)\n"
        "except ValueError: pass\n"
        "else: raise AssertionError\n"
        "assert tachograph.uninstrument(marshalled.f) == 1\n"
        "marshal.dumps(marshalled.f.__code__)\n"
    )


def test_compiled_files_are_those_of_the_plain_program(run: Any, module_path: Path) -> None:
    source = module_path / "cached.py"
    source.write_text("def f(n):\n    def g(): return n\n    return g()\n")
    cached = Path(importlib.util.cache_from_source(str(source)))
    program = f"import sys; sys.path.insert(0, {str(module_path)!r}); {{}}import cached; print(cached.f(3))"
    keep = {"PYTHONDONTWRITEBYTECODE": ""}
    assert run(program.format(""), environment=keep).stdout == "3\n"
    plain = cached.read_bytes()
    cached.unlink()
    timed = "import tachograph; tachograph.instrument('cached'); "
    assert run(program.format(timed), environment=keep).stdout == "3\n"
    assert cached.read_bytes() == plain
    assert run(program.format(timed), environment=keep).stdout == "3\n"  # and it is read as well
    assert run(program.format(""), environment=keep).stdout == "3\n"


def test_pytest_rewrites_assertions_in_a_timed_module(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_inner.py").write_text(
        "import pytest\n"
        "@pytest.fixture\n"
        "def numbers():\n"
        "    yield [1, 2, 3]\n"
        "def helper(a, b):\n"
        "    assert a == b, 'helper says'\n"
        "def test_right(numbers): assert numbers\n"
        "def test_wrong(numbers): assert sum(numbers) == len(numbers) * 3\n"
        "def test_helper(): helper({'a': 1}, {'a': 2})\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "class TestClass:\n"
        "    def test_method(self, n): assert n < 2\n"
        "    async def not_run(self): ...\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-vv", "--no-header", "-rA", "--tb=long"]
    outputs = []
    for start in ("", "import tachograph\ntachograph.instrument(['test_inner'])\n"):
        (tmp_path / "conftest.py").write_text(start + "def pytest_report_teststatus(): pass\n")
        done = subprocess.run(
            [*command, str(tmp_path)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 1, done.stdout + done.stderr
        outputs.append(re.sub(r"x[0-9a-f]{6,}| in [0-9.]+s", "…", done.stdout).splitlines())
    assert outputs[1] == outputs[0]
    assert any("+  where 6 = sum([1, 2, 3])" in line for line in outputs[0])


@pytest.mark.isolated
def test_stand_ins_of_c_callables_look_like_them(clock: Any) -> None:
    import copy
    import functools
    import inspect
    import math
    import operator
    import pickle
    import weakref

    from tachograph import timing

    sqrt = timing(math.sqrt)
    assert inspect.signature(sqrt) == inspect.signature(math.sqrt)
    assert (sqrt.__name__, sqrt.__doc__, sqrt.__module__) == ("sqrt", math.sqrt.__doc__, "math")
    assert sqrt == math.sqrt
    assert math.sqrt == sqrt
    assert hash(sqrt) == hash(math.sqrt)
    assert repr(sqrt) == repr(math.sqrt)
    assert inspect.unwrap(sqrt) is math.sqrt
    assert callable(sqrt)
    assert inspect.isbuiltin(sqrt)
    assert copy.copy(sqrt) is sqrt
    assert copy.deepcopy(sqrt) is sqrt
    assert weakref.ref(sqrt)() is sqrt
    assert pickle.loads(pickle.dumps(sqrt))(9) == 3.0
    upper = timing(str.upper)
    assert pickle.loads(pickle.dumps([upper, timing(functools.partial(int, base=2))]))[1]("11") == 3
    math.sqrt = sqrt
    assert pickle.loads(pickle.dumps(sqrt)) is sqrt
    assert functools.partial(sqrt, 4)() == 2.0
    assert list(map(sqrt, [1, 4])) == [1.0, 2.0]
    with pytest.raises(TypeError, match="exactly one argument"):
        sqrt()
    with pytest.raises(AttributeError, match="nothing"):
        sqrt.nothing  # noqa: B018

    class Text(str):
        __slots__ = ()
        upper = timing(str.upper)

    assert Text("abc").upper() == "ABC"
    assert Text.upper("abc") == "ABC"
    clock.expect("builtins::str.upper", count=2, total=0)

    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, n: int) -> int:
            self.calls += n
            return self.calls

    counter = Counter()
    counting = timing(counter)
    assert counting(2) == 2
    assert counting.calls == 2
    counting.calls = 5
    assert counter.calls == 5
    assert isinstance(counting, Counter)
    with pytest.raises(TypeError, match="not on int"):
        timing(3)
    assert timing(timing(operator.neg))(3) == -3


@pytest.mark.isolated
def test_stand_ins_are_collected(clock: Any) -> None:
    import gc
    import weakref

    from tachograph import timing

    class Callable:
        def __call__(self) -> None: ...

    target = Callable()
    target.myself = timing(target)  # a cycle
    target.myself()
    gone = weakref.ref(target.myself)
    del target
    gc.collect()
    assert gone() is None


def test_timed_functions_go_through_multiprocessing(run: Any, tmp_path: Path) -> None:
    program = tmp_path / "pool.py"
    program.write_text(
        "import multiprocessing, sys, tachograph\n"
        "@tachograph.timing\n"
        "def square(n): return n * n\n"
        "if __name__ == '__main__':\n"
        "    for method in multiprocessing.get_all_start_methods():\n"
        "        with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "            print(method, pool.map(square, range(4)))\n"
        "            pool.close(); pool.join()\n"
    )
    assert run(program).stdout.count("[0, 1, 4, 9]") == 3


def test_help_shows_the_public_interface(run: Any) -> None:
    shown = run(
        "import pydoc, tachograph\n"
        "for name in sorted(set(tachograph.__all__) - {'__version__'}): print(pydoc.plain(pydoc.render_doc(getattr(tachograph, name))))\n"
    ).stdout
    for text in ("statistics(pattern=None, *, by_thread=False)", "span(name)", "Raises:", "call_count", "percentile("):
        assert text in shown
