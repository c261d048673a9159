"""Who may ask the server what: each test tries an attack that has to fail, beside the request that has to succeed."""

from __future__ import annotations

import base64
import os
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from histories import History, fill
from serving import Answer, Serving

pytestmark = pytest.mark.any_python

PASSWORD = "correct horse battery"
TOKEN = "a-token-of-at-least-twenty-characters"


@pytest.fixture
def store(cli: Any, tmp_path: Path) -> Path:
    """A history of a service of two versions."""
    history = History(cli, tmp_path / "shop.db")
    fill(history.service())
    return history.done()


@pytest.fixture
def start(cli: Any, store: Path) -> Iterator[Callable[..., Serving]]:
    """Starts servers of that history, which end with the test."""
    started: list[Serving] = []

    def start_one(*words: str | Path, **options: Any) -> Serving:
        started.append(Serving(cli, store, *words, **options))
        return started[-1]

    yield start_one
    for server in started:
        server.stop()


@pytest.fixture
def server(start: Callable[..., Serving]) -> Serving:
    """One as anybody starts it."""
    return start()


@pytest.fixture
def secret(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file for a secret."""

    def write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "secret"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a user with a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def cookie_of(answer: Answer) -> str:
    """The cookie that an answer sets, as a browser sends it back."""
    return str(answer.headers["Set-Cookie"]).split(";", 1)[0]


def sign_in(server: Serving) -> dict[str, str]:
    """The headers of a browser that has signed in, with what a page of ours knows."""
    cookie = cookie_of(server.request("POST", "/sign-in", body=server.token.encode()))
    csrf = server.request("GET", "/api/v1/session", {"Cookie": cookie}).json["csrf"]
    return {"Cookie": cookie, "X-Tachograph-CSRF": csrf, "Origin": f"http://{server.host}:{server.port}"}


WEB = Path(__file__).resolve().parents[3] / "web"
EVERYTHING = [
    "/",
    "/main.js",
    "/api/v1/openapi.json",
    "/api/v1/session",
    "/api/v1/services",
    "/api/v1/store",
    "/api/v1/functions",
    "/api/v1/processes",
    "/metrics",
    "/healthz",
    "/no-such-thing",
]


@pytest.mark.parametrize("path", EVERYTHING)
def test_nothing_is_answered_without_the_token(server: Serving, path: str) -> None:
    refused = server.request("GET", path)
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="tachograph"'
    assert b"orders" not in refused.body
    assert server.get(path).status == (404 if path == "/no-such-thing" else 200)


def test_what_is_open_has_nothing_to_tell(server: Serving) -> None:
    page = server.request("GET", "/")
    assert (page.status, page.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.body.decode()):
        assert server.request("GET", path).status == 200
    assert server.token.encode() not in page.body


def test_a_token_is_new_at_each_start_and_long(start: Callable[..., Serving]) -> None:
    first, second = start(), start()
    assert re.fullmatch(r"[0-9a-f]{64}", first.token)
    assert first.token != second.token
    assert second.request("GET", "/healthz", {"Authorization": f"Bearer {first.token}"}).status == 401


@pytest.mark.parametrize(
    "change",
    [
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token + token,
        lambda token: "",
        lambda token: token.upper() if token.upper() != token else "x",
        lambda token: ("0" if token[0] != "0" else "1") + token[1:],
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
    ],
)
def test_what_is_nearly_the_token_is_not(server: Serving, change: Callable[[str], str]) -> None:
    wrong = change(server.token)
    assert server.request("GET", "/healthz", {"Authorization": f"Bearer {wrong}"}).status == 401
    assert server.request("POST", "/sign-in", body=wrong.encode()).status == 401


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(server: Serving) -> None:
    answer = server.request("POST", "/sign-in", body=server.token.encode())
    assert (answer.status, answer.body) == (204, b"")
    name, value = cookie_of(answer).split("=", 1)
    attributes = [part.strip() for part in str(answer.headers["Set-Cookie"]).split(";")[1:]]
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Strict"]
    assert value not in (server.token, "")
    assert server.request("GET", "/", {"Cookie": f"other=1; {name}={value}"}).status == 200
    for wrong in (f"{name}=", f"{name}={value[:-1]}", f"x{name}={value}", f"{name}={server.token}", f"{name} {value}"):
        assert server.request("GET", "/healthz", {"Cookie": wrong}).status == 401, wrong


def test_the_token_is_in_no_answer(server: Serving) -> None:
    for path in EVERYTHING:
        answer = server.get(path)
        assert server.token.encode() not in answer.body
        assert server.token not in str(answer.headers)


def test_loopback_by_default(server: Serving) -> None:
    assert server.host == "127.0.0.1"
    listening = Path("/proc/net/tcp").read_text().splitlines()[1:]
    own = [
        row.split()[1] for row in listening if row.split()[3] == "0A" and row.split()[1].endswith(f":{server.port:04X}")
    ]
    assert own == [f"0100007F:{server.port:04X}"]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1"])
def test_other_addresses_are_refused_without_a_secret(cli: Any, store: Path, address: str) -> None:
    result = cli("serve", "--store", store, "--port", "0", "--bind", address)
    assert (result.returncode, result.stdout) == (1, "")
    assert "--password-file or --token-file" in result.stderr


def test_other_addresses_with_a_password(start: Callable[..., Serving], secret: Callable[..., Path]) -> None:
    server = start("--bind", "0.0.0.0", "--password-file", secret(PASSWORD + "\n"))
    assert server.address == f"http://127.0.0.1:{server.port}/"
    refused = server.request("GET", "/healthz")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (
        401,
        'Basic realm="tachograph", charset="UTF-8"',
    )
    assert server.request("GET", "/healthz", basic("anna", PASSWORD)).status == 200
    for wrong in ("", PASSWORD[:-1], PASSWORD + "x", PASSWORD.upper()):
        assert server.request("GET", "/healthz", basic("anna", wrong)).status == 401
    assert server.request("GET", "/healthz", {"Authorization": "Bearer "}).status == 401
    assert server.request("POST", "/sign-in", body=b"").status == 401


@pytest.mark.parametrize(
    "garbage", ["Basic", "Basic ", "Basic !!!!", "Basic YTpi=", "Basic YQ==", "Digest x", "Basic " + "QQ==" * 9]
)
def test_garbage_as_credentials(start: Callable[..., Serving], secret: Callable[..., Path], garbage: str) -> None:
    server = start("--password-file", secret(PASSWORD))
    assert server.request("GET", "/healthz", {"Authorization": garbage}).status == 401


def test_only_users_on_the_list(start: Callable[..., Serving], secret: Callable[..., Path]) -> None:
    server = start("--password-file", secret(PASSWORD), "--users", "anna", "--users", "ben")
    assert server.request("GET", "/healthz", basic("anna", PASSWORD)).status == 200
    assert server.request("GET", "/healthz", basic("ben", PASSWORD)).status == 200
    assert server.request("GET", "/healthz", basic("eve", PASSWORD)).status == 403
    assert server.request("GET", "/healthz", basic("eve", "guess")).status == 401


def test_a_list_of_users_needs_a_password(cli: Any, store: Path) -> None:
    result = cli("serve", "--store", store, "--port", "0", "--users", "anna")
    assert result.returncode == 2
    assert "--password-file" in result.stderr


def test_a_token_of_a_file(start: Callable[..., Serving], secret: Callable[..., Path]) -> None:
    server = start("--token-file", secret(f"{TOKEN}\nnot this\n"))
    assert server.token == TOKEN
    assert server.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (TOKEN, 0o644, "chmod 600"),
        (TOKEN, 0o620, "chmod 600"),
        ("short", 0o600, "20 to 256"),
        ("", 0o600, "20 to 256"),
        ("x" * 300, 0o600, "20 to 256"),
    ],
)
def test_files_that_keep_no_secret(
    cli: Any, store: Path, secret: Callable[..., Path], text: str, mode: int, said: str
) -> None:
    result = cli("serve", "--store", store, "--port", "0", "--token-file", secret(text, mode))
    assert result.returncode in (1, 2)
    assert said in result.stderr
    assert TOKEN not in result.stderr


# --- other sites ---


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.evil", "192.0.2.7"]
)
def test_names_that_were_made_to_lead_here(server: Serving, host: str) -> None:
    answer = server.get("/healthz", {"Host": host.format(port=server.port)})
    assert answer.status == 403
    assert "allow-host" in answer.json["error"]["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1", "127.0.0.1:9", "[::1]:{port}"])
def test_names_of_this_machine(server: Serving, host: str) -> None:
    assert server.get("/healthz", {"Host": host.format(port=server.port)}).status == 200


@pytest.mark.parametrize(
    "host", ["", "a b", "[::1", "host:port", "host:0", "host:99999", "x" * 300, "a/b", "user@localhost"]
)
def test_hosts_that_are_none(server: Serving, host: str) -> None:
    assert server.get("/healthz", {"Host": host}).status in (400, 403)


def test_a_name_that_was_allowed(start: Callable[..., Serving]) -> None:
    server = start("--allow-host", "profiles.example")
    assert server.get("/healthz", {"Host": "profiles.example"}).status == 200
    assert server.get("/healthz", {"Host": "x.profiles.example"}).status == 403


def test_no_host_and_two_hosts(server: Serving) -> None:
    bearer = f"Authorization: Bearer {server.token}\r\n"
    assert server.send(f"GET /healthz HTTP/1.0\r\n{bearer}\r\n".encode()).startswith(b"400 ")
    two = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n{bearer}\r\n"
    assert server.send(two.encode()).startswith(b"400 ")
    two_secrets = f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n{bearer}\r\n"
    assert server.send(two_secrets.encode()).startswith(b"400 ")


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/services", "/metrics"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://127.0.0.1:{port}"},
    ],
)
def test_pages_of_other_sites_learn_nothing(server: Serving, path: str, headers: dict[str, str]) -> None:
    filled = {name: value.format(port=server.port) for name, value in headers.items()}
    assert server.get(path, filled).status == 403
    assert server.get(path, {"Sec-Fetch-Site": "same-origin"}).status == 200
    assert server.get(path, {"Origin": f"http://{server.host}:{server.port}"}).status == 200


def test_a_link_of_another_site_may_lead_to_the_page(server: Serving) -> None:
    assert server.get("/", {"Sec-Fetch-Site": "cross-site"}).status == 200


def test_no_answer_lets_another_origin_read_it(server: Serving) -> None:
    for path in EVERYTHING:
        headers = server.get(path, {"Sec-Fetch-Site": "same-origin"}).headers
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_signing_in_from_another_site(server: Serving) -> None:
    token = server.token.encode()
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}):
        assert server.request("POST", "/sign-in", headers, token).status == 403


# --- changes ---


def test_a_change_needs_what_only_our_page_knows(server: Serving) -> None:
    headers = {**sign_in(server), "Content-Type": "application/x-www-form-urlencoded"}

    def change(path: str, **changed: str) -> int:
        return server.request("POST", path, {**headers, **changed}, b"text=attack&process=0").status

    without = {name: value for name, value in headers.items() if name != "X-Tachograph-CSRF"}
    nearly = headers["X-Tachograph-CSRF"][:-1]
    for path in ("/api/v1/events", "/api/v1/pause", "/api/v1/unpause", "/api/v1/rate"):
        for value in ("", nearly, nearly + "?"):
            assert change(path, **{"X-Tachograph-CSRF": value}) == 403
        assert server.request("POST", path, without, b"text=attack&process=0").status == 403
        assert server.request("POST", path, {**headers, "Cookie": ""}, b"text=attack&process=0").status == 401
        assert change(path, Origin="http://evil.example") == 403
        assert change(path, Origin="null") == 403
        for site in ("none", "cross-site", "same-site"):
            assert change(path, **{"Sec-Fetch-Site": site}) == 403
        for form in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
            assert change(path, **{"Content-Type": form}) == 415
    assert server.api("events")["events"] == []
    assert change("/api/v1/events") == 400  # `process` is none of its parameters
    assert server.request("POST", "/api/v1/events", headers, b"text=deployed+1.4").status == 200
    assert [event["detail"] for event in server.api("events")["events"]] == ["deployed 1.4"]


@pytest.mark.parametrize("path", ["/api/v1/pause", "/api/v1/unpause", "/api/v1/rate"])
def test_nothing_changes_by_get(server: Serving, path: str) -> None:
    answer = server.get(path + "?process=0&text=attack")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert server.get("/api/v1/events?text=attack").status == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
def test_other_methods_reach_nothing(server: Serving, method: str) -> None:
    assert server.request(method, "/api/v1/functions", {"Authorization": f"Bearer {server.token}"}).status == 403
    headers = sign_in(server)
    answer = server.request(method, "/api/v1/functions", headers)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_signing_in_by_get_is_nothing(server: Serving) -> None:
    answer = server.get("/sign-in")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert server.request("GET", f"/sign-in?token={server.token}").status == 401


# --- what browsers are told ---


@pytest.mark.parametrize("path", EVERYTHING)
def test_headers_of_every_answer(server: Serving, path: str) -> None:
    for answer in (server.get(path), server.request("GET", path)):
        policy = dict(part.strip().split(" ", 1) for part in str(answer.headers["Content-Security-Policy"]).split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["base-uri"] == "'none'"
        assert "unsafe" not in str(policy)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Type"].split(";")[0] != "text/html" or path == "/"


def test_the_page_has_no_inline_script(server: Serving) -> None:
    for answer in (server.get("/"), server.request("GET", "/")):
        page = answer.body.decode()
        assert not re.search(r"<script(?![^>]*\bsrc=)", page)
        assert not re.search(r"\son\w+=|style=|javascript:", page)
        assert not re.search(r"https?://", page)


def test_a_name_that_is_markup_stays_text(cli: Any, tmp_path: Path) -> None:
    name = "shop::</script><img src=x onerror=alert(1)>"
    history = History(cli, tmp_path / "markup.db")
    history.service().add(0, {name: (20, 1000)})
    server = Serving(cli, history.done())
    try:
        answer = server.get("/api/v1/functions", {"Accept": "text/html"})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json["functions"][0]["name"] == name
        assert all(b"onerror" not in server.get(path).body for path in ("/", "/main.js"))
        assert all("innerHTML" not in server.get(f"/{path.name}").body.decode() for path in WEB.glob("*.js"))
        assert b'function="shop::</script>' in server.get("/metrics").body
        assert server.get("/metrics").headers["Content-Type"].startswith("text/plain")
    finally:
        server.stop()


def test_no_descriptor_is_inherited(start: Callable[..., Serving]) -> None:
    read, write = os.pipe()
    try:
        os.set_inheritable(write, True)
        server = start(close_fds=False, pass_fds=())
        assert server.get("/healthz").status == 200
        open_files = [os.readlink(entry) for entry in Path(f"/proc/{server.process.pid}/fd").iterdir()]
        assert os.readlink(f"/proc/self/fd/{write}") not in open_files
    finally:
        os.close(read)
        os.close(write)


def test_a_path_is_never_a_file(server: Serving) -> None:
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/web/index.html",
        "//",
        "/index.html",
        "/style.css/",
    ):
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Authorization: Bearer {server.token}\r\n\r\n".encode()
            )
            assert b" 404 " in connection.makefile("rb").readline()
