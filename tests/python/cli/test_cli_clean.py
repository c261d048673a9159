"""tachograph clean: what it lists, what it removes, and above all what it does not."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

WORK = "import tachograph\n@tachograph.timing\ndef f(): pass\nf()\n"


def listed(cli: Any, *words: str) -> dict[str, Any]:
    """What is told as JSON."""
    result = cli("clean", "--json", *words)
    assert (result.returncode, result.stderr) == (0, "")
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def states(cli: Any, *words: str) -> list[tuple[str, str, bool, bool]]:
    """Kind, state, whether it goes and has gone, of every file."""
    files = listed(cli, *words)["files"]
    return [(file["kind"], file["state"], file["goes"], file["removed"]) for file in files]


def old(path: Path, seconds: int) -> Path:
    """Makes a file look old."""
    then = time.time() - seconds
    os.utime(path, (then, then), follow_symlinks=False)
    return path


@pytest.fixture
def dead(cli: Any, function: Any) -> Path:
    """The recording of a process that has ended."""
    path: Path = cli.record([function("m::f", [1000])])
    return path


def test_nothing_is_removed_unless_asked(cli: Any, dead: Path) -> None:
    result = cli("clean")
    assert result.returncode == 0
    assert "may go  recordings of ended processes" in result.stdout
    assert "nothing is removed yet; 'tachograph clean --yes' removes 1 file" in result.stdout
    assert dead.exists()
    assert states(cli) == [("recording", "done", True, False)]


def test_yes_removes_what_nobody_wants(cli: Any, dead: Path) -> None:
    half = cli.runtime / ".123-b.tgr"
    half.write_bytes(b"")
    old(half, 3600)
    made = cli.runtime / ".124-c.tgr"
    made.write_bytes(b"")
    result = cli("clean", "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert "removed 2 files" in result.stdout
    assert not dead.exists()
    assert not half.exists()
    assert made.exists()
    assert "nothing to remove" in cli("clean").stdout
    assert "removed 0 files" in cli("clean", "--yes").stdout


def test_only_what_is_older(cli: Any, dead: Path) -> None:
    old(dead, 3 * 3600)
    assert states(cli, "--yes", "--older-than", "4h") == [("recording", "done", False, False)]
    assert states(cli, "--yes", "--older-than", "2h") == [("recording", "done", True, True)]


def test_recording_of_a_process_that_runs_stays(cli: Any, wait_until: Any) -> None:
    script = cli.script(WORK + "input()\n")
    process = cli.start_other(cli.environment["TACHOGRAPH_PYTHON"], script, stdin=-1)
    try:
        wait_until(lambda: states(cli) == [("recording", "in use", False, False)], "the recording")
        assert states(cli, "--yes") == [("recording", "in use", False, False)]
        assert "recordings of processes that run" in cli("clean").stdout
    finally:
        process.communicate("\n", timeout=60)
    assert states(cli, "--yes") == [("recording", "done", True, True)]


def test_what_is_not_ours_stays(cli: Any, dead: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.tgr"
    target.write_bytes(dead.read_bytes())
    (cli.runtime / "link.tgr").symlink_to(target)
    (cli.runtime / "notes.txt").write_text("mine")
    (cli.runtime / "directory.tgr").mkdir()
    (cli.runtime / "newer.tgr").write_bytes(b"no recording")
    result = cli("clean", "--yes")
    assert "left alone: 3 files in" in result.stdout
    assert "recordings that this tachograph cannot read" in result.stdout
    assert "removed 1 file," in result.stdout
    assert sorted(path.name for path in cli.runtime.iterdir()) == [
        "directory.tgr",
        "link.tgr",
        "newer.tgr",
        "notes.txt",
    ]
    assert target.exists()


def test_directory_of_others_is_left_alone_with_the_reason(cli: Any, dead: Path) -> None:
    cli.runtime.chmod(0o770)
    result = cli("clean", "--yes")
    assert result.returncode == 0
    assert f'left alone: runtime directory "{cli.runtime}" is open to other users (mode 770)' in result.stdout
    cli.runtime.chmod(0o700)
    assert dead.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_directory_is_refused(cli: Any, dead: Path) -> None:
    os.chown(cli.runtime, 12345, 12345)
    result = cli("clean", "--yes")
    assert f'left alone: runtime directory "{cli.runtime}" belongs to user 12345' in result.stdout
    assert listed(cli)["directories"][0]["left_out"].startswith("runtime directory")
    os.chown(cli.runtime, 0, 0)
    assert dead.exists()


def test_switch_and_histories_are_listed_and_stay(cli: Any, tmp_path: Path) -> None:
    (cli.runtime / "disable").touch()
    data = tmp_path / "data" / "tachograph"
    data.mkdir(parents=True)
    (data / "shop.db").write_bytes(bytes(4096))
    result = cli("clean", "--yes")
    assert "the switch 'disable': what records here is turned off" in result.stdout
    assert ["stays", "histories", str(data)] in [line.split()[-3:] for line in result.stdout.splitlines()]
    assert listed(cli)["histories"] == [{"path": str(data / "shop.db"), "bytes": 4096}]
    assert (cli.runtime / "disable").exists()
    assert (data / "shop.db").exists()


@pytest.fixture
def waiting(cli: Any, tmp_path: Path) -> str:
    """The URL of a store that was mistyped: what a process left waits for it."""
    (tmp_path / "file").touch()
    store = f"{tmp_path}/file/h.db"
    script = cli.script(
        WORK
        + f"tachograph.start(store={store!r})\ntachograph.flush()\nf()\nimport os, signal\nos.kill(os.getpid(), 9)\n"
    )
    assert cli.plain(cli.environment["TACHOGRAPH_PYTHON"], script).returncode == -9
    return f"sqlite:///{store}"


def test_what_waits_for_a_store_stays(cli: Any, waiting: str) -> None:
    result = cli("clean", "--yes")
    assert f"recordings whose figures wait for {waiting}" in result.stdout
    assert f"spools with intervals that wait for {waiting}" in result.stdout
    assert f"'tachograph clean --discard-waiting {waiting} --yes' gives them up" in result.stdout
    assert "removed 0 files" in result.stdout
    assert [state[:2] for state in states(cli)] == [("recording", "waiting"), ("spool", "waiting")]


@pytest.mark.parametrize("how", ["url", "path", "all"])
def test_what_waits_for_a_mistyped_store_can_be_given_up(cli: Any, waiting: str, how: str) -> None:
    word = {"url": waiting, "path": waiting.removeprefix("sqlite:///"), "all": "all"}[how]
    listing = cli("clean", "--discard-waiting", word)
    assert f"'tachograph clean --discard-waiting {word} --yes' removes 2 files" in listing.stdout
    assert states(cli, "--discard-waiting", word, "--yes") == [
        ("recording", "waiting", True, True),
        ("spool", "waiting", True, True),
    ]
    assert listed(cli)["files"] == []
    assert "nothing to collect" in cli("collect").stdout


def test_nothing_else_goes_with_what_is_given_up(cli: Any, waiting: str, function: Any) -> None:
    done = cli.record([function("m::f", [5])])
    assert cli("clean", "--discard-waiting", waiting, "--yes").returncode == 0
    assert done.exists()
    assert [state[:2] for state in states(cli)] == [("recording", "done")]


def test_other_stores_are_not_given_up(cli: Any, waiting: str) -> None:
    result = cli("clean", "--discard-waiting", "/other.db", "--yes")
    assert result.returncode == 1
    assert f"nothing waits for '/other.db', but for '{waiting}'" in result.stderr
    assert len(states(cli)) == 2


def test_where_there_is_nothing(cli: Any) -> None:
    result = cli("clean")
    assert (result.returncode, result.stdout, result.stderr) == (0, "nothing to remove\n", "")


@pytest.mark.parametrize("words", [["x"], ["--older-than", "5"], ["--older-than", "5 d"], ["--older-than", ""]])
def test_wrong_words(cli: Any, words: list[str]) -> None:
    result = cli("clean", *words)
    assert (result.returncode, result.stdout) == (2, "")


def test_a_shared_directory_is_one_before_it_is_used(cli: Any, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    result = cli("clean", env={"TACHOGRAPH_RUNTIME_DIR": str(shared)})
    assert (result.returncode, result.stderr) == (0, "")
    assert "left alone" not in result.stdout
    shared.chmod(0o777)  # but not one in which everybody may replace what is ours
    assert "left alone: " in cli("clean", env={"TACHOGRAPH_RUNTIME_DIR": str(shared)}).stdout


@pytest.mark.parametrize("command", ["clean", "collect", "doctor"])
def test_looking_makes_no_directory(cli: Any, tmp_path: Path, command: str) -> None:
    before = {path for path in tmp_path.rglob("*") if "runtime" not in path.parts}
    assert cli(command).returncode == 0
    assert {path for path in tmp_path.rglob("*") if "runtime" not in path.parts} == before


@pytest.mark.parametrize("case", ["open", "link"])
def test_spools_that_cannot_be_looked_at_are_told(cli: Any, tmp_path: Path, case: str) -> None:
    spools = tmp_path / "spools"
    spools.mkdir(mode=0o700)
    if case == "open":
        spools.chmod(0o755)
        reason = f'spool directory "{spools}" is open to other users (mode 755); run chmod 700 on it'
    else:
        (tmp_path / "link").symlink_to(spools)
        spools = tmp_path / "link"
        reason = f'spool directory "{spools}" is a symbolic link; set TACHOGRAPH_SPOOL_DIR to the directory itself'
    environment = {"TACHOGRAPH_SPOOL_DIR": str(spools), "TACHOGRAPH_STORE": str(tmp_path / "h.db")}
    assert f"left alone: {reason}\n" in cli("clean", env=environment).stdout
    assert f"collect: what waits there is left alone: {reason}\n" in cli("collect", env=environment).stderr
    assert reason in cli("doctor", env=environment).stdout
