"""Who may talk to the page, how much and how often: decided before a request is looked into.

A browser on this machine may be led here by any page it shows. So the host that it asks for must be
ours (DNS rebinding), and what changes or reads anything must come from our own page. Where others
than this machine can reach the port, each request brings a token.
"""

import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 1_000_000
"""Of one request."""
MOST_A_MINUTE = 240
"""Requests that have a body."""
_MINUTE_S = 60.0
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class _TooLargeError(Exception):
    """A body has more bytes than it may."""


@dataclass(slots=True)
class Guard:
    """Stands before an application and lets through what is allowed.

    Attributes:
        hosts: What a browser may call this machine, with the port; None lets it say anything.
        token: What each request to the interface must bring; None asks for none.
        clock: Seconds that only go forward.
    """

    app: App
    hosts: frozenset[str] | None
    token: str | None = None
    clock: Callable[[], float] = time.monotonic
    _minute: float = 0.0
    _num_asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            # Of a server that starts and stops; there are no web sockets here.
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        if refusal := self._refusal(scope, headers):
            await _answer(*refusal, send)
            return
        body = _Body(receive)

        async def sending(message: Message) -> None:
            # Whatever the application made of half a body.
            if not body.is_too_large:
                await send(_with_headers(message))

        with suppress(_TooLargeError):
            await self.app(scope, body.receive, sending)
        if body.is_too_large:
            await _answer(*_TOO_LARGE, send)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return the status and the reason why a request is not let through."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if self.hosts is not None and host not in self.hosts:
            return 421, "this is another host than the page's own"
        if origin is not None and origin.partition("://")[2] != host:
            return 403, "this comes from another page"
        if self.token is not None and _is_interface(scope["path"]):
            said = headers.get("authorization", "").encode()
            if not hmac.compare_digest(said, f"Bearer {self.token}".encode()):
                return 401, "the token is missing or wrong; open the address that `serve` printed"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return _TOO_LARGE
        if scope["method"] in {"POST", "PUT"} and not self._has_room():
            return _TOO_MANY, f"more than {MOST_A_MINUTE} requests in a minute; wait a moment"
        return None

    def _has_room(self) -> bool:
        now = self.clock()
        if now - self._minute >= _MINUTE_S:
            self._minute, self._num_asked = now, 0
        self._num_asked += 1
        return self._num_asked <= MOST_A_MINUTE


_TOO_LARGE = (413, f"more than {MOST_BYTES:,} bytes")
_TOO_MANY = 429


def _is_interface(path: str) -> bool:
    return path.startswith("/api") or path == "/openapi.json"


@dataclass(slots=True)
class _Body:
    """The body of a request, which ends where it has more bytes than it may."""

    whole: Receive
    num_bytes: int = 0

    @property
    def is_too_large(self) -> bool:
        return self.num_bytes > MOST_BYTES

    async def receive(self) -> Message:
        message = await self.whole()
        self.num_bytes += len(message.get("body", b""))
        if self.is_too_large:
            raise _TooLargeError
        return message


def _with_headers(message: Message) -> Message:
    if message["type"] != "http.response.start":
        return message
    more = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
    return {**message, "headers": [*message.get("headers", []), *more]}


async def _answer(status: int, problem: str, send: Send) -> None:
    body = json.dumps({"problems": [problem]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == _TOO_MANY:
        headers.append((b"retry-after", b"60"))
    start = {"type": "http.response.start", "status": status, "headers": headers}
    await send(_with_headers(start))
    await send({"type": "http.response.body", "body": body})
