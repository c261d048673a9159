"""The service of `make demo`, and the demo itself."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TACHOGRAPH = Path(sys.executable).parent / "tachograph"

KETTLE = {"sku": "kettle-black", "pieces": 6}  # five cost as much as four
VASE = {"sku": "vase-blue", "pieces": 1}
KETTLE_CENTS, VASE_CENTS = 3400, 1625


class Shop:
    """The service without tachograph, and a client of it."""

    def __init__(self, directory: Path) -> None:
        self._counts = directory / "counts.json"
        command = [sys.executable, "-m", "shop", "--port", "0", "--seconds", "60", "--counts", str(self._counts)]
        self._process = subprocess.Popen(command, cwd=ROOT / "examples", stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        opening = self._process.stdout.readline()
        port = re.fullmatch(r"shop: process \d+ is open at http://127\.0\.0\.1:(\d+)/\n", opening)
        assert port, opening
        self._connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=30)

    def get(self, path: str) -> tuple[int, Any]:
        return self._send("GET", path, None)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        return self._send("POST", path, body if isinstance(body, str) else json.dumps(body))

    def order(self, note: str, lines: list[dict[str, object]], coupon: str | None = None) -> tuple[int, Any]:
        return self.post("/orders", {"customer": "Ada", "note": note, "lines": lines, "coupon": coupon})

    def _send(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        self._connection.request(method, path, body)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def stop(self) -> tuple[int, dict[str, int]]:
        """Its exit code and its counts."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        return code, json.loads(self._counts.read_text())

    def close(self) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.communicate(timeout=30)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with contextlib.closing(Shop(tmp_path)) as shop:
        yield shop


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_the_shop_sells(shop: Shop) -> None:
    status, products = shop.get("/products?page=5")
    vases = [f"vase-{colour}" for colour in ("copper", "green", "ivory", "red", "white", "yellow")]
    assert (status, [product["sku"] for product in products]) == (200, vases)
    status, first = shop.order("Gift wrap, please", [KETTLE, VASE])
    assert (status, first["cents"], first["carrier"]) == (201, 5 * KETTLE_CENTS + VASE_CENTS, None)
    status, second = shop.order("please ring", [VASE], "WELCOME")
    assert (status, second["cents"]) == (201, VASE_CENTS - VASE_CENTS * 10 // 100)
    status, found = shop.get("/orders?search=PLEASE")
    assert (status, [order["number"] for order in found]) == (200, [second["number"], first["number"]])
    status, found = shop.get("/orders?search=please+wrap")
    assert (status, [order["number"] for order in found]) == (200, [first["number"]])

    asked = 0
    deadline = time.monotonic() + 30
    carrier = None
    while carrier is None and time.monotonic() < deadline:  # the workers take their time
        asked += 1
        carrier = shop.get(f"/orders/{first['number']}")[1]["carrier"]
    assert carrier == "van"  # for 8287 grams

    code, counts = shop.stop()
    assert code == 0
    assert counts["shop.orders::Orders.place"] == 2
    assert counts["shop.orders::Orders.search"] == counts["shop.orders::Orders._scan"] == 2
    assert counts["shop.orders::Orders.get"] == counts["shop.server::Shop.order"] == asked
    assert counts["shop.shipping::Carrier.quote"] == 3 * counts["shop.shipping::cheapest"] == 3 * 2
    assert counts["shop.server::Handler._route"] == 5 + asked


def test_the_shop_refuses(shop: Shop) -> None:
    assert shop.order("", [VASE], "SPRING") == (409, {"error": "coupon SPRING has expired"})
    assert shop.order("", [VASE], "FREE") == (409, {"error": "there is no coupon FREE"})
    assert shop.order("", [])[0] == 400
    assert shop.order("", [{"sku": "vase", "pieces": 1}])[0] == 400
    assert shop.order("", [{**VASE, "pieces": 0}])[0] == 400
    assert shop.post("/orders", [])[0] == 400
    assert shop.post("/orders", "{")[0] == 400
    assert shop.get("/orders/x")[0] == 400
    assert shop.get("/orders/1")[0] == 404
    assert shop.get("/")[0] == 404
    code, counts = shop.stop()
    assert (code, counts["shop.pricing::Coupons.discount"]) == (0, 2)


def test_the_shop_takes_cards(shop: Shop) -> None:
    def pay(card: object) -> tuple[int, Any]:
        return shop.post("/orders", {"customer": "Ada", "lines": [VASE], "card": card})

    card = {"holder": "Ada", "card_number": "4000 1", "expires": "2099-12"}
    assert pay(card)[0] == 201
    status, answer = pay({**card, "expires": "2019-06"})
    assert (status, answer) == (402, {"error": "the card of Ada has expired: 16.25 are not paid"})
    for wrong in ("4000 1", {"holder": "Ada"}, {**card, "pin": "1"}, {**card, "expires": 2019}, [], {1: 2}):
        assert pay(wrong)[0] == 400, wrong
    assert shop.stop()[1]["shop.payment::charge"] == 2


def test_the_shop_says_that_its_port_is_taken() -> None:
    with taken_port() as port:
        command = [sys.executable, "-m", "shop", "--port", str(port), "--seconds", "1"]
        result = subprocess.run(command, cwd=ROOT / "examples", capture_output=True, text=True, check=False, timeout=30)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(rf"shop: cannot listen on port {port}: .*Address already in use\n", result.stderr)


def run_demo(directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    (directory / "temporary").mkdir()
    (directory / "runtime").mkdir(mode=0o700)
    (directory / "spool").mkdir(mode=0o700)
    environment = {
        **os.environ,
        "DEMO_SECONDS": "2",
        "DEMO_HISTORY": str(directory / "history.db"),
        "TACHOGRAPH_RUNTIME_DIR": str(directory / "runtime"),
        "TACHOGRAPH_SPOOL_DIR": str(directory / "spool"),
        "TMPDIR": str(directory / "temporary"),
        **settings,
    }
    return subprocess.run(
        [sys.executable, "tools/demo"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def calls_of(report: str) -> dict[str, int]:
    """The calls of each function in the table of a report."""
    rows = re.finditer(r"^ *([\d,]+)  .* ([\w.]+::\S+)", report, re.MULTILINE)
    return {row[2]: int(row[1].replace(",", "")) for row in rows}


def test_the_demo_reports_the_calls_that_the_shop_counts(tmp_path: Path) -> None:
    result = run_demo(tmp_path, DEMO_COUNTS=str(tmp_path / "counts.json"))
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    counts: dict[str, int] = json.loads((tmp_path / "counts.json").read_text())
    figures, _, failures = result.stdout.partition("What failed, and how often?")
    shown = calls_of(figures)
    assert {name: counts[name] for name in shown if name in counts} == {
        name: calls for name, calls in shown.items() if name in counts
    }
    # The second load is shorter: compared whole, the version with more to do would seem to do less.
    assert "calls, self time and change (B less A) are per iteration" in result.stdout
    for name in ("orders::Orders.search", "orders::Orders._scan", "shipping::Carrier.quote", "server::Shop.place"):
        assert shown[f"shop.{name}"] > 10

    assert re.search(r"PaymentDeclinedError: the card of customer \d has expired.* shop\.payment::charge", failures)
    assert re.search(r'\[\{"holder":"customer \d","card_number":"\[redacted\]","expires":"2019-06"\},\d+\]', failures)
    assert '{"api_key":"[redacted]"}' in failures

    agreement = re.search(r"samples and exact times put (\S+) % in the same ones", result.stdout)
    assert agreement
    assert float(agreement[1]) > 70  # of some hundred samples

    first = min((tmp_path / "runtime").glob("*.tgr"), key=lambda path: path.stat().st_mtime)
    report = subprocess.run([TACHOGRAPH, "report", "--all", first], capture_output=True, text=True, check=True)
    every = calls_of(report.stdout)
    assert counts == {name: every[name] for name in counts}
    assert every["shop.counts::count"] == sum(counts.values())
    with contextlib.closing(sqlite3.connect(tmp_path / "history.db")) as history:
        stored = dict(
            history.execute(
                "SELECT name, SUM(call_count) FROM function_intervals JOIN functions ON functions.id = function_id"
                " JOIN intervals ON intervals.id = interval_id JOIN processes ON processes.id = process_id"
                " WHERE version = '1' GROUP BY name"
            )
        )
    assert counts == {name: stored[name] for name in counts}
    assert list((tmp_path / "spool").iterdir()) == []  # all of it is in the history
    assert list((tmp_path / "temporary").iterdir()) == []  # all tidied up


def test_the_demo_fails_when_the_shop_does_not_start(tmp_path: Path) -> None:
    with taken_port() as port:
        result = run_demo(tmp_path, DEMO_PORT=str(port))
    assert result.returncode == 1
    assert result.stderr == "demo: the shop did not open; it ended with exit code 1, see above\n"
    assert f"cannot listen on port {port}" in result.stdout
    assert list((tmp_path / "temporary").iterdir()) == []
