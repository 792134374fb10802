"""The local page: serve."""

import argparse
import secrets
import sys

from fedmedlora import bundled
from fedmedlora.cli.answers import answer
from fedmedlora.errors import Fault, InputError
from fedmedlora.serving.opening import LOOPBACK, guarded, listen, open_page

_SHORTEST_TOKEN = 16
_IN_THE_CLEAR = (
    "who listens on the way reads notes and token: put a proxy with TLS before it, or tunnel\n"
)


def serve(options: argparse.Namespace) -> int:
    """Open a page on this machine until it is stopped."""
    token = _token(options)
    served = open_page(
        options.sources or [bundled.ADAPTER],
        arm=options.arm,
        notes=options.notes,
        save=options.save,
    )
    app = guarded(served, port=options.port, token=token)
    address = f"http://{options.host}:{options.port}/{f'#token={token}' if token else ''}"
    answer(options, {"address": address}, [address])
    sys.stdout.flush()
    if token:
        sys.stderr.write(_IN_THE_CLEAR)
    listen(app, host=options.host, port=options.port)
    return 0


def _token(options: argparse.Namespace) -> str | None:
    """Return what requests must bring: asked for, or needed as others reach the port.

    Raises:
        InputError: The token in the file is too short.
    """
    if options.token_file is None:
        return None if options.host in LOOPBACK else secrets.token_urlsafe(24)
    token: str = options.token_file.read_text(encoding="utf-8").strip()
    if len(token) < _SHORTEST_TOKEN:
        expected = f"{_SHORTEST_TOKEN} or more, as secrets.token_urlsafe() makes them"
        found = f"a token of {len(token)} characters"
        raise InputError([Fault(str(options.token_file), found, expected)])
    return token
