"""An aiohttp server and client in one event loop, over loopback: side by side, a stream, a web socket, given up."""

import asyncio

from aiohttp import ClientSession, ClientTimeout, WSMsgType, web


async def greet(request):
    await asyncio.sleep(0.001)
    return web.json_response({"hello": request.match_info["name"], "query": dict(request.query)})


async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    async for part in parts(5):
        await response.write(part)
    await response.write_eof()
    return response


async def parts(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield b"part %d;" % number


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data[::-1])
    return socket


async def broken(_request):
    raise web.HTTPConflict(text="not now")


async def never(_request):
    await asyncio.Event().wait()


@web.middleware
async def mark(request, handler):
    try:
        response = await handler(request)
    except web.HTTPException as error:
        return web.Response(text=f"caught {error.status}", status=error.status)
    if not response.prepared:
        response.headers["X-Mark"] = "yes"
    return response


async def talk(session, base):
    async with session.ws_connect(f"{base}/echo") as socket:
        for word in ("drawer", "stressed"):
            await socket.send_str(word)
            yield (await socket.receive()).data


async def ask(session, base, name):
    async with session.get(f"{base}/greet/{name}", params={"n": name}) as answer:
        return answer.status, answer.headers["X-Mark"], await answer.json()


async def ask_all(base):
    async with ClientSession(timeout=ClientTimeout(total=60)) as session:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(session, base, f"guest{number}")) for number in range(12)]
        print([task.result() for task in tasks])
        async with session.get(f"{base}/stream") as answer:
            print([part async for part, _ in answer.content.iter_chunks() if part])
        async with session.get(f"{base}/broken") as answer:
            print(answer.status, await answer.text())
        print([word async for word in talk(session, base)])
        try:
            async with asyncio.timeout(0.2):
                await session.get(f"{base}/never")
        except TimeoutError:
            print("gave up")


async def serve_and_ask():
    application = web.Application(middlewares=[mark])
    routes = {"/greet/{name}": greet, "/stream": stream, "/echo": echo, "/broken": broken, "/never": never}
    application.add_routes([web.get(path, handler) for path, handler in routes.items()])
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _, port = runner.addresses[0]
    await ask_all(f"http://127.0.0.1:{port}")
    await runner.cleanup()


def main():
    asyncio.run(serve_and_ask())


if __name__ == "__main__":
    main()
