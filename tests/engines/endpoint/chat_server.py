"""An endpoint on this machine that answers as a test wants it to, or misbehaves so."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

STEP_S = 0.01


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: Any

    @property
    def last(self) -> str:
        """Return what was said last."""
        content: str = self.body["messages"][-1]["content"]
        return content


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ChatServer"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, headers, json.loads(content))
        self.server.asked.append(asked)
        self.server.behave(self, asked)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self, code: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


Behave = Callable[[Handler, Asked], None]


@dataclass
class Waits:
    """Waits no time, and knows how long it should have been."""

    seconds: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@dataclass
class Script:
    """What is done with one request after another; the last one's from there on."""

    behaviours: tuple[Behave, ...]
    _next: int = field(default=0)

    def __call__(self, handler: Handler, asked: Asked) -> None:
        behave = self.behaviours[min(self._next, len(self.behaviours) - 1)]
        self._next += 1
        behave(handler, asked)


class ChatServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, behave: Behave) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behave = behave
        self.asked: list[Asked] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, *_: object) -> None:
        """Say nothing: who asks may leave in the middle."""


@contextmanager
def serving(*behaviours: Behave) -> Iterator[ChatServer]:
    with ChatServer(Script(behaviours)) as server:
        thread = Thread(target=server.serve_forever, args=(STEP_S,))
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def envelope(
    text: str | None, *, finish: str = "stop", refusal: str | None = None, usage: object = None
) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    document = {
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage or {"prompt_tokens": 7, "completion_tokens": 3},
    }
    return json.dumps(document).encode()


def says(
    text: str | None, *, finish: str = "stop", refusal: str | None = None, usage: object = None
) -> Behave:
    return sends(200, envelope(text, finish=finish, refusal=refusal, usage=usage))


def sends(code: int, content: bytes = b"", **headers: str) -> Behave:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(code, content, named)


def echoes(code: int) -> Behave:
    """Return what answers with the question and the key in body and head, as some servers do."""

    def behave(handler: Handler, asked: Asked) -> None:
        key = asked.headers.get("authorization", "")
        handler.send_response(code, f"{key} {asked.last}".replace("\n", " "))
        content = f"{key} {json.dumps(asked.body)}".encode()
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return behave


def hangs(handler: Handler, _: Asked) -> None:
    handler.server.closing.wait(5)


def drops(handler: Handler, _: Asked) -> None:
    """Promise more than comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hangs_up(handler: Handler, _: Asked) -> None:
    handler.close_connection = True


def drips(handler: Handler, _: Asked) -> None:
    """Send a byte now and then, without end."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.wait(STEP_S):
        handler.wfile.write(b" ")


def drips_headers(handler: Handler, _: Asked) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.closing.wait(STEP_S):
        handler.wfile.write(b"X-More: 1\r\n")


def floods(handler: Handler, _: Asked) -> None:
    """Send as much as is taken, without end."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(b" " * 2**16)


def sends_bomb(handler: Handler, _: Asked) -> None:
    """Send a hundred kilobytes that unpack to a hundred megabytes."""
    zeros = b" " * 2**20
    handler.answer(200, gzip.compress(zeros) * 100, {"Content-Encoding": "gzip"})
