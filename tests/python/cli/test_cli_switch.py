"""The file "disable" beside the recordings: hooks of running processes go off and on again with it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

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


ORDERS = (["pause"], ["unpause"], ["rate", "5"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_orders_to_somebody_elses_process(cli: Any) -> None:
    environment = {name: value for name, value in cli.environment.items() if name != "TACHOGRAPH_RUNTIME_DIR"}
    for words in ORDERS:
        done = cli(*words, "-p", os.getpid(), env=environment, user=65534)
        assert done.returncode == 1
        assert f"process {os.getpid()} belongs to root, who alone may use its recording" in done.stderr
        assert f"sudo tachograph {' '.join(words)} -p {os.getpid()}" in done.stderr


def test_orders_to_nobody(cli: Any) -> None:
    for words in ORDERS:
        done = cli(*words, "-p", "2147483647")
        assert done.returncode == 1
        assert done.stderr.startswith(f"tachograph: {words[0]}: there is no process 2147483647 (any more)")
        done = cli(*words, "-p", os.getpid())
        assert done.returncode == 1
        assert f"process {os.getpid()} has no recording" in done.stderr


def test_run_starts_the_plain_program_and_says_so(cli: Any) -> None:
    (cli.runtime / "disable").touch()
    result = cli("run", cli.script("import sys\nprint('tachograph' in sys.modules)\n"))
    assert (result.returncode, result.stdout) == (0, "False\n")
    assert f"nothing is timed, because there is a file '{cli.runtime}/disable'" in result.stderr
    assert cli.recordings() == []
