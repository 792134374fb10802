"""Marked-up text turned into text with exact offsets; nothing is ever searched for.

A piece is `[type name links: content]`. `name` lets other pieces of the same text refer to it.
A link `relation@head` makes the piece the tail of that head; `@head` alone takes the piece's own
type as the relation, and `@` alone the piece that encloses it:

    [negation @p: No] [problem p: [bodyloc @: chest] pain] after [drug d causes@p: nothing].
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fedmedlora.clinical.notes import Entity, Relation

_TOKEN = re.compile(r"\[(?P<header>[^\[\]:]+): |(?P<close>\])|(?P<plain>[^\[\]]+)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text with its annotations; offsets are characters of `text`."""

    text: str
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class _Piece:
    """An opened piece, before its end is known."""

    header: str
    index: int
    start: int
    parent: int | None


def compose(marked: str) -> Passage:
    """Return the text of a marked-up pattern with its entities and relations.

    Raises:
        ValueError: The mark-up is not closed, is empty, or links to a piece that is not there.
    """
    text = ""
    opened: list[_Piece] = []
    pieces: list[_Piece] = []
    ends: dict[int, int] = {}
    for token in _TOKEN.finditer(marked):
        if token["header"]:
            parent = opened[-1].index if opened else None
            opened.append(_Piece(token["header"], len(pieces), len(text), parent))
            pieces.append(opened[-1])
        elif token["close"]:
            ends[_close(opened, marked)] = len(text)
        else:
            text += token["plain"]
    if opened:
        raise ValueError(f"pattern: found an unclosed piece, expected a closing bracket: {marked}")
    entities = tuple(_entity(piece, ends[piece.index], text) for piece in pieces)
    return Passage(text, entities, tuple(_relations(pieces)))


def _close(opened: list[_Piece], marked: str) -> int:
    if not opened:
        raise ValueError(
            f"pattern: found a bracket that closes nothing, expected a piece: {marked}"
        )
    return opened.pop().index


def _entity(piece: _Piece, end: int, text: str) -> Entity:
    content = text[piece.start : end]
    if content != content.strip() or not content:
        raise ValueError(
            f"pattern: found piece {content!r}, expected words without outer white space"
        )
    return Entity(_id(piece.index), piece.header.split()[0], piece.start, end)


def _relations(pieces: Sequence[_Piece]) -> Iterable[Relation]:
    names = {
        word: piece for piece in pieces for word in piece.header.split()[1:] if "@" not in word
    }
    for piece in pieces:
        kind, *words = piece.header.split()
        for word in words:
            relation, at, head = word.partition("@")
            if at:
                yield Relation(relation or kind, _head(piece, head, names), _id(piece.index))


def _head(piece: _Piece, name: str, names: dict[str, _Piece]) -> str:
    if name and name not in names:
        raise ValueError(f"pattern: found a link to {name!r}, expected one of {sorted(names)}")
    index = names[name].index if name else piece.parent
    if index is None:
        raise ValueError(
            f"pattern: found a bare link in {piece.header!r}, expected an enclosing piece"
        )
    return _id(index)


def _id(index: int) -> str:
    return f"T{index + 1}"


def join(passages: Sequence[Passage]) -> Passage:
    """Return passages one after another as one, entities numbered T1, T2, ... in reading order."""
    text = ""
    entities: list[Entity] = []
    relations: list[Relation] = []
    for passage in passages:
        ids = {e.id: _id(len(entities) + i) for i, e in enumerate(passage.entities)}
        offset = len(text)
        entities += [
            Entity(ids[e.id], e.type, e.start + offset, e.end + offset) for e in passage.entities
        ]
        relations += [Relation(r.type, ids[r.head], ids[r.tail]) for r in passage.relations]
        text += passage.text
    return Passage(text, tuple(entities), tuple(relations))
