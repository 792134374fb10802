"""What a site was shown, it keeps; another history does not pass."""

from dataclasses import replace
from pathlib import Path

import pytest

from fedmedlora.audit.documents import Document, DocumentError, signed
from fedmedlora.audit.heads import HEAD, Head, HeadFile, signed_head, verified_head
from fedmedlora.audit.identity import new_identity
from fedmedlora.errors import IdentityError

OPERATOR, OTHER = new_identity(), new_identity()
FIRST = Head("r" * 64, 1, "d" * 64, 4077, "c" * 40, 7, "1" * 64, "")
SECOND = replace(FIRST, round_index=2, block=9, hash="2" * 64, before=FIRST.hash)
THIRD = replace(FIRST, round_index=3, block=12, hash="3" * 64, before=SECOND.hash)


def shown(*heads: Head) -> list[str]:
    return [signed_head(head, OPERATOR.document_key) for head in heads]


@pytest.fixture
def kept(tmp_path: Path) -> HeadFile:
    """Return the file of a site that was shown two heads."""
    file = HeadFile(tmp_path / "heads" / "site.jsonl")
    file.take(shown(FIRST), OPERATOR.did)
    file.take(shown(FIRST, SECOND), OPERATOR.did)
    return file


def refused(file: HeadFile, heads: list[str]) -> str:
    before = file.path.read_bytes()
    with pytest.raises(DocumentError) as caught:
        file.take(heads, OPERATOR.did)
    assert file.path.read_bytes() == before
    return caught.value.code


def test_a_head_comes_back_as_it_was_signed() -> None:
    assert verified_head(shown(SECOND)[0], OPERATOR.did) == SECOND


def test_a_head_of_another_is_refused() -> None:
    with pytest.raises(DocumentError, match="found signed by"):
        verified_head(shown(FIRST)[0], OTHER.did)


@pytest.mark.parametrize("said", [{}, {"block": 7}])
def test_a_head_that_lacks_a_part_is_refused(said: dict[str, object]) -> None:
    text = signed(Document(HEAD, {"block": "1"}, said), OPERATOR.document_key)

    with pytest.raises(DocumentError, match="lacks a part"):
        verified_head(text, OPERATOR.did)


def test_one_head_is_taken_after_another(kept: HeadFile) -> None:
    assert kept.heads(OPERATOR.did) == [FIRST, SECOND]
    # What was shown before may be shown again, as after a kill.
    assert kept.take(shown(FIRST, SECOND), OPERATOR.did) == SECOND
    assert kept.take(shown(FIRST, SECOND, THIRD), OPERATOR.did) == THIRD
    assert kept.heads(OPERATOR.did) == [FIRST, SECOND, THIRD]


def test_nothing_was_shown_to_a_site_without_a_file(tmp_path: Path) -> None:
    assert HeadFile(tmp_path / "none.jsonl").heads(OPERATOR.did) == []


def test_heads_of_several_rounds_are_taken_at_once(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "site.jsonl")

    assert file.take(shown(FIRST, SECOND, THIRD), OPERATOR.did) == THIRD


def test_whoever_shows_nothing_gets_nothing_signed(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="found 0 heads"):
        HeadFile(tmp_path / "site.jsonl").take([], OPERATOR.did)


@pytest.mark.parametrize(
    "heads",
    [
        pytest.param([], id="nothing"),
        pytest.param([FIRST], id="yesterday's"),
        pytest.param([SECOND, THIRD], id="a beginning less"),
        pytest.param([FIRST, replace(SECOND, hash="4" * 64)], id="another block"),
        pytest.param([FIRST, replace(SECOND, record="e" * 64), THIRD], id="another record"),
        pytest.param([SECOND, FIRST], id="another order"),
        pytest.param([FIRST, THIRD], id="one left out"),
        pytest.param([FIRST, SECOND, replace(THIRD, before=FIRST.hash)], id="behind another"),
        pytest.param([FIRST, SECOND, replace(THIRD, before="")], id="behind nothing"),
    ],
)
def test_another_history_is_not_taken(kept: HeadFile, heads: list[Head]) -> None:
    assert refused(kept, shown(*heads)) == "wrong_head"


def test_heads_that_somebody_else_signed_are_not_taken(kept: HeadFile) -> None:
    forged = [*shown(FIRST, SECOND), signed_head(THIRD, OTHER.document_key)]

    assert refused(kept, forged) == "wrong_signer"


@pytest.mark.parametrize("damage", ["cut", "garbage", "another's", "not text"])
def test_a_damaged_file_is_told_and_nothing_is_taken(kept: HeadFile, damage: str) -> None:
    lines = kept.path.read_bytes()
    damaged = {
        "cut": lines[:-40],
        "garbage": lines + b"{}\n",
        "another's": signed_head(FIRST, OTHER.document_key).encode(),
        "not text": b"\xff" + lines,
    }[damage]
    kept.path.write_bytes(damaged)

    with pytest.raises(IdentityError, match=r"site\.jsonl: found .*put the file back from your"):
        kept.take(shown(FIRST, SECOND, THIRD), OPERATOR.did)
    assert kept.path.read_bytes() == damaged
