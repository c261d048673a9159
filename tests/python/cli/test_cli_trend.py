"""`tachograph trend`: of one function and of all, of histories that were made for it."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from histories import (
    BASE_NS,
    KILLED,
    MARKER,
    MS,
    PRICE,
    REFUSED_RELOAD,
    RELOAD,
    SEARCH,
    START,
    VERSION,
    History,
    answer,
    search_ns,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.any_python


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
    ends = [statistics.fmean(map(search_ns, part)) for part in (range(5), range(15, 20))]
    assert trend["measured"] == {
        "before_ns": pytest.approx(ends[0]),
        "after_ns": pytest.approx(ends[1]),
        "relative_change": pytest.approx(ends[1] / ends[0] - 1),
    }
    assert [point["iteration"] for point in found["points"]] == list(range(20))
    assert found["points"][3]["average_ns"] == search_ns(3)
    assert found["points"][3]["started_unix_ns"] == (START // 10 + 3) * BASE_NS


def test_trend_in_words(cli: Any, shop: Path) -> None:
    lines = cli("trend", "Orders.search", "--store", shop, "--version", "1").stdout.splitlines()
    assert f"function  {SEARCH} (/srv/shop/orders.py:12)" in lines
    assert (
        "gets slower: from 3.06 ms to 3.89 ms (+27 %), +327 us per minute (averages of the first and last quarter of 20 "
        "iterations)"
    ) in lines
    titles = next(i for i, line in enumerate(lines) if line.startswith("iteration "))
    rows = [line.split() for line in lines[titles + 1 : lines.index("", titles)]]
    assert [int(row[0]) for row in rows] == list(range(10, 20))
    assert next(line for line in lines if line.startswith("averages"))[10] == "▁"
    for label in ("slope", "Theil-Sen", "intercept", "chance"):
        assert any(line.startswith(label) for line in lines)


@pytest.mark.parametrize("width", [20, 21, 40, 70])
def test_its_sentences_are_wrapped_not_cut(cli: Any, shop: Path, width: int) -> None:
    """Each line fits, and the words are those of a wide terminal."""

    def sentences(columns: int) -> list[str]:
        words = ["trend", SEARCH, "--store", shop, "--version", "1"]
        text = re.sub(r"\x1b\[[0-9;]*m", "", cli.on_terminal(columns, *words))
        assert max(map(len, text[text.index("slope ") :].splitlines())) <= columns
        verdict = text[text.index("gets slower") : text.index("iteration ")]
        return " ".join([verdict, text[text.index("slope ") :]]).split()

    assert sentences(width) == sentences(200)


def test_a_pattern_is_no_function(cli: Any, shop: Path) -> None:
    result = cli("trend", "*", "--store", shop)
    assert (result.returncode, result.stdout) == (2, "")
    assert "'*' is a pattern" in result.stderr
    assert "--all" in result.stderr


def test_a_version_is_a_step(cli: Any, shop: Path) -> None:
    result = cli("trend", SEARCH, "--store", shop)
    assert "slower with version 2: from " in result.stdout
    assert ", from iteration 20 on\n" in result.stdout
    assert f"tachograph diff version:1 version:2 --store {shop}\n" in result.stdout
    assert "chance    less than 0.1 % that noise alone makes versions differ so much\n" in result.stdout
    assert "version 2" not in cli("trend", SEARCH, "--store", shop, "--version", "1").stdout
    step = answer(cli("trend", SEARCH, "--store", shop, "--json"))["trend"]["step"]
    assert (step["kind"], step["version"], step["iteration"]) == ("version", "2", 20)
    assert step["started_unix_ns"] == (START // 10 + 20) * BASE_NS
    assert step["before_ns"] == pytest.approx(sum(map(search_ns, range(20))) / 20)
    assert step["after_ns"] == pytest.approx(sum(map(search_ns, range(20, 30))) / 10)
    assert step["relative_change"] == pytest.approx(step["after_ns"] / step["before_ns"] - 1)
    assert step["probability"] < 0.001


def edited_ns(iteration: int) -> int:
    """Of a function that is edited while it runs: at once much slower, and a little faster from then on."""
    return 150_000 + iteration % 3 if iteration < 25 else 4_200_000 - 1000 * iteration


def test_a_new_code_is_a_step(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(111):
        undone = MS if iteration not in range(50, 60) else 2 * MS
        functions = {"m::edited": (10, edited_ns(iteration)), "m::undone": (10, undone), "m::other": (10, MS)}
        service.add(iteration, functions, version="1")
    for name, code, first in (("m::edited", 1, 0), ("m::edited", 2, 25), ("m::other", 5, 0), ("m::other", 6, 25)):
        service.code(name, code, first)
    for code, first in ((3, 0), (4, 50), (3, 60)):
        service.code("m::undone", code, first)
    path = history.done()
    for words in ((), ("--version", "1")):
        text = cli("trend", "m::edited", "--store", path, *words, env={"TZ": "UTC"}).stdout
        assert (
            "slower since iteration 25 (2023-11-14 22:17:30), when its code changed: from 150 us to 4.13 ms (+2,655 %)\n"
            in text
        )
        assert "noise alone makes codes differ so much\n" in text
        assert "what else it changed" not in text
    step = answer(cli("trend", "m::edited", "--store", path, "--json"))["trend"]["step"]
    assert (step["kind"], step["version"], step["iteration"]) == ("code", None, 25)
    assert step["started_unix_ns"] == (START // 10 + 25) * BASE_NS
    assert step["before_ns"] == pytest.approx(statistics.fmean(map(edited_ns, range(25))))
    assert step["after_ns"] == pytest.approx(statistics.fmean(map(edited_ns, range(25, 111))))
    found = answer(cli("trend", "--all", "--store", path, "--json"))["functions"]
    assert [(f["name"], f["trend"]["step"] and f["trend"]["step"]["iteration"]) for f in found] == [
        ("m::edited", 25),
        ("m::undone", 60),
        ("m::other", None),
    ]
    text = cli("trend", "--all", "--store", path, env={"TZ": "UTC"}).stdout
    row = next(line for line in text.splitlines() if line.endswith("m::edited"))
    assert "faster since iteration 60 " in cli("trend", "undone", "--store", path).stdout
    assert re.search(r" new code +25 +2023-11-14 22:17:30 ", row)


def test_what_is_shown_was_measured(cli: Any, history: History) -> None:
    """The line through a late rise begins below nothing."""
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {"m::rises": (20, MS if iteration < 15 else 60 * MS)})
    path = history.done()
    text = cli("trend", "--all", "--store", path).stdout
    row = next(line.split() for line in text.splitlines() if line.endswith("m::rises"))
    assert row[:6] == ["+5,900", "%", "1.00", "ms", "60.0", "ms"]
    assert "from and to: averages of the first and of the last quarter" in text
    line = answer(cli("trend", "rises", "--store", path, "--json"))["trend"]
    assert line["start_ns"] < 0
    assert line["measured"] == {"before_ns": MS, "after_ns": 60 * MS, "relative_change": pytest.approx(59)}


def test_a_step_from_next_to_nothing_has_its_whole_factor(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {"m::f": (20, 1000 if iteration < 20 else 2 * MS)}, version=str(1 + iteration // 20))
    found = answer(cli("trend", "f", "--store", history.done(), "--json"))
    assert found["trend"]["step"]["relative_change"] == pytest.approx(1999)


def test_a_version_alone_has_no_step(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(20):
        for version in ("1", "2"):  # at the same time
            service.add(iteration, {"m::f": (10, (iteration + 1) * MS)}, version=version)
    path = history.done()
    for words in ((), ("--version", "1")):
        result = cli("trend", "f", "--store", path, *words)
        assert "gets slower: from " in result.stdout
        assert "with version" not in result.stdout


def test_no_trend_is_said(cli: Any, shop: Path) -> None:
    result = cli("trend", PRICE, "--store", shop)
    assert "no trend that stands out from noise (200 us on average over 30 iterations)" in result.stdout
    result = cli("trend", "main", "--store", shop)
    assert "too early to say: called in 2 iterations, and a trend takes 3" in result.stdout


def test_too_early_for_trends(cli: Any, history: History) -> None:
    service = history.service()
    service.add(0, {"m::f": (10, MS)}, version="1")
    service.add(1, {"m::f": (10, 5 * MS)}, version="2")
    result = cli("trend", "--all", "--store", path := history.done())
    assert "too early to say: a trend takes calls in 3 iterations\n" in result.stdout
    assert f"tachograph diff version:1 version:2 --store {path}\n" in result.stdout


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
    assert "version 2" in result.stdout
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
    places = [lines.index(line) for line in ("at once:", "little by little:")]
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


def test_a_new_code_and_what_may_have_made_it(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "codes.db")
    service = history.service()
    for iteration in range(20):
        service.add(iteration, {SEARCH: (10, 1000), "app.py::main": (10, 1000)})
    for code, first in ((6, 0), (7, 0), (8, 2), (-1, 14), (8, 15), (-1, 18)):
        service.code(SEARCH, code, first)
    service.code("app.py::main", 9, 0)
    service.event(2, RELOAD, "shop.orders: changed: Orders.early")
    service.event(13, REFUSED_RELOAD, "shop.orders: line 1: invalid syntax")
    service.event(14, RELOAD, "shop.orders: changed: Orders.search")
    service.event(15, RELOAD, "shop: changed: other")
    service.event(15, RELOAD, "__main__: changed: main")
    service.event(16, VERSION, "1.0", "1.1")
    service.event(17, MARKER, "cache \x1b[31moff")
    service.event(18, KILLED, "")
    path = history.done()

    def facts(function: str, *words: str) -> list[str]:
        text = cli("trend", function, "--store", path, *words, env={"TZ": "UTC"}).stdout
        return [line for line in text.splitlines() if line.startswith(("code ", "event "))]

    assert facts(SEARCH) == [
        "code      new from iteration 2 on, 2023-11-14 22:13:40",
        "code      new from iteration 14 on, 2023-11-14 22:15:40",
        "code      back from iteration 15 on, 2023-11-14 22:15:50, to that of iteration 2",
        "code      back from iteration 18 on, 2023-11-14 22:16:20, to that of iteration 14",
        "event     iteration 2, 2023-11-14 22:13:40, reload: shop.orders: changed: Orders.early",
        "event     iteration 13, 2023-11-14 22:15:30, refused reload: shop.orders: line 1: invalid syntax",
        "event     iteration 14, 2023-11-14 22:15:40, reload: shop.orders: changed: Orders.search",
        "event     iteration 16, 2023-11-14 22:16:00, version: 1.1",
        "event     iteration 17, 2023-11-14 22:16:10, marker: cache \\x1b[31moff",
    ]
    assert facts(SEARCH, "-n", "1") == facts(SEARCH)  # as the verdict, of the whole period
    assert [line.split(",")[0] for line in facts(SEARCH, "--since", "iteration:15", "--until", "iteration:16")] == [
        "code      back from iteration 15 on",
        "event     iteration 16",
    ]
    assert [line for line in facts("app.py::main") if "reload" in line or "code " in line] == [
        "event     iteration 15, 2023-11-14 22:15:50, reload: __main__: changed: main"
    ]
    assert answer(cli("trend", SEARCH, "--store", path, "--json"))["codes"] == [
        {"hash": f"{code:016x}", "first_iteration": first, "line": 12}
        for code, first in ((6, 0), (7, 0), (8, 2), (2**64 - 1, 14), (8, 15), (2**64 - 1, 18))
    ]


def test_the_last_changes_are_shown(cli: Any, history: History) -> None:
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {"m::f": (10, 1000)})
        if iteration < 12:
            service.code("m::f", iteration, iteration)
            service.event(iteration, RELOAD, f"m: changed: f{iteration}")
    text = cli("trend", "f", "--store", history.done(), "-n", "1").stdout
    codes = [line.split(", ")[0] for line in text.splitlines() if line.startswith("code ")]
    events = [line.split(", ")[-1] for line in text.splitlines() if line.startswith("event ")]
    assert codes == ["code      and 1 more before", *(f"code      new from iteration {i} on" for i in range(2, 12))]
    assert events == ["event     and 2 more before", *(f"reload: m: changed: f{i}" for i in range(2, 12))]
