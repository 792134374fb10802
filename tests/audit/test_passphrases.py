"""Where a passphrase comes from when nobody sits at a terminal."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedmedlora.audit.passphrases import CREDENTIAL, hand_on, passphrase
from fedmedlora.errors import IdentityError

_CHILD = """
import os, sys
from fedmedlora.audit.passphrases import passphrase
sys.stdout.buffer.write(passphrase(os.environ))
"""


def opened(folder: Path, content: bytes) -> int:
    file = folder / "secret"
    file.write_bytes(content)
    return os.open(file, os.O_RDONLY)


def credentials(folder: Path, content: bytes) -> dict[str, str]:
    (folder / CREDENTIAL).write_bytes(content)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


@pytest.fixture
def nobody_types(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@pytest.mark.parametrize(
    ("content", "given"),
    [
        (b"sesame", b"sesame"),
        (b"sesame\n", b"sesame"),
        # One break is the editor's; a second one somebody has meant.
        (b"sesame\n\n", b"sesame\n"),
        (b" ses ame ", b" ses ame "),
        ("Sésam".encode(), "Sésam".encode()),
    ],
)
def test_a_line_break_at_the_end_does_not_count(
    tmp_path: Path, content: bytes, given: bytes
) -> None:
    assert passphrase({}, descriptor=opened(tmp_path, content)) == given
    assert passphrase(credentials(tmp_path, content)) == given


def test_a_descriptor_comes_before_a_credential(tmp_path: Path) -> None:
    environ = credentials(tmp_path, b"of systemd")

    assert passphrase(environ, descriptor=opened(tmp_path, b"given")) == b"given"


def test_a_descriptor_is_closed_when_it_was_read(tmp_path: Path) -> None:
    descriptor = opened(tmp_path, b"sesame")
    passphrase({}, descriptor=descriptor)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


@pytest.mark.usefixtures("nobody_types")
@pytest.mark.parametrize("content", [b"", b"\n"])
def test_nothing_given_is_told(tmp_path: Path, content: bytes) -> None:
    expected = f"found nothing, expected .*--passphrase-fd.*{CREDENTIAL}"

    with pytest.raises(IdentityError, match=expected):
        passphrase({}, descriptor=opened(tmp_path, content))
    with pytest.raises(IdentityError, match=expected):
        passphrase(credentials(tmp_path, content))


@pytest.mark.usefixtures("nobody_types")
def test_nobody_is_asked_where_there_is_no_terminal(tmp_path: Path) -> None:
    for environ in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        with pytest.raises(IdentityError, match="found nothing"):
            passphrase(environ)


def test_a_descriptor_that_is_not_open_is_told() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)

    with pytest.raises(IdentityError, match=f"at file descriptor {descriptor}, expected one"):
        passphrase({}, descriptor=descriptor)


def test_a_process_that_is_started_finds_what_was_handed_on(tmp_path: Path) -> None:
    environ = {**os.environ, **credentials(tmp_path, b"of somebody else")}
    hand_on(b"sesame", environ)

    command = [sys.executable, "-c", _CHILD]
    child = subprocess.run(command, env=environ, capture_output=True, check=True)

    assert child.stdout == b"sesame"
    # Others on the machine can read the variables of a process.
    assert "sesame" not in str(environ)
    assert [path.name for path in tmp_path.iterdir()] == [CREDENTIAL]


def test_what_was_handed_on_is_gone_with_who_did_it() -> None:
    script = (
        "from fedmedlora.audit.passphrases import hand_on; environ = {};"
        "hand_on(b'sesame', environ); print(*environ.values())"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert not Path(ended.stdout.decode().strip()).exists()


def test_the_first_descriptor_is_one_too() -> None:
    script = (
        "import sys; from fedmedlora.audit.passphrases import passphrase;"
        "sys.stdout.buffer.write(passphrase({}, descriptor=0))"
    )
    command = [sys.executable, "-c", script]
    child = subprocess.run(command, input=b"sesame\n", capture_output=True, check=True)

    assert child.stdout == b"sesame"
