"""Keys in a file that opens for nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.audit.identity import (
    Identity,
    new_identity,
    open_identities,
    open_identity,
    rotate_identity,
    write_identity,
)
from fedmedlora.errors import IdentityError

SECRET = b"open, sesame"
COST = 2


@pytest.fixture
def identity() -> Identity:
    return new_identity()


@pytest.fixture
def file(tmp_path: Path, identity: Identity) -> Path:
    path = tmp_path / "kit" / "local" / "identity.json"
    write_identity(path, identity, SECRET, cost=COST)
    return path


def rewritten(file: Path, **changes: Any) -> None:  # noqa: ANN401 -- whatever somebody writes
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}), encoding="utf-8")


def test_keys_come_back_with_their_passphrase(file: Path, identity: Identity) -> None:
    opened = open_identity(file, SECRET)

    assert opened == identity
    told = json.loads(file.read_text())
    assert (told["did"], told["address"]) == (opened.did, f"0x{opened.address.hex()}")


@pytest.mark.parametrize("other", [b"", b"open, sesame\n", b"Open, sesame"])
def test_no_other_passphrase_opens_them(file: Path, other: bytes) -> None:
    with pytest.raises(IdentityError, match="does not open, expected the passphrase"):
        open_identity(file, other)


@pytest.mark.parametrize(
    "changes",
    [
        {"did": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"address": "0x" + "00" * 20},
        {"schema": 2},
        {"cost": 4},
        {"cost": 3},
        {"cost": "two"},
        {"cost": None},
        {"salt": "00" * 16},
        {"nonce": "00" * 12},
        {"nonce": ""},
        {"sealed": "00" * 80},
        {"sealed": ""},
        {"sealed": "keys"},
        {"sealed": None},
    ],
    ids=str,
)
def test_a_file_that_was_changed_does_not_open(file: Path, changes: dict[str, Any]) -> None:
    rewritten(file, **changes)

    with pytest.raises(IdentityError, match="does not open"):
        open_identity(file, SECRET)


def test_a_cost_that_would_take_all_memory_is_not_paid(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2^60 KiB are asked for; the bound itself is a GiB, which a test need not take.
    monkeypatch.setattr("fedmedlora.audit.identity._MOST_COST", 2**4)
    rewritten(file, cost=2**60)

    with pytest.raises(IdentityError, match="does not open"):
        open_identity(file, SECRET)


@pytest.mark.parametrize("part", ["did", "address", "cost", "salt", "nonce", "sealed"])
def test_a_file_that_lacks_a_part_does_not_open(file: Path, part: str) -> None:
    told = json.loads(file.read_text())
    del told[part]
    file.write_text(json.dumps(told), encoding="utf-8")

    with pytest.raises(IdentityError, match="does not open"):
        open_identity(file, SECRET)


@pytest.mark.parametrize("num_bytes", [0, 1, 100])
def test_a_file_that_was_cut_is_told(file: Path, num_bytes: int) -> None:
    file.write_bytes(file.read_bytes()[:num_bytes])

    with pytest.raises(IdentityError, match="found no JSON, expected an identity"):
        open_identity(file, SECRET)


@pytest.mark.parametrize("content", [b"[]", b"7", b"null"])
def test_a_file_of_something_else_is_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(IdentityError, match="found no object, expected an identity"):
        open_identity(file, SECRET)


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match=r"No such file.*make one with `identity create`"):
        open_identity(tmp_path / "identity.json", SECRET)


def test_keys_are_never_written_over(file: Path, identity: Identity) -> None:
    with pytest.raises(IdentityError, match="found an identity, expected none"):
        write_identity(file, new_identity(), SECRET, cost=COST)

    assert open_identity(file, SECRET) == identity


def test_the_file_is_its_owners_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_no_private_key_stands_in_the_file_or_in_what_is_printed(
    file: Path, identity: Identity
) -> None:
    content = file.read_text() + repr(identity)

    for key in (identity.document_key, identity.chain_key):
        assert key.hex() not in content
        assert repr(key) not in content
    assert SECRET.decode() not in content


def test_the_same_keys_are_sealed_otherwise_each_time(tmp_path: Path, identity: Identity) -> None:
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for path in files:
        write_identity(path, identity, SECRET, cost=COST)

    first, second = (json.loads(path.read_text()) for path in files)

    assert all(first[key] != second[key] for key in ("salt", "nonce", "sealed"))


def test_nobody_has_the_same_keys() -> None:
    one, other = new_identity(), new_identity()

    assert len({one.did, other.did}) == len({one.address, other.address}) == 2
    assert one.document_key != one.chain_key


def test_new_keys_stand_before_all_that_they_replace(file: Path, identity: Identity) -> None:
    second = rotate_identity(file, SECRET)
    third = rotate_identity(file, SECRET)

    assert len({one.did for one in (identity, second, third)}) == 3
    assert open_identity(file, SECRET) == third
    inside, *former = open_identities(file, SECRET)
    assert inside == third
    assert {one.did for one in former} == {identity.did, second.did}


def test_keys_that_are_replaced_are_as_hard_to_open_as_before(file: Path) -> None:
    rotate_identity(file, SECRET)

    (former,) = (file.parent / "identity.former").iterdir()
    for path in (file, former):
        assert path.stat().st_mode & 0o077 == 0
        assert json.loads(path.read_text())["cost"] == COST
        with pytest.raises(IdentityError, match="does not open"):
            open_identity(path, b"")
    assert former.parent.stat().st_mode & 0o077 == 0


def test_a_rotation_that_was_killed_has_changed_nothing_and_is_done_again(
    file: Path, identity: Identity
) -> None:
    # Killed once the keys were put aside, before others stood in their place.
    before = file.read_bytes()
    rotate_identity(file, SECRET)
    file.write_bytes(before)

    assert open_identities(file, SECRET) == [identity]
    again = rotate_identity(file, SECRET)
    assert open_identities(file, SECRET) == [again, identity]


def test_keys_that_cannot_be_put_aside_are_not_replaced(file: Path, identity: Identity) -> None:
    (file.parent / "identity.former").write_text("a file where the folder would be")

    with pytest.raises(OSError, match="File exists"):
        rotate_identity(file, SECRET)

    assert open_identity(file, SECRET) == identity


def test_keys_are_not_replaced_by_who_cannot_open_them(file: Path, identity: Identity) -> None:
    with pytest.raises(IdentityError, match="does not open"):
        rotate_identity(file, b"")

    assert open_identities(file, SECRET) == [identity]
    assert [each.name for each in file.parent.iterdir()] == ["identity.json"]
