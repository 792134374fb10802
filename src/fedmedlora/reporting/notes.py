"""A note with findings drawn into its text, predicted ones alone or against gold.

Each span is an underline in a lane of its own, so that nested and crossing spans stay readable, and
a small label after its last word. Against gold three signs tell the states apart without colour:
found (solid line, ✓), missed (dashed line, ○), extra (dotted line, +). A relation is a label on its
tail that names the number of its head.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from fedmedlora.reporting.arms import Json, title
from fedmedlora.reporting.markup import (
    NOTHING,
    Cell,
    Heading,
    Html,
    Rows,
    details,
    element,
    hidden,
    join,
    table,
    text,
    words,
)

STATES = {"found": "✓", "missed": "○", "extra": "+"}
_MEANING = {
    "found": "in gold and predicted, boundaries and type alike",
    "missed": "in gold only",
    "extra": "predicted only",
}
_MARKED = "marked"
"""The state of all that is predicted where no gold is known; it needs no sign."""

_MAIN_TYPES = ("problem", "treatment", "test", "drug")

Span = tuple[int, int, str]
"""Start, end (characters of the note, end exclusive) and type."""

Finding = TypeVar("Finding", Span, tuple[Span, Span])


@dataclass(frozen=True, slots=True)
class Drawn:
    """A span with its label.

    Attributes:
        label: Type, and number of the entity or of the heads it belongs to.
        kind: `entity` or `link`.
    """

    span: Span
    state: str
    label: str
    kind: str


def drawn_note(note: Json) -> Html:
    """Return one note as a figure: its text marked up, and the same as a list.

    Args:
        note: Text and predicted findings; gold ones where they are known.

    Raises:
        ValueError: A span lies outside the text.
    """
    numbers = _numbers(note)
    marks = [*_entities(note, numbers), *_links(note, numbers)]
    body = note["text"]
    for mark in marks:
        _require_inside(mark.span, body)
    lanes = _lanes([mark.span for mark in marks])
    states = tuple(STATES) if "gold" in note else (_MARKED,)
    label = _caption(note)
    return element(
        "figure",
        element("figcaption", text(label), element("span", _tally(marks, states), class_="tally")),
        element(
            "div",
            _marked(body, marks, lanes),
            class_=f"note lanes{min(max(lanes, default=0), 4)}",
            role="region",
            aria_label=label,
            tabindex="0",
        ),
        details("The same as a list", _listed(label, body, marks, states)) if marks else NOTHING,
        class_="drawn",
    )


def written_note(note: Json) -> Html:
    """Return one note as a figure: its text, what was asked, and the answers side by side."""
    label = _caption(note)
    said = "not asked" if note["predicted"] is None else note["predicted"] or "nothing"
    rows = [("Asked", note["question"]), ("By a person", note["gold"]), ("By the model", said)]
    told = [element("div", words("dt", term), words("dd", text_)) for term, text_ in rows if text_]
    return element(
        "figure",
        element("figcaption", text(label)),
        words("div", note["text"], class_="note", role="region", aria_label=label, tabindex="0"),
        element("dl", *told, class_="answers"),
        class_="drawn",
    )


def legend() -> Html:
    """Return what lines, signs and numbers mean."""
    items = [
        element(
            "li",
            words("span", "text", class_=f"u lane0 {state} k-problem"),
            text(f" {sign} {state}: {_MEANING[state]}"),
        )
        for state, sign in STATES.items()
    ]
    relation = element(
        "li",
        words("span", "✓ severity → 2", class_="label found k-modifier"),
        text(" a relation: this belongs to entity 2"),
    )
    return element("ul", *items, relation, class_="legend notes-legend")


def legend_of_types() -> Html:
    """Return what lines and numbers mean where there is no gold."""
    kinds = [*((type_, type_) for type_ in _MAIN_TYPES), ("modifier", "what belongs to them")]
    items = [
        element("li", words("span", meaning, class_=f"u lane0 k-{kind}")) for kind, meaning in kinds
    ]
    relation = element(
        "li",
        words("span", "severity → 2", class_="label k-modifier"),
        text(" a relation: this belongs to entity 2"),
    )
    return element("ul", *items, relation, class_="legend notes-legend")


def _caption(note: Json) -> str:
    if "gold" not in note:
        return f"Note {note['note_id']}"
    return f"Note {note['note_id']} of {note['site']}, read by {title(note['arm'])}"


def _span(value: Json) -> Span:
    return value["start"], value["end"], value["type"]


def _require_inside(span: Span, body: str) -> None:
    start, end, _ = span
    if not 0 <= start < end <= len(body):
        raise ValueError(
            f"drawn note: found a span {start} to {end}, expected it within 0 to {len(body)}"
        )


def _numbers(note: Json) -> dict[Span, int]:
    sides = [note[side] for side in ("gold", "predicted") if side in note]
    spans = {_span(entity) for side in sides for entity in side["entities"]}
    spans |= {_span(link["head"]) for side in sides for link in side["links"]}
    return {span: number for number, span in enumerate(sorted(spans), start=1)}


def _link(value: Json) -> tuple[Span, Span]:
    return _span(value["tail"]), _span(value["head"])


def _states(note: Json, kind: str, read: Callable[[Json], Finding]) -> dict[Finding, str]:
    """Return the state of each finding of a kind, in order."""
    predicted = {read(one) for one in note["predicted"][kind]}
    if "gold" not in note:
        return dict.fromkeys(sorted(predicted), _MARKED)
    gold = {read(one) for one in note["gold"][kind]}
    states = dict.fromkeys(gold, "missed") | dict.fromkeys(predicted, "extra")
    return dict(sorted((states | dict.fromkeys(gold & predicted, "found")).items()))


def _entities(note: Json, numbers: Mapping[Span, int]) -> list[Drawn]:
    return [
        Drawn(span, state, f"{span[2]} {numbers[span]}", "entity")
        for span, state in _states(note, "entities", _span).items()
    ]


def _links(note: Json, numbers: Mapping[Span, int]) -> list[Drawn]:
    heads: dict[tuple[Span, str], list[int]] = {}
    for (tail, head), state in _states(note, "links", _link).items():
        heads.setdefault((tail, state), []).append(numbers[head])
    return [
        Drawn(tail, state, f"{tail[2]} → {', '.join(map(str, sorted(to)))}", "link")
        for (tail, state), to in heads.items()
    ]


def _lanes(spans: Sequence[Span]) -> list[int]:
    """Return each span's lane: the shorter nearer to the text, no two that overlap in one."""
    lanes: dict[int, int] = {}
    shortest_first = sorted(
        range(len(spans)), key=lambda i: (spans[i][1] - spans[i][0], spans[i][0], i)
    )
    for index in shortest_first:
        start, end, _ = spans[index]
        taken = {lane for i, lane in lanes.items() if spans[i][0] < end and start < spans[i][1]}
        lanes[index] = next(lane for lane in range(len(spans)) if lane not in taken)
    return [lanes[index] for index in range(len(spans))]


def _marked(body: str, marks: Sequence[Drawn], lanes: Sequence[int]) -> Html:
    laid = list(zip(marks, lanes, strict=True))
    labels = [(_word_end(body, mark.span[1]), mark, lane) for mark, lane in laid]
    edges = {edge for mark in marks for edge in mark.span[:2]}
    cuts = sorted({0, len(body)} | edges | {place for place, _, _ in labels})
    parts = []
    for start, end in pairwise(cuts):
        over = [(m, lane) for m, lane in laid if m.span[0] <= start and end <= m.span[1]]
        parts.append(_underlined(text(body[start:end]), over))
        parts.append(_labels_at(end, labels))
    return join(parts)


def _word_end(body: str, place: int) -> int:
    """Return where a label may stand without cutting a word in two."""
    while place < len(body) and body[place - 1].isalnum() and body[place].isalnum():
        place += 1
    return place


def _underlined(content: Html, over: Iterable[tuple[Drawn, int]]) -> Html:
    for mark, lane in sorted(over, key=lambda pair: pair[1]):
        classes = f"u lane{min(lane, 4)} {mark.state} {_kind(mark)}"
        content = element("span", content, class_=classes)
    return content


def _labels_at(place: int, labels: Sequence[tuple[int, Drawn, int]]) -> Html:
    here = sorted(
        (label[1:] for label in labels if label[0] == place),
        key=lambda pair: (pair[1], pair[0].label),
    )
    over = [(m, lane) for _, m, lane in labels if m.span[0] < place < m.span[1]]
    return join(_underlined(_label(mark), over) for mark, _ in here)


def _label(mark: Drawn) -> Html:
    state = f"label {mark.state} {_kind(mark)}"
    if mark.state == _MARKED:
        return words("span", mark.label, class_=state)
    sign = words("span", STATES[mark.state], aria_hidden="true")
    said = hidden(f" ({mark.state})")
    return element("span", sign, said, text(f" {mark.label}"), class_=state)


def _kind(mark: Drawn) -> str:
    type_ = mark.span[2]
    known = mark.kind == "entity" and type_ in _MAIN_TYPES
    return f"k-{type_}" if known else "k-modifier"


def _tally(marks: Sequence[Drawn], states: Iterable[str]) -> Html:
    said = []
    for kind, plural in (("entity", "entities"), ("link", "relations")):
        own = [mark.state for mark in marks if mark.kind == kind]
        numbers = ", ".join(f"{own.count(state)} {state}" for state in states)
        said.append(f"{plural}: {numbers}")
    return text("; ".join(said))


def _listed(label: str, body: str, marks: Sequence[Drawn], states: Sequence[str]) -> Html:
    headings = [Heading(name, figures=False) for name in ("Text", "Reading", "State")]
    signs = {state: f"{STATES.get(state, '')} {state}".strip() for state in states}
    rows = [
        [
            Cell(text(body[mark.span[0] : mark.span[1]])),
            Cell(text(mark.label)),
            Cell(text(signs[mark.state])),
        ]
        for mark in sorted(marks, key=lambda m: m.span)
    ]
    return table(label, headings, [Rows(rows)])
