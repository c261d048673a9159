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

import pytest

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
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


@pytest.fixture
def example(tmp_path: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(shutil.copy(EXAMPLE, tmp_path))]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    """Reads until that line; the test's time limit is the only one."""
    assert process.stdout is not None
    for read in process.stdout:
        if read == line + "\n":
            return
    pytest.fail(f"the program ended before it printed {line!r}")


def test_edits_are_run_and_told(tmp_path: Path, environment: dict[str, str], example: subprocess.Popen[str]) -> None:
    source = tmp_path / "edited.py"
    wait_for(example, "Result: 5.0")
    source.write_text(source.read_text().replace("x / y", "x * y"))
    wait_for(example, "Result: 20")
    source.write_text(source.read_text().replace("x * y", "x * y)"))
    assert example.stderr is not None
    assert "__main__ keeps its old code: line " in example.stderr.readline()
    source.write_text(source.read_text().replace("x * y)", "x - y").replace("WORK = 0.1", "WORK = 0.01"))
    wait_for(example, "Result: 8")
    example.send_signal(signal.SIGINT)
    example.communicate()
    assert example.returncode == 0
    (recording,) = (tmp_path / "runtime").glob("*.tgr")
    shown = subprocess.run(
        [PROGRAM, "report", "--json", str(recording)], env=environment, capture_output=True, check=True
    )
    told = json.loads(shown.stdout)
    assert [event["kind"] for event in told["events"]] == ["reload", "refused reload", "reload"]
    assert told["events"][0]["text"] == "__main__: changed: example_function"
    assert told["events"][2]["text"] == "__main__: changed: example_function; bound: WORK"
    assert [row["name"] for row in told["functions"]] == ["__main__::example_function"]
