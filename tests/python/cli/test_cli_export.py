"""What was sampled in a run, out of its history: `tachograph export`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

PROGRAM = """
import time

def leaf(n):
    return sum(range(n))

def busy():
    ended = time.monotonic() + 0.5
    while time.monotonic() < ended:
        leaf(1000)

busy()
"""


@pytest.fixture
def sampled(cli: Any) -> Any:
    """A history with one run in it, that ended before its first interval."""
    cli.script(PROGRAM)
    ran = cli("run", "--sample-hz", "200", "--store", "h.db", "--service", "busy", "app.py")
    assert ran.returncode == 0, ran.stderr
    return cli


def test_folded_stacks(sampled: Any) -> None:
    done = sampled("export", "--store", "h.db")
    assert done.returncode == 0, done.stderr
    stacks = [line.rpartition(" ") for line in done.stdout.splitlines()]
    busy = [(stack, int(us)) for stack, _, us in stacks if re.search(r";busy \(\S*app\.py:", stack)]
    assert sum(us for _, us in busy) > 0.8 * sum(int(us) for _, _, us in stacks)
    assert all(stack.startswith("<module> (") for stack, _ in busy)
    assert any(re.search(r";leaf \(\S*app\.py:5\)", stack) for stack, _ in busy)


def test_files(sampled: Any) -> None:
    assert sampled("export", "--store", "h.db", "-o", "x.html").returncode == 0
    page = (sampled.directory / "x.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "busy" in page
    assert sampled("export", "--store", "h.db", "-f", "speedscope", "-o", "x.json").returncode == 0
    told = json.loads((sampled.directory / "x.json").read_text())
    assert "leaf" in {frame["name"] for frame in told["shared"]["frames"]}


def test_standard_output_by_name(sampled: Any) -> None:
    done = sampled("export", "--store", "h.db", "-o", "-")
    assert done.returncode == 0, done.stderr
    assert ";busy (" in done.stdout
    assert not (sampled.directory / "-").exists()


def test_a_part(sampled: Any) -> None:
    done = sampled("export", "--store", "h.db", "--until", "2001-01-01")
    assert done.returncode == 1
    assert "--until" in done.stderr or "nothing of 'busy' was sampled" in done.stderr


def test_what_is_only_sampled_leads_there(cli: Any) -> None:
    cli.script(PROGRAM)
    ran = cli("run", "--sample-hz", "200", "--time", "app", "--store", "h.db", "--service", "busy", "app.py")
    words = re.search(r"^sampled +tachograph (.*)$", ran.stderr, re.MULTILINE)
    assert words, ran.stderr
    assert "trend" not in ran.stderr  # has nothing to tell
    assert cli(*words[1].split()).returncode == 0
    assert (cli.directory / "sampled.html").exists()
    assert "no function was timed; 'tachograph export' shows what was sampled" in cli("report").stdout


def test_nothing_sampled(cli: Any) -> None:
    cli.script("def f(): pass\nf()\n")
    cli("run", "--store", "h.db", "--service", "idle", "app.py")
    done = cli("export", "--store", "h.db", "-o", "x.html")
    assert done.returncode == 1
    assert "nothing of 'idle' was sampled" in done.stderr
    assert not (cli.directory / "x.html").exists()


def test_wrong_words(cli: Any) -> None:
    done = cli("export", "-f", "pdf")
    assert done.returncode == 2
    assert "flamegraph" in done.stderr
    done = cli("export", "x.html")
    assert done.returncode == 2
    assert "-o" in done.stderr
    assert cli("export", "--store", "nowhere.db").returncode == 1
