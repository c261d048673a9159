"""What containers make of a machine: a /dev/shm that is full of other things, and process ids that come twice.

Both are made by unshare (util-linux), where that is permitted.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

MIB = 1 << 20


def unshare(*options: str) -> list[str]:
    """Words before a command that give it a mount namespace of its own, and what the options say."""
    program = shutil.which("unshare")
    if program is None:
        pytest.skip("needs unshare (util-linux)")
    words = [program, "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), *options, "--"]
    if subprocess.run([*words, "true"], capture_output=True, timeout=60, check=False).returncode != 0:
        pytest.skip("may not make namespaces")
    return words


# A /dev/shm of 64 MiB.

MOUNT = 'mount -t tmpfs -o size=64m,mode=1777 tmpfs /dev/shm && exec "$@"'


def fill(path: Path) -> None:
    """Writes until there is no room for another byte."""
    with path.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 1):
            block = bytes(size)
            with pytest.raises(OSError, match="No space left"):
                file.writelines(itertools.repeat(block))
    assert os.statvfs(path).f_bavail == 0


def in_small_shm(history: Any, *words: str) -> subprocess.Popen[bytes]:
    """A program that records where a program in a container does, with pipes to its input and output."""
    environment = {
        **history.environment,
        "TACHOGRAPH_STORE": "none",
        "TACHOGRAPH_RUNTIME_DIR": "",
        "XDG_RUNTIME_DIR": "",
    }
    command = [*unshare(), "sh", "-c", MOUNT, "sh", str(history.program), "run", *words]
    started: subprocess.Popen[bytes] = history.start(command, env=environment)
    return started


def root_of(process: subprocess.Popen[bytes]) -> Path:
    """The files as a process sees them."""
    return Path(f"/proc/{process.pid}/root")


def tell(process: subprocess.Popen[bytes]) -> int:
    """Lets it do a turn; how many calls that were."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def test_a_shm_that_somebody_fills(history: Any) -> None:
    """While the program runs: it goes on, all its calls are counted, and when there is room again it is used."""
    told = history.directory / "report.json"
    program = history.command("filled.py")[-1]
    options = ["--no-history", "--time", "nothing", "--json", "-o", str(told)]
    process = in_small_shm(history, *options, "--python", history.command("")[0], program)
    first = tell(process)
    shm = root_of(process) / "dev" / "shm"
    assert os.statvfs(shm).f_blocks * os.statvfs(shm).f_bsize == 64 * MIB
    (recording,) = shm.glob("tachograph-*/*.tgr")
    fill(shm / "others")
    full = tell(process)
    while_full = recording.stat().st_blocks
    (shm / "others").unlink()
    after = []
    history.wait_until(
        lambda: after.append(tell(process)) or recording.stat().st_blocks > while_full, "the recording to grow again"
    )
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (7, b""), errors
    report = json.loads(told.read_text())
    rows = {row["name"]: row["call_count"] for row in report["functions"]}
    kept = [sum(calls for name, calls in rows.items() if f"::t{turn}_" in name) for turn in range(2)]
    lost = report["quality"]
    assert kept[0] == first
    assert kept[1] < full
    assert lost["damaged_count"] == lost["torn_count"] == 0
    counted = sum(rows.values()) + lost["overflow_call_count"] + lost["unrecorded_call_count"]
    assert counted == first + full + sum(after)


def test_a_shm_that_is_full_from_the_beginning(history: Any) -> None:
    """There is no recording then, which is said once; the program is as ever."""
    program = history.command("filled.py")[-1]
    words = ["sh", "-c", 'read line && exec "$@"', "sh", history.command("")[0], program]
    command = [*unshare(), "sh", "-c", MOUNT, "sh", *words]
    environment = {**history.environment, "TACHOGRAPH_RUNTIME_DIR": "/dev/shm", "XDG_RUNTIME_DIR": ""}
    environment["PYTHONWARNINGS"] = "default"
    process = history.start(command, env=environment)
    shm = root_of(process) / "dev" / "shm"
    history.wait_until(lambda: os.statvfs(shm).f_blocks * os.statvfs(shm).f_bsize == 64 * MIB, "the small /dev/shm")
    fill(shm / "others")
    process.stdin.write(b"\n")
    assert tell(process) == 12_000
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (7, b""), errors
    assert errors.decode().count("timings stay inside this process") == 1, errors
    assert "cannot reserve" in errors.decode()


# Process ids.


@pytest.fixture
def alone(history: Any) -> Any:
    """Starts programs/driven.py in a namespace of process ids of its own."""
    words = tuple(unshare("--pid", "--fork", "--mount-proc", "--kill-child"))
    return lambda: history.drive(under=words)


def ask(history: Any, *words: str) -> dict[str, Any]:
    """A command's answer as JSON, asked from outside."""
    done = history.finish([str(history.program), *words], **history.options(keeping=False))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def lives(history: Any) -> list[tuple[int, bool]]:
    """Ids of the processes that `top` shows, and whether they live."""
    shown = ask(history, "top", "--once", "--json", "--ended", "-d", "0.1", "--by", "process")["processes"]
    return sorted((process["pid"], process["alive"]) for process in shown)


def states(history: Any) -> list[str]:
    """Of the recordings, as `clean` sees them; it removes what may go."""
    return sorted(
        file["state"] for file in ask(history, "clean", "--yes", "--json")["files"] if file["kind"] == "recording"
    )


def kill(driven: Any) -> None:
    """Kills the first process of a namespace, and with it all there are."""
    driven.process.kill()
    driven.process.wait()


def test_the_same_process_id_twice(history: Any, alone: Any) -> None:
    """And a third time, when one of the two has been killed: what shares a directory is told apart by more than that."""
    history.interval = 1000
    first, second = alone(), alone()
    first.tell("call 10")
    second.tell("call 23")
    assert lives(history) == [(1, True), (1, True)]
    assert states(history) == ["in use", "in use"]
    assert json.loads(history.collect().stdout)["processes"] == 0
    refused = history.finish([str(history.program), "report", "1"], **history.options(keeping=False))
    assert refused.returncode == 1
    assert "several processes that run have the id 1" in refused.stderr
    assert sorted(history.runtime.glob("1-*.tgr")) == sorted(
        Path(word.strip(",")) for word in refused.stderr.split("name a recording: ")[1].split()
    )
    kill(first)
    history.wait_until(lambda: lives(history) == [(1, False), (1, True)], "its end")
    assert states(history) == ["in use", "waiting"]
    row = ask(history, "report", "1", "--json")["functions"][0]
    assert (row["name"], row["call_count"]) == ("counted::work", 23)
    third = alone()
    third.tell("call 100")
    assert json.loads(history.collect().stdout)["processes"] == 1
    assert second.end() == third.end() == []
    kept = history.expect_all(processes=3)
    assert kept[1].calls == 10 + 23 + 100
    assert states(history) == ["done", "done", "done"]
    assert list(history.spool.iterdir()) == []
