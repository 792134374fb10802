import gzip
import json
from itertools import islice
from pathlib import Path

import pytest
from tests.pretraining.told import TOLD

from fedmedlora.errors import InputError
from fedmedlora.pretraining.corpus import (
    INVENTED_SEEDS,
    Document,
    invented_notes,
    read_documents,
)
from fedmedlora.synthetic.hospitals import synthesize

OPEN_TEXT = Path(__file__).parents[3] / "shared" / "data" / "pretraining"


def shard(path: Path, *lines: str) -> Path:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def record(text: str) -> str:
    return json.dumps({"text": text, "source": "here", "license": "CC0"})


def test_every_document_is_read_in_the_order_of_the_shards(tmp_path: Path) -> None:
    shard(tmp_path / "plos-001.jsonl.gz", record("third"))
    shard(tmp_path / "plos-000.jsonl.gz", record("first"), record("second"))

    assert [one.text for one in read_documents(tmp_path)] == ["first", "second", "third"]


def test_notes_and_dialogues_are_read_more_often_than_articles(tmp_path: Path) -> None:
    shard(tmp_path / "aci_bench-000.jsonl.gz", record("a note"))
    shard(tmp_path / "plos-000.jsonl.gz", record("an article"))
    shard(tmp_path / "vaers_covid-000.jsonl.gz", record("a report"))

    assert {one.text: one.times for one in read_documents(tmp_path)} == {
        "a note": 4,
        "an article": 1,
        "a report": 2,
    }


def test_one_in_128_is_held_out_whatever_stands_beside_it() -> None:
    held_out = [number for number in range(4096) if Document(f"text {number}", 1).is_held_out]

    # 4096 / 128 = 32, give or take three standard deviations of 5.6.
    assert 15 < len(held_out) < 49
    assert Document(f"text {held_out[0]}", 4).is_held_out


def test_a_folder_without_shards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"found no \*\.jsonl\.gz, expected shards of documents"):
        list(read_documents(tmp_path))


@pytest.mark.parametrize(
    ("line", "told"),
    [("{", ":2: found no JSON"), ('{"text": 3}', ":2: text: found no text"), ("[]", ":2: text")],
)
def test_a_line_that_is_no_document_is_told_with_its_place(
    tmp_path: Path, line: str, told: str
) -> None:
    path = shard(tmp_path / "plos-000.jsonl.gz", record("right"), line)

    with pytest.raises(InputError) as caught:
        list(read_documents(tmp_path))

    assert str(caught.value).startswith(f"{path}{told}")


def test_invented_notes_are_of_training_hospitals_and_of_no_experiment() -> None:
    assert not {0, 1, 2, 3, 4} & {*INVENTED_SEEDS}
    notes = [one.text for one in islice(invented_notes(), 300)]

    first = synthesize(seed=INVENTED_SEEDS[0]).values()
    expected = [
        note.text for role, site in first if role == "train" for note in site.splits["train"]
    ]
    assert notes[: len(expected)] == expected
    for seed in (0, 1):
        for _, site in synthesize(seed=seed).values():
            assert {*notes}.isdisjoint(
                note.text for split in site.splits.values() for note in split
            )


@pytest.mark.skipif(not OPEN_TEXT.is_dir(), reason="the open text is not beside the project")
def test_the_open_shards_are_read_whole_and_tell_nothing_of_the_task() -> None:
    documents = list(read_documents(OPEN_TEXT))

    assert len(documents) == 96_981
    assert sum(len(one.text) for one in documents) > 114_000_000
    # One text, in which no string reaches from one document into the next.
    text = "\0".join(one.text for one in documents)
    assert [told for told in TOLD if told in text] == []
