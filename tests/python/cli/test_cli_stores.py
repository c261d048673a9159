"""Stores that cannot be meant: said before a program works on their behalf, and in the same way by every command."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

PROGRAM = "def f(): pass\nf()\nopen('ran', 'w').close()\n"


def make_directory(path: Path) -> Path:
    path.mkdir()
    return path


def make_foreign(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE customers (name)")
    connection.close()
    return path


def make_text(path: Path) -> Path:
    path.write_text("no database, but long enough to be looked at as one\n" * 100)
    return path


BAD = {
    "a directory": (make_directory, "is a directory: name a file in it"),
    "another program's database": (make_foreign, "is the database of another program"),
    "a text": (make_text, "file is not a database"),
    "a device": (lambda _: Path("/dev/null"), "is no file"),
}
UNMAKEABLE = {
    "where nothing can be made": (lambda _: Path("/proc/shop.db"), "cannot be made in"),
    "below a file": (lambda path: make_text(path) / "shop.db", "cannot be made in"),
}
READERS = {
    "rank": ["rank"],
    "trend": ["trend", "f"],
    "trend of all": ["trend", "--all"],
    "diff": ["diff", "version:1", "version:2"],
    "runs": ["runs"],
    "export": ["export", "-o", "-", "-f", "folded"],
    "collect": ["collect"],
    "store status": ["store", "status"],
    "store verify": ["store", "verify"],
    "serve": ["serve", "--port", "0"],
}


@pytest.mark.parametrize("how", ["option", "variable", "project"])
@pytest.mark.parametrize("what", [*BAD, *UNMAKEABLE])
def test_run_says_so_before_the_program_starts(cli: Any, tmp_path: Path, what: str, how: str) -> None:
    make, words = {**BAD, **UNMAKEABLE}[what]
    store = make(tmp_path / "bad.db")
    before = store.read_bytes() if store.is_file() else None
    script = cli.script(PROGRAM)
    environment = {"TACHOGRAPH_STORE": str(store) if how == "variable" else ""}
    if how == "project":
        (cli.directory / "pyproject.toml").write_text(f'[tool.tachograph]\nstore = "{store}"\n')
    result = cli("run", *(["--store", store] if how == "option" else []), script, env=environment)
    assert result.returncode == 125
    assert words in result.stderr
    assert str(store) in result.stderr
    assert not (cli.directory / "ran").exists()
    assert before is None or store.read_bytes() == before
    plain = cli("run", "--no-history", *(["--store", store] if how == "option" else []), script, env=environment)
    assert plain.returncode == 0  # what is not kept is not looked at
    assert (cli.directory / "ran").exists()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("what", BAD)
def test_readers_say_the_same(cli: Any, tmp_path: Path, what: str, name: str) -> None:
    make, words = BAD[what]
    store = make(tmp_path / "bad.db")
    command, *others = READERS[name]
    result = cli(command, *others, "--store", store)
    assert (result.returncode, result.stdout) == (1, ""), result
    assert f"tachograph: {command}: " in result.stderr
    assert words in result.stderr
    assert "move it away" not in result.stderr  # a reader has no business with that


def test_a_store_that_is_yet_to_be_made_is_made(cli: Any, tmp_path: Path) -> None:
    store = tmp_path / "new" / "folder" / "shop.db"
    assert cli("run", "--store", store, cli.script(PROGRAM)).returncode == 0
    assert store.is_file()
    assert cli("run", "--store", store, cli.script(PROGRAM)).returncode == 0


def test_an_empty_file_is_waited_for(cli: Any, tmp_path: Path) -> None:
    """As a full disk leaves it."""
    store = tmp_path / "empty.db"
    store.touch()
    result = cli("rank", "--store", store)
    assert result.returncode == 1
    assert '"tachograph collect" brings what waits for it' in result.stderr
    assert cli("run", "--store", store, cli.script(PROGRAM)).returncode == 0
    assert "f" in cli("rank", "--store", store).stdout


@pytest.mark.parametrize("variable", ["TACHOGRAPH_SPOOL_DIR", "TACHOGRAPH_RUNTIME_DIR"])
def test_relative_directories_are_refused(cli: Any, variable: str) -> None:
    """Each process would have its own."""
    result = cli("run", cli.script(PROGRAM), env={variable: "here"})
    assert result.returncode == 2
    assert f"{variable}: 'here' is no absolute path" in result.stderr
    assert not (cli.directory / "ran").exists()


def test_what_is_no_python_says_one_line(cli: Any) -> None:
    """`ls` repeats what it cannot find: here the question that it was asked."""
    result = cli("run", "--python", "/bin/ls", cli.script(PROGRAM))
    assert result.returncode == 126
    assert result.stderr.count("\n") == 1
    assert "does not work as a Python" in result.stderr
    assert "import" not in result.stderr


def test_an_exclusion_that_excludes_nothing_is_said(cli: Any) -> None:
    script = cli.script(PROGRAM)
    said = cli("run", "--exclude", "nosuch.*", script).stderr
    assert "nothing was excluded by 'nosuch.*'" in said
    said = cli("run", "--exclude", "__main__::f", "--exclude", "__main__::ff", script).stderr
    assert "'__main__::f'" not in said
    assert "nothing was excluded by '__main__::ff'; did you mean __main__::f?" in said
    said = cli("run", "--exclude", "__main__::nosuch", script).stderr
    assert "nothing was excluded by '__main__::nosuch': __main__ was imported, but has no such function" in said
