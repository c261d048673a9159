"""`tachograph diff` and `tachograph runs`, of histories that were made for them."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from histories import KILLED, MAIN, MS, NS, PRICE, SEARCH, History, Service, answer, search_ns

if TYPE_CHECKING:
    from pathlib import Path


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


def test_columns_add_up(cli: Any, history: History) -> None:
    """The change is self B less self A, and the sum of its two reasons; total time is in no column beside it."""
    service = history.service()
    for iteration in range(20):
        slow = iteration >= 10
        calls = {"m::f": (20 if slow else 10, 8 * MS if slow else 2 * MS)}
        service.add(iteration, calls, version="2" if slow else "1")
    history.connection.execute("UPDATE function_intervals SET self_ns = total_ns / 4")
    lines = cli("diff", "version:1", "version:2", "--store", history.done()).stdout.splitlines()
    titles = "average A  average B  ratio  calls A  calls B   self A   self B   change  by calls  by average  function"
    assert titles.split() in [line.split() for line in lines]
    row = next(line.split() for line in lines if line.endswith("m::f"))
    assert " ".join(row) == "2.00 ms 8.00 ms 4.00x 10 20 5.00 ms 40.0 ms +35.0 ms +12.5 ms +22.5 ms m::f"


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


# --- Programs that end ---

JOB = "job.py::work"
CALLS = 128


def add_run(service: Service, first: int, length: int, version: str, number: int) -> str:
    """A run of `length` iterations, in which the same number of calls take a second an iteration."""
    run = f"{number:02x}" * 16
    for iteration in range(first, first + length):
        service.add(iteration, {JOB: (CALLS // length, NS // (CALLS // length))}, version=version, run=run)
    return run


def fill_with_jobs(service: Service) -> None:
    """Three runs of version 1, of two iterations each, and two of version 2, which take twice as long."""
    runs = [(0, 2, "1"), (3, 2, "1"), (6, 2, "1"), (9, 4, "2"), (14, 4, "2")]
    for number, (first, length, version) in enumerate(runs, 1):
        service.end(version, add_run(service, first, length, version, number))


def test_jobs_are_compared_by_whole_runs(cli: Any, history: History) -> None:
    fill_with_jobs(history.service())
    path = history.done()
    found = answer(cli("diff", "version:1", "version:2", "--store", path, "--json"))
    assert (found["unit"], found["a"]["run_count"], found["b"]["run_count"]) == ("run", 3, 2)
    assert (found["a"]["self_ns"], found["b"]["self_ns"]) == (2 * NS, 4 * NS)
    assert (found["a"]["run_ns"], found["b"]["run_ns"]) == (20 * NS, 40 * NS)
    (work,) = found["functions"]
    assert (work["a"]["calls_per_unit"], work["b"]["calls_per_unit"]) == (CALLS, CALLS)
    assert (work["change_by_calls_ns"], work["change_by_average_ns"]) == (0, 2 * NS)
    result = cli("diff", "version:1", "version:2", "--store", path)
    assert "calls, self time and change (B less A) are per run, means of 3 runs of A and 2 runs of B\n" in result.stdout
    assert "for a service: --per iteration\n" in result.stdout
    assert "B spends 4.00 s per run in timed functions, A 2.00 s (+100 %)\n" in result.stdout
    assert "a run of B lasts 40.0 s, of A 20.0 s (+100 %)\n" in result.stdout


def test_the_unit_can_be_chosen(cli: Any, tmp_path: Path, shop: Path) -> None:
    history = History(cli, tmp_path / "jobs.db")
    fill_with_jobs(history.service())
    path = history.done()
    found = answer(cli("diff", "version:1", "version:2", "--per", "iteration", "--store", path, "--json"))
    assert (found["unit"], found["a"]["self_ns"], found["b"]["self_ns"]) == ("iteration", NS, NS)
    found = answer(cli("diff", "version:1", "version:2", "--per", "run", "--store", shop, "--json"))
    assert (found["unit"], found["a"]["ended_run_count"], found["b"]["ended_run_count"]) == ("run", 0, 0)
    assert found["functions"][0]["b"]["calls_per_unit"] == found["functions"][0]["b"]["call_count"]
    result = cli("diff", "version:1", "version:2", "--per", "run", "--store", shop)
    assert "means of 1 run of A (1 not ended by itself) and 1 run of B (1 not ended by itself)\n" in result.stdout


def goes_on(service: Service) -> None:
    add_run(service, 20, 2, "2", 9)
    add_run(service, 24, 2, "2", 10)


def are_killed(service: Service) -> None:
    for number in (9, 10):
        service.end("2", add_run(service, 4 * number, 2, "2", number), KILLED)


def run_side_by_side(service: Service) -> None:
    for number in (9, 10):
        service.end("2", add_run(service, 20, 2, "2", number))


def lasts_for_days(service: Service) -> None:
    run = add_run(service, 20, 2, "2", 9)
    add_run(service, 20 + 24 * 360, 2, "2", 9)
    service.end("2", run)


@pytest.mark.parametrize("case", [goes_on, are_killed, run_side_by_side, lasts_for_days])
def test_services_are_compared_by_iterations(cli: Any, history: History, case: Any) -> None:
    service = history.service()
    service.end("1", add_run(service, 0, 2, "1", 1))
    case(service)
    path = history.done()
    assert answer(cli("diff", "version:1", "version:2", "--store", path, "--json"))["unit"] == "iteration"
    assert answer(cli("diff", "version:1", "version:1", "--store", path, "--json"))["unit"] == "run"


def test_one_killed_of_many_is_told(cli: Any, history: History) -> None:
    service = history.service()
    fill_with_jobs(service)
    service.end("1", "01" * 16, KILLED)
    result = cli("diff", "version:1", "version:2", "--store", history.done())
    assert "means of 3 runs of A (1 not ended by itself) and 2 runs of B\n" in result.stdout


def test_a_part_of_a_run_is_none(cli: Any, history: History) -> None:
    fill_with_jobs(history.service())
    path = history.done()
    for period, unit in (("iteration:0..4", "run"), ("iteration:0..3", "iteration"), ("iteration:1..4", "iteration")):
        found = answer(cli("diff", period, "version:2", "--store", path, "--json"))
        assert found["unit"] == unit


# --- runs ---


def test_runs_are_listed(cli: Any, history: History) -> None:
    service = history.service()
    fill_with_jobs(service)
    service.end("2", "05" * 16, KILLED)
    add_run(service, 20, 1, "3", 6)
    service.add(25, {}, version="4", run="07" * 16)  # nothing was called
    path = history.done()
    result = cli("runs", "--store", path, env={"TZ": "UTC"})
    lines = result.stdout.splitlines()
    assert lines[3].split() == [
        "run",
        "started",
        "lasted",
        "end",
        "version",
        "calls",
        "total",
        "processes",
        "host",
        "program",
    ]
    rows = [line.split() for line in lines[4:]]
    assert [row[0] for row in rows] == [f"{number:02x}" * 4 for number in (6, 5, 4, 3, 2, 1)]
    assert rows[0][5:] == ["-", "3", str(CALLS), "1.00", "s", "1", "box", "app.py"]
    assert rows[1][1:] == [
        "2023-11-14",
        "22:15:30",
        "40.0",
        "s",
        "killed",
        "2",
        str(CALLS),
        "4.00",
        "s",
        "1",
        "box",
        "app.py",
    ]
    assert [row[5] for row in rows] == ["-", "killed", "ended", "ended", "ended", "ended"]
    found = answer(cli("runs", "-n", "2", "--store", path, "--json"))
    assert (found["schema"], found["run_count"]) == ("tachograph-runs", 6)
    assert [(run["run"], run["end"], run["self_ns"]) for run in found["runs"]] == [
        ("06" * 16, None, NS),
        ("05" * 16, "killed", 4 * NS),
    ]
    assert "4 more runs: -n N shows the first N\n" in cli("runs", "-n", "2", "--store", path).stdout
    found = answer(cli("runs", "--version", "1", "--store", path, "--json"))
    assert [run["version"] for run in found["runs"]] == ["1"] * 3


def test_processes_of_a_run_are_one(cli: Any, history: History) -> None:
    service = history.service()
    for version in ("", "0"):  # two processes
        service.add(0, {JOB: (10, MS)}, version=version, run="ab" * 16)
    service.add(1, {JOB: (10, MS)})  # one that nothing but itself has started
    runs = answer(cli("runs", "--store", history.done(), "--json"))["runs"]
    assert [(run["process_count"], run["call_count"]) for run in runs] == [(1, 10), (2, 20)]
    assert set(runs[0]["run"]) != {"0"}


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("03", 3),
        ("03030303", 3),
        ("run:03", 3),
        ("03030303-0303-0303-0303-030303030303", 3),
        ("latest", 5),
        ("previous", 4),
    ],
)
def test_runs_have_short_names(cli: Any, history: History, name: str, run: int) -> None:
    fill_with_jobs(history.service())
    path = history.done()
    found = answer(cli("rank", "--run", name, "--store", path, "--json"))
    assert (found["run"], found["functions"][0]["call_count"]) == (f"{run:02x}" * 16, CALLS)
    assert answer(cli("trend", JOB, "--run", name, "--store", path, "--json"))["run"] == found["run"]
    assert (
        answer(cli("diff", f"run:{name.removeprefix('run:')}", "run:latest", "--store", path, "--json"))["a"]["run"]
        == found["run"]
    )
    assert f"run       {found['run'][:8]}\n" in cli("rank", "--run", name, "--store", path).stdout


def test_names_of_several_runs_are_refused(cli: Any, history: History) -> None:
    fill_with_jobs(history.service())
    path = history.done()
    result = cli("rank", "--run", "0", "--store", path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "the ids of 5 runs begin with '0': write more of the one meant" in result.stderr


def test_there_may_be_one_run(cli: Any, history: History) -> None:
    history.service().add(0, {JOB: (10, MS)})
    path = history.done()
    result = cli("diff", "run:previous", "run:latest", "--store", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert "service 'shop' has one run only in its history" in result.stderr


def test_what_tachograph_run_starts_is_a_run(cli: Any, tmp_path: Path) -> None:
    script = cli.script("import os\n\ndef work():\n    pass\n\nif pid := os.fork():\n    os.waitpid(pid, 0)\nwork()\n")
    store = tmp_path / "own.db"
    for version in ("1", "2"):
        assert cli("run", "--store", store, "--version", version, script).returncode == 0
    found = answer(cli("diff", "run:previous", "version:2", "--store", store, "--json"))
    assert found["unit"] == "run"
    for side in (found["a"], found["b"]):
        assert (side["run_count"], side["ended_run_count"]) == (1, 1)
    script.write_text("import os\n\ndef work(i):\n    i and os.kill(os.getpid(), 9)\n\n[work(i) for i in range(2)]\n")
    assert cli("run", "--store", store, "--version", "3", script).returncode == -9
    assert answer(cli("diff", "version:2", "version:3", "--store", store, "--json"))["unit"] == "iteration"
    script.write_text("def work():\n    pass\n")
    assert cli("run", "--store", store, script).returncode == 0  # nothing was called
    runs = answer(cli("runs", "--store", store, "--json"))["runs"]
    assert [(run["end"], run["process_count"], run["call_count"]) for run in runs] == [
        ("killed", 1, 1),
        ("ended", 2, 2),
        ("ended", 2, 2),
    ]


def test_functions_with_another_code_are_marked(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "codes.db")
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {SEARCH: (10, 3000 if 10 <= iteration < 20 else 1000), PRICE: (10, 1000)})
    service.code(SEARCH, 7, 0)
    service.code(SEARCH, 8, 10)
    service.code(SEARCH, 7, 20)
    service.code(PRICE, 9, 0)
    path = history.done()

    def changed(*sides: str) -> dict[str, bool]:
        found = answer(cli("diff", *sides, "--store", path, "--json"))
        return {function["name"]: function["code_changed"] for function in found["functions"]}

    assert changed("iteration:0..9", "iteration:10..19") == {SEARCH: True, PRICE: False}
    assert changed("iteration:10..19", "iteration:0..9") == {SEARCH: True, PRICE: False}
    assert changed("iteration:0..4", "iteration:15..19") == {SEARCH: True, PRICE: False}
    assert changed("iteration:0..10", "iteration:10..19") == {SEARCH: True, PRICE: False}  # a deployment
    assert changed("iteration:0..4", "iteration:5..9") == {SEARCH: False, PRICE: False}
    assert changed("iteration:10..14", "iteration:15..19") == {SEARCH: False, PRICE: False}
    assert changed("iteration:5..14", "iteration:15..19") == {SEARCH: False, PRICE: False}
    # What was undone is not told where it is over, nor missed where it was.
    assert changed("iteration:0..4", "iteration:25..29") == {SEARCH: False, PRICE: False}
    assert changed("iteration:0..4", "iteration:15..29") == {SEARCH: True, PRICE: False}
    assert changed("iteration:10..14", "iteration:25..29") == {SEARCH: True, PRICE: False}
    text = cli("diff", "iteration:0..9", "iteration:10..19", "--store", path).stdout
    assert "a call takes 3.00 us, in A 1.00 us; its code has changed\n" in text
    assert f"{SEARCH} *\n" in text
    assert "\n* its code has changed\n" in text
    text = cli("diff", "iteration:0..4", "iteration:5..9", "--store", path).stdout
    assert "code has changed" not in text


def test_codes_of_two_pythons_are_not_compared(cli: Any, tmp_path: Path) -> None:
    """Each compiles the same source to its own; an edit is one for both."""
    history = History(cli, tmp_path / "pythons.db")
    service = history.service()
    for iteration in range(30):
        service.add(iteration, {SEARCH: (10, 1000), PRICE: (10, 1000)})
    for code, first, python in ((7, 0, 0x30B), (107, 5, 0x30C), (8, 20, 0x30B), (108, 21, 0x30C)):
        service.code(SEARCH, code, first, python)
    service.code(PRICE, 9, 0, 0x30B)
    service.code(PRICE, 109, 10, 0x30C)
    path = history.done()

    def changed(*sides: str) -> list[str]:
        found = answer(cli("diff", *sides, "--store", path, "--json"))
        return [function["name"] for function in found["functions"] if function["code_changed"]]

    assert changed("iteration:0..4", "iteration:5..9") == []
    assert changed("iteration:0..9", "iteration:10..19") == []
    assert changed("iteration:0..9", "iteration:20..20") == [SEARCH]
    assert changed("iteration:20..20", "iteration:25..29") == [SEARCH]
    assert changed("iteration:22..24", "iteration:25..29") == []
    text = cli("trend", SEARCH, "--store", path).stdout
    assert [line.split(",")[0] for line in text.splitlines() if line.startswith("code ")] == [
        "code      new from iteration 20 on",
        "code      new from iteration 21 on",
    ]
    assert "\ncode " not in cli("trend", PRICE, "--store", path).stdout
