"""Keys, signed runs and their proof, as a person types them."""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.conftest import Said, Shell, experiment

from fedmedlora.audit.identity import new_identity, open_identities, open_identity
from fedmedlora.cli import main
from fedmedlora.experiment.store import RunStore

SECRET = b"open, sesame"
AUDIT = '\n[audit]\nledger = "embedded"\n'
MISSING = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from fedmedlora.cli import main
sys.exit(main())
"""
PACKAGES = (
    *("coincurve", "cryptography", "securesystemslib", "web3"),
    *("eth", "eth_abi", "eth_account", "eth_keys", "eth_utils", "rlp"),
)


def secret(folder: Path, content: bytes = SECRET + b"\n") -> int:
    """Return an open file with a passphrase; whoever reads it closes it."""
    file = folder / "secret"
    file.write_bytes(content)
    return os.open(file, os.O_RDONLY)


def created(shell: Shell, folder: Path, *more: str) -> Said:
    descriptor = str(secret(folder))
    file = folder / "identity.json"
    return shell("identity", "create", file, "--passphrase-fd", descriptor, *more)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, sites: Path, base: Path) -> Path:
    """Return the folder of a run in which everything is signed."""
    folder = tmp_path_factory.mktemp("signed")
    file = experiment(folder, sites, base, arms=("fed_medlora",), rounds=1)
    file.write_text(file.read_text("utf-8") + AUDIT, encoding="utf-8")
    if code := main(["run", str(file), "--out", str(folder / "run")]):
        pytest.fail(f"the run ended with {code}")
    return folder / "run"


@pytest.fixture
def copied(signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(signed, tmp_path / "run"))


def test_an_identity_opens_with_the_passphrase_it_was_given(tmp_path: Path, shell: Shell) -> None:
    said = created(shell, tmp_path, "--json")

    assert (said.code, said.err) == (0, "")
    identity = open_identity(tmp_path / "identity.json", SECRET)
    assert json.loads(said.out) == {
        "file": str(tmp_path / "identity.json"),
        "did": identity.did,
        "address": f"0x{identity.address.hex()}",
    }


def test_a_person_is_told_the_name_and_no_secret(tmp_path: Path, shell: Shell) -> None:
    said = created(shell, tmp_path)

    identity = open_identity(tmp_path / "identity.json", SECRET)
    assert f"did: {identity.did}" in said.out.splitlines()
    for key in (identity.document_key.hex(), identity.chain_key.hex(), SECRET.decode()):
        assert key not in said.out + said.err


def test_an_identity_is_not_written_over(tmp_path: Path, shell: Shell) -> None:
    created(shell, tmp_path)
    before = (tmp_path / "identity.json").read_bytes()

    said = created(shell, tmp_path)

    assert said.code == 2
    assert said.out == ""
    file = tmp_path / "identity.json"
    assert said.err.startswith(f"{file}: found an identity, expected none")
    assert file.read_bytes() == before


def test_keys_are_not_made_without_a_passphrase(tmp_path: Path, shell: Shell) -> None:
    descriptor = str(secret(tmp_path, b"\n"))
    file = tmp_path / "identity.json"

    said = shell("identity", "create", file, "--passphrase-fd", descriptor)

    assert said.code == 2
    assert said.err.startswith("passphrase: found nothing, expected one or more characters")
    assert not file.exists()


def test_a_run_as_it_was_sealed_is_told_so(signed: Path, shell: Shell) -> None:
    said = shell("audit", "verify", signed)

    assert said.code == 0
    assert said.out.splitlines()[-1] == f"{signed}: all of it as it was signed and sealed"
    told = json.loads(shell("audit", "verify", signed, "--json").out)
    assert (told["faults"], told["remarks"]) == ([], [])
    # Three sites that train for one round; the one that would come later is enrolled too.
    assert (told["counts"]["updates"], told["counts"]["enrolments"]) == (3, 4)
    # By which a site sees whether the keys under its name are its own.
    for name, file in (("the coordinator", "operator"), ("cardiology", "cardiology")):
        identity = json.loads((signed / "identities" / f"{file}.json").read_text(encoding="utf-8"))
        assert told["keys"][name] == identity["did"]
        assert f"{name} signs as {identity['did']}\n" in said.out


def test_a_head_that_a_site_brings_is_held_against_the_ledger(
    signed: Path, tmp_path: Path, shell: Shell
) -> None:
    kept = shutil.copy(signed / "heads" / "cardiology.jsonl", tmp_path / "kept.jsonl")

    without = json.loads(shell("audit", "verify", signed, "--json").out)["counts"]["heads"]
    said = shell("audit", "verify", signed, "--heads", kept, "--json")

    # One behind the round, one behind the run.
    assert json.loads(said.out)["counts"]["heads"] == without + 2
    (tmp_path / "kept.jsonl").write_text("{}\n", encoding="utf-8")
    spoilt = shell("audit", "verify", signed, "--heads", kept)
    assert spoilt.code == 1
    assert f"{tmp_path}/kept.jsonl: found no envelope" in spoilt.out


def test_a_file_without_heads_proves_nothing(signed: Path, tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "empty.jsonl").touch()
    said = [
        shell("audit", "verify", signed, "--heads", tmp_path / name)
        for name in ("empty.jsonl", "mistyped.jsonl", ".")
    ]

    assert [one.code for one in said] == [2, 2, 2]
    assert "empty.jsonl: heads: found an empty file, expected those that a site" in said[0].err
    assert "mistyped.jsonl: heads: found no file, expected those that a site kept" in said[1].err


def test_what_is_wrong_is_named_and_the_code_is_1(copied: Path, shell: Shell) -> None:
    with closing(sqlite3.connect(copied / "run.sqlite")) as connection, connection:
        connection.execute("DELETE FROM finals WHERE site = 'cardiology'")

    said, told = shell("audit", "verify", copied), shell("audit", "verify", copied, "--json")

    assert (said.code, told.code) == (1, 1)
    (fault,) = json.loads(told.out)["faults"]
    assert fault.startswith("finals, row fed_medlora, cardiology: found no such row")
    assert said.out.splitlines()[0] == fault
    assert "all of it as it was" not in said.out
    assert said.err == ""


def test_an_adapter_that_was_changed_is_named(copied: Path, shell: Shell) -> None:
    file = min((copied / "adapters").iterdir())
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")

    said = shell("audit", "verify", copied)

    assert said.code == 1
    assert file.stem in said.out


def test_a_run_without_signatures_is_wrong_input(finished: Path, shell: Shell) -> None:
    said = shell("audit", "verify", finished)

    assert said.code == 2
    assert "found a run in which nothing is signed" in said.err
    assert shell("audit", "verify", finished.parent).code == 2


def test_keys_of_a_site_of_this_machine_are_replaced(copied: Path, shell: Shell) -> None:
    file = copied / "identities" / "cardiology.json"
    before = open_identity(file, b"")

    rotated = json.loads(shell("identity", "rotate", file, "--json").out)

    identity, *former = open_identities(file, b"")
    assert (identity == before, former) == (False, [before])
    assert rotated == {
        "file": str(file),
        "did": identity.did,
        "address": f"0x{identity.address.hex()}",
    }


def test_a_finished_run_that_is_told_to_go_on_stays_sealed(copied: Path, shell: Shell) -> None:
    assert shell("run", copied / "experiment.toml", "--out", copied, "--resume").code == 0

    said = shell("audit", "verify", copied)

    assert said.code == 0, said.out


def test_keys_are_replaced_under_the_passphrase_that_they_have(
    tmp_path: Path, shell: Shell
) -> None:
    created(shell, tmp_path)
    file = tmp_path / "identity.json"
    before = open_identity(file, SECRET)

    def rotated(content: bytes) -> Said:
        descriptor = str(secret(tmp_path, content))
        return shell("identity", "rotate", file, "--passphrase-fd", descriptor)

    refused, said = rotated(b"other"), rotated(SECRET)

    assert (refused.code, said.code) == (2, 0)
    assert f"{file}: found that it does not open" in refused.err
    identity, *former = open_identities(file, SECRET)
    assert former == [before]
    assert f"did: {identity.did}" in said.out.splitlines()
    for key in (identity.document_key, identity.chain_key, before.document_key, before.chain_key):
        assert key.hex() not in said.out + said.err


def test_keys_that_are_not_there_are_not_replaced(tmp_path: Path, shell: Shell) -> None:
    said = shell("identity", "rotate", tmp_path / "identity.json")

    assert said.code == 2
    assert said.err.startswith(f"{tmp_path}/identity.json: found 'No such file or directory'")


def test_keys_are_revoked_by_whoever_coordinates(
    copied: Path, tmp_path: Path, shell: Shell
) -> None:
    created(shell, tmp_path)
    by_another = ("--identity", tmp_path / "identity.json", "--passphrase-fd")

    refused = shell("identity", "revoke", copied, "psychiatry", *by_another, secret(tmp_path))
    told = shell("identity", "revoke", copied, "psychiatry", "--json")

    assert refused.code == 2
    assert "found the identity did:key:" in refused.err
    revoked = json.loads(told.out)
    assert revoked["site"] == "psychiatry"
    # What was signed while they were good stays as it is.
    said = shell("audit", "verify", copied, "--json")
    assert said.code == 0
    assert json.loads(said.out)["remarks"] == [f"psychiatry: revoked with block {revoked['block']}"]
    again = shell("identity", "revoke", copied, "psychiatry")
    assert again.code != 0
    assert "psychiatry: found revoked site" in again.err


def test_keys_of_nobody_are_told(copied: Path, finished: Path, shell: Shell) -> None:
    nobody = shell("identity", "revoke", copied, "oncology")
    keys = copied / "identities" / "operator.json"
    unsigned = shell("identity", "revoke", finished, "cardiology", "--identity", keys)

    elsewhere = shell("identity", "revoke", finished, "cardiology")

    assert (nobody.code, unsigned.code, elsewhere.code) == (2, 2, 2)
    assert elsewhere.err.startswith("--identity: found nothing, expected an identity")
    assert "found no site 'oncology' enrolled, expected cardiology" in nobody.err
    assert "nothing is signed in this run" in unsigned.err


def without(packages: tuple[str, ...], *words: object) -> Said:
    """Return what a command says where some packages are not installed."""
    script = MISSING.format(packages=packages)
    command = [sys.executable, "-c", script, *map(str, words)]
    ended = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def test_a_signed_run_without_the_extra_is_told_what_to_install(
    tmp_path: Path, sites: Path, base: Path
) -> None:
    file = experiment(tmp_path, sites, base, arms=("fed_medlora",), rounds=1)
    plain = file.read_text("utf-8")
    file.write_text(plain + AUDIT, encoding="utf-8")

    said = without(PACKAGES, "run", file, "--out", tmp_path / "run")

    assert said.code == 2
    assert said.err.splitlines()[-1].endswith("expected it here; pip install 'fedmedlora[audit]'")
    assert "Traceback" not in said.err
    assert not (tmp_path / "run").exists()
    # Nobody else needs them.
    file.write_text(plain, encoding="utf-8")
    assert without(PACKAGES, "run", file, "--out", tmp_path / "plain").code == 0


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.slow
def test_each_package_of_the_extra_is_known_to_be_of_it(package: str, tmp_path: Path) -> None:
    said = without((package,), "audit", "verify", tmp_path)

    assert said.code == 2
    assert "Traceback" not in said.err


def test_proof_without_the_extra_is_told_what_to_install(signed: Path) -> None:
    said = without(PACKAGES, "audit", "verify", signed)

    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.endswith("expected it here; pip install 'fedmedlora[audit]'")


def test_the_card_of_an_export_names_the_last_head_of_the_ledger(
    shell: Shell, signed: Path, tmp_path: Path
) -> None:
    with RunStore.open(signed) as store:
        told = json.loads(store.seals.heads()[-1])
        sealed = json.loads(base64.b64decode(told["payload"]))["predicate"]

    said = shell("export", signed, "--to", "peft", "--out", tmp_path / "new")

    assert said.code == 0
    card = (tmp_path / "new" / "README.md").read_text("utf-8")
    assert f"block {sealed['block']} of chain {sealed['chain_id']}, hash `{sealed['hash']}`" in card


def test_a_head_that_is_not_the_operators_is_not_put_into_a_card(
    shell: Shell, copied: Path, tmp_path: Path
) -> None:
    with RunStore.open(copied, writable=True) as store:
        other = new_identity().did
        store.put_meta("audit", {**store.meta("audit"), "operator": other})

    said = shell("export", copied, "--to", "peft", "--out", tmp_path / "new")

    assert (said.code, said.out) == (3, "")
    assert "last head: found signed by did:key:" in said.err
    assert not (tmp_path / "new").exists()
