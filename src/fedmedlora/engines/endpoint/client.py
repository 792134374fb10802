"""One question sent to an address: what comes back, or why nothing did, within limits.

Nothing of what is sent or comes back is told in words: it may hold text of a note.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2

_MOST_BYTES = 4 * 2**20
_PLAIN = "identity"
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer.

    Attributes:
        status: As HTTP has it.
        content: Its body.
        wait_s: How long the endpoint wants to be left alone; None where it does not say.
    """

    status: int
    content: bytes
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why there is no answer, and how long the endpoint wants to be left alone."""

    reason: str
    wait_s: float | None = None


def trusted_certificates() -> ssl.SSLContext:
    """Return those that vouch for an endpoint: the machine's, or what SSL_CERT_FILE names."""
    return httpx2.create_ssl_context()


def open_client(*, key: str, certificates: ssl.SSLContext) -> httpx2.AsyncClient:
    """Return a client that sends to the very address it is given, and nowhere else.

    Args:
        key: What the endpoint knows us by; "" where it does not ask.
        certificates: Those that vouch for it.
    """
    return httpx2.AsyncClient(
        headers={
            "Content-Type": "application/json",
            # What is not packed cannot unpack to more than was counted.
            "Accept-Encoding": _PLAIN,
            **({"Authorization": f"Bearer {key}"} if key else {}),
        },
        verify=certificates,
        # A proxy that the environment names would read every note.
        trust_env=False,
        follow_redirects=False,
        # An answer is limited as a whole, not read by read.
        timeout=None,
    )


async def post(
    client: httpx2.AsyncClient, url: str, content: bytes, *, timeout_s: float
) -> Reply | Silence:
    """Return what an address answers to a question.

    Args:
        timeout_s: From the first step of the connection to the last byte of the answer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            async with client.stream("POST", url, content=content) as response:
                return await _read(response)
    except TimeoutError:
        return Silence(f"no whole answer within {timeout_s:g} s")
    except httpx2.TransportError as error:
        return Silence(f"a connection that failed ({type(error).__name__})")


async def _read(response: httpx2.Response) -> Reply | Silence:
    if response.headers.get("content-encoding", _PLAIN) != _PLAIN:
        return Silence("a packed answer, which was not asked for")
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > _MOST_BYTES:
            return Silence(f"an answer of more than {_MOST_BYTES} bytes")
    return Reply(response.status_code, content, _wait_s(response.headers))


def _wait_s(headers: httpx2.Headers) -> float | None:
    """Return how long an endpoint wants to be left alone, as it says by seconds or by date."""
    told = headers.get("retry-after", "")
    if _NUMBER.fullmatch(told):
        return float(told)
    try:
        # By its own clock, which need not be ours.
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(headers.get("date", ""))
    except (OverflowError, TypeError, ValueError):
        return None
    return max(wait.total_seconds(), 0.0)
