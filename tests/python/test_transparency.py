"""Others see the functions they would see without us: the same program, timed and not, prints the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

OBSERVER = Path(__file__).parent / "programs" / "transparency.py"
OBSERVATIONS = re.findall(r"^def (\w+)\(\) -> None:", OBSERVER.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For each way to run the subject, a directory with the observations."""
    directories = {}
    for how in ("plain", "imported", "later"):
        directory = directories[how] = tmp_path_factory.mktemp(how)
        runtime = tmp_path_factory.mktemp("runtime")
        runtime.chmod(0o700)
        subprocess.run(
            [sys.executable, str(OBSERVER), how, str(directory)],
            env={**os.environ, "TACHOGRAPH_RUNTIME_DIR": str(runtime), "PYTHONHASHSEED": "0"},
            cwd=directory,
            check=True,
            timeout=100,
        )
    return directories


def without_addresses(text: str) -> list[str]:
    return re.sub(r"x[0-9a-f]{6,}|id='\d+'", "…", text).splitlines()


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_nobody_can_tell(observation: str, observed: dict[str, Path]) -> None:
    plain, imported, later = (
        without_addresses((directory / f"{observation}.txt").read_text()) for directory in observed.values()
    )
    assert "the observation itself failed" not in plain
    assert imported == plain
    assert later == plain
