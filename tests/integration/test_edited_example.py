"""examples/edited.py, edited while it runs: as the guide has it, in a copy of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tachograph.history

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "edited.py"
PROGRAM = (
    os.environ.get("TACHOGRAPH") or shutil.which("tachograph", path=os.path.dirname(sys.executable)) or "tachograph"
)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "runtime").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TACHOGRAPH_")}
    return {
        **kept,
        "TACHOGRAPH_RUNTIME_DIR": str(tmp_path / "runtime"),
        "TACHOGRAPH_PYTHON": sys.executable,
        "TACHOGRAPH_STORE": str(tmp_path / "history.db"),
        "TACHOGRAPH_INTERVAL": "0.05",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.fixture
def example(tmp_path: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [PROGRAM, "run", str(shutil.copy(EXAMPLE, tmp_path))]
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def wait_for(process: subprocess.Popen[str], *lines: str) -> None:
    """Reads until these lines have come, in this order; the test's time limit is the only one."""
    assert process.stdout is not None
    for line in lines:
        for read in process.stdout:
            if read == line + "\n":
                break
        else:
            pytest.fail(f"the program ended before it printed {line!r}")


def ask(environment: dict[str, str], *words: str | Path) -> Any:
    """What the program under test answers."""
    shown = subprocess.run([PROGRAM, *map(str, words), "--json"], env=environment, capture_output=True, check=True)
    return json.loads(shown.stdout)


def test_edits_are_run_and_told(tmp_path: Path, environment: dict[str, str], example: subprocess.Popen[str]) -> None:
    """Also that it goes on being timed, and that its failures go on being recorded, whatever it is edited to."""
    source = tmp_path / "edited.py"
    wait_for(example, "Result: division by zero", "Result: 10.0", "Result: 5.0")
    source.write_text(source.read_text().replace("x / y", "x // y * y"))
    wait_for(example, "Result: 9", "Result: 9")
    source.write_text(source.read_text().replace("x // y * y", "x // y * y)"))
    assert example.stderr is not None
    assert "__main__ keeps its old code: line " in example.stderr.readline()
    source.write_text(source.read_text().replace("x // y * y)", "x - 1 / y").replace("WORK = 0.1", "WORK = 0.01"))
    wait_for(example, "Result: division by zero", "Result: 9.0", "Result: 9.0")
    example.send_signal(signal.SIGINT)
    example.communicate()
    (recording,) = (tmp_path / "runtime").glob("*.tgr")
    reported = ask(environment, "report", recording)
    assert [event["kind"] for event in reported["events"]] == ["reload", "refused reload", "reload"]
    assert reported["events"][0]["text"] == "__main__: changed: example_function"
    assert reported["events"][2]["text"] == "__main__: changed: example_function; bound: WORK"
    assert [row["name"] for row in reported["functions"]] == ["__main__::example_function"]
    check_history(tmp_path, environment, reported)


def check_history(tmp_path: Path, environment: dict[str, str], reported: Any) -> None:
    trend = ask(environment, "trend", "example_function")
    assert [code["first_iteration"] for code in trend["codes"]] == sorted(
        {c["first_iteration"] for c in trend["codes"]}
    )
    assert len(trend["codes"]) == 1 + sum(event["kind"] == "reload" for event in reported["events"])
    assert sum(point["call_count"] for point in trend["points"]) == reported["functions"][0]["call_count"]
    with tachograph.history.open(tmp_path / "history.db") as history:
        told = [(event.kind, event.detail) for event in history.events() if "reload" in event.kind]
    assert told == [(event["kind"], event["text"]) for event in reported["events"]]
    (group,) = ask(environment, "exceptions")["exceptions"]
    assert (group["type"], group["function"]) == ("ZeroDivisionError", "edited.py::example_function")
    assert group["count"] >= 3
