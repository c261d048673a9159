"""Directories for recordings that are not to be trusted: every command says so, and touches nothing there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

WORK = "def work(): pass\nfor _ in range(5): work()\nprint('ran')\n"
THEIRS = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def link_to(directory: Path, target: Path) -> Path:
    link = directory / "link"
    link.symlink_to(target)
    return link


def somebody_elses(directory: Path, mode: int = 0o700) -> Path:
    path = directory / "theirs"
    path.mkdir()
    path.chmod(mode)
    os.chown(path, THEIRS, THEIRS)
    return path


def writable_for_all(directory: Path) -> Path:
    path = directory / "open"
    path.mkdir()
    path.chmod(0o777)
    return path


def a_file(directory: Path) -> Path:
    path = directory / "file"
    path.touch()
    return path


def private(directory: Path) -> Path:
    path = directory / "private"
    path.mkdir(mode=0o700)
    return path


def link_inside(directory: Path) -> Path:
    """A volume for many, in which somebody has put a link where ours would be made."""
    path = directory / "volume"
    path.mkdir()
    path.chmod(0o1777)
    (path / f"tachograph-{os.geteuid()}").symlink_to(private(directory))
    return path


REFUSED = {
    "world-writable": (writable_for_all, "everybody can replace what lies in runtime directory"),
    "nowhere's link": (lambda tmp: link_to(tmp, tmp / "nowhere"), "is a symbolic link; set TACHOGRAPH_RUNTIME_DIR"),
    "no directory": (a_file, "is no directory; set TACHOGRAPH_RUNTIME_DIR"),
    "link inside": (link_inside, "is a symbolic link; set TACHOGRAPH_RUNTIME_DIR"),
}
REFUSED_OF_OTHERS = {
    "another user's": (somebody_elses, f"belongs to user {THEIRS}; set TACHOGRAPH_RUNTIME_DIR"),
    "readable, another user's": (lambda tmp: somebody_elses(tmp, 0o755), f"belongs to user {THEIRS}"),
    "link to another user's": (lambda tmp: link_to(tmp, somebody_elses(tmp)), "is a symbolic link; set"),
}


def tree(directory: Path) -> dict[str, tuple[int, int]]:
    """All there is, with modes and owners."""
    paths = [directory, *sorted(directory.rglob("*"))]
    return {str(path): (path.lstat().st_mode, path.lstat().st_uid) for path in paths}


@pytest.mark.parametrize("name", [*REFUSED, *(pytest.param(name, marks=needs_root) for name in REFUSED_OF_OTHERS)])
def test_a_directory_not_to_be_trusted(cli: Any, tmp_path: Path, name: str) -> None:
    make, reason = {**REFUSED, **REFUSED_OF_OTHERS}[name]
    (tmp_path / "place").mkdir()
    chosen = make(tmp_path / "place")
    before = tree(tmp_path / "place")
    cli.environment["TACHOGRAPH_RUNTIME_DIR"] = str(chosen)
    done = cli("run", cli.script(WORK))
    assert (done.returncode, done.stdout) == (0, "ran\n")
    assert reason in done.stderr
    assert "timings stay inside this process" in done.stderr
    assert "The program left no recording" in done.stderr
    refused = cli("report")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert reason in refused.stderr
    assert reason in cli("top", "--once", "-d", "0.1").stdout
    assert reason in cli("clean", "--yes").stdout
    assert reason in cli("collect").stderr
    told = json.loads(cli("doctor", "--json").stdout)["findings"]
    found = {one["verdict"]: one["text"] for one in told if one["group"] == "recordings"}
    assert set(found) == {"note", "problem"}
    assert reason in found["note"]
    assert tree(tmp_path / "place") == before


TRUSTED = {
    "private": (private, False),
    "link to a private one": (lambda tmp: link_to(tmp, private(tmp)), True),
    "sticky": (lambda tmp: Path(tmp / "volume"), True),
}


@pytest.mark.parametrize("name", TRUSTED)
def test_a_directory_to_be_trusted(cli: Any, tmp_path: Path, name: str) -> None:
    make, inside = TRUSTED[name]
    (tmp_path / "place" / "volume").mkdir(parents=True)
    (tmp_path / "place" / "volume").chmod(0o1777)
    chosen = make(tmp_path / "place")
    cli.environment["TACHOGRAPH_RUNTIME_DIR"] = str(chosen)
    assert "__main__::work" in cli("run", cli.script(WORK)).stderr
    ours = chosen / f"tachograph-{os.geteuid()}" if inside else chosen
    (recording,) = ours.glob("*.tgr")
    assert (ours.stat().st_mode & 0o7777, recording.stat().st_mode & 0o7777) == (0o700, 0o600)
    for words in (["report"], ["top", "--once", "-d", "0.1"]):
        assert "__main__::work" in cli(*words).stdout
    assert str(ours) in cli("doctor").stdout
    assert "removed 1 file" in cli("clean", "--yes").stdout
    assert not recording.exists()
