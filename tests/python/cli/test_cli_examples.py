"""The programs in examples/ do what they say, and are timed in the way that each shows."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

EXAMPLES = Path(__file__).parents[3] / "examples"


def calls(lines: str) -> dict[str, int]:
    """Those that an example prints, by function."""
    return {name: int(count) for name, count in re.findall(r"^(\S+): (\d+) calls, \d+\.\d+ s", lines, re.MULTILINE)}


def test_duplicates_by_decorator(cli: Any) -> None:
    for name, text in {"a": "same", "b/c": "same", "d": "else", "e": "another length"}.items():
        cli.script(text, f"files/{name}")
    result = cli.plain(sys.executable, EXAMPLES / "duplicates.py", "files")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "equal: files/a files/b/c"
    assert calls(result.stdout) == {
        "__main__::files_by_size": 1,
        "__main__::digest": 3,
        "__main__::duplicates": 1,
        "__main__::comparing": 1,
    }


def test_thumbnails_with_a_history(cli: Any) -> None:
    result = cli.plain(sys.executable, EXAMPLES / "thumbnails.py", "kept.db", 6)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == "6 thumbnails"
    own = {"thumbnail": 6, "draw": 6, "halve": 18, "quads": 6 * (64 + 32 + 16)}
    assert calls(result.stdout) == {f"thumbnails.py::{name}": count for name, count in own.items()}
    ranked = cli("rank", "--store", "kept.db", "--by", "calls", "--json")
    assert json.loads(ranked.stdout)["functions"][0]["name"] == "thumbnails.py::quads"


def test_primes_from_outside(cli: Any) -> None:
    result = cli("run", "--json", EXAMPLES / "primes.py", 25_000)
    assert (result.returncode, result.stdout) == (0, "2762\n")
    report = json.loads(result.stderr)
    counted = {function["name"]: function["call_count"] for function in report["functions"]}
    assert counted == {"__main__::main": 1, "__main__::count_from": 3, "__main__::is_prime": 25_000}
    assert len(report["processes"]) >= 3
