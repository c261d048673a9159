"""The wheel in an environment that has nothing else: it works, and leaves when it is told to.

`make test` looks at one version, `make soak` at all, and at the source archive.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = Path(sys.prefix)
IS_ONE_OF_ALL = sys.version_info[:2] != (3, 11)

APP = """
def work(n): return n + 1
for n in range(100): work(n)
print("done")
"""


def execute(*command: object, **environment: str) -> str:
    """What a command prints; it has to work. Only where a shell finds everything, and with a home of its own."""
    done = subprocess.run(
        [str(word) for word in command],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """A user's variables."""
    (tmp_path / "runtime").mkdir(mode=0o700)
    return {"HOME": str(tmp_path / "home"), "TACHOGRAPH_RUNTIME_DIR": str(tmp_path / "runtime")}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """The commands of an environment with nothing but pip."""
    execute(sys.executable, "-m", "venv", tmp_path / "venv")
    return tmp_path / "venv" / "bin"


def pip(bare: Path, *words: object) -> None:
    execute(bare / "python", "-m", "pip", "--no-cache-dir", *words, PIP_DISABLE_PIP_VERSION_CHECK="1")


def files(bare: Path) -> set[str]:
    """All files of an environment, but what Python has compiled of pip."""
    paths = (path for path in bare.parent.rglob("*") if not path.is_dir())  # pip leaves directories, empty
    names = (path.relative_to(bare.parent).as_posix() for path in paths)
    return {
        name for name in names if not re.search(r"/site-packages/(pip|setuptools|pkg_resources|_distutils_hack)/", name)
    }


def use(bare: Path, home: dict[str, str], tmp_path: Path) -> None:
    """What somebody does first."""
    (tmp_path / "app.py").write_text(APP)
    told = execute(bare / "tachograph", "run", "--service", "shop", tmp_path / "app.py", **home)
    assert "done\n" in told
    assert re.search(r"^ *100 .*__main__::work", told, re.MULTILINE), told
    told = execute(bare / "python", "-m", "tachograph", "run", "--service", "shop", tmp_path / "app.py", **home)
    assert re.search(r"^ *100 .*__main__::work", told, re.MULTILINE), told
    history = Path(home["HOME"]) / ".local" / "share" / "tachograph" / "shop.db"
    ranked = execute(bare / "tachograph", "rank", "--by", "calls", "--store", history, **home)
    assert re.search(r"\b200 .*app\.py::work", ranked), ranked
    assert execute(bare / "tachograph", "--version").startswith("tachograph 0.")
    asked = "from tachograph import history; print(history.open(%r).rank(by='calls')[0].function.call_count)"
    assert execute(bare / "python", "-c", asked % str(history), **home) == "200\n"


@pytest.mark.skipif(IS_ONE_OF_ALL and "TACHOGRAPH_SOAK" not in os.environ, reason="one version: set TACHOGRAPH_SOAK=1")
@pytest.mark.longer  # of every version
@pytest.mark.timeout(600)
class TestWheel:
    def test_needs_nothing_but_libc(self, wheel: Path, tmp_path: Path) -> None:
        assert re.fullmatch(r"tachograph-[\d.]+-(cp3\d+)-\1-manylinux_2_\d+_\w+\.whl", wheel.name), wheel.name
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
        (extension,) = tmp_path.glob("tachograph/_native.*.so")
        (program,) = tmp_path.glob("tachograph-*.data/scripts/tachograph")
        for binary in (extension, program):
            needed = set(re.findall(rb"\0(lib[\w+-]+\.so[.\d]*)(?=\0)", binary.read_bytes()))
            assert {
                name
                for name in needed
                if not re.match(rb"lib(c|m|dl|pthread)\.so|lib(mariadb\.so\.3|microhttpd\.so\.12)", name)
            } == set()
            assert b"SQLite format 3" in binary.read_bytes()
            assert str(ROOT).encode() not in binary.read_bytes()
        assert not list(tmp_path.glob("tachograph.libs"))
        assert not [path for path in tmp_path.rglob("*") if path.suffix in (".c", ".h", ".a")]

    def test_comes_works_and_goes(self, wheel: Path, bare: Path, home: dict[str, str], tmp_path: Path) -> None:
        before = files(bare)
        pip(bare, "install", "--no-index", wheel)
        added = files(bare) - before
        assert {"bin/tachograph", "share/man/man1/tachograph.1"} <= added
        assert any(name.endswith("site-packages/tachograph.pth") for name in added)
        use(bare, home, tmp_path)
        pip(bare, "uninstall", "--yes", "tachograph")
        assert files(bare) == before
        assert (Path(home["HOME"]) / ".local" / "share" / "tachograph" / "shop.db").exists()  # is the user's
        told = execute(bare / "python", tmp_path / "app.py", TACHOGRAPH_RUN="00" * 16, **home)
        assert told == "done\n"


@pytest.mark.soak
class TestSources:
    @pytest.fixture
    def build(self, tmp_path: Path) -> Callable[..., Path]:
        """Builds a wheel from the source archive, with options for Meson."""
        making = "import mesonpy, sys; mesonpy.build_sdist(sys.argv[1])"
        path = f"{ENVIRONMENT / 'bin'}:/usr/bin:/bin"
        done = subprocess.run(
            [sys.executable, "-c", making, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (archive,) = tmp_path.glob("tachograph-*.tar.gz")

        def build_wheel(*options: str) -> Path:
            arguments = [f"--config-settings=setup-args={option}" for option in options]
            command = ["-m", "pip", "wheel", "--no-index", "--no-build-isolation", "--no-deps", *arguments]
            execute(sys.executable, *command, "--wheel-dir", tmp_path, archive, PATH=path)
            (found,) = tmp_path.glob("*.whl")
            return found

        return build_wheel

    def test_as_they_are(self, build: Callable[..., Path], bare: Path, home: dict[str, str], tmp_path: Path) -> None:
        pip(bare, "install", "--no-index", build())
        use(bare, home, tmp_path)

    def test_with_a_compiler_and_nothing_else(
        self, build: Callable[..., Path], bare: Path, home: dict[str, str], tmp_path: Path
    ) -> None:
        pip(bare, "install", "--no-index", build("-Dsqlite=disabled", "-Dmysql=disabled"))
        (tmp_path / "app.py").write_text(APP)
        told = execute(bare / "tachograph", "run", tmp_path / "app.py", **home)
        assert re.search(r"^ *100 .*__main__::work", told, re.MULTILINE), told
        assert 'built without "sqlite" histories: install libsqlite3-dev' in re.sub(r"\s+", " ", told)
        assert execute(bare / "tachograph", "--version").splitlines()[1:] == [
            'built without "sqlite" histories: they need libsqlite3-dev',
            'built without "mysql" histories: they need libmariadb-dev',
        ]


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("compiler", "install a compiler (Debian: apt-get install gcc libc6-dev"),
        ("headers", "are missing: install them"),
    ],
)
def test_what_is_missing_to_build_is_said(lacking: str, told: str, tmp_path: Path) -> None:
    meson = ENVIRONMENT / "bin" / "meson"
    if not meson.exists() or not shutil.which("cc"):
        pytest.skip("needs Meson beside this Python, and a compiler")
    (tmp_path / "none.ini").write_text("[binaries]\nc = '/no/compiler'\n" if lacking == "compiler" else "")
    python = tmp_path / "python"  # whose headers are elsewhere
    hiding = "import sysconfig; sysconfig.get_config_vars(); sysconfig._CONFIG_VARS['INCLUDEPY'] = '/no/headers'\n"
    hiding += "paths = sysconfig.get_paths\n"
    hiding += (
        "sysconfig.get_paths = lambda *a, **k: {**paths(*a, **k), 'include': '/no/headers', 'platinclude': '/no'}\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hiding)
    python.write_text(f"#!/bin/sh\nPYTHONPATH='{tmp_path}' exec '{sys.executable}' \"$@\"\n")
    python.chmod(0o755)
    if lacking == "headers":
        (tmp_path / "none.ini").write_text(f"[binaries]\npython = '{python}'\n")
    done = subprocess.run(
        [meson, "setup", tmp_path / "build", ROOT, f"--native-file={tmp_path / 'none.ini'}", "-Dtests=disabled"],
        env={**os.environ, "PKG_CONFIG": "/bin/false", "PATH": f"{meson.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    assert told in done.stdout
