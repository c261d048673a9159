"""What the server answers: the same as the program's --json, as docs/formats/openapi.json says, or why not."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from histories import MS, PRICE, SEARCH, History, Service, fill, search_ns
from prometheus_client import parser
from serving import Answer, Serving

pytestmark = pytest.mark.any_python

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "docs" / "formats" / "openapi.json").read_text())
LARGE = 2**63 - 1

# Questions that have answers, one at least for each path.
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v1/services", {}),
    ("/api/v1/store", {}),
    ("/api/v1/versions", {"service": "shop"}),
    ("/api/v1/events", {"limit": 1}),
    ("/api/v1/quality", {"since": "iteration:5"}),
    ("/api/v1/functions", {}),
    ("/api/v1/functions", {"sort": "p99", "order": "ascending", "filter": "ORDERS", "limit": 1, "offset": 1}),
    ("/api/v1/functions", {"percentiles": "yes", "version": "2"}),
    ("/api/v1/trend", {"function": "Orders.search", "last": 3}),
    ("/api/v1/trends", {"minimum": 0.01}),
    ("/api/v1/diff", {"a": "version:1", "b": "version:2"}),
    ("/api/v1/diff", {"a": "iteration:0..5", "b": "iteration:6..29", "limit": 1, "offset": 1}),
    ("/api/v1/series", {}),
    ("/api/v1/series", {"function": "search", "column": "calls", "points": 7}),
    ("/api/v1/slices", {"width": 5, "limit": 1}),
    ("/api/v1/latency", {"function": "search"}),
    ("/api/v1/functions", {"sort": "slope", "limit": 1}),
    ("/api/v1/call-tree", {}),
    ("/api/v1/call-tree", {"thread": "MainThread", "measure": "cpu", "nodes": 2, "since": "iteration:5"}),
    ("/api/v1/call-tree-diff", {"a": "version:1", "b": "iteration:20..29", "nodes": 3}),
    ("/api/v1/calls", {"function": "Orders.search", "limit": 1}),
    ("/api/v1/exceptions", {}),
    ("/api/v1/exceptions", {"function": SEARCH, "sort": "last", "filter": "ERROR", "points": 2, "limit": 1}),
    ("/api/v1/exception", {"id": 1, "offset": 1, "limit": 1}),
    ("/api/v1/exception", {"id": 2, "version": "2"}),
    ("/api/v1/processes", {}),
    ("/api/v1/processes", {"by": "function", "sort": "calls"}),
    ("/api/v1/session", {}),
    ("/healthz", {}),
    ("/metrics", {}),
]


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """A history of two services, of which one has two versions."""
    history = History(cli, tmp_path / "shop.db")
    history.service("other", started_s=1_600_000_000).add(0, {"o::o": (20, MS)})
    shop = history.service()
    fill(shop)
    sample(shop)
    fail(shop)
    return history.done()


HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[2J\u202e"


def fail(service: Service) -> None:
    """What failed in it: one kind in each iteration, and one in the second version, whose texts are others'."""
    for iteration in range(30):
        sample = {"message": f"no {iteration}", "args": f'[{{"card": {iteration}}}, 12345678901234567890]'}
        service.fail(iteration, SEARCH, "KeyError", iteration + 1, samples=[sample])
    texts = dict.fromkeys(("message", "traceback", "args", "kwargs", "rebound"), HOSTILE)
    service.fail(25, PRICE, "shop.Error", 3, samples=[texts] * 3, lost=12)


def sample(service: Service) -> None:
    """What a sampler saw of it: in version 2 more of one thread, and less of another."""
    for iteration in (5, 6):
        stacks = {"main;Orders.search;compare": 600, "main;Orders.search": 100, "main;Orders.price": 300}
        service.sample(iteration, {"MainThread": stacks, "log": {"write": 40}}, version="1", run="a" * 32)
    stacks = {"main;Orders.search;compare": 5000, "main;Orders.search;compare;Orders.search": 500}
    service.sample(25, {"MainThread": stacks, "log": {"write": 10, "flush": 1}}, version="2", run="b" * 32)


@pytest.fixture
def server(cli: Any, store: Path) -> Iterator[Serving]:
    """A server of it."""
    server = Serving(cli, store)
    yield server
    server.stop()


def expect(path: str, answer: Answer) -> None:
    """Holds an answer to the OpenAPI document."""
    responses = OPENAPI["paths"][path]["get"]["responses"]
    assert str(answer.status) in responses, answer.body
    content = responses[str(answer.status)]["content"]
    if "application/json" in content:
        schema = {**content["application/json"]["schema"], "components": OPENAPI["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json)
    else:
        assert answer.headers["Content-Type"].split(";")[0] in content


def test_every_path_is_asked_here() -> None:
    jsonschema.Draft202012Validator.check_schema(OPENAPI["components"]["schemas"]["Functions"])
    assert {path for path, _ in QUESTIONS} == {path for path, item in OPENAPI["paths"].items() if "get" in item}


@pytest.mark.parametrize(("path", "parameters"), QUESTIONS)
def test_answers_are_as_documented(server: Serving, path: str, parameters: dict[str, Any]) -> None:
    answer = server.get(path, **parameters)
    assert answer.status == 200, answer.body
    expect(path, answer)


def test_the_document_is_served(server: Serving) -> None:
    assert server.get("/api/v1/openapi.json").json == OPENAPI


def parameters_of(path: str) -> list[dict[str, Any]]:
    """The parameters that the document gives a path."""
    shared = OPENAPI["components"]["parameters"]
    return [
        shared[p["$ref"].rsplit("/", 1)[1]] if "$ref" in p else p
        for p in OPENAPI["paths"][path]["get"].get("parameters", [])
    ]


def test_the_document_has_the_parameters_that_there_are(server: Serving) -> None:
    """All of the document's are known, and no other that any path has."""
    paths = [path for path, item in OPENAPI["paths"].items() if "get" in item and path != "/api/v1/session"]
    every = {p["name"] for path in paths for p in parameters_of(path)}
    for path in paths:
        own = {p["name"] for p in parameters_of(path)}
        for name in every:
            said = server.get(path, **{name: "\x01"})
            unknown = said.status == 400 and "is no parameter of" in said.json["error"]["message"]
            assert unknown == (name not in own), (path, name, said.body)


@pytest.mark.parametrize(
    "path", [path for path, item in OPENAPI["paths"].items() if "get" in item and path != "/api/v1/session"]
)
def test_bounds_and_words_are_those_of_the_document(server: Serving, path: str) -> None:
    known = {"function": "search", "id": "1"}
    required = {p["name"]: known.get(p["name"], "version:1") for p in parameters_of(path) if p["required"]}
    for parameter in parameters_of(path):
        name, schema = parameter["name"], parameter["schema"]
        good = schema.get("enum", []) + [schema[key] for key in ("minimum", "maximum") if key in schema]
        bad = []
        if "enum" in schema:
            bad = ["", "nonsense", schema["enum"][0] + " ", schema["enum"][0].upper(), "'; DROP TABLE services; --"]
        elif "minimum" in schema:
            bad = ["", "x", "1x", "-1", " 1", "0x10", "1e400", "nan", "inf", str(schema["minimum"] - 1)]
            bad += [str(2**64), "1.5"] if schema["type"] == "integer" else []
            bad += [str(schema["maximum"] + 1)] if "maximum" in schema else []
        for value in good:
            answer = server.get(path, **{**required, name: value})
            # Two that exclude each other are told by name; there is not everything that there could be.
            assert (
                answer.status == 200
                or (answer.status == 400 and name in answer.json["error"]["message"])
                or (answer.status == 404 and answer.json["error"]["parameter"] == name == "id")
            ), answer.body
        for value in bad:
            answer = server.get(path, **{**required, name: value})
            assert (answer.status, answer.json["error"]["parameter"]) == (400, name), value
            expect(path, answer)


# --- the same as the command line ---


def of_cli(cli: Any, store: Path, *words: str) -> Any:
    """What a command answers."""
    result = cli(*words, "--store", store, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("words", "name", "parameters"),
    [
        (("rank", "--service", "shop"), "functions", {"service": "shop"}),
        (("rank", "--by", "p99"), "functions", {"sort": "p99"}),
        (
            ("rank", "--by", "total", "-n", "2", "--version", "1"),
            "functions",
            {"sort": "total", "limit": 2, "version": "1"},
        ),
        (("rank", "--since", "iteration:20"), "functions", {"since": "iteration:20"}),
        (("trend", SEARCH, "-n", "4"), "trend", {"function": SEARCH, "last": 4}),
        (("trend", "--all", "--minimum", "1%"), "trends", {"minimum": "0.01"}),
        (("diff", "version:1", "version:2"), "diff", {"a": "version:1", "b": "version:2"}),
        (("store", "status"), "store", {}),
        (("exceptions",), "exceptions", {}),
        (("exceptions", "--sort", "last", "-n", "1"), "exceptions", {"sort": "last", "limit": 1}),
        (("exceptions", "--function", SEARCH, "--version", "2"), "exceptions", {"function": SEARCH, "version": "2"}),
        (("exceptions", "show", "1", "-n", "10"), "exception", {"id": 1}),
        (("exceptions", "show", "2", "-n", "3", "--run", "bbbb"), "exception", {"id": 2, "limit": 3, "run": "bbbb"}),
    ],
)
def test_answers_are_those_of_the_program(
    cli: Any, store: Path, server: Serving, words: tuple[str, ...], name: str, parameters: dict[str, Any]
) -> None:
    assert server.api(name, **parameters) == of_cli(cli, store, *words)


def test_processes_are_those_of_top(cli: Any, store: Path, function: Any) -> None:
    cli.record([function("m::f", [1000, 3000]), function("m::g", [5])], pid=4_000_001)
    server = Serving(cli, store)
    try:
        mine = server.api("processes", by="function", sort="name")
        shown = json.loads(cli("top", "--once", "--json", "--sort", "name", "-d", "0.1").stdout)
    finally:
        server.stop()
    assert [row["name"] for row in mine["rows"]] == [row["name"] for row in shown["rows"]] != []
    assert [row["ever"] for row in mine["rows"]] == [row["ever"] for row in shown["rows"]]
    for process in shown["processes"]:
        assert process.pop("recording").startswith("/")  # which nobody else has to know
    assert mine["processes"] == shown["processes"]


# --- pages of functions ---


def names(found: Any) -> list[str]:
    """Of the functions of an answer."""
    return [function["name"] for function in found["functions"]]


def test_pages_are_the_whole(server: Serving) -> None:
    whole = names(server.api("functions", sort="calls"))
    assert len(whole) == 3
    assert [names(server.api("functions", sort="calls", limit=1, offset=i)) for i in range(4)] == [
        *([name] for name in whole),
        [],
    ]
    assert names(server.api("functions", sort="calls", order="ascending")) == whole[::-1]
    assert names(server.api("functions", sort="name")) == sorted(whole)
    assert names(server.api("functions", sort="name", order="descending")) == sorted(whole, reverse=True)


def test_a_filter_counts_what_it_leaves(server: Serving) -> None:
    found = server.api("functions", filter="orders.S")
    assert (names(found), found["function_count"]) == ([SEARCH], 1)
    found = server.api("functions", filter="%")
    assert (names(found), found["function_count"]) == ([], 0)


# --- exceptions ---


def test_kinds_and_samples_come_in_pages(server: Serving) -> None:
    whole = server.api("exceptions")
    assert [kind["count"] for kind in whole["exceptions"]] == [465, 3]
    assert (whole["exception_count"], whole["lost_sample_count"]) == (2, 12)
    pages = [server.api("exceptions", limit=1, offset=i) for i in range(3)]
    assert [page["exceptions"] for page in pages] == [whole["exceptions"][:1], whole["exceptions"][1:], []]
    assert {page["exception_count"] for page in pages} == {2}
    samples = [server.api("exception", id=1, limit=4, offset=i)["samples"] for i in (0, 4, 28, 30)]
    assert [[sample["iteration"] for sample in page] for page in samples] == [
        [29, 28, 27, 26],
        [25, 24, 23, 22],
        [1, 0],
        [],
    ]
    assert server.api("exception", id=1, limit=1)["exception"]["sample_count"] == 30


def test_points_of_exceptions_come_in_steps(server: Serving) -> None:
    kind = server.api("exceptions", points=4, filter="keyerror")["exceptions"][0]
    assert [point["count"] for point in kind["points"]] == [sum(range(1, 11)), sum(range(11, 21)), sum(range(21, 31))]


def test_whatever_stands_in_a_sample_is_a_text(server: Serving) -> None:
    answer = server.get("/api/v1/exception", id=2)
    sample = answer.json["samples"][0]
    assert {sample[name] for name in ("message", "traceback", "args", "kwargs", "rebound")} == {HOSTILE}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_numbers_of_samples_keep_their_digits(server: Serving) -> None:
    assert b"12345678901234567890" in server.get("/api/v1/exception", id=1).body


@pytest.mark.parametrize("period", [{}, {"version": "1"}])
def test_an_exception_that_there_is_not(server: Serving, period: dict[str, str]) -> None:
    refused = server.get("/api/v1/exception", id=2 if period else 3, **period)
    assert (refused.status, refused.json["error"]["parameter"]) == (404, "id")


# --- charts ---


def test_series_of_all_iterations(server: Serving) -> None:
    found = server.api("series", minimum=4 * MS - 1, last=5000)
    search = next(line for line in found["functions"] if line["name"] == SEARCH)
    assert search["iterations"] == list(range(30))
    assert search["values"] == [search_ns(i) for i in range(30)]
    assert PRICE not in names(found)
    assert found["step"] == 1


def test_a_minimum_that_nothing_passes_offers_one_that_something_does(server: Serving) -> None:
    largest = server.api("series", column="calls")["largest"]
    empty = server.api("series", column="calls", minimum=largest)
    assert (empty["functions"], empty["function_count"], empty["largest"]) == ([], 0, 40)
    assert names(server.api("series", column="calls", minimum=largest - 1)) == [PRICE]


def test_long_periods_come_in_steps(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "long.db")
    service = history.service()
    for iteration in (0, 1, 9_999, 250_000, 1_000_000):
        service.add(iteration, {"m::f": (2, MS), "m::g": (1, 5 * MS)})
    server = Serving(cli, history.done())
    try:
        found = server.api("series", column="calls")
        assert 1_000_001 / 5000 <= found["step"] <= 1_000_001 / 5000 + 2
        line = next(line for line in found["functions"] if line["name"] == "m::f")
        assert sum(line["values"]) == 10
        assert len(line["iterations"]) == 4
        assert all(iteration % found["step"] == 0 for iteration in line["iterations"])
        last = server.api("series", last=2)["functions"]
        assert [line["iterations"] for line in last] == [[250_000, 1_000_000]] * 2
        refused = server.get("/api/v1/slices", width=100)
        assert (refused.status, refused.json["error"]["parameter"]) == (400, "width")
    finally:
        server.stop()


def test_slices_add_up_to_the_whole(server: Serving) -> None:
    found = server.api("slices", column="self", width=7, limit=1)
    assert found["step"] == 7
    total = sum(f["self_ns"] for f in server.api("functions")["functions"])
    assert sum(map(sum, (line["values"] for line in (*found["functions"], found["others"])))) == total
    assert names(found) == ["shop.__main__::main"]


# --- call trees ---


def paths(tree: Any, key: str) -> dict[str, int]:
    """Values by stack; "?" is a rest."""
    nodes, found = tree["nodes"], {}
    stacks: list[str] = []
    for parent, frame, value in zip(nodes["parents"], nodes["frames"], nodes[key], strict=True):
        name = "?" if frame == -2 else tree["frames"][frame]["name"] if frame >= 0 else ""
        stacks.append(f"{stacks[parent]};{name}".lstrip(";") if parent >= 0 else "")
        found[stacks[-1]] = value
    return found


def test_call_trees_add_up(server: Serving) -> None:
    tree = server.api("call-tree", until="version:1")
    assert paths(tree, "totals") == {
        "": 2080,
        "main": 2000,
        "main;Orders.price": 600,
        "main;Orders.search": 1400,
        "main;Orders.search;compare": 1200,
        "write": 80,
    }
    assert sum(tree["nodes"]["selves"]) == 2080
    assert (tree["interval_count"], tree["merged_count"], tree["thread"]) == (2, 0, None)
    assert tree["threads"] == [{"name": "MainThread", "total": 2000}, {"name": "log", "total": 80}]
    assert {(frame["file"], frame["line"]) for frame in tree["frames"]} == {("/srv/shop/orders.py", 12)}
    one = server.api("call-tree", since="iteration:6", until="iteration:6", thread="log", measure="cpu")
    assert paths(one, "totals") == {"": 20, "write": 20}


def test_call_trees_are_bounded(server: Serving) -> None:
    tree = server.api("call-tree", version="1", nodes=3)
    assert paths(tree, "totals") == {
        "": 2080,
        "main": 2000,
        "main;Orders.search": 1400,
        "main;?": 600,
        "main;Orders.search;?": 1200,
        "?": 80,
    }
    assert tree["merged_count"] == 3
    assert sum(tree["nodes"]["selves"]) == 2080


def test_call_trees_of_two_versions(server: Serving) -> None:
    found = server.api("call-tree-diff", a="version:1", b="version:2")
    a, b = paths(found, "a_totals"), paths(found, "b_totals")
    assert a.keys() == b.keys()
    assert (a["main;Orders.search;compare"], b["main;Orders.search;compare"]) == (1200, 5500)
    assert (a["flush"], b["flush"]) == (0, 1)
    assert (found["a"]["interval_count"], found["b"]["interval_count"]) == (2, 1)
    assert (found["a"]["version"], found["b"]["version"]) == ("1", "2")


@pytest.mark.parametrize("name", ["Orders.search", SEARCH, "search"])
def test_callers_and_callees(server: Serving, name: str) -> None:
    found = server.api("calls", function=name)
    assert found["function"] == {
        "name": "Orders.search",
        "file": "/srv/shop/orders.py",
        "line": 12,
        "total": 1400 + 5500,
        "self": 200 + 500,
    }
    assert [(row["name"], row["total"]) for row in found["callers"]] == [("main", 6900)]
    assert [(row["name"], row["total"]) for row in found["callees"]] == [("compare", 6200)]
    sampled = server.api("calls", function="compare", file="/srv/shop/orders.py")
    assert [row["name"] for row in sampled["callers"]] == ["Orders.search"]
    assert server.api("calls", function="write", thread="log")["callers"][0]["name"] is None


def test_nothing_was_sampled(server: Serving) -> None:
    tree = server.api("call-tree", service="other")
    assert (paths(tree, "totals"), tree["interval_count"]) == ({"": 0}, 0)


# --- questions that have no answer ---


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("functions?sort", 400, "sort cannot be ''"),
        ("functions?limit=1&limit=2", 400, "limit is given twice"),
        ("functions?%66ilter=%ff", 400, "filter is no percent-encoded UTF-8"),
        ("functions?filter=%zz", 400, "filter is no percent-encoded UTF-8"),
        ("functions?filter=a%00b", 400, "filter is no percent-encoded UTF-8"),
        ("functions?filter=%ed%a0%80", 400, "filter is no percent-encoded UTF-8"),
        ("functions?%ff=1", 400, "the name of a parameter"),
        ("functions?limmit=1", 400, "did you mean limit?"),
        ("functions?service=nobody", 404, "there is no service 'nobody'"),
        ("functions?since=yesterday", 400, "yesterday"),
        ("functions?since=-1h&until=-2h", 400, "ends before it begins"),
        ("functions?version=9", 404, "9"),
        ("functions?run=xyz", 400, "xyz"),
        ("trend?function=nobody", 404, "nobody"),
        ("trend?function=", 404, ""),
        ("trend?function=Orders", 404, ""),
        ("trend", 400, "function is missing"),
        ("diff?a=version:1", 400, "b is missing"),
        ("diff?a=nonsense&b=version:1", 400, "nonsense"),
        ("diff?a=version:1&b=version:9", 404, "9"),
        ("series?last=1&points=2", 400, "leave out one"),
        ("slices?column=average", 400, "averages do not add up"),
        ("series?function=nobody", 404, "nobody"),
        ("call-tree?thread=nobody", 404, "no thread 'nobody'"),
        ("call-tree?nodes=20001", 400, "nodes cannot be"),
        ("call-tree-diff?a=version:1&b=version:9", 404, "9"),
        ("call-tree-diff?a=nonsense&b=version:1", 400, "nonsense"),
        ("calls?function=nobody", 404, "no function 'nobody' was sampled"),
        ("calls?function=compare&file=other.py", 404, "compare"),
    ],
)
def test_why_there_is_no_answer(server: Serving, path: str, status: int, said: str) -> None:
    answer = server.get(f"/api/v1/{path}")
    assert answer.status == status, answer.body
    assert said in answer.json["error"]["message"]
    expect("/api/v1/" + path.partition("?")[0], answer)


@pytest.mark.parametrize(
    "since", [f"iteration:{LARGE}", f"iteration:-{LARGE}", "1970-01-01", "2200-01-01", "-9999999w"]
)
@pytest.mark.parametrize("path", ["functions", "series", "slices", "trends", "events", "quality"])
def test_enormous_ranges(server: Serving, path: str, since: str) -> None:
    for words in ({"since": since}, {"until": since}):
        answer = server.get(f"/api/v1/{path}", **words)
        assert answer.status in (200, 400)
        expect(f"/api/v1/{path}", answer)


def test_more_parameters_than_there_can_be(server: Serving) -> None:
    query = "&".join(f"p{i}=1" for i in range(17))
    assert "more than 16" in server.get(f"/api/v1/functions?{query}").json["error"]["message"]


def test_one_point(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "one.db")
    history.service().add(0, {"m::f": (1, MS)})
    server = Serving(cli, history.done())
    try:
        for path, parameters in QUESTIONS:
            if (
                path not in ("/api/v1/diff", "/api/v1/call-tree-diff", "/api/v1/trend", "/metrics")
                and not {"version", "function", "thread", "id"} & parameters.keys()
            ):
                answer = server.get(path, **parameters)
                assert answer.status == 200, answer.body
                expect(path, answer)
        assert server.api("trend", function="f")["trend"]["direction"] == "none"
        assert server.api("series")["functions"][0]["values"] == [MS]
    finally:
        server.stop()


def test_gaps_are_no_points(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "gaps.db")
    service = history.service()
    there = [0, 1, 50, 51, 4000]
    for iteration in there:
        service.add(iteration, {"a::a": (20, MS)})
    server = Serving(cli, history.done())
    try:
        line = server.get("/api/v1/series", column="calls").json["functions"][0]
        assert (line["iterations"], line["values"]) == (there, [20] * len(there))
        points = server.get("/api/v1/trend", function="a::a").json["points"]
        assert [point["iteration"] for point in points] == there
        slices = server.get("/api/v1/slices", column="calls", width=10).json["functions"][0]
        assert (slices["iterations"], slices["values"]) == ([0, 50, 4000], [40, 40, 20])
        heat = server.get("/api/v1/latency", function="a::a").json
        assert len(heat["iterations"]) == len(heat["counts"]) == 3
    finally:
        server.stop()


def test_100_000_functions(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "many.db")
    service = history.service()
    service.add(0, {f"m::f{i:06}": (20, 1000 + i) for i in range(100_000)})
    service.add(1, {"m::f000000": (20, 1000)})
    server = Serving(cli, history.done())
    try:
        first = server.get("/api/v1/functions", sort="total", limit=25, percentiles="yes").json
        assert (first["function_count"], first["functions"][0]["name"]) == (100_000, "m::f099999")
        last = server.get("/api/v1/functions", sort="name", offset=99_990, limit=25).json["functions"]
        assert [row["name"] for row in last] == [f"m::f{i:06}" for i in range(99_990, 100_000)]
        assert server.get("/api/v1/functions", filter="F0000").json["function_count"] == 100
        series = server.get("/api/v1/series", column="total", minimum=0).json
        assert (series["function_count"], len(series["functions"])) == (100_000, 50)
        slices = server.get("/api/v1/slices", column="total", limit=10).json
        assert (
            sum(sum(line["values"]) for line in [*slices["functions"], slices["others"]])
            == 20 * sum(range(1000, 101_000)) + 20 * 1000
        )
        assert server.get("/api/v1/trends", limit=5).json["function_count"] == 100_000
        assert server.get("/metrics").body.count(b"tachograph_function_calls_total{") <= 101
    finally:
        server.stop()


def test_a_history_without_anything(cli: Any, tmp_path: Path) -> None:
    server = Serving(cli, History(cli, tmp_path / "empty.db").done())
    try:
        assert server.api("services")["services"] == []
        assert server.get("/healthz").status == 200
        answer = server.get("/api/v1/functions")
        assert answer.status == 404
        expect("/api/v1/functions", answer)
    finally:
        server.stop()


# --- HTTP ---


def test_head_is_get_without_a_body(server: Serving) -> None:
    bearer = {"Authorization": f"Bearer {server.token}"}
    head, get = (server.request(method, "/api/v1/services", bearer) for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.body))
    assert head.headers["ETag"] == get.headers["ETag"]


@pytest.mark.parametrize("path", ["/api/v1/functions", "/", "/api/v1/openapi.json"])
def test_what_is_known_is_not_sent_again(server: Serving, path: str) -> None:
    first = server.get(path)
    for tag in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
        again = server.get(path, {"If-None-Match": tag})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert server.get(path, {"If-None-Match": '"x"'}).status == 200
    other = server.get(path, {"If-None-Match": first.headers["ETag"], "Accept-Encoding": "gzip"})
    assert other.status == (200 if other.headers["Content-Encoding"] == "gzip" else 304)


def test_an_etag_changes_with_the_answer(server: Serving, store: Path) -> None:
    before = server.get("/api/v1/functions").headers["ETag"]
    connection = sqlite3.connect(store)
    with connection:
        connection.execute("UPDATE functions SET line = line + 1")
    connection.close()
    assert server.get("/api/v1/functions", {"If-None-Match": before}).status == 200


@pytest.mark.parametrize("path", ["/api/v1/series", "/api/v1/openapi.json"])
def test_gzip_for_those_who_take_it(server: Serving, path: str) -> None:
    plain = server.get(path)
    assert plain.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["Content-Encoding"] is None
    for accepted in ("gzip", "br, GZIP;q=0.5", "deflate,gzip ; q=1"):
        packed = server.get(path, {"Accept-Encoding": accepted})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 2
        assert gzip.decompress(packed.body) == plain.body
    for refused in ("gzip;q=0", "gzip; q=0.0", "xgzip", "gzipx", "br", ""):
        assert server.get(path, {"Accept-Encoding": refused}).headers["Content-Encoding"] is None


# --- metrics ---


def test_metrics_are_what_prometheus_reads(cli: Any, store: Path, server: Serving) -> None:
    families = {
        family.name: family for family in parser.text_string_to_metric_families(server.get("/metrics").body.decode())
    }
    ranked = {f["name"]: f for f in of_cli(cli, store, "rank")["functions"]}
    for family, member, unit in (
        ("tachograph_function_calls", "call_count", 1),
        ("tachograph_function_seconds", "total_ns", 1e9),
        ("tachograph_function_self_seconds", "self_ns", 1e9),
    ):
        assert families[family].type == "counter"
        values = {s.labels["function"]: s.value for s in families[family].samples}
        assert values.pop("") == 0
        assert values == {name: pytest.approx(f[member] / unit) for name, f in ranked.items()}
        assert {s.labels["service"] for s in families[family].samples} == {"shop"}


def test_metrics_name_a_bounded_number_of_functions(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "many.db")
    awkward = 'm::q"uo\\te\nline'
    history.service('se"r\\vice').add(0, {awkward: (1, 10**9), **{f"m::f{i}": (i + 1, 1000) for i in range(250)}})
    server = Serving(cli, history.done())
    try:
        families = parser.text_string_to_metric_families(server.get("/metrics").body.decode())
        samples = next(f for f in families if f.name == "tachograph_function_calls").samples
    finally:
        server.stop()
    assert len(samples) == 101
    assert sum(s.value for s in samples) == 1 + sum(range(1, 251))
    assert samples[0].labels == {"service": 'se"r\\vice', "function": awkward}
