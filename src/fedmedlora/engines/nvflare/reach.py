"""Whether the coordinator is where a kit says, is who the kit says, and lets this kit in.

NVFLARE tries for ever and says little. This is asked before it starts, so that a wrong kit is told
apart from a coordinator that is not there yet.
"""

import socket
import ssl
from pathlib import Path

from fedmedlora.engines.nvflare.kits import Kit
from fedmedlora.errors import EngineError, Fault, InputError


def check_reach(kit: Kit, *, wait_s: float) -> None:
    """Return if the coordinator answers this kit.

    Raises:
        EngineError: It cannot be reached now; trying again may help.
        InputError: Somebody else answers there, or it does not know this kit.
    """
    host, port = kit.address.rsplit(":", 1)
    try:
        with (
            socket.create_connection((host, int(port)), timeout=wait_s) as plain,
            _context(kit.folder / "startup").wrap_socket(plain, server_hostname=host) as channel,
        ):
            # A server that refuses a certificate ends the connection after all seemed well.
            greeting = channel.recv(1)
    except ssl.SSLCertVerificationError as error:
        found = f"a server whose certificate is not accepted ({error.verify_message})"
        raise _refused(kit, found, "the coordinator of this federation") from error
    except (ssl.SSLError, ConnectionResetError) as error:
        raise _refused(kit, _NOT_ACCEPTED, _ONE_OF_ITS_OWN) from error
    except OSError as error:
        raise EngineError(
            f"{kit.name}: found no coordinator at {kit.address} ({error.strerror or error}), "
            "expected one; check the address and the firewall, or wait until it is started"
        ) from error
    if not greeting:
        raise _refused(kit, _NOT_ACCEPTED, _ONE_OF_ITS_OWN)


_NOT_ACCEPTED = "that the coordinator does not accept it"
_ONE_OF_ITS_OWN = "a kit of the same federation"


def _context(startup: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(startup / "rootCA.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(startup / "client.crt", startup / "client.key")
    context.set_alpn_protocols(["h2"])
    return context


def _refused(kit: Kit, found: str, expected: str) -> InputError:
    advice = "ask who provisions the federation"
    return InputError([Fault(f"{kit.folder} at {kit.address}", found, expected, advice)])
