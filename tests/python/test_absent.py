"""Where nothing can be timed, a program that uses tachograph runs all the same."""

from __future__ import annotations

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import find_pythons
import pytest
import tachograph
from tachograph import _absent, _interpreter, _native

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python" / "tachograph"

# Uses everything, and prints what came back.
EVERYTHING = """
import json, sys, warnings
warnings.simplefilter("always")
with warnings.catch_warnings(record=True) as at_import:
    warnings.simplefilter("always")
    import tachograph
    import tachograph.history as history
assert not [name for name in tachograph.__all__ if not hasattr(tachograph, name)]

def plain(): return "called"
class Shop:
    def sell(self): return "sold"
    @tachograph.timing
    @staticmethod
    def size(): return 1
    @tachograph.timing
    @property
    def open(self): return True
    @tachograph.timing
    async def wait(self): return "waited"
    @tachograph.timing
    def each(self): yield 1; yield 2
before = dict(vars(Shop)), plain, plain.__code__
assert tachograph.timing(Shop) is Shop and tachograph.timing(plain) is plain and tachograph.timing(len) is len
assert (dict(vars(Shop)), plain, plain.__code__) == before
assert (plain(), Shop().sell(), Shop.size(), Shop().open, list(Shop().each())) == ("called", "sold", 1, True, [1, 2])
try: Shop().wait().send(None)
except StopIteration as end: assert end.value == "waited"
for wrong in (3, "text"):
    try: tachograph.timing(wrong)
    except TypeError: pass
    else: raise AssertionError(wrong)

with tachograph.span("a part") as part: pass
try:
    with tachograph.span("a part"): raise KeyError("seen")
except KeyError: pass
else: raise AssertionError("a span has swallowed an exception")
tachograph.timing.lock.acquire()

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(3): tachograph.start(service="shop", instrument=["shop.*"])
try: history.open()
except history.StoreError as error: reading = str(error)
print(json.dumps({
    "answers": [
        tachograph.instrument("shop.*", exclude="x"), tachograph.instrument(Shop), tachograph.instrument(globals()),
        tachograph.uninstrument(Shop), tachograph.uninstrument(), tachograph.statistics(),
        tachograph.statistics("x", by_thread=True), tachograph.drain(), tachograph.timing.data,
        tachograph.recording_path(), tachograph.flush(), tachograph.stop(), tachograph.query(), tachograph.show(),
        tachograph.export_samples(), tachograph.pause(), tachograph.unpause(),
    ],
    "at_import": [str(warning.message) for warning in at_import],
    "told": [(str(warning.message), warning.filename) for warning in told],
    "reading": reading,
}))
"""
NOTHING = [0, 0, 0, 0, 0, {}, {}, {}, {}, None, False, True, [[], 0], "no samples\n", "", None, None]


def others() -> dict[str, Path]:
    """Interpreters of this machine that cannot be timed, by what is wrong with them."""
    found: dict[str, Path] = {}
    for directory in find_pythons.directories():
        for name in ("pypy3", "python3.8", "python3.9", "python3.10", "python3.15", "python3.13t", "python3.14t"):
            python = directory / name
            if name not in found and os.access(python, os.X_OK) and not subprocess.call([python, "-c", ""], stderr=-3):
                found[name] = python  # and not the shim of one that is not chosen
    return found


OTHERS = others()


def use_everything(python: Path | str, *flags: str, code: str = "", **environment: str) -> dict[str, Any]:
    """What comes back of EVERYTHING in an interpreter that takes the package from the source."""
    done = subprocess.run(
        [str(python), *flags, "-c", code + EVERYTHING],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told | {"stderr": done.stderr}


@pytest.mark.parametrize("name", OTHERS or ["none"])
def test_on_an_interpreter_that_cannot_be_timed(name: str) -> None:
    if name not in OTHERS:
        pytest.skip("needs another interpreter, such as pypy3 or python3.10")
    told = use_everything(OTHERS[name])
    assert told["answers"] == NOTHING
    assert told["at_import"] == []
    ((message, file),) = told["told"]
    assert message.startswith("tachograph: nothing is timed: this is ")
    assert message.endswith(("tachograph times CPython 3.11 to 3.14", "tachograph times CPython 3.11 to 3.14 with it"))
    assert file == "<string>"
    assert message.removeprefix("tachograph: nothing is timed: ") in told["reading"]
    assert told["stderr"] == ""


# As the extension's absence shows where it was built for another interpreter, and what that interpreter says of itself.
GONE = "import sys; sys.modules['tachograph._native'] = None\n"
FAKES = {
    "PyPy": "sys.implementation.name = 'pypy'; import platform; platform.python_implementation = lambda: 'PyPy'\n",
    "CPython 3.99.1": "sys.version_info = (3, 99, 1, 'final', 0)\n",
    "without the global lock": "sys.abiflags = 't'\n",
}


@pytest.mark.parametrize("said", FAKES)
def test_on_a_fake_of_one(said: str) -> None:
    told = use_everything(sys.executable, code=GONE + FAKES[said])
    assert told["answers"] == NOTHING
    assert told["at_import"] == []
    assert said in told["told"][0][0]
    assert len(told["told"]) == 1


def test_where_warnings_are_errors_the_program_goes_on_and_is_told() -> None:
    program = GONE + FAKES["PyPy"] + "import warnings; warnings.simplefilter('error')\n"
    program += "import tachograph\ntachograph.start(); tachograph.start(); print('on')"
    done = subprocess.run(
        [sys.executable, "-c", program], env=source_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "on\n"
    assert done.stderr.count("tachograph: nothing is timed: this is PyPy") == 1


def source_environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1", **more}


def test_broken_installation_is_told_at_once_and_breaks_nothing() -> None:
    told = use_everything(sys.executable, code=GONE)
    assert told["answers"] == NOTHING
    (message,) = told["at_import"]
    assert "the extension of tachograph cannot be loaded" in message
    assert f"{sys.executable} -m pip install --force-reinstall" in message
    assert told["told"] == []


def test_extension_that_fails_in_any_way_breaks_nothing(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "tachograph")
    (tmp_path / "tachograph" / "_native.py").write_text("raise MemoryError('none left')")
    told = use_everything(sys.executable, PYTHONPATH=str(tmp_path))
    assert told["answers"] == NOTHING
    assert "none left" in told["at_import"][0]


def start_up_line() -> str:
    (line,) = (ROOT / "python" / "tachograph.pth").read_text().splitlines()
    return line


@pytest.mark.parametrize("name", [*OTHERS, "this one without the extension"])
@pytest.mark.parametrize("variable", ["TACHOGRAPH_RUN", "TACHOGRAPH_ELSE"])
def test_start_up_line_is_harmless(name: str, variable: str) -> None:
    """In a child, of a program that is timed, that runs another Python; and in every Python of the environment."""
    program = GONE if name not in OTHERS else ""
    program += f"import sys\nexec({start_up_line()!r})\nprint('tachograph._startup' in sys.modules)"
    done = subprocess.run(
        [str(OTHERS.get(name, sys.executable)), "-W", "error", "-c", program],
        env=source_environment(**{variable: "0123"}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (f"{variable == 'TACHOGRAPH_RUN'}\n", "")


def test_start_up_line_survives_a_package_of_which_half_is_gone(tmp_path: Path) -> None:
    (tmp_path / "tachograph").mkdir()
    (tmp_path / "tachograph" / "__init__.py").write_text("half a file (")
    done = subprocess.run(
        [sys.executable, "-S", "-c", start_up_line()],  # not that of the environment
        env=source_environment(PYTHONPATH=str(tmp_path), TACHOGRAPH_RUN="0123"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def names_of_the_extension() -> set[str]:
    """What the package's files use of it."""
    used = set()
    for file in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "_native":
                used.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and node.module == "tachograph._native":
                used.update(alias.name for alias in node.names)
    return used


def test_stand_in_has_what_the_package_uses() -> None:
    used = names_of_the_extension()
    assert {"statistics", "start_collecting", "StoreReader"} <= used
    assert {name for name in used if not hasattr(_absent, name)} == set()
    assert {name for name in _absent._ANSWERS if not hasattr(_native, name)} == set()
    for name in ("statistics", "drain", "recording_path"):
        real, stand_in = (inspect.signature(getattr(module, name)) for module in (_native, _absent))
        assert [(p.name, p.kind, p.default) for p in stand_in.parameters.values()] == [
            (p.name, p.kind, p.default) for p in real.parameters.values()
        ]


def test_this_interpreter_can_be_timed() -> None:
    assert _interpreter.obstacle() == ""
    assert "tachograph._absent" not in sys.modules or tachograph.statistics is _native.statistics
    done = subprocess.run(
        [sys.executable, str(PACKAGE / "_interpreter.py")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"
    versions = [f"3.{minor}" for minor in range(_interpreter._FIRST[1], _interpreter._LAST[1] + 1)]
    assert versions == list(find_pythons.SUPPORTED)


def names_of_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")


def build(tmp_path: Path, python: Path) -> subprocess.CompletedProcess[str]:
    """Configures and installs the tree for an interpreter, where there is no compiler."""
    meson = Path(sys.executable).with_name("meson")
    if not meson.exists():
        pytest.skip("needs Meson beside this Python")
    (tmp_path / "python.ini").write_text(f"[binaries]\npython = '{python}'\nc = '/no/compiler'\n")
    meson_setup = [meson, "setup", tmp_path / "build", ROOT, f"--native-file={tmp_path / 'python.ini'}", "-Db_lto=true"]
    environment = {**os.environ, "PATH": f"{meson.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(meson_setup, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        install = [meson, "install", "-C", tmp_path / "build", "--destdir", tmp_path / "to"]
        subprocess.run(install, env=environment, capture_output=True, check=True)
    return done


def interpreter_that_says_of_itself(tmp_path: Path, code: str) -> Path:
    """When it is asked for that: Meson could not use it otherwise."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nif any(word.endswith('_interpreter.py') for word in sys.orig_argv): {code}"
    )
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{tmp_path}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("said", [*OTHERS, "without the global lock"])
def test_build_for_one_that_cannot_be_timed_needs_no_compiler(tmp_path: Path, said: str) -> None:
    python = OTHERS[said] if said in OTHERS else interpreter_that_says_of_itself(tmp_path, FAKES[said])
    done = build(tmp_path, python)
    assert done.returncode == 0, done.stdout
    assert "only a package that does nothing is built: this is " in done.stdout
    assert names_of_files(tmp_path / "to") == sorted([*names_of_files(PACKAGE), "tachograph.pth"])
    (found,) = (tmp_path / "to").rglob("tachograph.pth")
    told = use_everything(
        OTHERS.get(said, sys.executable), code="import sys; " + FAKES.get(said, ""), PYTHONPATH=str(found.parent)
    )
    assert (told["answers"], told["at_import"], len(told["told"])) == (NOTHING, [], 1)


def test_build_for_one_that_can_be_timed_needs_a_compiler(tmp_path: Path) -> None:
    done = build(tmp_path, Path(sys.executable))
    assert done.returncode != 0
    assert "compiler" in done.stdout
