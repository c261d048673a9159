"""A Flask application that answers a test client and requests over the loopback interface."""

import http.client
import threading
from dataclasses import dataclass

from flask import (
    Blueprint,
    Flask,
    abort,
    jsonify,
    redirect,
    render_template_string,
    request,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.serving import WSGIRequestHandler, make_server

PAGE = """
{% macro row(x) %}<li>{{ x.name|upper }} {{ '%.2f'|format(x.price) }}</li>{% endmacro %}
{% for x in items %}{{ row(x) }}{% else %}none{% endfor %}
"""


@dataclass
class Item:
    name: str
    price: float


shop = Blueprint("shop", __name__, url_prefix="/shop")
ITEMS = [Item("apple", 1.5), Item("pear <&>", 2.25)]


@shop.get("/")
def listing():
    return render_template_string(PAGE, items=ITEMS)


@shop.route("/item/<int:number>", methods=["GET", "POST"])
def item(number):
    if request.method == "POST":
        session["last"] = number
        ITEMS[number].price = float(request.form["price"])
        return redirect(url_for("shop.listing"))
    if number >= len(ITEMS):
        abort(404)
    return jsonify(name=ITEMS[number].name, price=ITEMS[number].price, last=session.get("last"))


@shop.get("/stream")
def stream():
    def parts():
        for number in range(5):
            yield f"{request.path} {number}\n"

    return stream_with_context(parts()), {"Content-Type": "text/plain"}


@shop.get("/broken")
def broken():
    return str(1 // 0)


def make_application():
    application = Flask(__name__)
    application.secret_key = "secret"
    application.register_blueprint(shop)
    application.before_request(lambda: None)
    application.errorhandler(404)(lambda error: (f"gone: {error.code}", 404))
    application.errorhandler(ZeroDivisionError)(lambda error: (repr(error), 500))
    return application


class QuietHandler(WSGIRequestHandler):
    def log(self, *arguments):
        pass


def ask(client):
    """The same requests by the test client."""
    for answer in (
        client.get("/shop/"),
        client.post("/shop/item/1", data={"price": "9.5"}, follow_redirects=True),
        client.get("/shop/item/1"),
        client.get("/shop/item/7"),
        client.get("/shop/stream"),
        client.get("/shop/broken"),
        client.get("/nowhere"),
        client.post("/shop/"),
    ):
        print(answer.status, answer.get_data(as_text=True))


def ask_over_loopback(application):
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for path in ("/shop/", "/shop/item/0", "/shop/stream", "/shop/broken", "/nowhere"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse()
        print(answer.status, answer.getheader("Content-Type"), answer.read().decode())
        connection.close()
    server.shutdown()
    thread.join()
    server.server_close()


def main():
    application = make_application()
    ask(application.test_client())
    ask_over_loopback(application)


if __name__ == "__main__":
    main()
