"""`tachograph report`: what it shows of recordings, good and bad ones."""

from __future__ import annotations

import itertools
import json
import random
import re
import resource
import subprocess
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.any_python

MS = 1_000_000
HEADER_BYTES = 4096


@pytest.fixture
def shop(cli: Any, function: Any) -> Path:
    """A recording of three functions that differ in every sort key."""
    functions = [
        function("shop.cart::add", [2 * MS] * 10, self_ns=5 * MS, errors=1),
        function("shop.cart::Cart.total", [100, 300, 900], line=40),
        function("shop::main", [50 * MS], self_ns=1 * MS, file="/src/shop/__init__.py", line=3),
    ]
    path: Path = cli.record(functions, started_ns=4_000_000_000_000_000_000)
    return path


def names_in(text: str) -> list[str]:
    """The functions of a text report, in its order."""
    return re.findall(r"(\S+::\S+)", text)


def test_shows_the_figures_of_each_function(cli: Any, shop: Path) -> None:
    result = cli("report", shop)
    assert (result.returncode, result.stderr) == (0, "")
    lines = [re.split(r" {2,}", line.strip()) for line in result.stdout.splitlines()]
    titles = ["calls", "total", "self", "average", "p50", "p99", "max", "errors", "function", "file"]
    assert titles in lines
    row = dict(zip(titles, next(line for line in lines if "shop.cart::add" in line), strict=True))
    assert row == {
        "calls": "10", "total": "20.0 ms", "self": "5.00 ms", "average": "2.00 ms", "p50": "2.00 ms", "p99": "2.00 ms",
        "max": "2.00 ms", "errors": "1", "function": "shop.cart::add", "file": "/src/shop/cart.py:12",
    }  # fmt: skip


def test_head_says_what_ran(cli: Any, shop: Path) -> None:
    head = cli("report", shop).stdout.split("\n\n")[0]
    assert re.search(r"program +shop\.py --fast\n", head)
    assert re.search(r"service +shop 1\.2\n", head)
    assert re.search(r"process +4000000, ended\n", head)
    assert "2096-10" in head
    assert "Python 3.11.7, clock tsc" in head


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("total", "shop::main"), ("self", "shop.cart::add"), ("calls", "shop.cart::add"), ("max", "shop::main"),
        ("average", "shop::main"), ("p50", "shop::main"), ("p99", "shop::main"), ("errors", "shop.cart::add"),
        ("cumulative", "shop::main"),
    ],
)  # fmt: skip
def test_sorts_by_key(cli: Any, shop: Path, key: str, first: str) -> None:
    result = cli("report", shop, "--sort", key)
    assert names_in(result.stdout)[0] == first
    assert key in result.stdout.split()


def test_limit_says_what_it_left_out(cli: Any, function: Any) -> None:
    path = cli.record(function(f"m::f{i:04}", [1000 * (i + 1)]) for i in range(3000))
    default = cli("report", path).stdout
    assert len(names_in(default)) == 30
    assert names_in(default)[0] == "m::f2999"
    assert "2,970 more functions" in default
    assert len(names_in(cli("report", path, "-n", "7").stdout)) == 7
    everything = cli("report", path, "--all").stdout
    assert len(names_in(everything)) == 3000
    assert "more functions" not in everything


def test_only_keeps_what_a_pattern_matches(cli: Any, shop: Path) -> None:
    assert names_in(cli("report", shop, "--only", "shop.cart").stdout) == ["shop.cart::add", "shop.cart::Cart.total"]
    both = cli("report", shop, "--only", "shop::main", "--only", "*::add").stdout
    assert names_in(both) == ["shop::main", "shop.cart::add"]


def test_only_that_matches_nothing_names_what_is_near(cli: Any, shop: Path) -> None:
    result = cli("report", shop, "--only", "shop.crat::add")
    assert (result.returncode, result.stdout) == (1, "")
    assert "did you mean 'shop.cart::add'" in result.stderr


HINTS = {
    "shopper": "'shopper.*'",  # the package's functions are in its submodules
    "shopper.cart.lines": "'shopper.cart.lines.*'",
    "shoper.*": "'shopper.*'",
    "shopper.crat": "'shopper.cart'",
    "shopper.crat.*": "'shopper.cart.*'",
    "total": "'*::total'",
    "shopper.cart::totl": "'shopper.cart::total'",
}


@pytest.mark.parametrize("pattern", [*HINTS, "xyzzy", "shopper.nothing.like.it::*"])
def test_what_is_offered_for_a_pattern_names_something(cli: Any, function: Any, pattern: str) -> None:
    names = ["shopper.cart::total", "shopper.cart.lines.one::add", "m::g"]
    path = cli.record([function(name, [1]) for name in names])
    result = cli("report", path, "--only", pattern)
    assert (result.returncode, result.stdout) == (1, "")
    said = f"did you mean {HINTS[pattern]}?" if pattern in HINTS else "leave --only out to see them all"
    assert result.stderr == f"tachograph: no timed function matches '{pattern}'; {said}\n"
    if pattern in HINTS:
        assert names_in(cli("report", path, "--only", HINTS[pattern].strip("'")).stdout)


def test_pattern_that_means_nothing_is_wrong_usage(cli: Any, shop: Path) -> None:
    result = cli("report", shop, "--only", "shop:add")
    assert result.returncode == 2
    assert "--only: pattern 'shop:add'" in result.stderr


def test_json_has_exact_figures(cli: Any, shop: Path) -> None:
    report = json.loads(cli("report", shop, "--json").stdout)
    assert (report["schema"], report["schema_version"], report["end"]) == ("tachograph-report", 1, None)
    assert report["function_count"] == len(report["functions"]) == 3
    process = report["processes"][0]
    assert process["pid"] == 4_000_000
    assert process["recording"] == str(shop)
    assert process["started_unix_ns"] == 4_000_000_000_000_000_000
    assert process["run"] is None
    total = next(row for row in report["functions"] if row["name"] == "shop.cart::Cart.total")
    assert total["call_count"] == 3
    assert total["total_ns"] == 1300
    assert total["average_ns"] == 433
    assert (total["minimum_ns"], total["maximum_ns"], total["last_ns"], total["line"]) == (100, 900, 900, 40)
    assert total["p50_ns"] == pytest.approx(300, rel=0.0625)
    assert "thread" not in total


def test_json_members_are_all_documented(cli: Any, shop: Path, request: pytest.FixtureRequest) -> None:
    specification = (request.config.rootpath / "docs/formats/report-json.md").read_text()
    documented = set(re.findall(r"`(\w+)`", specification))

    def members(value: Any) -> set[str]:
        if isinstance(value, dict):
            return set(value).union(*map(members, value.values()))
        return set().union(*map(members, value)) if isinstance(value, list) else set()

    assert members(json.loads(cli("report", shop, "--json", "--by-thread").stdout)) <= documented


def test_by_thread_has_a_row_for_each_thread(cli: Any, shop: Path) -> None:
    assert "worker 77" in cli("report", shop, "--by-thread").stdout
    report = json.loads(cli("report", shop, "--by-thread", "--json").stdout)
    assert {tuple(function["thread"].values()) for function in report["functions"]} == {(4_000_000, 77, "worker")}


def test_several_recordings_are_summed_by_function(cli: Any, shop: Path, function: Any) -> None:
    more = [
        function("shop.cart::add", [1 * MS, 3 * MS], errors=2),
        function("shop.cart::Cart.total", [5], file="/other/cart.py"),
    ]
    other = cli.record(more, "5-b.tgr", pid=5)
    report = json.loads(cli("report", shop, other, "--json").stdout)
    rows = [(row["name"], row["file"], row["call_count"], row["total_ns"]) for row in report["functions"]]
    assert ("shop.cart::add", "/src/shop/cart.py", 12, 24 * MS) in rows
    assert ("shop.cart::Cart.total", "/src/shop/cart.py", 3, 1300) in rows
    assert ("shop.cart::Cart.total", "/other/cart.py", 1, 5) in rows
    added = next(row for row in report["functions"] if row["name"] == "shop.cart::add")
    assert (added["minimum_ns"], added["maximum_ns"], added["error_count"]) == (1 * MS, 3 * MS, 3)


def test_running_calls_have_a_column_only_when_there_are_any(cli: Any, shop: Path, function: Any) -> None:
    assert "running" not in cli("report", shop).stdout
    path = cli.record([function("a::waits", [], running=2)], "6-c.tgr")
    text = cli("report", path).stdout
    row = next(line for line in text.splitlines() if "a::waits" in line).split()
    assert row == ["0", *"------", "0", "2", "a::waits", "/src/shop/cart.py:12"]
    first = json.loads(cli("report", path, "--json").stdout)["functions"][0]
    assert (first["running_count"], first["average_ns"], first["p99_ns"]) == (2, None, None)


@pytest.mark.usefixtures("shop")
def test_names_a_process_or_a_run_or_nothing(cli: Any, function: Any) -> None:
    run = bytes(range(16))
    cli.record([function("r::one", [1])], "71-a.tgr", pid=71, run=run, started_ns=4_100_000_000_000_000_000)
    cli.record([function("r::two", [1])], "72-a.tgr", pid=72, run=run, started_ns=4_200_000_000_000_000_000)
    assert names_in(cli("report", "4000000").stdout)[0] == "shop::main"
    assert names_in(cli("report", "71").stdout) == ["r::one"]
    assert sorted(names_in(cli("report", run.hex()).stdout)) == ["r::one", "r::two"]
    assert sorted(names_in(cli("report").stdout)) == ["r::one", "r::two"]


def test_latest_is_that_of_the_directory_chosen(cli: Any, function: Any) -> None:
    session = cli.directory / "session"
    newer = cli.record([function("elsewhere::newer", [1])], "2-b.tgr", pid=2, started_ns=4_300_000_000_000_000_000)
    newer.rename(cli.script("", "session/tachograph/x").with_name(newer.name))
    (session / "tachograph").chmod(0o700)
    environment = {"XDG_RUNTIME_DIR": str(session)}
    empty = cli("report", env=environment)
    assert (empty.returncode, empty.stdout) == (1, "")
    assert f"no recording in '{cli.runtime}', which TACHOGRAPH_RUNTIME_DIR names" in empty.stderr
    cli.record([function("chosen::older", [1])], "1-a.tgr", pid=1, started_ns=4_200_000_000_000_000_000)
    assert names_in(cli("report", env=environment).stdout) == ["chosen::older"]
    assert names_in(cli("report", "2", env=environment).stdout) == ["elsewhere::newer"]  # by name, wherever it lies
    relative = cli("report", env={"TACHOGRAPH_RUNTIME_DIR": "here"})
    assert relative.returncode == 1
    assert "absolute path" in relative.stderr


def test_directory_chosen_that_is_not_safe_says_why(cli: Any) -> None:
    cli.runtime.chmod(0o777)
    result = cli("report")
    assert (result.returncode, result.stdout) == (1, "")
    assert "everybody can replace" in result.stderr


@pytest.mark.parametrize("word", ["999999999", "ab" * 16, "gone.tgr"])
def test_what_is_not_there_is_an_error(cli: Any, word: str) -> None:
    result = cli("report", word)
    assert (result.returncode, result.stdout) == (1, "")
    assert word in result.stderr
    assert result.stderr.count("\n") == 1


def test_directory_names_its_recordings(cli: Any, shop: Path) -> None:
    result = cli("report", cli.runtime)
    assert result.returncode == 1
    assert str(shop) in result.stderr


HOSTILE = {
    "escape": ("m::\x1b[31mred\x1b]0;title\x07", r"m::\x1b[31mred\x1b]0;title\a"),
    "newline": ("m::two\nlines\r\tx", r"m::two\nlines\r\tx"),
    "c1": ("m::\x9b31m", r"m::\x9b31m"),
    "bidi": ("m::\u202eevil\u2066", r"m::\u202eevil\u2066"),
    "zero width": ("m::a\u200bb\ufeff", r"m::a\u200bb\ufeff"),
    "not utf-8": (b"m::\xff\xfe\xc0\x80", r"m::\xff\xfe\xc0\x80"),
    "nul": ("m::a\0b", r"m::a\x00b"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_names_are_escaped(cli: Any, function: Any, case: str) -> None:
    name, shown = HOSTILE[case]
    path = cli.record([function(name, [5]), function("m::next", [4])], service="\x1b[2Jservice", program="a\nb")
    result = cli("report", path)
    assert result.returncode == 0
    assert shown in result.stdout
    assert not set(result.stdout) & {chr(c) for c in [*range(10), *range(11, 32), *range(127, 160)]}
    assert not any(unicodedata.category(c) == "Cf" for c in result.stdout)
    report = json.loads(cli("report", path, "--json").stdout)
    wanted = name if isinstance(name, str) else "m::" + "\ufffd" * 4
    assert report["functions"][0]["name"] == wanted


def plain(text: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def columns(line: str) -> int:
    """How wide a terminal shows a line."""
    wide = {"W", "F"}
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in wide else 1 for c in line)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 132, 300])
def test_lines_fit_the_terminal(cli: Any, function: Any, width: int) -> None:
    names = ["shop::短い名前" + "長" * 60, "m::cafe\u0301" * 12, "pack.age." * 20 + "::f", "m::" + "x" * 500, "a::b"]
    path = cli.record([function(name, [1000 + i, 7], errors=i) for i, name in enumerate(names)], program="p" * 300)
    lines = plain(cli.on_terminal(width, "report", path)).splitlines()
    title = next(number for number, line in enumerate(lines) if "function" in line)
    table = list(itertools.takewhile(bool, lines[title:]))
    assert len(table) == len(names) + 1
    assert max(map(columns, table)) <= width
    if width >= 40:  # facts are wrapped rather than cut to nothing
        assert max(map(columns, lines)) <= max(width, 60)
    assert [columns(line) for line in table] == [columns(line.rstrip()) for line in table]
    if width < 300:
        assert any("..." in line for line in table)
    else:
        assert names[1] in plain("\n".join(table))


def test_narrow_terminal_keeps_the_column_it_sorts_by(cli: Any, shop: Path) -> None:
    def titles(*options: str) -> list[str]:
        text = plain(cli.on_terminal(72, "report", shop, *options))
        return next(line for line in text.splitlines() if "function" in line).split()

    assert "p50" in titles("--sort", "p50")
    assert "p50" not in titles()


def test_columns_without_room_are_announced(cli: Any, shop: Path) -> None:
    """And the file keeps its end, which says where to look."""
    assert "hidden" not in plain(cli.on_terminal(140, "report", shop))
    text = plain(cli.on_terminal(110, "report", shop))
    assert re.search(r"shop.cart::add +\.\.\.[/\w]*/cart.py:12\n", text) or "/src/shop/cart.py:12" in text
    text = plain(cli.on_terminal(82, "report", shop))
    assert re.search(r"\n\nhidden at this width: (.*); a wider terminal or -o FILE has room\n", text)
    text = plain(cli.on_terminal(60, "report", shop))
    hidden = re.search(r"\n\nhidden at this width: (.*)\na wider terminal or -o FILE has room\n", text)
    assert hidden is not None
    shown = next(line for line in text.splitlines() if "function" in line).split()
    titles = ["calls", "total", "self", "average", "p50", "p99", "max", "errors", "function", "file"]
    assert [title for title in titles if title not in shown] == hidden[1].split(", ")
    assert "hidden" not in cli("report", shop).stdout


def test_without_a_terminal_nothing_is_cut(cli: Any, function: Any) -> None:
    name = "m::" + "n" * 5000
    assert name in cli("report", cli.record([function(name, [1])])).stdout


def test_colour_is_for_terminals_that_want_it(cli: Any, shop: Path) -> None:
    assert "\x1b[" in cli.on_terminal(100, "report", shop)
    assert "\x1b[" not in cli.on_terminal(100, "report", shop, env={"NO_COLOR": "1"})
    assert "\x1b[" not in cli.on_terminal(100, "report", shop, env={"TERM": "dumb"})
    assert "\x1b[" not in cli("report", shop).stdout


def damage(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    """To change a file's bytes in place."""

    def apply(path: Path) -> None:
        data = bytearray(path.read_bytes())
        change(data)
        path.write_bytes(data)

    return apply


def cut_to(size: int) -> Callable[[bytearray], None]:
    """To leave only the beginning."""

    def cut(data: bytearray) -> None:
        del data[size:]

    return cut


UNREADABLE = {
    "empty": (cut_to(0), "is not a tachograph recording"),
    "half a header": (cut_to(2000), "is not a tachograph recording"),
    "foreign": (lambda data: data.__setitem__(slice(0, 8), b"SQLite f"), "is not a tachograph recording"),
    "newer": (lambda data: data.__setitem__(slice(8, 12), b"\x07\0\0\0"), "use a newer tachograph"),
    "other byte order": (lambda data: data.__setitem__(slice(16, 20), b"\x01\x02\x03\x04"), "byte order"),
    "damaged header": (lambda data: data.__setitem__(slice(12, 16), b"\xff" * 4), "damaged"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_recording_is_an_error(cli: Any, shop: Path, case: str) -> None:
    change, said = UNREADABLE[case]
    damage(change)(shop)
    result = cli("report", shop)
    assert (result.returncode, result.stdout) == (1, "")
    assert said in result.stderr
    assert str(shop) in result.stderr


def test_other_files_are_errors(cli: Any) -> None:
    for path in ("/dev/null", "/etc/passwd"):
        result = cli("report", path)
        assert (result.returncode, result.stdout) == (1, "")
        assert path in result.stderr


def test_cut_recording_shows_what_is_left_and_warns(cli: Any, shop: Path) -> None:
    whole = shop.stat().st_size
    damage(cut_to(whole - 64))(shop)
    result = cli("report", shop)
    assert result.returncode == 0
    assert "warning: " in result.stdout
    assert "cut short" in result.stdout
    assert "shop.cart::add" in result.stdout
    assert json.loads(cli("report", shop, "--json").stdout)["processes"][0]["truncated"] is True


@pytest.mark.parametrize("options", [[], ["--json"], ["--by-thread"]])
def test_recording_of_which_nothing_is_left_is_an_error(cli: Any, shop: Path, options: list[str]) -> None:
    whole = shop.stat().st_size
    damage(cut_to(HEADER_BYTES))(shop)
    result = cli("report", shop, *options)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"'{shop}': it has been cut short, to 4096 of {whole} bytes; copy it again" in result.stderr
    assert result.stderr.count("\n") == 1
    shop.write_bytes(shop.read_bytes() + bytes([0xEE]) * (whole - HEADER_BYTES))
    result = cli("report", shop, *options)
    assert (result.returncode, result.stdout) == (1, "")
    assert "it is damaged" in result.stderr


def test_recording_without_calls_is_no_error(cli: Any) -> None:
    result = cli("report", cli.record([]))
    assert result.returncode == 0
    assert "no function was timed" in result.stdout


def test_random_damage_never_kills_the_reader(cli: Any, function: Any) -> None:
    random.seed(7)
    path = cli.record([function(f"m::f{i}", [i, 2 * i, 3 * i]) for i in range(1, 20)])
    good = path.read_bytes()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(random.choice([1, 3, 30])):
            where = random.randrange(24, len(data)) if random.random() < 0.5 else random.randrange(800, 1300)
            data[where] = random.choice([0, 1, 0x7F, 0xFF, random.randrange(256)])
        path.write_bytes(data)
        result = cli("report", path, *random.choice([[], ["--json"], ["--by-thread", "--all"]]))
        assert result.returncode in (0, 1), result
        assert "Sanitizer" not in result.stderr


def test_reader_that_leaves_early_is_no_error(cli: Any, function: Any) -> None:
    path = cli.record(function(f"m::{'f' * 200}{i}", [5]) for i in range(2000))
    process = cli.start("report", path, "--all")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(20)


def test_full_output_is_an_error(cli: Any, shop: Path) -> None:
    with Path("/dev/full").open("w") as full:
        result = cli("report", shop, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == 1
    assert "standard output" in result.stderr
    assert cli("report", shop, "-o", "/dev/full").returncode == 1


def test_output_file_is_replaced_whole(cli: Any, shop: Path) -> None:
    real = cli.directory / "real.txt"
    real.write_text("old" * 10000)
    real.chmod(0o640)
    link = cli.directory / "link.txt"
    link.symlink_to("real.txt")
    result = cli("report", shop, "-o", link)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert link.is_symlink()
    assert "shop::main" in real.read_text()
    assert "old" not in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in cli.directory.iterdir()) == ["link.txt", "real.txt"]


def test_output_that_cannot_be_written_leaves_the_old_file(cli: Any, shop: Path) -> None:
    result = cli("report", shop, "-o", cli.directory / "no" / "such.txt")
    assert result.returncode == 1
    assert "such.txt" in result.stderr


def test_output_that_fails_half_way_leaves_the_old_file(cli: Any, shop: Path) -> None:
    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    old = cli.directory / "old.txt"
    old.write_text("old")
    result = cli("report", shop, "-o", old, preexec_fn=allow_little, restore_signals=False)  # SIGXFSZ stays ignored
    assert result.returncode == 1
    assert "old.txt" in result.stderr
    assert [(path.name, path.read_text()) for path in cli.directory.iterdir()] == [("old.txt", "old")]
