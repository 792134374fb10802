import asyncio
import json
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.engines.endpoint.chat_server import (
    Asked,
    Behave,
    Handler,
    drips,
    drips_headers,
    drops,
    envelope,
    floods,
    hangs,
    hangs_up,
    says,
    sends,
    sends_bomb,
    serving,
)

from fedmedlora.engines.endpoint.client import (
    Reply,
    Silence,
    open_client,
    post,
    trusted_certificates,
)

CERTIFICATES = trusted_certificates()
QUESTION = b'{"messages": [{"content": "Pain."}]}'


def posted(url: str, *, key: str = "k1", timeout_s: float = 2.0) -> Reply | Silence:
    async def once() -> Reply | Silence:
        async with open_client(key=key, certificates=CERTIFICATES) as client:
            return await post(client, url, QUESTION, timeout_s=timeout_s)

    return asyncio.run(once())


def reply(behave: Behave, *, timeout_s: float = 2.0) -> Reply | Silence:
    with serving(behave) as server:
        return posted(server.url, timeout_s=timeout_s)


def refused_url() -> str:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}/v1"


def test_an_answer_comes_back_whole() -> None:
    with serving(says("[]")) as server:
        assert posted(server.url) == Reply(200, envelope("[]"), None)

    (asked,) = server.asked
    assert (asked.path, asked.body) == ("/v1", json.loads(QUESTION))
    assert asked.headers["authorization"] == "Bearer k1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept-encoding"] == "identity"


def test_without_a_key_none_is_sent() -> None:
    with serving(says("[]")) as server:
        posted(server.url, key="")

    assert "authorization" not in server.asked[0].headers


def test_an_error_is_a_reply() -> None:
    assert reply(sends(503, b"busy")) == Reply(503, b"busy", None)


@pytest.mark.parametrize("behave", [hangs, drips, drips_headers])
def test_time_runs_out_whatever_comes_meanwhile(behave: Behave) -> None:
    began = time.monotonic()

    assert reply(behave, timeout_s=0.1) == Silence("no whole answer within 0.1 s")
    assert time.monotonic() - began < 0.9


@pytest.mark.parametrize(
    ("behave", "error"), [(drops, "RemoteProtocolError"), (hangs_up, "RemoteProtocolError")]
)
def test_a_connection_may_break(behave: Behave, error: str) -> None:
    assert reply(behave) == Silence(f"a connection that failed ({error})")


def test_nobody_may_be_there() -> None:
    assert posted(refused_url()) == Silence("a connection that failed (ConnectError)")


def test_an_answer_without_end_is_left() -> None:
    assert reply(floods) == Silence("an answer of more than 4194304 bytes")


def test_what_is_packed_is_not_unpacked() -> None:
    assert reply(sends_bomb) == Silence("a packed answer, which was not asked for")


def test_nothing_is_sent_after_an_address_that_has_moved() -> None:
    with serving(says("[]")) as elsewhere:
        moved = reply(sends(307, b"", Location=elsewhere.url))

    assert (moved, elsewhere.asked) == (Reply(307, b"", None), [])


def test_nothing_goes_through_a_proxy_that_the_machine_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(says("[]")) as proxy, serving(says("[]")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        posted(server.url)

    assert (len(server.asked), proxy.asked) == (1, [])


def test_an_endpoint_must_be_who_its_certificate_says() -> None:
    assert (CERTIFICATES.verify_mode, CERTIFICATES.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_only_an_endpoint_that_somebody_vouches_for_is_spoken_to() -> None:
    with serving(says("[]")) as server:
        # It has no certificate at all.
        found = posted(server.url.replace("http:", "https:"))

    assert (found, server.asked) == (Silence("a connection that failed (ConnectError)"), [])


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = format_datetime(NOON + timedelta(seconds=90), usegmt=True)


@pytest.mark.parametrize(
    ("told", "wait_s"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (LATER, 90.0),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0.0),
        ("soon", None),
        ("5 minutes", None),
        ("-5", None),
        ("nan", None),
        ("Thu, 01 Jan 99999999999999999999 12:00:00 GMT", None),
        ("Thu, 01 Jan 2026 12:00:00 -0000", None),
    ],
)
def test_an_endpoint_may_say_when_it_wants_to_be_asked_again(
    told: str, wait_s: float | None
) -> None:
    def behave(handler: Handler, _: Asked) -> None:
        # By hand, as the library would send today's date.
        handler.wfile.write(
            f"HTTP/1.1 429 Busy\r\nDate: {format_datetime(NOON, usegmt=True)}\r\n"
            f"Retry-After: {told}\r\nContent-Length: 0\r\n\r\n".encode()
        )

    assert reply(behave) == Reply(429, b"", wait_s)
