"""The page of `extract`: what an adapter found, drawn into notes that nobody annotated."""

from collections.abc import Sequence

from fedmedlora.reporting.absences import lost_in_words
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import NOTHING, Html, element, join, words
from fedmedlora.reporting.notes import drawn_note, legend_of_types
from fedmedlora.reporting.page import framed

_REMARK = "A model wrote these marks. It misses entities and invents some: check what matters."


def render_extraction(origin: str, notes: Sequence[Json]) -> str:
    """Return one page of all notes.

    Args:
        origin: Which adapter read them, in words.
        notes: Each with `note_id`, `text` and `predicted`, and what was `lost`, by reason.

    Raises:
        ValueError: A span lies outside its note.
    """
    header = element(
        "header",
        words("h1", "What was found"),
        words("p", f"Read by {origin}."),
        words("p", _REMARK),
    )
    drawn = [_drawn(note) for note in notes]
    return framed(
        "What was found", element("article", header, legend_of_types(), *drawn, class_="extraction")
    )


def _drawn(note: Json) -> Html:
    lost = note["lost"]
    said = words("p", lost_in_words(lost)) if lost else NOTHING
    own = {key: note[key] for key in ("note_id", "text", "predicted")}
    return join([drawn_note(own), said])
