"""BRAT: a text and its annotations beside it, `n1.txt` and `n1.ann`.

Holds text byte by byte, spans with gaps, relations and, as an annotator's note, confidence; not
whose note it is. `annotation.conf` tells BRAT's editor the types.
"""

from collections.abc import Iterator, Sequence

from fedmedlora.clinical.labels import CROSS_RELATIONS, MAIN_TYPES
from fedmedlora.clinical.notes import Labels
from fedmedlora.formats.note_format import Files, NoteFormat
from fedmedlora.formats.standoff import read, render


def _configuration(labels: Labels, splits: Sequence[str]) -> Files:  # noqa: ARG001 -- it is of a kind
    lines = "".join(f"{line}\n" for line in _lines(labels))
    return {"annotation.conf": lines.encode()}


def _lines(labels: Labels) -> Iterator[str]:
    yield from ("[entities]", *labels.marked, "[relations]")
    heads = "|".join(type_ for type_ in MAIN_TYPES if type_ in labels.marked)
    for type_ in labels.relations:
        yield f"{type_}\tArg1:{heads}, Arg2:{heads if type_ in CROSS_RELATIONS else type_}"
    yield from ("[events]", "[attributes]")


FORMAT = NoteFormat(render, read, lacks=("patients", "fields"), beside=_configuration)
