"""What the server changes for those who may: markers in the history, and the samplers of processes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from histories import MS, History
from serving import Answer, Serving

pytestmark = pytest.mark.any_python

OPENAPI = json.loads((Path(__file__).resolve().parents[3] / "docs" / "formats" / "openapi.json").read_text())
FORM = "application/x-www-form-urlencoded"

SAMPLED = """
import sys, tachograph
def leaf(n): return n + 1
tachograph.start(store="none", sample_hz=200)
def work():
    for n in range(20_000): leaf(n)
for line in sys.stdin:
    before = tachograph.sampling_state()
    while line.strip() == "until taken" and tachograph.sampling_state().taken == before.taken: work()
    if line.strip() == "work": work()
    state = tachograph.sampling_state()
    print(state.is_paused, state.hz, state.taken, flush=True)
"""


def expect(path: str, answer: Answer) -> Any:
    """Holds an answer to the OpenAPI document; its JSON."""
    content = OPENAPI["paths"][path]["post"]["responses"][str(answer.status)]["content"]
    schema = {**content["application/json"]["schema"], "components": OPENAPI["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json)
    return answer.json


class Changing(Serving):
    """A server, and changes asked of it."""

    def post(self, name: str, body: bytes | str, **headers: str) -> Answer:
        """What an API client sends."""
        csrf = self.api("session")["csrf"]
        given = {"Authorization": f"Bearer {self.token}", "X-Tachograph-CSRF": csrf, "Content-Type": FORM, **headers}
        return self.request("POST", f"/api/v1/{name}", given, body.encode() if isinstance(body, str) else body)

    def change(self, name: str, body: bytes | str) -> Any:
        """A change that must succeed."""
        answer = self.post(name, body)
        assert answer.status == 200, answer.body
        return expect(f"/api/v1/{name}", answer)

    def refuse(self, name: str, body: bytes | str, status: int, said: str) -> Any:
        """A change that must not."""
        answer = self.post(name, body)
        assert answer.status == status, answer.body
        error = expect(f"/api/v1/{name}", answer)["error"]
        assert said in error["message"]
        return error.get("parameter")


@pytest.fixture
def server(cli: Any, shop: Path) -> Iterator[Changing]:
    """One of the usual history."""
    server = Changing(cli, shop)
    yield server
    server.stop()


# --- markers ---


def test_a_marker_is_stored_and_told(cli: Any, shop: Path, server: Changing) -> None:
    text = "deployed 1.4 <b>&'\"% ✓"
    assert "marker" not in {event["kind"] for event in server.api("events")["events"]}
    added = server.change("events", "text=deployed+1.4%20<b>%26'%22%25+%e2%9c%93")["event"]
    assert (added["kind"], added["detail"], added["pid"]) == ("marker", text, None)
    events = server.api("events")["events"]
    assert events[-1] == added
    assert server.api("events", version="1")["event_count"] == len(
        [event for event in events if event["version"] == "1"]
    )
    assert cli("store", "verify", "--store", shop).returncode == 0


def test_a_marker_belongs_to_the_service_that_is_named(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "two.db")
    history.service("one").add(0, {"m::f": (1, MS)})
    history.service("two").add(5, {"m::f": (1, MS)})
    server = Changing(cli, history.done())
    try:
        assert server.change("events", "service=one&text=x")["service"]["name"] == "one"
        assert server.api("events", service="one")["event_count"] == 1
        assert server.api("events", service="two")["event_count"] == 0
        assert server.refuse("events", "service=three&text=x", 404, "three") == "service"
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("body", "status", "said", "parameter"),
    [
        (b"", 400, "text is missing", "text"),
        (b"text=", 400, "an event needs a text", "text"),
        (b"text=+%0a", 400, "an event needs a text", "text"),
        (b"text=" + b"x" * 501, 400, "an event takes 500", "text"),
        (b"text=" + b"x" * 4096, 413, "too large", None),
        (b"text=%ff", 400, "no percent-encoded UTF-8", None),
        (b"text=a\0b", 400, "zero bytes", None),
        (b"text=a%00b", 400, "no percent-encoded UTF-8", None),
        (b"text=a&text=b", 400, "given twice", None),
        (b"texts=a", 400, "did you mean text?", "texts"),
        (b'{"text": "a"}', 400, "", None),
    ],
)
def test_markers_that_are_refused(server: Changing, body: bytes, status: int, said: str, parameter: str | None) -> None:
    before = server.api("events")["event_count"]
    assert server.refuse("events", body, status, said) == parameter or parameter is None
    assert server.api("events")["event_count"] == before


def test_parameters_of_a_change_are_its_body(server: Changing) -> None:
    answer = server.post("events?text=x", "text=x")
    assert answer.status == 400
    assert "as its body" in answer.json["error"]["message"]
    assert server.api("events")["event_count"] == 0


def test_a_history_that_others_write_to(cli: Any, shop: Path, server: Changing) -> None:
    """Another program is in the middle of a long write."""
    connection = sqlite3.connect(shop, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        server.refuse("events", "text=x", 503, "")
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    server.change("events", "text=x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_history_that_only_may_be_read(shop: Path, server: Changing) -> None:
    shop.chmod(0o400)
    server.refuse("events", "text=x", 503, "")


# --- by the program ---


def test_a_marker_by_the_program(cli: Any, shop: Path, server: Changing) -> None:
    done = cli("event", "deployed 1.5", "--store", shop)
    assert (done.returncode, done.stderr) == (0, "")
    event = server.api("events")["events"][-1]
    assert (event["kind"], event["detail"]) == ("marker", "deployed 1.5")
    assert done.stdout == f"shop, iteration {event['iteration']}: deployed 1.5\n"
    told = json.loads(cli("event", "--json", "\x1b[31m", "--store", shop).stdout)
    assert told["event"] == server.api("events")["events"][-1]
    assert cli("event", "\x1b[31m", "--store", shop).stdout.endswith(": \\x1b[31m\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "give one text"),
        (("deployed", "1.4"), 2, "give one text"),
        (("",), 2, "an event needs a text"),
        (("x" * 501,), 2, "an event takes 500"),
        (("x", "--service", "nobody"), 1, "nobody"),
    ],
)
def test_events_that_are_refused(cli: Any, shop: Path, words: tuple[str, ...], code: int, said: str) -> None:
    done = cli("event", *words, "--store", shop)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


def test_of_several_services_none_is_guessed(cli: Any, tmp_path: Path) -> None:
    history = History(cli, tmp_path / "two.db")
    history.service("one").add(0, {"m::f": (1, MS)})
    history.service("two").add(5, {"m::f": (1, MS)})
    path = history.done()
    refused = cli("event", "x", "--store", path)
    assert refused.returncode == 2
    assert "one" in refused.stderr
    assert "two" in refused.stderr
    assert cli("event", "x", "--store", path, env={"TACHOGRAPH_SERVICE": "two"}).stdout.startswith("two, ")


# --- samplers ---


class Sampled:
    """A program that samples itself, and does what it is told by its input."""

    def __init__(self, cli: Any) -> None:
        self.process: subprocess.Popen[str] = cli.start_other(
            sys.executable, "-c", SAMPLED, stdin=subprocess.PIPE, text=True
        )
        self("")

    def __call__(self, words: str) -> tuple[bool, float, int]:
        """Tells it something; whether it pauses, its rate, and samples so far."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(words + "\n")
        self.process.stdin.flush()
        paused, rate, taken = self.process.stdout.readline().split()
        return paused == "True", float(rate), int(taken)


@pytest.fixture
def sampled(cli: Any) -> Iterator[Sampled]:
    """One that ends with the test."""
    program = Sampled(cli)
    yield program
    program.process.communicate(timeout=20)


def process_of(server: Changing, pid: int) -> Any:
    """What the API says of a process."""
    return next(process for process in server.api("processes")["processes"] if process["pid"] == pid)


def test_a_paused_process_takes_no_samples(server: Changing, sampled: Sampled) -> None:
    process = process_of(server, sampled.process.pid)
    assert (process["sampler"]["state"], process["sampler"]["rate_hz"]) == ("running", 200)
    assert "recording" not in process
    sampled("until taken")
    done = server.change("pause", f"process={process['uuid']}")
    assert (done["pid"], done["sampler"]["state"]) == (sampled.process.pid, "paused")
    paused, _, taken = sampled("")
    assert paused
    for _ in range(20):
        assert sampled("work")[2] == taken
    assert process_of(server, sampled.process.pid)["sampler"]["state"] == "paused"  # at once, too
    assert server.change("unpause", f"process={process['uuid']}")["sampler"]["state"] == "running"
    assert sampled("until taken")[2] > taken


def test_the_rate(server: Changing, sampled: Sampled) -> None:
    uuid = process_of(server, sampled.process.pid)["uuid"]
    assert server.change("rate", f"process={uuid}&rate_hz=50")["sampler"]["rate_hz"] == 50
    assert sampled("")[1] == 50
    assert process_of(server, sampled.process.pid)["sampler"]["rate_hz"] == 50
    for wrong in ("0", "10001", "-1", "x", "", "1.5", str(2**64)):
        assert server.refuse("rate", f"process={uuid}&rate_hz={wrong}", 400, "rate_hz cannot be") == "rate_hz"
    assert server.refuse("rate", f"process={uuid}", 400, "rate_hz is missing") == "rate_hz"
    assert sampled("")[1] == 50


def test_processes_that_are_none(cli: Any, server: Changing, function: Any) -> None:
    path = cli.record([function("m::f", [1000])], pid=4_000_001)  # of a process that has ended
    for uuid in ("0" * 32, "", "4711", "../../etc/passwd", str(path), "f" * 33):
        assert server.refuse("pause", f"process={uuid}", 404, "no process of that uuid") == "process"
    assert server.refuse("pause", "pid=1", 400, "no parameter of") == "pid"


def test_a_process_that_samples_nothing(cli: Any, server: Changing) -> None:
    program = "import sys, tachograph\n@tachograph.timing\ndef f(): pass\nf()\nprint(flush=True)\nsys.stdin.read()"
    process = cli.start_other(sys.executable, "-c", program, stdin=subprocess.PIPE)
    try:
        process.stdout.readline()
        told = process_of(server, process.pid)
        assert told["sampler"] is None
        assert server.refuse("pause", f"process={told['uuid']}", 404, "samples nothing") == "process"
    finally:
        process.communicate(timeout=20)


def test_a_process_that_is_stopped_is_not_waited_for_long(server: Changing, sampled: Sampled, wait_until: Any) -> None:
    """It obeys when it goes on."""
    uuid = process_of(server, sampled.process.pid)["uuid"]
    sampled.process.send_signal(19)
    stat = Path(f"/proc/{sampled.process.pid}/stat")
    wait_until(lambda: stat.read_text().rsplit(")", 1)[1].split()[0] == "T", "the process to stop")
    server.refuse("pause", f"process={uuid}", 503, "does not answer")
    sampled.process.send_signal(18)
    wait_until(lambda: sampled("")[0], "the order to be carried out")
