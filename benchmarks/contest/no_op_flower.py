"""Seconds and memory of a no-op round of plain Flower FedAvg between processes, over TLS.

A SuperLink and three SuperNodes, each a process, with TLS and the nodes known by their keys (Flower
has no certificates of clients), started as its documentation has it; Flower's own FedAvg without
its evaluation, half of a round. Each round sends 10 MB of float32 in 64 tensors to each site, which
sends them back plus one. Nothing is set but names, ports and what keeps Flower off the network.

Run in an environment that has benchmarks/contest/flower.txt, in the folder `benchmarks`:

    python -m contest.no_op_flower

It prints one JSON object with the keys of no_op_nvflare.py. The kinds of its peaks: "SuperLink",
"ServerApp", "SuperNode", "ClientApp" and "SuperExec"; a site is a SuperNode, its SuperExec, and a
ClientApp for each message; the server a SuperLink, its SuperExec and a ServerApp.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from contest.loopback import (
    QUIET_FLOWER,
    free_port,
    program,
    since_start,
    started,
    talk_aside,
    tell,
    until,
    write_adapter,
)
from contest.peaks import watched

_APP = Path(__file__).with_name("no_op_flower_app.py")
_PROJECT = f"""
[project]
name = "noop"
version = "1.0.0"
dependencies = []

[tool.flwr.app]
publisher = "nobody"

[tool.flwr.app.components]
serverapp = "{_APP.stem}:server_app"
clientapp = "{_APP.stem}:client_app"

[tool.flwr.app.config]
sites = 0
rounds = 0
adapter = ""
out = ""
"""
_KINDS = {
    "flower-superlink": "SuperLink",
    "flower-supernode": "SuperNode",
    "flower-superexec": "SuperExec",
    "flwr-serverapp": "ServerApp",
    "flwr-clientapp": "ClientApp",
}
_HOST = "127.0.0.1"


def main() -> None:
    """Measure and print the figures."""
    options = _options()
    with talk_aside() as told, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Flower starts its own programs by their names.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        os.environ |= {**QUIET_FLOWER, "FLWR_HOME": str(folder / "home"), "PATH": path}
        adapter, out = folder / "adapter.safetensors", folder / "out.json"
        num_bytes = write_adapter(adapter)
        _write_app(folder / "app")
        with watched(_kind) as peaks, _federation(folder, options.sites):
            config = [
                f"sites={options.sites}",
                f"rounds={options.rounds}",
                f'adapter="{adapter}"',
                f'out="{out}"',
            ]
            _flwr("run", str(folder / "app"), "lab", "--stream", "-c", " ".join(config))
        answer = json.loads(out.read_text(encoding="utf-8"))
        first, *seconds = (after - before for before, after in pairwise(answer["ended"]))
        figures = {
            "rival": f"Flower {version('flwr')}",
            "sites": options.sites,
            "num_bytes": num_bytes,
            "seconds": seconds,
            "first": first,
            "peaks": peaks,
            "whole": since_start(),
            "weights": answer["weights"],
        }
        tell(told, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sites", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10, help="the first is told apart")
    return parser.parse_args()


def _write_app(folder: Path) -> None:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(_PROJECT, encoding="utf-8")
    shutil.copy(_APP, folder)


@contextmanager
def _federation(folder: Path, sites: int) -> Iterator[None]:
    """Run a SuperLink and the SuperNodes, each registered with its key."""
    port = free_port()
    address = f"{_HOST}:{port}"
    authority = _write_certificates(folder)
    home = folder / "home"
    home.mkdir()
    lab = f'[superlink.lab]\naddress = "{address}"\nroot-certificates = "{authority}"\n'
    (home / "config.toml").write_text(lab, encoding="utf-8")
    superlink = [
        *(program("flower-superlink"), "--host", _HOST, "--port", str(port)),
        *("--ssl-ca-certfile", str(authority), "--ssl-certfile", str(folder / "server.pem")),
        *("--ssl-keyfile", str(folder / "server.key"), "--enable-supernode-auth"),
        "--disable-runtime-dependency-installation",
    ]
    with ExitStack() as stack:
        log = folder / "superlink.txt"
        stack.enter_context(started(superlink, log))
        until(lambda: _listens(port), "a SuperLink that listens")
        for site in range(sites):
            key = _write_key(folder / f"node{site}")
            _flwr("supernode", "register", f"{key}.pub", "lab")
            supernode = [
                *(program("flower-supernode"), "--superlink", address),
                *("--root-certificates", str(authority), "--auth-supernode-private-key", str(key)),
                *("--host", _HOST, "--port", str(free_port())),
            ]
            stack.enter_context(started(supernode, folder / f"supernode{site}.txt"))
        logs = [folder / f"supernode{site}.txt" for site in range(sites)]
        until(lambda: all("SuperNode ID" in log.read_text() for log in logs), "SuperNodes let in")
        yield


def _flwr(*words: str) -> None:
    command = [program("flwr"), *words]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)  # noqa: S603 -- Flower's own


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex((_HOST, port)) == 0


def _write_certificates(folder: Path) -> Path:
    """Write the server's key and certificate and return the authority's certificate."""
    signing, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _certificate("authority", signing, "authority", signing, is_authority=True)
    server = _certificate("localhost", key, "authority", signing, is_authority=False)
    (folder / "server.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (folder / "server.pem").write_bytes(server.public_bytes(Encoding.PEM))
    (folder / "ca.crt").write_bytes(authority.public_bytes(Encoding.PEM))
    return folder / "ca.crt"


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signing: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    hosts = [x509.DNSName("localhost"), x509.IPAddress(ip_address(_HOST))]
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(signing, hashes.SHA256())
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write_key(file: Path) -> Path:
    """Write a node's key, and its public one beside it."""
    key = ec.generate_private_key(ec.SECP384R1())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(0o600)
    file.with_name(f"{file.name}.pub").write_bytes(public)
    return file


def _kind(command: str) -> str | None:
    return next((kind for part, kind in _KINDS.items() if part in command), None)


if __name__ == "__main__":
    main()
