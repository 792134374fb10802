"""What a site was shown of the ledger, kept by the site itself.

The operator of a ledger could write another history. It cannot make the sites forget: each keeps
every head that the operator signed, countersigns the last, and takes more only if they begin with
what it has and each names the one before. A ledger that does not hold a head which a site kept is
not the one that the site was shown.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from fedmedlora.audit.documents import Document, DocumentError, signed, verified
from fedmedlora.durable_files import write_whole
from fedmedlora.errors import Fault, IdentityError, InputError

HEAD = "urn:fed-medlora:head:1"


@dataclass(frozen=True, slots=True)
class Head:
    """A block behind which a round is sealed.

    Attributes:
        run: Of the round.
        record: sha256 of its signed record.
        block: Number of the block.
        hash: Its hash, in hex.
        before: Hash of the block behind the round that was sealed before, "" for the first.
    """

    run: str
    round_index: int
    record: str
    chain_id: int
    contract: str
    block: int
    hash: str
    before: str


def signed_head(head: Head, key: bytes) -> str:
    """Return a head as an Ed25519 private key signs it: the operator's, or a site's beside it."""
    return signed(Document(HEAD, {"block": head.hash}, asdict(head)), key)


def verified_head(text: str, did: str) -> Head:
    """Return the head that somebody signed.

    Raises:
        DocumentError: Somebody else did, or it is none.
    """
    said = verified(text, did, kind=HEAD).predicate
    try:
        return Head(**said)
    except TypeError as error:
        found = "found a head that lacks a part, expected all of them"
        raise DocumentError("unreadable_manifest", found) from error


@dataclass(frozen=True, slots=True)
class HeadFile:
    """All heads that a site was shown, a line each as the operator signed them."""

    path: Path

    def heads(self, operator: str) -> list[Head]:
        """Return what it was shown, the first first.

        Raises:
            IdentityError: A line was not signed by the operator.
        """
        try:
            return [verified_head(line, operator) for line in self._lines()]
        except DocumentError as error:
            raise IdentityError(
                f"{self.path}: {error}; put the file back from your copy"
            ) from error

    def take(self, shown: Sequence[str], operator: str) -> Head:
        """Return the last of all heads there are, now that each is kept: one follows another.

        Raises:
            DocumentError: They do not go on from what is kept, or the operator has not signed them.
        """
        kept, heads = self.heads(operator), [verified_head(text, operator) for text in shown]
        if not heads or heads[: len(kept)] != kept:
            raise DocumentError(
                "wrong_head",
                f"found {len(heads)} heads that are not what was shown before, expected the "
                f"{len(kept)} that are kept and those that follow",
            )
        for before, head in pairwise(heads):
            if head.before != before.hash:
                found = f"found block {head.block} behind another than block {before.block}"
                raise DocumentError("wrong_head", f"{found}, expected one behind that")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, "".join(f"{text}\n" for text in shown).encode())
        return heads[-1]

    def _lines(self) -> list[str]:
        try:
            # What is no text is no head either, and is told as such.
            return self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []


def brought_heads(path: Path) -> HeadFile:
    """Return a file of heads that somebody brings to hold them against a ledger.

    Raises:
        InputError: There is no head in it, so that nothing would be checked.
    """
    if not path.is_file() or not path.stat().st_size:
        found = "an empty file" if path.is_file() else "no file"
        advice = "name that of the run's ledger, store/heads/CONTRACT.jsonl in the site's kit"
        raise InputError([Fault(f"{path}: heads", found, "those that a site kept", advice)])
    return HeadFile(path)
