"""The file "disable" beside the recordings: hooks of running processes go off and on again with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BUSY = """
import pathlib
from tachograph import timing

@timing
def f(): pass

@timing
def g():
    yield from range(3)

done = pathlib.Path("turns")
turns = 0
while not pathlib.Path("stop").exists():
    turns += 1
    f()
    list(g())
    done.with_suffix(".new").write_text(str(turns))
    done.with_suffix(".new").rename(done)
"""


def figures(cli: Any) -> dict[str, int]:
    """Calls by function, of the program that runs."""
    told = json.loads(cli("report", "--json").stdout)
    return {row["name"]: row["call_count"] for row in told["functions"]}


def turns(cli: Any) -> int:
    """How often the program has called."""
    path = cli.directory / "turns"
    return int(path.read_text()) if path.exists() else 0


def test_hooks_go_off_and_on(cli: Any, wait_until: Any) -> None:
    python = cli.environment["TACHOGRAPH_PYTHON"]
    switch = cli.runtime / "disable"
    cli.script(BUSY)
    process = cli.start_other(python, "app.py")

    def goes_on() -> bool:
        """Whether calls are counted while the program turns."""
        before, began = figures(cli), turns(cli)
        wait_until(lambda: turns(cli) > began + 50, "the program to go on")
        return figures(cli) != before

    try:
        wait_until(lambda: turns(cli) > 0 and goes_on(), "the first calls")
        switch.touch()
        wait_until(lambda: not goes_on(), "the hooks to be off")
        switch.unlink()
        wait_until(goes_on, "the hooks to be on")
        switch.mkdir()  # whatever it is
        wait_until(lambda: not goes_on(), "the hooks to be off again")
    finally:
        Path(cli.directory / "stop").touch()
        assert process.wait(60) == 0
        process.stdout.close()
        process.stderr.close()


def test_run_starts_the_plain_program_and_says_so(cli: Any) -> None:
    (cli.runtime / "disable").touch()
    result = cli("run", cli.script("import sys\nprint('tachograph' in sys.modules)\n"))
    assert (result.returncode, result.stdout) == (0, "False\n")
    assert f"nothing is timed, because there is a file '{cli.runtime}/disable'" in result.stderr
    assert cli.recordings() == []
