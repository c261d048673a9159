"""The blueprint for Flask: who may see it, what changes it, and a server of two workers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flask_login")
PROGRAMS = Path(__file__).parent / "programs"
BUILD = Path(__file__).parents[2] / "build"
PYTHON = f"python3.{sys.version_info[1]}"
INSTALLED = version("flask")


@pytest.fixture(params=[INSTALLED, "3.0", "2.3", "2.2"])
def flask(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """A version of Flask, and where it lies beside the one that is installed: tools/test makes them for one Python."""
    if request.param == INSTALLED:
        return INSTALLED, []
    packages = BUILD / f"flask-{request.param}" / "lib" / PYTHON / "site-packages"
    if not packages.is_dir():
        pytest.skip(f"there is no Flask {request.param} for this Python: tools/make_venv makes one")
    return request.param, [str(packages)]


@pytest.fixture
def run(history: Any, flask: tuple[str, list[str]]) -> Any:
    """Runs a program that has the application and a client of it."""

    def run(program: str) -> None:
        begin = (
            f"import sys; sys.path[:0] = {[*flask[1], str(PROGRAMS)]!r}\nfrom flasked import *\n"
            f"client = app.test_client()\nassert client.get('/version').text.startswith({flask[0]!r})\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", begin + program],
            **history.options(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr

    return run


def test_nobody_by_default_and_only_those_who_are_named(run: Any) -> None:
    run(
        """
every = [("GET", "status"), ("GET", "pause"), ("GET", "unpause"), ("POST", "pause"), ("POST", "unpause")]
def answers(): return {client.open("/ox_profile/" + name, method=method).status_code for method, name in every}
assert answers() == {403}
client.get("/enter/eve")
assert answers() == {403}
client.get("/enter/ann")
assert answers() == {403}
client.get("/enter/anna")
assert client.get("/ox_profile/status").status_code == 200
for users in (None, (), "annab", "xanna", ["eve"]):
    app.config["OX_PROF_USERS"] = users
    assert answers() == {403}, users
app.config["OX_PROF_USERS"] = "anna"
assert client.get("/ox_profile/status").status_code == 200
app.config["OX_PROF_USERNAME_FIELD"] = "email"
assert answers() == {403}
app.config["OX_PROF_USERS"] = ["anna@example.org"]
assert client.get("/ox_profile/status").status_code == 200
app.config["OX_PROF_USERNAME_FIELD"] = "no_such_field"
assert answers() == {403}
"""
    )


def test_without_a_login_manager_nobody(run: Any) -> None:
    run(
        """
other = flask.Flask("other")
other.register_blueprint(blueprint)
other.config["OX_PROF_USERS"] = {"anna"}
assert other.test_client().get("/ox_profile/status").status_code == 403
"""
    )


def test_the_change_is_a_post_of_the_page(run: Any) -> None:
    run(
        """
import re, tachograph
client.get("/enter/anna")
assert tachograph.sampling_state().is_paused
for name in ("pause", "unpause"):
    page = client.get("/ox_profile/" + name)
    assert page.status_code == 200 and page.text.count("<button>") == 1 and 'method="post"' in page.text
    assert tachograph.sampling_state().is_paused
token = re.search('name="csrf_token" value="([^"]+)"', page.text)[1]
def post(given, **headers): return client.post("/ox_profile/unpause", data={"csrf_token": given}, headers=headers).status_code
for wrong in ("", token[:-1], token + "x", "\\u00e9"):
    assert post(wrong) == 403, wrong
assert client.post("/ox_profile/unpause").status_code == 403
assert post(token, Origin="http://evil.example") == 403
assert post(token, **{"Sec-Fetch-Site": "cross-site"}) == 403
assert app.test_client().post("/ox_profile/unpause", data={"csrf_token": token}).status_code == 403
assert client.get("/ox_profile/unpause?csrf_token=" + token).status_code == 200
assert tachograph.sampling_state().is_paused
assert post(token, Origin="http://localhost", **{"Sec-Fetch-Site": "same-origin"}) == 303
assert not tachograph.sampling_state().is_paused
assert client.post("/ox_profile/pause", headers={"X-CSRF-Token": token, "Accept": "application/json"}).json["pid"] == os.getpid()
assert tachograph.sampling_state().is_paused
"""
    )


def test_the_status_as_page_and_json(run: Any) -> None:
    run(
        """
import tachograph
client.get("/enter/anna")
empty = client.get("/ox_profile/status?format=json").json
assert (empty["total_records"], empty["functions"], empty["is_paused"]) == (0, [], True)
assert "Nothing has been seen yet" in client.get("/ox_profile/status").text
tachograph.unpause()
evil = {}
exec("def f(n):\\n for i in range(2000): n += i\\n return n", evil)
evil["f"].__code__ = evil["f"].__code__.replace(co_qualname="</script><img onerror=x>", co_name="x")
while "onerror" not in tachograph.show(100) or tachograph.query().total_records < 50: evil["f"](1)
tachograph.pause()
answer = client.get("/ox_profile/status", headers={"Accept": "application/json"})
known = answer.json
samples = tachograph.query()
assert known["total_records"] == samples.total_records
assert [(f["name"], f["hits"]) for f in known["functions"]] == [(f.name, f.hits) for f in samples.functions][:100]
for f in known["functions"]: assert f["share"] == f["hits"] / known["total_records"]
assert [(one["pid"], one["state"]) for one in known["processes"]] == [(os.getpid(), "paused")]
page = client.get("/ox_profile/status", headers={"Accept": "text/html,*/*;q=0.8"})
assert "&lt;/script&gt;&lt;img onerror=x&gt;" in page.text and "<img" not in page.text
assert len(client.get("/ox_profile/status?format=json&limit=1").json["functions"]) == 1
assert client.get("/ox_profile/status?limit=x").status_code == 400
for each in (answer, page):
    assert each.headers["Cache-Control"] == "no-store"
    assert each.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert each.headers["X-Content-Type-Options"] == "nosniff"
"""
    )


def test_a_sampler_that_runs_is_left_alone(run: Any) -> None:
    run(
        """
import tachograph
tachograph.unpause()
flask.Flask("again").register_blueprint(blueprint)
assert not tachograph.sampling_state().is_paused
"""
    )


class Server:
    """A server of two workers, and a browser that anna has signed in with."""

    def __init__(self, history: Any, flask: tuple[str, list[str]], *words: str) -> None:
        gunicorn = str(Path(sys.executable).with_name("gunicorn"))
        options = ["--bind", "127.0.0.1:0", "--workers", "2", "--no-control-socket", "--pythonpath"]
        options.append(",".join([*flask[1], str(PROGRAMS)]))
        self.log = history.directory / "gunicorn.log"
        with self.log.open("wb") as log:
            given = history.options()
            self.process = subprocess.Popen(
                [gunicorn, *options, *words, "flasked:app"], **given, stdout=log, stderr=log
            )
        listening = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
        self.port = int(history.wait_until(lambda: listening.search(self.log.read_text()), "gunicorn")[1])
        self.cookie = ""
        assert self.ask("GET", "/version")[1].startswith(flask[0])
        self.ask("GET", "/enter/anna")

    def ask(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            given = {"Cookie": self.cookie, "Content-Type": "application/x-www-form-urlencoded", **headers}
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            text = answer.read().decode()
            self.cookie = (answer.headers["Set-Cookie"] or self.cookie).split(";")[0]
            return answer.status, text
        finally:
            connection.close()

    def status(self) -> Any:
        """What a worker says."""
        code, text = self.ask("GET", "/ox_profile/status?format=json")
        assert code == 200, text
        return json.loads(text)

    def change(self, name: str) -> None:
        """Presses the button."""
        token = re.search('value="([^"]+)"', self.ask("GET", f"/ox_profile/{name}")[1])
        assert token
        assert self.ask("POST", f"/ox_profile/{name}", f"csrf_token={token[1]}")[0] == 303


@pytest.fixture(params=[(), ("--preload",)], ids=["", "preload"])
def server(history: Any, flask: tuple[str, list[str]], request: pytest.FixtureRequest) -> Iterator[Server]:
    """One that ends with the test."""
    server = Server(history, flask, *request.param)
    yield server
    os.kill(server.process.pid, signal.SIGTERM)
    assert server.process.wait(60) == 0, server.log.read_text()


def test_two_workers(history: Any, server: Server) -> None:
    """An order reaches both, whichever worker has the request; each tells its own figures, and whose they are."""
    both = history.wait_until(
        lambda: (known := server.status()) and len(known["processes"]) == 2 and known["processes"], "both workers"
    )
    pids = {worker["pid"] for worker in both}
    assert {worker["state"] for worker in both} == {"paused"}
    server.change("unpause")
    assert [worker["state"] for worker in server.status()["processes"]] == ["running"] * 2
    figures: dict[int, int] = {}

    def worked() -> bool:
        server.ask("GET", "/work")
        known = server.status()
        if any(function["name"] == "step" for function in known["functions"]):
            figures[known["pid"]] = known["total_records"]
        return figures.keys() == pids

    history.wait_until(worked, "both workers to be seen at work")
    server.change("pause")
    paused: dict[int, Any] = {}

    def asked() -> bool:
        known = server.status()
        figures[known["pid"]], paused[known["pid"]] = known["total_records"], known["is_paused"]
        return paused.keys() == pids

    history.wait_until(asked, "both workers to answer")
    assert set(paused.values()) == {True}
    for _ in range(20):
        server.ask("GET", "/work")
        known = server.status()
        assert known["total_records"] == figures[known["pid"]]
