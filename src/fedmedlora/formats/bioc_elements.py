"""The elements of a BioC file, document by document, from its XML or its JSON.

An XML file is read in pieces, and of it only one document is in memory. It may name BioC's DTD,
which nobody fetches; entities of its own it may not declare.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from fedmedlora.errors import Fault
from fedmedlora.formats.source_files import text_of

_PIECE = 1 << 16
# Where the JSON keeps many of a kind; everything else that it has once is text or an attribute.
_LISTS = {
    "passages": "passage",
    "sentences": "sentence",
    "annotations": "annotation",
    "relations": "relation",
    "locations": "location",
    "nodes": "node",
}


@dataclass(slots=True)
class Element:
    """An element; grows while it is read.

    Attributes:
        place: File and line, or file and key.
    """

    name: str
    place: str
    attributes: Mapping[str, str]
    children: list["Element"] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands in it, beside its children."""
        return "".join(self.pieces)

    def all(self, name: str) -> list["Element"]:
        """Return its children of a name."""
        return [child for child in self.children if child.name == name]

    def said(self, name: str) -> str:
        """Return the text of its first child of a name, "" without one."""
        return next((child.text for child in self.children if child.name == name), "")

    @property
    def infons(self) -> dict[str, str]:
        """What is said of it, by key."""
        return {child.attributes.get("key", ""): child.text for child in self.all("infon")}


def documents(file: Path) -> Iterator[Element | Fault]:
    """Yield the documents of a file, and a fault in the place of what cannot be read."""
    return _from_json(file) if file.suffix == ".json" else _from_xml(file)


class _DeclaresError(ValueError):
    """The file declares entities, by which a short one can stand for more than memory holds."""


class _Reader:
    """Expat's events as elements; it wants callbacks, so this has state."""

    def __init__(self, file: Path) -> None:
        self.done: list[Element] = []
        self.parser = expat.ParserCreate()
        self._file = file
        self._open: list[Element] = []
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.EntityDeclHandler = self._declared

    @property
    def place(self) -> str:
        return f"{self._file}:{self.parser.CurrentLineNumber}"

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._open or name == "document":
            element = Element(name, self.place, attributes)
            if self._open:
                self._open[-1].children.append(element)
            self._open.append(element)

    def _end(self, name: str) -> None:
        if self._open:
            element = self._open.pop()
            if not self._open and name == "document":
                self.done.append(element)

    def _data(self, text: str) -> None:
        if self._open:
            self._open[-1].pieces.append(text)

    def _declared(self, *_: object) -> None:
        raise _DeclaresError


def _from_xml(file: Path) -> Iterator[Element | Fault]:
    reader = _Reader(file)
    try:
        with file.open("rb") as content:
            is_last = False
            while not is_last:
                piece = content.read(_PIECE)
                is_last = not piece
                reader.parser.Parse(piece, is_last)
                yield from reader.done
                reader.done.clear()
    except OSError as error:
        yield Fault(str(file), f"'{error.strerror}' on reading", "a readable file")
    except _DeclaresError:
        yield Fault(reader.place, "a declaration of an entity", "BioC, which needs none")
    except expat.ExpatError as error:
        yield from reader.done
        # The message may name an element or an entity: only expat's own words are told.
        found = f"XML that is not well formed ({expat.ErrorString(error.code)})"
        yield Fault(f"{file}:{error.lineno}", found, "a BioC collection")
    except (LookupError, ValueError):
        yield Fault(reader.place, "an encoding that is not known", "UTF-8 text")


def _from_json(file: Path) -> Iterator[Element | Fault]:
    text = text_of(file)
    if isinstance(text, Fault):
        yield text
        return
    try:
        collection = json.loads(text)
    except json.JSONDecodeError as error:
        found = f"malformed JSON ({error.msg.partition(':')[0]}) at character {error.colno}"
        yield Fault(f"{file}:{error.lineno}", found, "a BioC collection")
        return
    except (ValueError, RecursionError):
        found = "JSON with a number too long or lists too deep to be read"
        yield Fault(str(file), found, "a BioC collection")
        return
    found_documents = collection.get("documents") if isinstance(collection, dict) else None
    if not isinstance(found_documents, list):
        yield Fault(str(file), "no list of documents", "a BioC collection: `documents`")
        return
    for index, document in enumerate(found_documents):
        yield _element("document", f"{file}: documents[{index}]", document)


def _element(name: str, place: str, value: Any) -> Element:  # noqa: ANN401 -- any JSON value
    """Return the element that an object of BioC's JSON is; what it cannot be is left empty."""
    record = value if isinstance(value, dict) else {}
    plain = {key: _plain(item) for key, item in record.items() if isinstance(item, str | int)}
    element = Element(name, place, plain)
    element.children += [Element(key, place, {}, pieces=[item]) for key, item in plain.items()]
    infons = record.get("infons")
    for key, item in infons.items() if isinstance(infons, dict) else ():
        if isinstance(item, str | int | float):
            element.children.append(Element("infon", place, {"key": key}, pieces=[_plain(item)]))
    for many, one in _LISTS.items():
        items = record.get(many)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            element.children.append(_element(one, f"{place}.{many}[{index}]", item))
    return element


def _plain(value: str | float) -> str:
    return value if isinstance(value, str) else repr(value)
