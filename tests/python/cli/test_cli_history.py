"""The commands that ask questions of a history: rank, trend, diff and store.

Histories are written here, row by row, from the tables in src/store/schema.c, so that every figure of an answer can be
foretold; `tachograph store verify` says whether what was written is one. The last test has a program write its own.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import sqlite3
import statistics
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

NS = 1_000_000_000
START = 1_700_000_000  # 2023-11-14 22:13:20 UTC
BASE_NS = 10 * NS
MS = 1_000_000


@dataclasses.dataclass
class Service:
    """A service of a history, and what was stored of it."""

    connection: sqlite3.Connection
    number: int
    name: str
    base_ns: int = BASE_NS
    started_s: int = START
    functions: dict[str, int] = dataclasses.field(default_factory=dict)
    processes: dict[tuple[str, str], tuple[int, int]] = dataclasses.field(default_factory=dict)

    def process(self, version: str, run: str) -> tuple[int, int]:
        """The id of the process of a version and run, and the number of its next batch."""
        if (version, run) not in self.processes:
            row = (self.number, uuid.uuid4().bytes, bytes.fromhex(run), 4711, 1, 0x030B07F0, START * NS, 0)
            cursor = self.connection.execute(
                "INSERT INTO processes (service_id, uuid, run_uuid, pid, parent_pid, python_version, started_ns,"
                " ended_kind, version, host, program, first_iteration, last_iteration)"
                " VALUES (?, ?, ?, ?, ?, ?, ? + (SELECT COUNT(*) FROM processes), ?, ?, 'box', 'app.py', 1e9, -1e9)",
                (*row, version),
            )
            assert cursor.lastrowid
            self.processes[version, run] = (cursor.lastrowid, 1)
        number, seq = self.processes[version, run]
        self.processes[version, run] = (number, seq + 1)
        return number, seq

    def function(self, name: str) -> int:
        """The id of a function."""
        if name not in self.functions:
            cursor = self.connection.execute(
                "INSERT INTO functions (service_id, name, file, line) VALUES (?, ?, '/srv/shop/orders.py', 12)",
                (self.number, name),
            )
            assert cursor.lastrowid
            self.functions[name] = cursor.lastrowid
        return self.functions[name]

    def add(
        self,
        iteration: int,
        calls: dict[str, tuple[int, int]],
        *,
        version: str = "",
        run: str = "0" * 32,
        errors: int = 0,
    ) -> None:
        """Stores a batch: of each function the number of calls and the nanoseconds that each took."""
        process, seq = self.process(version, run)
        slot = self.started_s * NS // self.base_ns + iteration
        ended = slot * self.base_ns + 1
        interval = self.connection.execute(
            "INSERT INTO intervals (service_id, process_id, seq, slot, iteration, began_ns, ended_ns, interval_ns,"
            " function_count, overflow_call_count, unrecorded_call_count, refused_function_count, torn_count,"
            " damaged_count, collector_cpu_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0)",
            (self.number, process, seq, slot, iteration, ended - self.base_ns, ended, self.base_ns, len(calls)),
        ).lastrowid
        for name, (count, ns) in calls.items():
            total = count * ns
            self.connection.execute(
                "INSERT INTO function_intervals VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')",
                (self.number, iteration, self.function(name), interval, count, errors, *[total] * 4, ns, ns),
            )
        self.connection.execute(
            "UPDATE processes SET first_iteration = MIN(first_iteration, ?), last_iteration = MAX(last_iteration, ?)"
            " WHERE id = ?",
            (iteration, iteration, process),
        )
        self.connection.execute(
            "UPDATE services SET last_iteration = MAX(last_iteration, ?), last_ended_ns = MAX(last_ended_ns, ?),"
            " unfolded_count = unfolded_count + ? WHERE id = ?",
            (iteration, ended, len(calls), self.number),
        )


class History:
    """A history in SQLite, with made-up services."""

    def __init__(self, cli: Any, path: Path) -> None:
        """Makes the file, by the program under test."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cli("store", "init", path).returncode == 0
        self.connection = sqlite3.connect(path)

    def service(self, name: str = "shop", base_ns: int = BASE_NS, started_s: int = START) -> Service:
        """A service without figures."""
        number = self.connection.execute(
            "INSERT INTO services (name, base_interval_ns, first_slot, last_iteration, last_ended_ns, folded_until,"
            " unfolded_count, version, version_ns) VALUES (?, ?, ?, 0, 0, -1, 0, '', 0)",
            (name, base_ns, started_s * NS // base_ns),
        ).lastrowid
        assert number
        return Service(self.connection, number, name, base_ns, started_s)

    def done(self) -> Path:
        """Ends the writing."""
        self.connection.commit()
        self.connection.close()
        return self.path


SEARCH = "shop.orders::Orders.search"
PRICE = "shop.orders::Orders.price"
MAIN = "shop.__main__::main"


def search_ns(iteration: int) -> int:
    """Slows down in the first version, and is slower in the second; with some noise."""
    noise = (iteration * 7919 % 13 - 6) * 20_000
    return (3 * MS + 50_000 * iteration if iteration < 20 else 6 * MS) + noise


def fill(service: Service) -> None:
    """Thirty iterations: twenty of version 1, ten of version 2, in which `search` is called twice as often."""
    for iteration in range(30):
        version = "1" if iteration < 20 else "2"
        calls = {SEARCH: (10 if version == "1" else 20, search_ns(iteration)), PRICE: (40, 200_000)}
        if iteration in (19, 29):
            calls[MAIN] = (1, 190 * NS)
        service.add(iteration, calls, version=version, run=("a" if version == "1" else "b") * 32)


@pytest.fixture
def history(cli: Any, tmp_path: Path) -> History:
    """An empty one."""
    return History(cli, tmp_path / "shop.db")


@pytest.fixture
def shop(history: History) -> Path:
    """One with a service of two versions."""
    fill(history.service())
    return history.done()


def answer(result: Any) -> Any:
    """The JSON of an answer."""
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout)


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


# --- trend ---


def least_squares(xs: list[int], ys: list[float]) -> tuple[float, float]:
    line = statistics.linear_regression(xs, ys)
    return line.slope, line.intercept


def test_trend_is_the_line_through_the_averages(cli: Any, shop: Path) -> None:
    found = answer(cli("trend", SEARCH, "--store", shop, "--version", "1", "--json"))
    slope, intercept = least_squares(list(range(20)), [float(search_ns(i)) for i in range(20)])
    trend = found["trend"]
    assert (found["function"], trend["direction"], trend["iteration_count"]) == (SEARCH, "slower", 20)
    assert trend["slope_ns"] == pytest.approx(slope)
    assert trend["intercept_ns"] == pytest.approx(intercept)
    assert trend["slope_per_hour_ns"] == pytest.approx(slope * 360)
    assert trend["theil_sen_slope_ns"] == pytest.approx(slope, rel=0.2)
    assert 0 < trend["slope_error_ns"] < slope / 10
    assert [point["iteration"] for point in found["points"]] == list(range(20))
    assert found["points"][3]["average_ns"] == search_ns(3)
    assert found["points"][3]["started_unix_ns"] == (START // 10 + 3) * BASE_NS


def test_trend_in_words(cli: Any, shop: Path) -> None:
    lines = cli("trend", "Orders.search", "--store", shop, "--version", "1").stdout.splitlines()
    assert f"function  {SEARCH} (/srv/shop/orders.py:12)" in lines
    assert "gets slower: +327 us per minute (from 2.96 ms to 3.99 ms over 20 iterations)" in lines
    titles = next(i for i, line in enumerate(lines) if line.startswith("iteration "))
    rows = [line.split() for line in lines[titles + 1 : lines.index("", titles)]]
    assert [int(row[0]) for row in rows] == list(range(10, 20))
    assert next(line for line in lines if line.startswith("averages"))[10] == "▁"
    for label in ("slope", "Theil-Sen", "intercept", "chance"):
        assert any(line.startswith(label) for line in lines)


def test_a_version_is_a_step(cli: Any, shop: Path) -> None:
    result = cli("trend", SEARCH, "--store", shop)
    assert "slower with version 2: from " in result.stdout
    assert ", from iteration 20 on\n" in result.stdout
    assert f"tachograph diff version:1 version:2 --store {shop}\n" in result.stdout
    assert "chance    less than 0.1 % that noise alone makes versions differ so much\n" in result.stdout
    assert "version 2" not in cli("trend", SEARCH, "--store", shop, "--version", "1").stdout
    step = answer(cli("trend", SEARCH, "--store", shop, "--json"))["trend"]["step"]
    assert (step["version"], step["iteration"]) == ("2", 20)
    assert step["before_ns"] == pytest.approx(sum(map(search_ns, range(20))) / 20)
    assert step["after_ns"] == pytest.approx(sum(map(search_ns, range(20, 30))) / 10)
    assert step["relative_change"] == pytest.approx(step["after_ns"] / step["before_ns"] - 1)
    assert step["probability"] < 0.001


def test_a_version_alone_has_no_step(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(20):
        for version in ("1", "2"):  # at the same time
            service.add(iteration, {"m::f": (10, (iteration + 1) * MS)}, version=version)
    path = history.done()
    for words in ((), ("--version", "1")):
        result = cli("trend", "f", "--store", path, *words)
        assert "gets slower: +" in result.stdout
        assert "with version" not in result.stdout


def test_no_trend_is_said(cli: Any, shop: Path) -> None:
    result = cli("trend", PRICE, "--store", shop)
    assert "no trend that stands out from noise (200 us on average over 30 iterations)" in result.stdout
    result = cli("trend", "main", "--store", shop)
    assert "too early to say: called in 2 iterations, and a trend takes 3" in result.stdout


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


def test_too_early_for_trends(cli: Any, history: History) -> None:
    service = history.service()
    service.add(0, {"m::f": (10, MS)}, version="1")
    service.add(1, {"m::f": (10, 5 * MS)}, version="2")
    result = cli("trend", "--all", "--store", path := history.done())
    assert "too early to say: a trend takes calls in 3 iterations\n" in result.stdout
    assert f"tachograph diff version:1 version:2 --store {path}\n" in result.stdout


def test_functions_that_take_turns(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(-10, 10):
        both = {"m::a": (100, MS), "m::b": (100, MS)}
        service.add(iteration, both if iteration < 0 else dict([list(both.items())[iteration % 2]]))
    path = history.done()
    found = answer(cli("diff", "iteration:-10..-1", "iteration:0..9", "--store", path, "--json"))
    assert (found["a"]["iteration_count"], found["b"]["iteration_count"]) == (10, 10)
    assert {f["name"]: f["b"]["calls_per_unit"] for f in found["functions"]} == {"m::a": 50, "m::b": 50}
    assert [f["change_ns"] for f in found["functions"]] == [-50 * MS, -50 * MS]


def test_a_minimum_makes_no_trend_of_little(cli: Any, shop: Path) -> None:
    words = ("trend", SEARCH, "--store", shop, "--version", "1", "--json")
    assert answer(cli(*words, "--minimum", "25%"))["trend"]["direction"] == "slower"
    assert answer(cli(*words, "--minimum", "50"))["trend"]["direction"] == "none"


def test_trend_of_all(cli: Any, shop: Path) -> None:
    found = answer(cli("trend", "--all", "--store", shop, "--json"))
    assert found["functions"][0]["name"] == SEARCH
    assert (found["function_count"], found["evident_count"]) == (3, 1)
    assert [f["trend"]["direction"] for f in found["functions"]] == ["slower", "none", "none"]
    result = cli("trend", "--all", "--store", shop)
    assert [line.split()[-1] for line in result.stdout.splitlines() if line.lstrip().startswith("+")] == [SEARCH]
    assert "with version" in result.stdout
    assert "2 other functions: no change that stands out from noise" in result.stdout
    assert f"next: tachograph trend {SEARCH} --store {shop}\n" in result.stdout
    result = cli("trend", "--all", "--store", shop, "--version", "1")
    assert [line.split()[-1] for line in result.stdout.splitlines() if line.lstrip().startswith("+")] == [SEARCH]
    assert "per minute" in result.stdout


def test_steps_come_before_trends(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(30):
        functions = {"m::creeps": (20, (100 + 3 * iteration) * MS), "m::steps": (20, (1 + iteration // 20) * MS)}
        service.add(iteration, functions, version="1" if iteration < 20 else "2")
    path = history.done()
    lines = cli("trend", "--all", "--store", path).stdout.splitlines()
    places = [lines.index(line) for line in ("with a new version:", "little by little:")]
    assert [line.split()[-1] for line in lines[places[0] : places[1]] if line.lstrip().startswith("+")] == ["m::steps"]
    assert [line.split()[-1] for line in lines[places[1] :] if line.lstrip().startswith("+")] == ["m::creeps"]
    found = answer(cli("trend", "--all", "--store", path, "--json"))
    assert [(f["name"], f["trend"]["step"] is not None) for f in found["functions"]] == [
        ("m::steps", True),
        ("m::creeps", False),
    ]


def test_an_outlier_is_no_trend(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {"m::f": (20, MS + (30 * MS if iteration > 27 else iteration % 3))})
    found = answer(cli("trend", "--all", "--store", history.done(), "--json"))
    assert found["functions"][0]["trend"]["slope_ns"] > 0
    assert found["functions"][0]["trend"]["direction"] == "none"


FUNCTIONS = {
    "misspelt": ("Orders.serch", 1, "did you mean 'Orders.search'"),
    "misspelt whole": ("shop.order::Orders.search", 1, f"did you mean '{SEARCH}'"),
    "nothing like it": ("xyzzy", 1, "tachograph rank -n 100"),
    "part of a word": ("earch", 1, "service 'shop' has no function 'earch'"),
    "empty": ("", 1, "service 'shop' has no function ''"),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions_that_are_not_there(cli: Any, shop: Path, case: str) -> None:
    word, code, said = FUNCTIONS[case]
    result = cli("trend", word, "--store", shop)
    assert (result.returncode, result.stdout) == (code, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_end_of_several_names_is_refused(cli: Any, history: History) -> None:
    service = history.service()
    service.add(0, {"a::run": (1, MS), "b::run": (1, MS), "run": (1, MS)})
    path = history.done()
    assert answer(cli("trend", "run", "--store", path, "--json"))["function"] == "run"  # a whole name comes first
    other = History(cli, path.with_name("other.db"))
    other.service().add(0, {"a::run": (1, MS), "b::run": (1, MS)})
    result = cli("trend", "run", "--store", other.done())
    assert result.returncode == 2
    assert "the names of 2 functions end in 'run'; name one of 'a::run', 'b::run'" in result.stderr


# --- diff ---


def test_diff_of_versions_is_per_iteration(cli: Any, shop: Path) -> None:
    found = answer(cli("diff", "version:1", "version:2", "--store", shop, "--json"))
    assert (found["schema"], found["unit"]) == ("tachograph-diff", "iteration")
    assert (found["a"]["iteration_count"], found["b"]["iteration_count"]) == (20, 10)
    search = found["functions"][0]
    before = [search_ns(i) for i in range(20)]
    after = [search_ns(i) for i in range(20, 30)]
    assert search["name"] == SEARCH
    assert (search["a"]["call_count"], search["b"]["call_count"]) == (200, 200)
    assert (search["a"]["calls_per_unit"], search["b"]["calls_per_unit"]) == (10, 20)
    assert search["a"]["average_ns"] == pytest.approx(statistics.mean(before))
    assert search["average_ratio"] == pytest.approx(statistics.mean(after) / statistics.mean(before))
    change = 20 * statistics.mean(after) - 10 * statistics.mean(before)
    assert search["change_ns"] == pytest.approx(change)
    assert search["change_by_calls_ns"] + search["change_by_average_ns"] == pytest.approx(change)
    assert [(f["name"], f["takes_part"]) for f in found["functions"]] == [(SEARCH, True), (PRICE, True), (MAIN, False)]


def test_diff_in_words(cli: Any, shop: Path) -> None:
    result = cli("diff", "version:1", "version:2", "--store", shop)
    assert result.returncode == 0
    assert "B spends 128 ms per iteration in timed functions, A 42.8 ms (+198 %)\n" in result.stdout
    assert (
        f"most of the change: {SEARCH}, +84.8 ms\n  it is called 20 times per iteration, in A 10, "
        "and a call takes 5.98 ms, in A 3.48 ms\n"
    ) in result.stdout
    assert f"slowed down most: {SEARCH}" not in result.stdout  # said already


@pytest.mark.parametrize(
    ("limit", "words", "code"),
    [
        ("20%", ("version:1", "version:2"), 3),
        ("90%", ("version:1", "version:2"), 0),
        ("20", ("version:2", "version:1"), 0),
        ("0%", ("version:1", "version:1"), 0),
    ],
)
def test_fail_over(cli: Any, shop: Path, limit: str, words: tuple[str, str], code: int) -> None:
    result = cli("diff", *words, "--store", shop, "--fail-over", limit)
    assert (result.returncode, result.stderr) == (code, "")
    assert (f"FAILED: a call of {SEARCH} takes 1.72x as long" if code else "passed: ") in result.stdout
    found = json.loads(cli("diff", *words, "--store", shop, "--fail-over", limit, "--json").stdout)
    assert found["fail_over"]["failed"] == (code == 3)
    assert found["fail_over"]["function"] == (SEARCH if code else None)


def test_a_main_does_not_hide_what_got_slower(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(20):
        version = "1" if iteration < 10 else "2"
        calls = {"m::work": (10, MS if version == "1" else 2 * MS)}
        if iteration % 10 == 9:
            calls["m::main"] = (1, 100 * NS)
        service.add(iteration, calls, version=version)
    assert cli("diff", "version:1", "version:2", "--fail-over", "50%", "--store", history.done()).returncode == 3


def test_diff_of_ranges_and_runs(cli: Any, shop: Path) -> None:
    found = answer(cli("diff", "iteration:0..4", "iteration:5..", "--store", shop, "--json"))
    assert (found["a"]["first_iteration"], found["a"]["last_iteration"]) == (0, 4)
    assert (found["b"]["first_iteration"], found["b"]["last_iteration"]) == (5, 29)
    found = answer(cli("diff", f"run:{'a' * 32}", f"run:{'b' * 32}", "--store", shop, "--json"))
    assert found["unit"] == "run"
    assert all(function["takes_part"] for function in found["functions"])
    search = next(function for function in found["functions"] if function["name"] == SEARCH)
    assert search["a"]["calls_per_unit"] == 200
    found = answer(cli("diff", "iteration:7", "2023-11-14..now", "--store", shop, "--json", env={"TZ": "UTC"}))
    assert (found["a"]["iteration_count"], found["b"]["last_iteration"]) == (1, 29)


def test_diff_tells_what_is_new_and_gone(cli: Any, history: History) -> None:
    service = history.service()
    service.add(0, {"m::old": (10, MS), "m::same": (10, MS)}, version="1")
    service.add(1, {"m::new": (10, 3 * MS), "m::same": (10, MS)}, version="2")
    path = history.done()
    found = answer(cli("diff", "version:1", "version:2", "--store", path, "--json"))
    assert [(f["name"], f["a"] is None, f["b"] is None, f["average_ratio"]) for f in found["functions"]] == [
        ("m::new", True, False, None),
        ("m::old", False, True, None),
        ("m::same", False, False, 1),
    ]
    text = cli("diff", "version:1", "version:2", "--store", path).stdout
    assert "most of the change: m::new, +30.0 ms\n  only B calls it" in text


WRONG = {
    "a version alone": (("diff", "1", "version:2"), 2, "write version:1"),
    "nothing it could be": (("diff", "xyzzy", "version:2"), 2, "is no part of a history"),
    "one side": (("diff", "version:1"), 2, "name two parts"),
    "three sides": (("diff", "version:1", "version:2", "version:1"), 2, "name two parts"),
    "no such version": (("diff", "version:1", "version:3"), 1, "has no version '3'; it has '2', '1'"),
    "a moment": (("diff", "-1h", "version:1"), 2, "write -1h..now"),
    "backwards": (("diff", "iteration:5..3", "version:1"), 2, "ends before it begins"),
    "an empty range": (("diff", "iteration:90..99", "version:1"), 1, "has iterations 0 to 29"),
    "no uuid": (("diff", "run:abc", "version:1"), 2, "32 digits"),
    "a range of one word": (("diff", "iteration:5..soon", "version:1"), 2, "no point in time"),
    "no percentage": (("diff", "version:1", "version:2", "--fail-over", "much"), 2, "no percentage"),
    "negative": (("diff", "version:1", "version:2", "--fail-over", "-5%"), 2, "no percentage"),
    "since": (("rank", "--since", "yesterday"), 2, "since: "),
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
    "words", [("rank",), ("trend", "--all"), ("diff", "version:1", "version:2"), ("store", "status")]
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


@pytest.mark.parametrize("command", ["rank", "trend", "diff", "store"])
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
