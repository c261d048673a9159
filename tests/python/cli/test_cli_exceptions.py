"""`tachograph exceptions`: kinds of exceptions, and one of them with its samples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from histories import MS, NS, START, History, answer

if TYPE_CHECKING:
    from collections.abc import Callable

PAY = "shop.pay::charge"
ADD = "shop.cart::Cart.add"
HOSTILE = "\x1b[31mred\x07 \u202etxt</script>\nsecond line\x9b"
TRACEBACK = 'File "/srv/shop/pay.py", line 3, in charge\n    raise Declined(card)\n'


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """Three kinds over ten iterations and two versions, in two processes."""
    history = History(cli, tmp_path / "shop.db")
    other = history.service("other", started_s=1_600_000_000)
    other.add(0, {"o::o": (20, MS)})
    other.fail(0, "o::o", "OtherError", 1)
    shop = history.service()
    for iteration in range(10):
        version, run = ("1", "a" * 32) if iteration < 6 else ("2", "b" * 32)
        shop.add(iteration, {PAY: (10, MS), ADD: (4, MS)}, version=version, run=run)
        shop.fail(
            iteration,
            PAY,
            "shop.pay.Declined",
            iteration + 1,
            samples=[{"message": f"card {iteration}", "args": f"[{iteration}, null]", "traceback": TRACEBACK}],
        )
        if iteration in (2, 7):
            shop.fail(iteration, ADD, "KeyError", 2, samples=[{"message": "'lamp'", "args": "", "kwargs": ""}])
    shop.fail(9, ADD, "ValueError", 1, samples=[{"message": HOSTILE, "args": HOSTILE, "rebound": "line"}], lost=3)
    return history.done()


@pytest.fixture
def ask(cli: Any, store: Path) -> Callable[..., Any]:
    """Asks the history, with the clock of UTC."""
    cli.environment["TZ"] = "UTC"
    return lambda *words: cli("exceptions", *words, "--store", store)


def rows(text: str) -> list[list[str]]:
    """The table, in its columns."""
    _, table, *_ = text.split("\n\n")
    return [re.split(r"  +", line.strip()) for line in table.splitlines()[1:]]


def test_a_list(ask: Any, store: Path) -> None:
    result = ask()
    assert (result.returncode, result.stderr) == (0, "")
    head, table, foot = result.stdout.split("\n\n")
    assert "iterations 0 to 9" in head
    assert table.splitlines()[0].split() == ["id", "count", "over", "time", "last", "ever", "exception", "function"]
    first, second, third = rows(result.stdout)
    assert first[1:] == ["55", "▁▁▂▃▄▅▆▇██", "2023-11-14 22:14:50", "shop.pay.Declined: card 9", PAY]
    assert second[1] == "4"
    assert second[-2:] == ["KeyError: 'lamp'", ADD]
    assert third[1] == "1"
    assert foot.splitlines() == [
        "3 samples found no space: counted, not kept",
        f"one with its arguments: tachograph exceptions show ID --store {store}",
    ]


def test_the_line_is_of_the_whole_period(ask: Any) -> None:
    """What happened in iterations 2 and 7 of 0 to 9 stands there."""
    line = ask().stdout.splitlines()
    title = next(text for text in line if "over time" in text)
    keys = next(text for text in line if "KeyError" in text)
    at = title.index("over time")
    assert [i for i, mark in enumerate(keys[at : at + 10]) if mark != " "] == [2, 7]


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (["--function", "shop.*"], [55, 4, 1]),
        (["--function", "shop.cart"], [4, 1]),
        (["--function", "shop.cart::Cart.*"], [4, 1]),
        (["--function", PAY], [55]),
        (["--function", PAY.rpartition(":")[2]], [55]),
        (["--function", "Cart.add"], [4, 1]),
        (["--function", "nothing.*"], []),
        (["--since", "iteration:7"], [27, 2, 1]),
        (["--until", "iteration:2"], [6, 2]),
        (["--since", "iteration:3", "--until", "iteration:3"], [4]),
        (["--version", "1"], [21, 2]),
        (["--version", "2"], [34, 2, 1]),
        (["--run", "bbbb"], [34, 2, 1]),
        (["--sort", "count"], [55, 4, 1]),
        (["--sort", "last"], [55, 1, 4]),
        (["-n", "2"], [55, 4]),
        (["--service", "other"], [1]),
    ],
)
def test_a_part(ask: Any, words: list[str], counts: list[int]) -> None:
    told = answer(ask(*words, "--json"))
    assert [kind["count"] for kind in told["exceptions"]] == counts
    assert [sum(point["count"] for point in kind["points"]) for kind in told["exceptions"]] == counts
    text = ask(*words).stdout
    if counts:
        assert [int(row[1]) for row in rows(text)] == counts
    else:
        assert "no exception of such a function was recorded in that time" in text


def test_a_function_that_is_not_there(ask: Any) -> None:
    for words, said in (
        (["--function", "Cart.ad"], "service 'shop' has no function 'Cart.ad'; did you mean 'Cart.add'"),
        (["--function", "zebra"], "service 'shop' has no function 'zebra'; 'tachograph rank -n 100' shows the names"),
    ):
        result = ask(*words)
        assert (result.returncode, result.stdout) == (1, "")
        assert said in result.stderr


def test_as_json(ask: Any, store: Path) -> None:
    told = answer(ask("--json"))
    assert (told["schema"], told["schema_version"]) == ("tachograph-exceptions", 1)
    assert (told["store"], told["service"]["name"]) == (str(store), "shop")
    assert (told["first_iteration"], told["last_iteration"], told["version"], told["run"]) == (0, 9, None, None)
    assert (told["exception_count"], told["lost_sample_count"], told["step"]) == (3, 3, 1)
    kind = told["exceptions"][0]
    sample = kind.pop("sample")
    assert kind.pop("points") == [{"iteration": i, "count": i + 1} for i in range(10)]
    number = kind.pop("id")
    at = [START * NS + 10 * i * NS + 1 for i in range(10)]
    assert kind == {
        "fingerprint": f"{number:016x}",
        "function": PAY,
        "type": "shop.pay.Declined",
        "count": 55,
        "first_iteration": 0,
        "last_iteration": 9,
        "first_unix_ns": at[0],
        "last_unix_ns": at[9],
        "sample_count": 10,
    }
    assert sample.pop("id") > 0
    assert sample == {
        "iteration": 9,
        "unix_ns": at[9],
        "host": "box",
        "pid": 4711,
        "version": "2",
        "thread": "MainThread",
        "thread_id": 4711,
        "message": "card 9",
        "args": [9, None],
        "kwargs": {},
        "rebound": None,
        "traceback": TRACEBACK,
    }
    assert told["exceptions"][1]["sample"]["args"] is None
    # What is no JSON is a text.
    assert told["exceptions"][2]["sample"]["args"] == HOSTILE


def id_of(ask: Any, kind: str) -> str:
    """Of the kind with this type."""
    return next(str(one["id"]) for one in answer(ask("--json"))["exceptions"] if one["type"] == kind)


def test_one(ask: Any) -> None:
    number = id_of(ask, "shop.pay.Declined")
    result = ask("show", number)
    assert (result.returncode, result.stderr) == (0, "")
    parts = result.stdout.split("\n\n")
    facts = dict(line.split(maxsplit=1) for part in parts[:2] for line in part.splitlines())
    assert facts["function"] == PAY
    assert facts["exception"] == "shop.pay.Declined"
    assert (facts["count"], facts["first"]) == ("55", "2023-11-14 22:13:20, ever")
    assert facts["happened"] == "iterations 0 to 9, 2023-11-14 22:13:20 to 22:15:00"
    assert (facts["last"], facts["sample"]) == ("2023-11-14 22:14:50, ever", "2023-11-14 22:14:50")
    assert facts["of"] == "iteration 9, process 4711 on box, thread MainThread (4711)"
    assert facts["version"] == "2"
    assert parts[2:] == [
        "message\n  card 9",
        "args\n  [9, null]",
        "kwargs\n  {}",
        'traceback\n  File "/srv/shop/pay.py", line 3, in charge\n      raise Declined(card)',
        "9 older samples: -n N shows the newest N\n",
    ]


def test_one_in_a_part(ask: Any) -> None:
    """When it happened in that part, and when ever."""
    number = id_of(ask, "shop.pay.Declined")
    part = ["--since", "iteration:3", "--until", "iteration:4"]
    lines = ask("show", number, *part).stdout.splitlines()
    assert "happened  iterations 3 to 4, 2023-11-14 22:13:50 to 22:14:10" in lines
    assert "first     2023-11-14 22:13:20, ever" in lines
    assert "last      2023-11-14 22:14:50, ever" in lines
    kind = answer(ask("show", number, *part, "--json"))["exception"]
    assert (kind["first_iteration"], kind["last_iteration"]) == (3, 4)
    (keys,) = (one for one in answer(ask("--json"))["exceptions"] if one["type"] == "KeyError")
    assert (keys["first_iteration"], keys["last_iteration"]) == (2, 7)


def test_samples_of_one(ask: Any) -> None:
    number = id_of(ask, "shop.pay.Declined")
    text = ask("show", number, "-n", "3").stdout
    assert re.findall(r"^  card (\d)$", text, re.MULTILINE) == ["9", "8", "7"]
    assert "7 older samples" in text
    assert "older" not in ask("show", number, "-n", "10").stdout
    told = answer(ask("show", "-n", "99", number, "--json"))
    assert told["schema"] == "tachograph-exception"
    assert [sample["iteration"] for sample in told["samples"]] == list(range(9, -1, -1))
    assert told["exception"]["sample_count"] == 10
    assert len(answer(ask("show", number, "--json"))["samples"]) == 1
    early = answer(ask("show", number, "--json", "--version", "1"))
    assert (early["exception"]["count"], early["samples"][0]["iteration"]) == (21, 5)


def test_what_was_not_captured_is_left_out(ask: Any) -> None:
    text = ask("show", id_of(ask, "KeyError")).stdout
    assert "'lamp'" in text
    assert "args" not in text


def test_hostile_texts_are_shown_as_such(cli: Any, ask: Any, store: Path) -> None:
    """Neither a terminal nor a reader of JSON acts on them."""
    number = id_of(ask, "ValueError")
    for words in (["show", number], []):
        text = ask(*words).stdout
        shown = cli.on_terminal(300, "exceptions", *words, "--store", store)
        for said in (text, re.sub(r"\x1b\[\d*m", "", shown).replace("\r", "")):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
            assert r"\x1b[31mred\a \u202etxt</script>" in said
    assert "bound anew" in ask("show", number).stdout
    assert answer(ask("show", number, "--json"))["samples"][0]["message"] == HOSTILE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list"], "'list' is nothing to do; 'exceptions show ID' shows one"),
        (["show"], "give 'show' one id"),
        (["show", "x"], "give 'show' one id"),
        (["show", "0"], "give 'show' one id"),
        (["show", "-1"], "unknown option '-1'"),
        (["show", "1x"], "give 'show' one id"),
        (["show", ""], "give 'show' one id"),
        (["show", "1", "2"], "give 'show' one id"),
        (["--function", ""], "pattern '' is empty"),
        (["--function", "a/b"], "holds a '/'"),
        (["--sort", "size"], "choose one of count, last"),
        (["-n", "0"], "limit"),
        (["--since", "yesterday-ish"], "yesterday-ish"),
        (["--functions", "x"], "--function"),
    ],
)
def test_wrong_usage(ask: Any, words: list[str], said: str) -> None:
    result = ask(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") <= 2


@pytest.mark.parametrize("number", ["999", "99999999999999999999"])
def test_one_that_there_is_not(ask: Any, number: str) -> None:
    result = ask("show", number)
    assert (result.returncode, result.stdout) == (1, "")
    assert "'tachograph exceptions' lists them" in result.stderr


def test_one_that_did_not_happen_then(ask: Any) -> None:
    result = ask("show", id_of(ask, "KeyError"), "--since", "iteration:8")
    assert result.returncode == 1
    assert "in that time" in result.stderr


def test_nothing_failed(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "calm.db")
    history.service().add(0, {PAY: (10, MS)})
    result = cli("exceptions", "--store", history.done())
    assert result.returncode == 0
    assert "no exception was recorded in that time; @tachograph.exception_logger" in result.stdout
    assert json.loads(cli("exceptions", "--json", "--store", tmp_path / "calm.db").stdout)["exceptions"] == []


def test_what_was_made_is_a_history(cli: Any, store: Path) -> None:
    assert cli("store", "verify", store).returncode == 0
