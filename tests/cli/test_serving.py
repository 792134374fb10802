"""The command that opens the page: serve."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from tests.cli.conftest import Shell

_START_S = 120.0


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def serving(*words: str) -> Iterator[tuple[str, str]]:
    """Yield the address that `serve` prints, and that of its interface."""
    port = free_port()
    program = "from fedmedlora.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "serve", *words, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stdout is not None
    try:
        printed = process.stdout.readline().strip()
        address = f"http://127.0.0.1:{port}/"
        _wait_for(address, process)
        yield printed, address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        process.stdout.close()


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx2.get(address)
        except httpx2.TransportError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"no page within {_START_S} s; exit code {process.poll()}")


def test_a_note_is_read_by_the_adapter_of_the_package(tmp_path: Path) -> None:
    with serving("--save", str(tmp_path / "kept")) as (printed, address):
        desk = httpx2.get(f"{address}api/desk").json()
        question = {"reader": "bundled", "text": "He takes aspirin 100 mg daily."}
        found = httpx2.post(f"{address}api/readings", json=question, timeout=60).json()

    assert printed == address
    assert [one["name"] for one in desk["readers"]] == ["bundled"]
    assert desk["readers"][0]["caution"].endswith("not for clinical use")
    assert "drug" in {one["type"] for one in found["entities"]}


def test_others_than_this_machine_need_the_token_that_is_printed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-many-signs\n", encoding="utf-8")

    with serving("--json", "--token-file", str(token)) as (printed, address):
        without = httpx2.get(f"{address}api/desk").status_code
        header = {"authorization": "Bearer a-token-of-many-signs"}
        brought = httpx2.get(f"{address}api/desk", headers=header).status_code

    assert json.loads(printed) == {"address": f"{address}#token=a-token-of-many-signs"}
    assert (without, brought) == (401, 200)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--notes", "nothing"], "nothing: found nothing"),
        (["--save", "Upper Case"], "--save: found Upper Case"),
        (["nothing"], "nothing: found neither a run nor an adapter"),
        (["--port", "70000"], "found '70000', expected a port"),
    ],
)
def test_what_cannot_be_opened_is_told(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)

    told = shell("serve", *words)

    assert told.code == 2
    assert said in told.err


def test_a_token_that_can_be_guessed_is_refused(shell: Shell, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("1234", encoding="utf-8")

    told = shell("serve", "--token-file", str(token))

    assert told.code == 2
    assert "found a token of 4 characters" in told.err
    assert "1234" not in told.err
