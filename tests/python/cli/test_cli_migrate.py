"""Histories that an older tachograph has written (tests/histories)."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.any_python

HISTORIES = sorted((Path(__file__).resolve().parents[2] / "histories").glob("sqlite_*.sql"))


@pytest.fixture(params=HISTORIES, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A history as it was left."""
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(request.param.read_text())
    connection.close()
    return path


def test_asking_changes_nothing(cli: Any, old: Path) -> None:
    before = old.read_bytes()
    result = cli("rank", "--store", str(old))
    assert result.returncode != 0
    assert "tachograph store migrate" in result.stderr
    assert old.read_bytes() == before


def test_nothing_is_lost(cli: Any, old: Path) -> None:
    cli("store", "migrate", "--store", str(old))
    assert cli("store", "verify", "--store", str(old)).returncode == 0
    told = json.loads(cli("rank", "--json", "--store", str(old)).stdout)
    calls = {row["name"]: row["call_count"] for row in told["functions"]}
    assert calls["shop.py::price"] == 20 * calls["shop.py::cart"] > 0


def test_samples_stay(cli: Any, old: Path, request: pytest.FixtureRequest) -> None:
    """Since version 2 there is a place for them."""
    cli("store", "migrate", "--store", str(old))
    folded = cli("export", "-f", "folded", "--store", str(old))
    if request.node.callspec.id == "sqlite_1":
        assert folded.returncode != 0
    else:
        assert re.search(
            r"^(?:.*;)?cart \(/srv/shop.py:\d+\);.*price \(/srv/shop.py:\d+\) \d+$", folded.stdout, re.MULTILINE
        )


def test_exceptions_have_a_place(cli: Any, old: Path, request: pytest.FixtureRequest) -> None:
    cli("store", "migrate", "--store", str(old))
    told = cli("exceptions", "--store", str(old))
    assert (told.returncode, told.stderr) == (0, "")
    if request.node.callspec.id in ("sqlite_1", "sqlite_2"):
        assert "no exception was recorded in that time" in told.stdout
    else:
        assert re.search(r"ValueError: declined: \d+ +shop.py::pay$", told.stdout, re.MULTILINE)


def test_codes_stay(cli: Any, old: Path, request: pytest.FixtureRequest) -> None:
    """Until version 3 one that came back was not seen."""
    with closing(sqlite3.connect(old)) as connection:
        (before,) = connection.execute(
            "SELECT COUNT(*) FROM function_code c JOIN functions f ON f.id = c.function_id"
            " WHERE f.name = 'shop.py::cart'"
        )
    cli("store", "migrate", "--store", str(old))
    told = json.loads(cli("trend", "shop.py::cart", "--json", "--store", str(old)).stdout)
    assert len(told["codes"]) == before[0] == (2 if request.node.callspec.id == "sqlite_3" else 1)


def test_a_program_that_records_migrates(cli: Any, old: Path) -> None:
    cli.script("from tachograph import timing\n@timing\ndef new(): pass\nnew()\n")
    ran = cli("run", "--store", str(old), "--service", "shop", "app.py")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(cli("rank", "--json", "--store", str(old)).stdout)
    calls = {row["name"]: row["call_count"] for row in told["functions"]}
    assert calls["shop.py::cart"] > 0
    assert calls["app.py::new"] == 1
