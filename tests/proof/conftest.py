"""What the proofs share: `tachograph run` for the interpreter under test, a runtime directory, and a last word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TOLD = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TOLD] = []
    config.addinivalue_line("markers", "soak: takes long; only with TACHOGRAPH_SOAK=1")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[TOLD]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def tell(pytestconfig: pytest.Config) -> list[str]:
    """Lines to be shown after all tests, whatever their outcome."""
    return pytestconfig.stash[TOLD]


class Runner:
    """Runs programs of the interpreter under test, as they are and timed."""

    def __init__(self, directory: Path) -> None:
        program = os.environ.get("TACHOGRAPH") or shutil.which("tachograph", path=str(Path(sys.executable).parent))
        assert program, f"no program `tachograph` next to {sys.executable}; name it in TACHOGRAPH"
        self.timing = [program, "run", "--time", "*", "--python", sys.executable]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TACHOGRAPH")}
        # With a history, as programs run that keep one.
        own = {
            "TACHOGRAPH_RUNTIME_DIR": str(directory),
            "XDG_DATA_HOME": str(directory / "data"),
            "XDG_STATE_HOME": str(directory / "state"),
        }
        self.environment = {**kept, **own, "PYTHONHASHSEED": "0"}

    def run(
        self,
        *arguments: str | Path,
        timed: bool,
        options: tuple[str, ...] = ("--no-report",),
        cwd: Path,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """Runs `python ARGUMENT...`, or the same under `tachograph run`."""
        start = [*self.timing, *options] if timed else [sys.executable]
        with subprocess.Popen(
            [*start, *map(str, arguments)],
            cwd=cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                output, errors = process.communicate()
                errors += f"\nno end after {timeout:.0f} s"
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    """For all proofs; its recordings are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="tachograph-proof-") as directory:
        yield Runner(Path(directory))
