"""The federation's own authority, and whether a kit's certificate is of it and still valid."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from nvflare.lighter.utils import (
    Identity,
    generate_cert,
    generate_keys,
    serialize_cert,
    serialize_pri_key,
)

from fedmedlora.engines.nvflare.private_files import write_private
from fedmedlora.errors import Fault, InputError

_CERTIFICATE = "rootCA.pem"
_KEY = "rootCA.key"


@dataclass(frozen=True, slots=True)
class Authority:
    """What signs the certificates of a federation."""

    certificate: x509.Certificate
    key: RSAPrivateKey

    @property
    def pem(self) -> bytes:
        """Return the certificate as it stands in a file."""
        pem: bytes = serialize_cert(self.certificate)
        return pem


def open_authority(folder: Path, *, name: str, now: datetime, days: int) -> Authority:
    """Return the authority that lies in a folder; a new one where there is none.

    Args:
        folder: Only its owner may read it; made where it is missing.
        days: How long a new one is valid.

    Raises:
        InputError: What lies there is no authority, or has expired.
    """
    if not (folder / _CERTIFICATE).exists():
        _make_authority(folder, name=name, now=now, days=days)
    try:
        certificate = x509.load_pem_x509_certificate((folder / _CERTIFICATE).read_bytes())
        key = load_pem_private_key((folder / _KEY).read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _refused(folder, "nothing that can be read", "the federation's authority") from error
    if not isinstance(key, RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise _refused(folder / _KEY, "another key", f"that of {_CERTIFICATE}")
    if certificate.not_valid_after_utc <= now:
        ended = certificate.not_valid_after_utc.date()
        raise _refused(
            folder, f"an authority that ended on {ended}", "a valid one", "provision anew elsewhere"
        )
    return Authority(certificate, key)


def issued(
    authority: Authority, names: Identity, *, hosts: list[str], now: datetime, days: int
) -> tuple[RSAPrivateKey, x509.Certificate]:
    """Return a key and its certificate, valid no longer than the authority.

    Args:
        hosts: By which a server is reached; empty for whoever is none.
    """
    key, public_key = generate_keys()
    certificate = generate_cert(
        subject=names,
        issuer=Identity(common_name(authority.certificate)),
        signing_pri_key=authority.key,
        subject_pub_key=public_key,
        not_valid_before=now,
        not_valid_after=min(now + timedelta(days=days), authority.certificate.not_valid_after_utc),
        server_default_host=hosts[0] if hosts else None,
        server_additional_hosts=hosts[1:],
    )
    return key, certificate


def check_certificate(startup: Path, kind: str, *, now: datetime) -> datetime:
    """Return when the certificate of a kit ends.

    Args:
        startup: Where it lies, beside its key and the authority's certificate.
        kind: `client` or `server`.

    Raises:
        InputError: It cannot be read, is not of this authority, is not yet or no longer valid.
    """
    path = startup / f"{kind}.crt"
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        root = x509.load_pem_x509_certificate((startup / _CERTIFICATE).read_bytes())
        key = load_pem_private_key((startup / f"{kind}.key").read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise _refused(startup, "no certificate that can be read", f"{path.name} and its key",
                       _ANEW) from error  # fmt: skip
    if not isinstance(key, RSAPrivateKey) or key.public_key() != certificate.public_key():
        raise _refused(path, "a certificate of another key", f"that of {kind}.key", _ANEW)
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise _refused(path, "a certificate of another authority", f"one of {_CERTIFICATE}",
                       _ANEW) from error  # fmt: skip
    for each, of in ((certificate, path), (root, startup / _CERTIFICATE)):
        _check_dates(each, of, now=now)
    return min(certificate.not_valid_after_utc, root.not_valid_after_utc)


def common_name(certificate: x509.Certificate) -> str:
    """Return whose certificate it is."""
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


_ANEW = "ask who provisions the federation for a new kit"


def _check_dates(certificate: x509.Certificate, path: Path, *, now: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends <= now:
        raise _refused(path, f"a certificate that expired on {ends:%Y-%m-%d %H:%M} UTC",
                       "a valid one", _ANEW)  # fmt: skip
    if begins > now:
        raise _refused(path, f"a certificate that begins on {begins:%Y-%m-%d %H:%M} UTC",
                       f"one that is valid now, at {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
                       "check this machine's clock")  # fmt: skip


def _make_authority(folder: Path, *, name: str, now: datetime, days: int) -> None:
    key, public_key = generate_keys()
    certificate = generate_cert(
        subject=Identity(name),
        issuer=Identity(name),
        signing_pri_key=key,
        subject_pub_key=public_key,
        ca=True,
        not_valid_before=now,
        not_valid_after=now + timedelta(days=days),
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_private(folder / _KEY, serialize_pri_key(key))
    write_private(folder / _CERTIFICATE, serialize_cert(certificate))


def _refused(where: Path, found: str, expected: str, advice: str = "") -> InputError:
    return InputError([Fault(str(where), found, expected, advice)])
