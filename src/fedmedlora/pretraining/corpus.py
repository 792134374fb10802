"""The text that the bundled base reads: shards of openly licensed documents, and invented notes.

    FOLDER/*.jsonl.gz   one document a line: {"text": ..., "source": ..., "license": ...}

A document is held out, for perplexity alone, where the first byte of the SHA-256 of its text is
below 2: one in 128. Notes and dialogues are few beside articles, so they are read more than once.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fedmedlora.errors import Fault, InputError
from fedmedlora.synthetic.hospitals import synthesize

_HELD_OUT_BELOW = 2
_TIMES_INVENTED = 2
INVENTED_SEEDS = range(1000, 1100)
# By shard name; what is not here is read once in a pass.
_TIMES = {
    "aci_bench": 4,
    "clinicaltrials": 4,
    "mts_dialog": 4,
    "primock57": 4,
    "vaers": 2,
    "vaers_covid": 2,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A text and how often a pass reads it."""

    text: str
    times: int

    @property
    def is_held_out(self) -> bool:
        """Return whether it is kept for perplexity alone."""
        return hashlib.sha256(self.text.encode()).digest()[0] < _HELD_OUT_BELOW


def read_documents(folder: Path) -> Iterator[Document]:
    """Yield every document of a folder's shards, in the order of their names.

    Raises:
        InputError: There is no shard, or a line of one cannot be read.
    """
    shards = sorted(folder.glob("*.jsonl.gz"))
    if not shards:
        raise InputError([Fault(str(folder), "no *.jsonl.gz", "shards of documents")])
    for shard in shards:
        times = _TIMES.get(shard.name.rpartition("-")[0], 1)
        for number, line in enumerate(gzip.decompress(shard.read_bytes()).splitlines(), start=1):
            yield Document(_text(line, f"{shard}:{number}"), times)


def invented_notes() -> Iterator[Document]:
    """Yield notes of the training hospitals that do not exist, from seeds of no experiment.

    The external and the new site write none of them, and no annotation comes along.
    """
    for seed in INVENTED_SEEDS:
        for role, site in synthesize(seed=seed).values():
            if role == "train":
                yield from (Document(note.text, _TIMES_INVENTED) for note in site.splits["train"])


def _text(line: bytes, place: str) -> str:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise InputError([Fault(place, "no JSON", "one document as JSON")]) from error
    text = record.get("text") if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise InputError([Fault(f"{place}: text", "no text", "the document's text")])
    return text
