"""An ASGI application: each request is so many counted calls as its path says."""

import os

from counted import call


async def application(scope, receive, send):
    if scope["type"] != "http":
        return
    call(int(scope["path"].strip("/")))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
