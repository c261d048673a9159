"""The commands that ask questions of a history: rank, store, and what they share with trend, diff and runs.

Histories are made for it (histories.py), but for that of the last test, which a program writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import statistics
import sys
from pathlib import Path
from typing import Any

import pytest
from histories import MAIN, MS, NS, PRICE, SEARCH, START, History, answer, search_ns

pytestmark = pytest.mark.any_python


def test_what_is_written_here_is_a_history(cli: Any, shop: Path) -> None:
    result = cli("store", "verify", shop)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{shop}: all is well\n", "")


# --- rank ---


def test_rank_by_average_is_the_mean_of_the_iterations_averages(cli: Any, shop: Path) -> None:
    found = answer(cli("rank", "--store", shop, "--by", "average", "--json"))
    assert found["schema"] == "tachograph-rank"
    assert [function["name"] for function in found["functions"]] == [MAIN, SEARCH, PRICE]
    search = found["functions"][1]
    assert search["average_ns"] == pytest.approx(statistics.mean(search_ns(i) for i in range(30)))
    calls = [10] * 20 + [20] * 10
    assert search["call_count"] == sum(calls)
    total = sum(count * search_ns(i) for i, count in enumerate(calls))
    assert search["total_ns"] == total
    assert search["average_of_calls_ns"] == pytest.approx(total / sum(calls))


def test_rank_agrees_with_the_query_of_the_article(cli: Any, shop: Path) -> None:
    with contextlib.closing(sqlite3.connect(shop)) as connection, connection:
        rows = connection.execute(
            "SELECT function_name, AVG(average_time) AS overall_average_time FROM function_statistics"
            " GROUP BY function_name ORDER BY overall_average_time DESC LIMIT 5"
        ).fetchall()
    found = answer(cli("rank", "--store", shop, "--by", "average", "-n", "5", "--json"))
    assert [(f["name"], pytest.approx(f["average_ns"] / NS)) for f in found["functions"]] == rows


@pytest.mark.parametrize(("key", "first"), [("calls", PRICE), ("total", MAIN), ("errors", MAIN), ("p99", MAIN)])
def test_rank_by_every_key(cli: Any, shop: Path, key: str, first: str) -> None:
    found = answer(cli("rank", "--store", shop, "--by", key, "-n", "1", "--json"))
    assert found["by"] == key
    assert found["function_count"] == 3
    assert [function["name"] for function in found["functions"]] == [first]
    assert ("p99_ns" in found["functions"][0]) == (key == "p99")


def test_rank_of_a_part(cli: Any, shop: Path) -> None:
    found = answer(cli("rank", "--store", shop, "--since", "iteration:5", "--until", "iteration:9", "--json"))
    assert (found["first_iteration"], found["last_iteration"]) == (5, 9)
    assert {f["name"]: f["call_count"] for f in found["functions"]} == {SEARCH: 50, PRICE: 200}
    found = answer(cli("rank", "--store", shop, "--since", "version:2", "--json"))
    assert (found["first_iteration"], found["last_iteration"]) == (20, 29)
    found = answer(cli("rank", "--store", shop, "--version", "1", "--json"))
    assert (found["first_iteration"], found["last_iteration"], found["version"]) == (0, 19, "1")
    assert {f["name"]: f["call_count"] for f in found["functions"]} == {SEARCH: 200, PRICE: 800, MAIN: 1}


def test_rank_as_text_says_of_what(cli: Any, shop: Path) -> None:
    result = cli("rank", "--store", shop, "-n", "2", env={"TZ": "UTC"})
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "service   shop",
        f"history   {shop}",
        "period    iterations 0 to 29, 2023-11-14 22:13:20 to 22:18:20, 10.0 s each",
        "version   2 (20 to 29), before it 1 (0 to 19)",
    ]
    assert lines[5].split() == ["average", "per", "call", "calls", "total", "self", "max", "errors", "function", "file"]
    assert lines[6].split()[-2:] == [MAIN, "/srv/shop/orders.py:12"]
    assert lines[-1] == "1 more function: -n N shows the first N"
    assert "\x1b" not in result.stdout


def test_a_time_shown_names_its_iteration(cli: Any, shop: Path) -> None:
    found = answer(
        cli("rank", "--store", shop, "--since", "2023-11-14T22:13:30", "--json", env={"TZ": "UTC"}),
    )
    assert found["first_iteration"] == 1


def test_nothing_in_a_part_is_said(cli: Any, shop: Path) -> None:
    result = cli("rank", "--store", shop, "--since", "iteration:100")
    assert result.returncode == 0
    assert "nothing was stored in that time: there are iterations 0 to 29, 2023-11-14" in result.stdout
    found = answer(cli("rank", "--store", shop, "--since", "iteration:100", "--json"))
    assert (found["first_iteration"], found["functions"]) == (None, [])


def test_the_project_asked_in_is_meant(cli: Any, history: History) -> None:
    for name in ("shop", "bank"):  # the bank is written to last
        history.service(name).add(0, {f"m::{name}": (10, MS)})
    path = history.done()
    result = cli("rank", "--store", path)
    assert "service   bank, written to last (--service chooses another: shop)" in result.stdout
    (cli.directory / "pyproject.toml").write_text('[project]\nname = "shop"\n')
    result = cli("rank", "--store", path)
    assert "service   shop, of this project (--service chooses another: bank)" in result.stdout
    (cli.directory / "pyproject.toml").write_text('[project]\nname = "farm"\n')
    assert "service   bank, written to last" in cli("rank", "--store", path).stdout


WRONG = {
    "a version alone": (("diff", "1", "version:2"), 2, "write version:1"),
    "nothing it could be": (("diff", "xyzzy", "version:2"), 2, "is no part of a history"),
    "one side": (("diff", "version:1"), 2, "name two parts"),
    "three sides": (("diff", "version:1", "version:2", "version:1"), 2, "name two parts"),
    "no such version": (("diff", "version:1", "version:3"), 1, "has no version '3'; it has '2', '1'"),
    "a moment": (("diff", "-1h", "version:1"), 2, "write -1h..now"),
    "backwards": (("diff", "iteration:5..3", "version:1"), 2, "ends before it begins"),
    "an empty range": (("diff", "iteration:90..99", "version:1"), 1, "has iterations 0 to 29"),
    "no such run": (("diff", "run:abc", "version:1"), 1, "'tachograph runs' lists them"),
    "no run": (("diff", "run:newest", "version:1"), 2, "write latest, previous, or the first digits"),
    "no such run of rank": (("rank", "--run", "c0ffee"), 1, "has no run 'c0ffee'"),
    "a run of none": (("trend", "--all", "--run", ""), 2, "names no run"),
    "operand of runs": (("runs", "7"), 2, "rank --run 7"),
    "unit": (("diff", "version:1", "version:2", "--per", "call"), 2, "run, iteration"),
    "a range of one word": (("diff", "iteration:5..soon", "version:1"), 2, "no point in time"),
    "no percentage": (("diff", "version:1", "version:2", "--fail-over", "much"), 2, "no percentage"),
    "negative": (("diff", "version:1", "version:2", "--fail-over", "-5%"), 2, "no percentage"),
    "since": (("rank", "--since", "yesterday"), 2, 'rank: --since: "yesterday" is no point in time'),
    "until": (("export", "--until", "5x"), 2, "iteration:120, version:1.4.2 or now"),
    "since after until": (("rank", "--since", "iteration:9", "--until", "iteration:3"), 2, "ends before"),
    "version": (("rank", "--version", "9"), 1, "has no version '9'"),
    "service": (("rank", "--service", "shpo"), 1, "did you mean 'shop'"),
    "key": (("rank", "--by", "size"), 2, "average, total, self, calls, p99, errors"),
    "operand": (("rank", "shop"), 2, "nothing to name"),
    "no function": (("trend",), 2, "name a function, or --all"),
    "two functions": (("trend", "a", "b"), 2, "one function at a time"),
    "all and one": (("trend", "--all", "a"), 2, "leave out 'a'"),
    "minimum": (("trend", "--all", "--minimum", "x"), 2, "no percentage"),
    "action": (("store", "verfy"), 2, "did you mean 'tachograph store verify'"),
    "no action": (("store",), 2, "init, status, migrate or verify"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words(cli: Any, shop: Path, case: str) -> None:
    words, code, said = WRONG[case]
    result = cli(*words, "--store", shop)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.startswith("tachograph: ")
    assert result.stderr.count("\n") == 1


# --- Which history, which service ---


def home(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path / "data")}


@pytest.mark.parametrize(
    "words", [("rank",), ("runs",), ("trend", "--all"), ("diff", "version:1", "version:2"), ("store", "status")]
)
def test_no_history_yet(cli: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    result = cli(*words, env=home(tmp_path))
    assert (result.returncode, result.stdout) == (1, "")
    assert "there is no history yet; 'tachograph run app.py' begins one" in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_history_without_figures(cli: Any, history: History) -> None:
    path = history.done()
    result = cli("rank", "--store", path)
    assert result.returncode == 1
    assert f"nothing has been stored in {path} yet" in result.stderr


@pytest.mark.parametrize("words", [("rank",), ("store", "status"), ("store", "verify"), ("store", "migrate")])
def test_a_file_that_is_not_there_is_not_made(cli: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    path = tmp_path / "none.db"
    result = cli(*words, "--store", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "No such file" in result.stderr
    assert not path.exists()


def test_the_file_written_to_last_is_chosen(cli: Any, tmp_path: Path) -> None:
    environment = home(tmp_path)
    directory = tmp_path / "data" / "tachograph"
    for index, name in enumerate(("a-old", "b-new")):
        made = History(cli, directory / f"{name}.db")
        made.service(name).add(0, {f"{name}::f": (1, MS)})
        os.utime(made.done(), (START + index, START + index))
    result = cli("rank", env=environment)
    assert "service   b-new\n" in result.stdout
    assert "there are others, written to before: a-old.db\n" in result.stdout
    result = cli("rank", "--service", "a-old", env=environment)
    assert "service   a-old\n" in result.stdout
    assert "there are others" not in result.stdout
    assert (
        "service   a-old\n" in cli("rank", env={**environment, "TACHOGRAPH_STORE": str(directory / "a-old.db")}).stdout
    )
    assert "service   b-new\n" in cli("rank", env={**environment, "TACHOGRAPH_STORE": "none"}).stdout


def test_the_service_written_to_last_is_chosen(cli: Any, history: History) -> None:
    history.service("worker").add(0, {"w::f": (1, MS)})
    history.service("shop").add(3, {"s::f": (1, MS)})
    path = history.done()
    found = answer(cli("rank", "--store", path, "--json"))
    assert (found["service"]["name"], found["other_services"]) == ("shop", ["worker"])
    text = cli("rank", "--store", path).stdout
    assert "service   shop, written to last (--service chooses another: worker)\n" in text
    text = cli("rank", "--store", path, "--service", "worker").stdout
    assert "service   worker\n" in text


# --- store ---


def test_init_is_done_once(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "made" / "shop.db"
    path.parent.mkdir()
    assert "is a history now" in cli("store", "init", path).stdout
    assert path.stat().st_mode & 0o777 == 0o600
    assert "is a history already" in cli("store", "init", path).stdout
    assert "nothing to migrate" in cli("store", "migrate", path).stdout
    assert cli("store", "init").returncode == 2


def test_status(cli: Any, shop: Path) -> None:
    found = answer(cli("store", "status", shop, "--json"))
    assert (found["process_count"], found["function_count"], found["interval_count"]) == (2, 3, 30)
    assert found["row_count"] == 62
    (service,) = found["services"]
    assert [version["version"] for version in service["versions"]] == ["1", "2"]
    text = cli("store", "status", "--store", shop).stdout
    assert "2 processes, 3 functions, 30 intervals, 62 rows of figures\n" in text
    assert text.splitlines()[-1].split()[:4] == ["shop", "0", "to", "29"]


def test_newer_tables_are_refused(cli: Any, shop: Path) -> None:
    with contextlib.closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("INSERT INTO schema_version VALUES (99)")
    for words in (("rank", "--store", shop), ("store", "status", shop), ("store", "migrate", shop)):
        result = cli(*words)
        assert (result.returncode, result.stdout) == (1, "")
        assert "use a newer tachograph" in result.stderr


def test_verify_finds_what_is_missing(cli: Any, shop: Path) -> None:
    with contextlib.closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute("DELETE FROM function_intervals WHERE iteration = 3")
    result = cli("store", "verify", shop)
    assert (result.returncode, result.stderr) == (1, "")
    assert "in iteration 3: has 0 functions, not 2" in result.stdout
    found = json.loads(cli("store", "verify", shop, "--json").stdout)
    assert (found["whole"], len(found["problems"])) == (False, 2)


def test_another_database_is_told_apart(cli: Any, tmp_path: Path) -> None:
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"no database" * 1000)
    other = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(other)) as connection, connection:
        connection.execute("CREATE TABLE customers (name)")
    for path in (junk, other):
        before = path.read_bytes()
        for action in ("status", "verify", "init"):
            result = cli("store", action, path)
            assert (result.returncode, result.stdout) == (1, "")
            assert result.stderr.count("\n") == 1
        assert path.read_bytes() == before


# --- Names that nobody would choose ---

HOSTILE = "m::\x1b[31mred\nline\u202e\t'quo\"te' 🐍"


def test_hostile_names(cli: Any, history: History) -> None:
    service = history.service("\x1b]0;owned\x07")
    for iteration in range(10):
        service.add(
            iteration,
            {HOSTILE: (10, (iteration + 1) * MS), "m::" + "long" * 2500: (10, MS)},
            version="\x1b[2J1" if iteration < 5 else "2",
        )
    path = history.done()
    for words in (
        ("rank",),
        ("runs",),
        ("trend", "--all"),
        ("trend", HOSTILE),
        ("diff", "version:\x1b[2J1", "version:2", "--fail-over", "5%"),
        ("store", "status"),
        ("trend", "\x1b[31m"),
        ("rank", "--service", "\x1b[31m"),
    ):
        result = cli(*words, "--store", path)
        assert result.returncode in {0, 1, 3}
        assert not set("\x1b\x07\u202e") & set(result.stdout + result.stderr)
    assert "m::\\x1b[31mred\\nline\\u202e\\t'quo\"te' 🐍" in cli("rank", "--store", path).stdout
    names = {function["name"] for function in answer(cli("rank", "--store", path, "--json"))["functions"]}
    assert HOSTILE in names


# --- On a terminal ---


@pytest.mark.parametrize("width", [20, 40, 80, 140])
def test_text_fits_the_terminal(cli: Any, shop: Path, width: int) -> None:
    for words in (
        ("rank",),
        ("trend", "--all"),
        ("trend", SEARCH),
        ("diff", "version:1", "version:2"),
        ("store", "status"),
    ):
        text = cli.on_terminal(width, *words, "--store", "shop.db", cwd=shop.parent)
        for table in text.split("\x1b[1m")[1:]:  # from its titles on
            lines = re.sub(r"\x1b\[[0-9;]*m", "", table.split("\n\n")[0]).splitlines()
            assert max(map(len, lines)) <= width
            assert len(lines) > 1
        assert "\x1b[1m" in text
        assert ("hidden at this width: " in text) or width >= 80


@pytest.mark.parametrize("command", ["rank", "trend", "diff", "runs", "store"])
def test_help(cli: Any, command: str) -> None:
    result = cli("help", command)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"\n  tachograph {command} " in result.stdout.split("Examples:")[1]
    assert "--store URL" in result.stdout
    assert "--json" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


# --- All of it ---

PROGRAM = """
import sys, time, tachograph

def work(seconds):
    time.sleep(seconds)

tachograph.start(service="shop", version=sys.argv[1], store=sys.argv[2], interval=0.05, instrument="__main__::work")
for _ in range(20):
    work(float(sys.argv[3]))
assert tachograph.stop(10)
"""


def test_a_programs_own_history(cli: Any, tmp_path: Path) -> None:
    script = cli.script(PROGRAM)
    store = tmp_path / "own.db"
    environment = {"TACHOGRAPH_SPOOL_DIR": str(tmp_path / "spool")}
    for version, seconds in (("1", "0.01"), ("2", "0.03")):
        result = cli.plain(sys.executable, script, version, store, seconds, env=environment)
        assert (result.returncode, result.stderr) == (0, "")
    found = answer(cli("diff", "version:1", "version:2", "--store", store, "--json"))
    (function,) = found["functions"]
    (ranked,) = answer(cli("rank", "--by", "p99", "--store", store, "--json"))["functions"]
    assert ranked["p99_ns"] > 0.03 * NS
    assert (function["name"], function["a"]["call_count"], function["b"]["call_count"]) == ("app.py::work", 20, 20)
    assert 1.5 < function["average_ratio"] < 4
    assert cli("diff", "version:1", "version:2", "--store", store, "--fail-over", "20%").returncode == 3
    assert cli("store", "verify", store).returncode == 0
