"""A WSGI application for gunicorn: each request is so many counted calls as its path says."""

import os

from counted import call, keep_history

keep_history()


def application(environment, start_response):
    times = int(environment["PATH_INFO"].strip("/"))
    call(times)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "close")])
    return [f"{os.getpid()}\n".encode()]
