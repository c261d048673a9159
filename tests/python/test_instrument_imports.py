"""Modules that are imported while they are asked for: every loader, and the same errors and stacks as ever."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import marshal
import py_compile
import subprocess
import sys
import traceback
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tachograph
from tachograph import _native, instrument, uninstrument

pytestmark = pytest.mark.isolated


def counts() -> dict[str, int]:
    return {name: known.call_count for name, known in tachograph.statistics().items() if known.call_count}


def write(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    importlib.invalidate_caches()


def test_namespace_packages_and_relative_imports(module_path: Path) -> None:
    write(
        module_path,
        {
            "space/one/mod.py": "from ..two.mod import g\nfrom . import sibling\ndef f(): return g() + sibling.h()\n",
            "space/one/sibling.py": "def h(): return 1\n",
            "space/two/mod.py": "def g(): return 2\n",
        },
    )
    instrument("space.*")
    assert importlib.import_module("space.one.mod").f() == 3
    assert counts() == {"space.one.mod::f": 1, "space.two.mod::g": 1, "space.one.sibling::h": 1}


def test_who_watches_imports_sees_those_of_the_program(module_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(module_path, {"watched_before.py": "def f(): return 1\n", "watched.py": "def f(): return 1\n"})
    seen: list[str] = []
    real = builtins.__import__

    def watch(name: str, *args: Any, **options: Any) -> types.ModuleType:
        seen.append(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", watch)
    import watched_before  # type: ignore[import-not-found]  # noqa: F401

    before = [name.replace("watched_before", "watched") for name in seen]
    instrument("watched")
    seen.clear()
    import watched  # type: ignore[import-not-found]

    assert watched.f() == 1
    assert seen == before
    assert counts() == {"watched::f": 1}


def test_zip_files(module_path: Path, tmp_path: Path) -> None:
    archive = tmp_path / "zipped.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped/__init__.py", "def f(): return 1\n")
        file.writestr("zipped/inner.py", "def g(): raise ValueError('in zip')\n")
    sys.path.insert(0, str(archive))
    instrument("zipped.*")
    import zipped  # type: ignore[import-not-found]
    import zipped.inner  # type: ignore[import-not-found]

    assert zipped.f() == 1
    with pytest.raises(ValueError, match="in zip"):
        zipped.inner.g()
    assert counts() == {"zipped::f": 1, "zipped.inner::g": 1}


def test_sourceless_files(module_path: Path) -> None:
    write(module_path, {"source.py": "def f(): return 1\n"})
    py_compile.compile(str(module_path / "source.py"), cfile=str(module_path / "bare.pyc"), doraise=True)
    instrument("bare")
    assert importlib.import_module("bare").f() == 1
    assert counts() == {"bare::f": 1}


def test_reload(module_path: Path) -> None:
    write(module_path, {"again.py": "def f(): return 1\ndef g(): return f\n"})
    instrument("again")
    again = importlib.import_module("again")
    assert again.f() == 1
    first = again.f
    (module_path / "again.py").write_text("def f(): return 'changed'\n")
    importlib.reload(again)
    assert again.f() == "changed"
    assert first() == 1
    assert counts() == {"again::f": 3}
    uninstrument()
    importlib.reload(again)
    again.f()
    assert counts() == {"again::f": 3}


def test_circular_imports(module_path: Path) -> None:
    write(
        module_path,
        {
            "left.py": "def early(): return 1\nimport right\ndef f(): return right.g()\n",
            "right.py": "import left\nleft.early()\ndef g(): return left.early()\n",
        },
    )
    instrument(["left", "right"])
    assert importlib.import_module("left").f() == 1
    assert counts() == {"left::early": 2, "left::f": 1, "right::g": 1}


EAGER = """
import tachograph

def before(): return 1

class Body:
    def first(self): return 1
    tachograph.instrument("eager.*", exclude="eager.*::left_out")
    def second(self): return [n for n in range(2)]

def after(): return left_out()
def left_out(): return (lambda: 4)()
after = [after][0]
"""


def test_modules_that_ask_for_themselves(module_path: Path) -> None:
    write(
        module_path,
        {"eager/__init__.py": "from eager import top\ndef package(): return top.after()\n", "eager/top.py": EAGER},
    )
    package = importlib.import_module("eager")
    assert package.package() == 4
    body = package.top.Body()
    assert (package.top.before(), body.first(), body.second()) == (1, 1, [0, 1])
    package.top.before()
    assert counts() == {
        "eager::package": 1,
        "eager.top::before": 2,
        "eager.top::Body.first": 1,
        "eager.top::Body.second": 1,
        "eager.top::after": 1,
        "eager.top::left_out.<locals>.<lambda>": 1,
    }
    uninstrument()
    package.top.after()
    assert counts()["eager.top::after"] == 1


def test_a_program_that_asks_for_itself(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text(
        "import tachograph\ntachograph.start(store='none', instrument='__main__')\n"
        "def f():\n    def g(): return 1\n    return g()\nfor _ in range(3): f()\n"
        "print({name: known.call_count for name, known in sorted(tachograph.statistics().items())})\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("{'__main__::f': 3, '__main__::f.<locals>.g': 3}\n", "")


def test_modules_that_load_themselves_in_odd_ways(module_path: Path) -> None:
    write(
        module_path,
        {"odd.py": "def f(): return 1\n", "lazy.py": "def g(): return 2\n", "other_name.py": "def h(): return 3\n"},
    )
    instrument(["odd", "lazy", "renamed"])
    spec = importlib.util.spec_from_file_location("renamed", module_path / "other_name.py")
    assert spec
    assert spec.loader
    renamed = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(renamed)
    assert renamed.h() == 3
    lazy_spec = importlib.util.find_spec("lazy")
    assert lazy_spec
    assert lazy_spec.loader
    lazy_spec.loader = importlib.util.LazyLoader(lazy_spec.loader)
    lazy = importlib.util.module_from_spec(lazy_spec)
    lazy_spec.loader.exec_module(lazy)
    assert lazy.g() == 2
    import runpy

    assert runpy.run_module("odd")["f"]() == 1  # not an import: left alone
    assert counts() == {"renamed::h": 1, "lazy::g": 1}


def test_what_loaders_give_out_is_plain(module_path: Path) -> None:
    write(module_path, {"given.py": "def f(): return 1\n"})
    instrument("given")
    loader = importlib.util.find_spec("given").loader  # type: ignore[union-attr]
    code = loader.get_code("given")  # type: ignore[union-attr]
    assert marshal.loads(marshal.dumps(code)) == code


BROKEN = {
    "wrong/__init__.py": "from wrong import syntax\n",
    "wrong/syntax.py": "def f(:\n",
    "fails.py": "import fails_inside\n",
    "fails_inside.py": "def boom():\n    raise ImportError('boom')\nboom()\n",
    "missing.py": "import there_is_no_such_module\n",
    "half.py": "from half_other import name\n",
    "half_other.py": "from half import something\n",
    "stop.py": "raise KeyboardInterrupt\n",
}


@pytest.mark.parametrize("name", ["wrong", "fails", "missing", "half", "stop"])
def test_failing_imports_look_the_same(name: str, module_path: Path) -> None:
    write(module_path, BROKEN)

    def fail() -> str:
        for each in BROKEN:
            sys.modules.pop(each.removesuffix(".py").split("/")[0], None)
        try:
            __import__(name)
        except BaseException as error:
            return "".join(traceback.format_exception(error))
        raise AssertionError

    plain = fail()
    instrument(["wrong.*", "fails*", "missing", "half*", "stop"])
    for _ in range(2):
        assert fail() == plain
    assert name not in sys.modules
    uninstrument()
    assert fail() == plain


def test_modules_see_the_same_stack_while_they_are_imported(module_path: Path) -> None:
    write(
        module_path,
        {
            "looks.py": "import inspect, warnings\n"
            "stack = [(f.function, f.filename) for f in inspect.stack() if 'importlib' not in f.filename]\n"
            "with warnings.catch_warnings(record=True) as caught:\n"
            "    warnings.simplefilter('always'); warnings.warn('look', stacklevel=2)\n"
            "where = [w.filename for w in caught]\n"
            "file, spec, doc = __file__, __spec__.name, __doc__\n"
        },
    )

    def look() -> tuple[Any, ...]:
        sys.modules.pop("looks", None)
        looks = importlib.import_module("looks")
        return looks.stack, looks.where, looks.file, looks.spec, looks.doc, sorted(vars(looks)), looks.__cached__

    plain = look()
    instrument("looks")
    assert look() == plain


def test_the_hook_is_one_method_and_goes_again() -> None:
    import importlib._bootstrap_external as bootstrap

    before = bootstrap._LoaderBasics.exec_module
    instrument("shop.*")
    assert bootstrap.SourceFileLoader.exec_module is not before
    hooked = bootstrap._LoaderBasics.__dict__["exec_module"]
    instrument("other.*")
    assert bootstrap._LoaderBasics.__dict__["exec_module"] is hooked
    uninstrument()
    assert bootstrap._LoaderBasics.exec_module is before
    assert _native.unmatched_patterns() == ([], [])


def test_own_loaders_that_call_the_hooked_one(module_path: Path) -> None:
    write(module_path, {"mine.py": "import sys\nwhere = sys._getframe().f_code.co_filename\ndef f(): return 1\n"})
    instrument("mine")
    from importlib.machinery import FileFinder, SourceFileLoader

    class Loader(SourceFileLoader):
        def exec_module(self, module: types.ModuleType) -> None:
            super().exec_module(module)
            module.marked = True  # type: ignore[attr-defined]

        def get_code(self, fullname: str) -> types.CodeType | None:
            code = super().get_code(fullname)
            return code.replace(co_filename="<mine>") if code else None

    sys.path_importer_cache.clear()
    sys.path_hooks.insert(0, FileFinder.path_hook((Loader, [".py"])))
    mine = importlib.import_module("mine")
    assert mine.marked
    assert mine.f() == 1
    assert mine.where == "<mine>"
    assert counts() == {"mine::f": 1}
    sys.path_hooks.pop(0)


def test_get_code_that_gives_nothing(module_path: Path) -> None:
    write(module_path, {"empty.py": ""})
    instrument("empty")
    from importlib.machinery import SourceFileLoader

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> None:
            return None

    spec = importlib.util.spec_from_file_location(
        "empty", module_path / "empty.py", loader=Loader("empty", str(module_path / "empty.py"))
    )
    with pytest.raises(ImportError, match=r"cannot load module 'empty' when get_code\(\) returns None"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))  # type: ignore[union-attr, arg-type]


# Threads, and ends.
