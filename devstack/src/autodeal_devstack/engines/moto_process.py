"""The process behind the embedded DynamoDB and Cognito: moto's application, served one request at a time.

moto rolls a failed DynamoDB transaction back by putting an older copy of the table in its place, so its
own threaded server forgets what others wrote meanwhile. Requests that take turns make it atomic.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import uvicorn
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from autodeal_devstack.engines.moto_by_partition import work_by_partition

Message = MutableMapping[str, Any]
WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

KEEP_ALIVE_SECONDS = 75
BACKLOG = 512


class OneAtATime:
    """An ASGI application that calls a WSGI application on the event loop itself: requests take turns."""

    def __init__(self, application: WsgiApplication) -> None:
        self._application = application

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Read the whole request, answer it, write the whole response."""
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, headers, answer = self._call(scope, body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _call(self, scope: Message, body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
            started.append((status, headers))

        answer = b"".join(self._application(environ_of(scope, body), start_response))
        status, headers = started[-1]
        named = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return int(status.split(" ", 1)[0]), named, answer


def environ_of(scope: Message, body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of an ASGI request."""
    host, port = scope["server"]
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value.decode("latin-1")
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value.decode("latin-1")
    return environ


def make_moto_server(host: str, port: int) -> uvicorn.Server:
    """Return the server, not started; it is to be the only one of its process."""
    work_by_partition()
    return uvicorn.Server(
        uvicorn.Config(
            OneAtATime(DomainDispatcherApplication(create_backend_app)),
            host=host,
            port=port,
            http="httptools",
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_level="warning",
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=1,
        )
    )


def main() -> None:
    """Serve on 127.0.0.1 and the port given as the only argument, until a signal comes."""
    asyncio.run(make_moto_server("127.0.0.1", int(sys.argv[1])).serve())


if __name__ == "__main__":
    main()
