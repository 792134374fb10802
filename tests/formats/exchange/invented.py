"""Invented notes, and what stays of a note wherever it is kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from hypothesis import strategies as st

from fedmedlora.clinical.labels import CROSS_RELATIONS, ENTITY_TYPES, MAIN_TYPES
from fedmedlora.clinical.notes import Entity, Note, Relation
from fedmedlora.errors import Fault
from fedmedlora.formats.note_format import NoteFormat

OPEN_SITES = Path(__file__).parents[4] / "shared" / "data" / "sites"

TEXT = "Söre throat 😀,\r\nIron 25 mg for\rpain of arm and leg.\n\n Nil else."
"""CR LF, CR and LF; characters of one, two and four bytes; white space in a row."""


def span(words: str, after: int = 0) -> tuple[int, int]:
    start = TEXT.index(words, after)
    return start, start + len(words)


HARD = Note(
    "ward 7/n|1",
    "",
    TEXT,
    (
        Entity("T1", "problem", *span("Söre throat")),
        Entity("T2", "drug", *span("Iron"), confidence=0.1),
        Entity("T3", "strength", *span("25 mg")),
        # A gap; a span over a line's end; one within another's word; the same span twice.
        Entity("T4", "problem", span("pain")[0], span("leg")[1], (span("pain of"), span("leg"))),
        Entity("T5", "problem", span("for")[0], span("pain")[1]),
        Entity("T6", "severity", *span("öre")),
        Entity("T7", "problem", *span("Söre throat")),
        Entity("T8", "bodyloc", *span("leg")),
        Entity("T9", "problem", *span("leg")),
        Entity("T10", "treatment", *span("Iron ")),
    ),
    (
        Relation("strength", "T2", "T3"),
        Relation("treats", "T2", "T4"),
        Relation("adverse_effect", "T2", "T4"),
        Relation("adverse_effect", "T2", "T7"),
        Relation("bodyloc", "T4", "T8"),
        Relation("treats", "T10", "T5"),
        Relation("causes", "T7", "T9"),
    ),
    "17",
)
PLAIN = Note("n2", "", "No pain.", (Entity("T1", "problem", 3, 7),), ())
BARE = Note("n3", "", "\nWell.\n", (), ())


@st.composite
def entities(draw: st.DrawFn, id_: str, text: str) -> Entity | None:
    type_ = draw(st.sampled_from(ENTITY_TYPES))
    confidence = draw(st.none() | st.floats(0, 1))
    num_parts = draw(st.integers(1, 3))
    places = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))[: 2 * num_parts]
    parts = tuple(zip(places[::2], places[1::2], strict=False))
    if not parts or not "".join(text[start:end] for start, end in parts).strip():
        return None
    fragments = parts if len(parts) > 1 else ()
    return Entity(id_, type_, parts[0][0], parts[-1][1], fragments, confidence)


@st.composite
def notes(draw: st.DrawFn, id_: str | None = None) -> Note:
    texts = st.text(
        st.sampled_from('ab \r\n\t\u2028\x85é😀|<&"\x00\x0b\ufffe') | st.characters(codec="utf-8")
    )
    text = draw(texts.filter(str.strip))
    names = draw(st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=5))
    found = [entity for name in names if (entity := draw(entities(name, text)))]
    relations = [
        Relation(draw(st.sampled_from(fitting)), head.id, tail.id)
        for head in found
        for tail in found
        if head.type in MAIN_TYPES
        for fitting in [CROSS_RELATIONS if tail.type in MAIN_TYPES else (tail.type,)]
    ]
    # As long as one name on a disk may be, in bytes, and longer.
    ids = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)
    patient = draw(st.none() | st.text(st.characters(codec="utf-8"), min_size=1))
    return Note(draw(ids) if id_ is None else id_, "", text, (*found,), (*relations,), patient)


def write(folder: Path, format_: NoteFormat, some: Iterable[Note]) -> Path:
    """Write notes as whoever keeps them does: what each renders to, one behind the other."""
    files: dict[str, bytes] = dict(format_.head)
    for note in some:
        for path, content in format_.render(note).items():
            files[path] = files.get(path, b"") + content
    for path, content in format_.tail.items():
        files[path] = files.get(path, b"") + content
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def read(format_: NoteFormat, source: Path) -> tuple[list[Note], list[str], list[str]]:
    """Return the notes of a source, its faults, and what was not read."""
    assert format_.read is not None
    found = [*format_.read(source)]
    faults = [str(one) for one in found if isinstance(one, Fault)]
    unread = [one.what for one in found if not isinstance(one, Fault | Note)]
    return [one for one in found if isinstance(one, Note)], faults, unread


def kept(note: Note, types: Mapping[str, str], *, lacks: Iterable[str] = ()) -> object:
    """Return what of a note must stay the same; ids of entities are only places in their list."""
    number = {entity.id: index for index, entity in enumerate(note.entities)}
    spans = [
        (types.get(e.type, e.type), e.start, e.end, e.fragments)
        + (() if "confidences" in lacks else (e.confidence,))
        for e in note.entities
    ]
    ends = [(types.get(r.type, r.type), number[r.head], number[r.tail]) for r in note.relations]
    return note.id, None if "patients" in lacks else note.patient, note.text, spans, ends
