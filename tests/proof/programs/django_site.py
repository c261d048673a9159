"""A Django application with a database, forms and templates that answers a test client and requests over loopback."""

import asyncio
import http.client
import tempfile
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from django import forms
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import Context, Engine
from django.test import AsyncClient, Client
from django.urls import path, reverse
from django.views import View

TEMPLATE = """
{% for b in books %}{% if b.pages > 100 %}{{ b.title|upper }}{% else %}{{ b.title }}{% endif %},
{% empty %}none{% endfor %}
"""


def set_up(directory):
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(directory) / "books.sqlite3")}},
        DEBUG_PROPAGATE_EXCEPTIONS=False,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
        ],
        ROOT_URLCONF=__name__,
        SECRET_KEY="secret",
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        USE_TZ=True,
    )
    django.setup()


def define():
    """Models and forms can be defined only when the settings are there."""

    class Book(models.Model):
        title = models.CharField(max_length=50)
        pages = models.IntegerField(default=0)

        class Meta:
            app_label = "books"
            ordering = ("title",)

    class BookForm(forms.ModelForm):
        class Meta:
            model = Book
            fields = ("title", "pages")

    return Book, BookForm


def listing(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    template = Engine().from_string(TEMPLATE)
    return HttpResponse(template.render(Context({"books": Book.objects.filter(pages__gte=0)})))


class Books(View):
    def get(self, request, number):
        try:
            book = Book.objects.get(pk=number)
        except Book.DoesNotExist:
            raise Http404("no such book") from None
        return JsonResponse({"title": book.title, "pages": book.pages, "seen": request.session.get("seen")})

    def post(self, request, number):
        form = BookForm(request.POST)
        if not form.is_valid():
            return JsonResponse(form.errors, status=400)
        return JsonResponse({"id": form.save().pk, "url": reverse("book", args=[number])})


def stream(request):
    return StreamingHttpResponse(f"{request.path} {number}\n" for number in range(4))


async def slowly(_request):
    await asyncio.sleep(0)
    return JsonResponse({"async": True, "count": await Book.objects.acount()})


def broken(_request):
    raise ValueError("broken")


def ask(client):
    for answer in (
        client.get("/books/"),
        client.post("/books/1", {"title": "Emma", "pages": "400"}),
        client.post("/books/1", {"title": "", "pages": "many"}),
        client.post("/books/2", {"title": "Slim", "pages": "40"}),
        client.get("/books/"),
        client.get("/books/1"),
        client.get("/books/9"),
        client.get("/stream"),
        client.get("/slowly"),
        client.get("/broken"),
        client.get("/nowhere"),
    ):
        print(answer.status_code, answer.getvalue().decode())


async def ask_slowly():
    client = AsyncClient()
    for address in ("/slowly", "/books/2"):
        answer = await client.get(address)
        print(answer.status_code, answer.content.decode())


urlpatterns = [
    path("books/", listing),
    path("books/<int:number>", Books.as_view(), name="book"),
    path("stream", stream),
    path("slowly", slowly),
    path("broken", broken),
]


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def ask_over_loopback():
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for address in ("/books/", "/books/1", "/stream", "/slowly", "/nowhere"):
        client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        client.request("GET", address)
        answer = client.getresponse()
        print(answer.status, answer.getheader("Content-Type"), answer.read().decode())
        client.close()
    server.shutdown()
    thread.join()
    server.server_close()


def main():
    global Book, BookForm
    with tempfile.TemporaryDirectory() as directory:
        set_up(directory)
        Book, BookForm = define()
        with connection.schema_editor() as editor:
            editor.create_model(Book)
        ask(Client(raise_request_exception=False))
        asyncio.run(ask_slowly())
        ask_over_loopback()
        connection.close()


if __name__ == "__main__":
    main()
