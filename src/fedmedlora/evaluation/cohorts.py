"""Which notes of a site take part, and as what: the same for every arm.

Notes are taken in the order of the SHA-1 of their id, so that a smaller limit is always a part of
a larger one and the choice depends on nothing but the ids.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fedmedlora.clinical.notes import Labels, Note
from fedmedlora.clinical.sentences import sentence_spans
from fedmedlora.sites import SiteRole


@dataclass(frozen=True, slots=True)
class OwnLora:
    """A site's own LoRA rank and alpha; None is the federation's."""

    rank: int | None = None
    alpha: int | None = None


class SiteFacts(Protocol):
    """What whoever coordinates an experiment knows of a site's part in it: no notes."""

    @property
    def name(self) -> str:
        """Return what the site is called."""
        ...

    @property
    def role(self) -> SiteRole:
        """Return which part it plays."""
        ...

    @property
    def labels(self) -> Labels:
        """Return what it annotates."""
        ...

    @property
    def public(self) -> bool:
        """Return whether its notes may be shown."""
        ...

    @property
    def num_notes(self) -> Mapping[str, int]:
        """Return how many notes take part, by use: train, held_out, dev, final."""
        ...

    @property
    def final_split(self) -> str:
        """Return "test", or "dev" where the site has no test notes."""
        ...

    @property
    def sha256(self) -> str:
        """Return the digest of all its notes, whatever the limits leave of them."""
        ...

    @property
    def own_lora(self) -> OwnLora:
        """Return its own LoRA rank and alpha."""
        ...


@dataclass(frozen=True, slots=True)
class Cohort:
    """One site's part in an experiment.

    Attributes:
        held_out: Training notes set aside for the server's validation before any arm.
        final_split: "test", or "dev" where the site has no test notes.
        sha256: Digest of all the site's notes, whatever the limits leave of them.
        max_heads: Heads trained on at most, None for all.
        validation_heads: Heads of the validation notes scored at most, None for all.
    """

    name: str
    role: SiteRole
    labels: Labels
    public: bool
    train: tuple[Note, ...]
    held_out: tuple[Note, ...]
    dev: tuple[Note, ...]
    final: tuple[Note, ...]
    final_split: str
    sha256: str
    max_heads: int | None = None
    validation_heads: int | None = None
    own_lora: OwnLora = OwnLora()

    @property
    def num_notes(self) -> Mapping[str, int]:
        """Return how many notes take part, by use."""
        used = {"train": self.train, "held_out": self.held_out, "dev": self.dev}
        return {use: len(notes) for use, notes in {**used, "final": self.final}.items()}

    def notes(self, split: str) -> tuple[Note, ...]:
        """Return the notes of "train", "dev" or "final"."""
        return {"train": self.train, "dev": self.dev, "final": self.final}[split]


def in_hash_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return notes in the order of the SHA-1 of their id."""
    return tuple(sorted(notes, key=lambda note: _hash(note.id)))


def set_aside(notes: Sequence[Note], share: float) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """Return (kept, set aside): those set aside are the last `share` in hash order, rounded.

    At least one note is set aside unless the share is 0; of two notes or more some are kept.
    """
    ordered = in_hash_order(notes)
    least = 1 if share else 0
    kept = max(0, len(ordered) - max(least, round(share * len(ordered))))
    return ordered[:kept], ordered[kept:]


def limited(
    notes: Sequence[Note], *, max_notes: int | None = None, max_sentences: int | None = None
) -> tuple[Note, ...]:
    """Return the first whole notes that stay within the limits; always at least one."""
    taken: list[Note] = []
    sentences = 0
    for note in notes[:max_notes]:
        sentences += len(sentence_spans(note.text))
        if taken and max_sentences is not None and sentences > max_sentences:
            break
        taken.append(note)
    return tuple(taken)


def _hash(note_id: str) -> bytes:
    return hashlib.sha1(note_id.encode(), usedforsecurity=False).digest()
