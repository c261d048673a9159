"""A run, or a part of a history, as one page: `tachograph report --html`. tests/browser opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import resource
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from histories import MS, SEARCH, History, fill

pytestmark = pytest.mark.any_python

EVIL = "shop::</script><img src=x onerror=alert(1)><!--"


class Page(HTMLParser):
    """The elements of a page, as a browser finds them."""

    def __init__(self, path: Path) -> None:
        """Reads it."""
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self.ended: set[int] = set()
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes it."""
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Adds to the text of the element that was begun last and has not ended."""
        last = len(self.elements) - 1
        if last not in self.ended:
            self.texts[last] = self.texts.get(last, "") + data

    def handle_endtag(self, tag: str) -> None:
        """Ends the one that was begun last; no other's text is asked for."""
        self.ended.add(len(self.elements) - 1)

    def inside(self, *tags: str) -> list[tuple[dict[str, str | None], str]]:
        """The attributes and texts of all elements of some kinds."""
        found = [(i, attrs) for i, (tag, attrs) in enumerate(self.elements) if tag in tags]
        return [(attrs, self.texts.get(i, "")) for i, attrs in found]

    @property
    def saved(self) -> Any:
        """What it was written with."""
        [text] = [text for attrs, text in self.inside("script") if attrs.get("id") == "saved"]
        return json.loads(text)


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """A history of two services, of which one has two versions in two runs."""
    history = History(cli, tmp_path / "shop.db")
    history.service("other", started_s=1_600_000_000).add(0, {"o::o": (20, MS)})
    fill(history.service())
    return history.done()


def write(cli: Any, store: Path, *words: str | Path, **options: Any) -> Any:
    """Writes the page; what came of it."""
    return cli("report", "--html", "x.html", "--store", store, *words, **options)


def read(cli: Any, store: Path, *words: str | Path) -> Page:
    """Writes the page and reads it."""
    done = write(cli, store, *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return Page(cli.directory / "x.html")


def key(route: str, **parameters: Any) -> str:
    """The name of an answer."""
    return "\n".join([route, *(f"{name}={parameters[name]}" for name in sorted(parameters))])


def test_the_answers_are_those_of_the_program(cli: Any, store: Path) -> None:
    answers = read(cli, store, "--since", "iteration:0").saved["answers"]
    functions = answers[key("functions", limit=1000, percentiles="yes", sort="self")]
    told = json.loads(cli("rank", "--store", store, "--by", "self", "--json").stdout)
    assert [row["name"] for row in functions["functions"]] == [row["name"] for row in told["functions"]]
    assert functions["functions"][0]["total_ns"] == told["functions"][0]["total_ns"]
    trend = json.loads(cli("trend", SEARCH, "--store", store, "--json", "-n", "5000").stdout)
    assert answers[key("trend", function=SEARCH, last=5000)]["points"] == trend["points"]
    assert key("functions", limit=1000, percentiles="yes", sort="self", version="2") in answers


def test_the_latest_run_unless_another_part_is_chosen(cli: Any, store: Path) -> None:
    for words, run, calls in [
        ((), "b" * 32, 200),
        (("a",), "a" * 32, 200),
        (("previous",), "a" * 32, 200),
        (("--run", "b"), "b" * 32, 200),
        (("--since", "iteration:18"), None, 220),
        (("--version", "1"), None, 200),
    ]:
        saved = read(cli, store, *words).saved
        assert saved["selection"]["run"] == run
        rows = {
            row["name"]: row
            for row in saved["answers"][key("functions", limit=1000, percentiles="yes", sort="self")]["functions"]
        }
        assert rows[SEARCH]["call_count"] == calls


def test_a_recording_stands_for_its_run(cli: Any) -> None:
    cli.script("def f(): pass\nfor _ in range(30): f()\n")
    assert cli("run", "--store", "h.db", "app.py").returncode == 0
    runs = json.loads(cli("runs", "--store", "h.db", "--json").stdout)["runs"]
    recording = json.loads(cli("report", "--json").stdout)["processes"][0]["recording"]
    done = cli("report", "--html", "x.html", "--store", "h.db", recording)
    assert (done.returncode, done.stderr) == (0, "")
    assert Page(cli.directory / "x.html").saved["selection"]["run"] == runs[0]["run"]


def test_nothing_runs_but_what_the_policy_names(cli: Any, store: Path) -> None:
    page = read(cli, store)
    [policy] = [
        attrs["content"] or ""
        for attrs, _ in page.inside("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for attrs, text in page.inside("script", "style"):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert attrs.get("id") == "saved" or f"'sha256-{digest}'" in policy
    for tag, attrs in page.elements:
        assert tag != "link" or (attrs["href"] or "").startswith("data:")
        assert (attrs.get("src") or "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "style" for name in attrs)


def test_a_name_that_is_markup_stays_text(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "markup.db")
    history.service(EVIL).add(0, {EVIL: (20, 1000)})
    page = read(cli, history.done())
    assert (
        page.saved["answers"][key("functions", limit=1000, percentiles="yes", sort="self")]["functions"][0]["name"]
        == EVIL
    )
    assert [attrs for attrs, _ in page.inside("img") if attrs.get("src") == "x"] == []


def test_many_functions_and_not_all_have_pages(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "many.db")
    history.service().add(0, {f"m::f{i}": (1, 1000 + i) for i in range(1500)})
    saved = read(cli, history.done()).saved
    assert (saved["function_count"], saved["function_page_count"]) == (1500, 200)
    assert key("trend", function="m::f1499", last=5000) in saved["answers"]
    assert len(saved["answers"][key("functions", limit=1000, percentiles="yes", sort="self")]["functions"]) == 1000


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("c" * 8,), 1, "no run"),
        (("--version", "3"), 1, "version"),
        (("--since", "soon"), 2, "soon"),
        (("--until", "2001-01-01"), 1, "no function was called"),
        (("--service", "none"), 1, "none"),
        (("--json",), 2, "leave out"),
        (("-o", "y.txt"), 2, "leave out"),
        (("a", "b"), 2, "leave out 'b'"),
        (("a", "--run", "b"), 2, "leave out 'a'"),
    ],
)
def test_pages_that_are_refused(cli: Any, store: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (cli.directory / "x.html").write_text("old")
    done = write(cli, store, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert (cli.directory / "x.html").read_text() == "old"


def test_options_of_a_page_that_is_none(cli: Any, store: Path) -> None:
    done = cli("report", "--store", store)
    assert done.returncode == 2
    assert "--html" in done.stderr


def test_no_history(cli: Any, tmp_path: Path) -> None:
    done = write(cli, tmp_path / "none.db")
    assert done.returncode == 1
    assert "none.db" in done.stderr
    assert not (cli.directory / "x.html").exists()


def test_files_that_cannot_be_written(cli: Any, store: Path) -> None:
    for name in ("no/such.html", "/dev/full", "."):
        done = cli("report", "--html", name, "--store", store)
        assert done.returncode == 1
        assert f"cannot write '{name}'" in done.stderr


def test_a_disk_that_becomes_full_leaves_the_old_file(cli: Any, store: Path) -> None:
    def allow_little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    (cli.directory / "x.html").write_text("old")
    before = sorted(cli.directory.iterdir())
    done = write(cli, store, preexec_fn=allow_little, restore_signals=False)  # SIGXFSZ stays ignored
    assert done.returncode == 1
    assert "x.html': File too large" in done.stderr
    assert (cli.directory / "x.html").read_text() == "old"
    assert sorted(cli.directory.iterdir()) == before
