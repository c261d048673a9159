"""The shop's web interface: JSON over HTTP.

GET /products?page=N      a page of the catalogue
POST /orders              {"customer", "note", "lines": [{"sku", "pieces"}], "coupon"?, "card"?} places an order
GET /orders/N             one order
GET /orders?search=WORDS  the newest orders with these words in their note
"""

import contextlib
import dataclasses
import json
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from shop.catalogue import Catalogue
from shop.counts import count
from shop.orders import Orders
from shop.payment import Card, PaymentDeclinedError
from shop.pricing import CouponRefusedError, Line
from shop.shipping import Dispatch

_BODY_BYTES_MAX = 100_000

Answer = tuple[HTTPStatus, object]


class BadRequestError(Exception):
    """The client asked for something that cannot be; the message says what."""


class Shop:
    """What the shop can do, whatever the protocol."""

    def __init__(self, orders: Orders, dispatch: Dispatch) -> None:
        """Hands each new order to the dispatch."""
        self._catalogue = Catalogue()
        self._orders = orders
        self._dispatch = dispatch

    def products(self, page: str) -> Answer:
        """GET /products."""
        count("shop.server::Shop.products")
        products = self._catalogue.page(_number(page, "page"))
        return HTTPStatus.OK, [dataclasses.asdict(product) for product in products]

    def order(self, number: str) -> Answer:
        """GET /orders/N."""
        count("shop.server::Shop.order")
        order = self._orders.get(_number(number, "number of an order"))
        if order is None:
            return HTTPStatus.NOT_FOUND, {"error": f"there is no order {number}"}
        return HTTPStatus.OK, dataclasses.asdict(order)

    def search(self, words: str) -> Answer:
        """GET /orders?search=."""
        count("shop.server::Shop.search")
        return HTTPStatus.OK, [dataclasses.asdict(order) for order in self._orders.search(words)]

    def place(self, wish: object) -> Answer:
        """POST /orders."""
        count("shop.server::Shop.place")
        if not isinstance(wish, dict):
            raise BadRequestError("an order is a JSON object")
        customer, note, coupon = wish.get("customer"), wish.get("note", ""), wish.get("coupon")
        if not isinstance(customer, str) or not isinstance(note, str) or not isinstance(coupon, str | None):
            raise BadRequestError("customer, note and coupon are strings")
        order = self._orders.place(customer, note, self._lines(wish.get("lines")), coupon, _card(wish.get("card")))
        self._dispatch.hand_in(order)
        return HTTPStatus.CREATED, dataclasses.asdict(order)

    def _lines(self, wanted: object) -> list[Line]:
        if not isinstance(wanted, list) or not wanted:
            raise BadRequestError("an order has lines")
        try:
            lines = [Line(self._catalogue.product(line["sku"]), int(line["pieces"])) for line in wanted]
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequestError("a line has the sku of a product and a number of pieces") from error
        if any(line.pieces < 1 for line in lines):
            raise BadRequestError("a line has at least one piece")
        return lines


def _card(given: object) -> Card | None:
    if given is None:
        return None
    try:
        card = Card(**given)  # type: ignore[arg-type]  # whatever it is: see below
    except TypeError as error:
        raise BadRequestError("a card has a holder, a card_number, and expires") from error
    if not all(isinstance(text, str) for text in (card.holder, card.card_number, card.expires)):
        raise BadRequestError("holder, card_number and expires of a card are strings")
    return card


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequestError(f"not a {what}: {text!r}")
    return int(text)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds of silence
    wbufsize = -1  # an answer is one packet ...
    disable_nagle_algorithm = True  # ... that goes out at once

    def do_GET(self) -> None:
        """Answers a question."""
        count("shop.server::Handler.do_GET")
        self._answer(*self._result(None))

    def do_POST(self) -> None:
        """Takes an order."""
        count("shop.server::Handler.do_POST")
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _BODY_BYTES_MAX:
            self.close_connection = True  # what follows cannot be told from a next request
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"a body has at most {_BODY_BYTES_MAX} bytes"})
            return
        self._answer(*self._result(self.rfile.read(int(length))))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keeps quiet; what goes wrong is logged."""

    def _result(self, body: bytes | None) -> Answer:
        try:
            return self._route(body)
        except CouponRefusedError as error:
            return HTTPStatus.CONFLICT, {"error": str(error)}
        except PaymentDeclinedError as error:
            return HTTPStatus.PAYMENT_REQUIRED, {"error": str(error)}
        except (BadRequestError, json.JSONDecodeError, UnicodeDecodeError) as error:
            return HTTPStatus.BAD_REQUEST, {"error": str(error)}

    def _route(self, body: bytes | None) -> Answer:
        count("shop.server::Handler._route")
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        match url.path.split("/")[1:], body:
            case ["products"], None:
                return self.server.shop.products(query.get("page", ["0"])[0])
            case ["orders", number], None:
                return self.server.shop.order(number)
            case ["orders"], None if "search" in query:
                return self.server.shop.search(query["search"][0])
            case ["orders"], bytes():
                return self.server.shop.place(json.loads(body))
        return HTTPStatus.NOT_FOUND, {"error": "there is nothing here; see shop/server.py for what there is"}

    def _answer(self, status: HTTPStatus, value: object) -> None:
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """Listens on loopback, with a thread for each connection. Closing waits for the answers that are being made."""

    daemon_threads = False
    allow_reuse_port = False  # a port that is taken is an error

    def __init__(self, port: int, shop: Shop) -> None:
        """Binds the port, or a free one for 0; OSError when it is taken."""
        self.shop = shop
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        """Remembers the connection for the end."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Forgets the connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Reads nothing more from the clients, then waits for the threads."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):  # the client may have left
                    connection.shutdown(socket.SHUT_RD)
        super().server_close()
