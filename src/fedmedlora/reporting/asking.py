"""What models that are only asked were shown, what an endpoint was asked, and what that cost."""

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import NOTHING, Cell, Heading, Html, Rows, join, table, text, words
from fedmedlora.reporting.prose import ASKED
from fedmedlora.reporting.quantities import UNDEFINED, count, defined, show

_COUNTED = {
    "requests": ("sent", "Questions"),
    "retries": ("put again", "Questions"),
    "refused": ("refused", "Answers"),
    "cut_off": ("cut off", "Answers"),
    "too_long": ("too long", "Answers"),
    "unreadable": ("unreadable", "Answers"),
    "no_answer": ("none came", "Answers"),
    "prompt_tokens": ("read", "Tokens"),
    "completion_tokens": ("written", "Tokens"),
}


def asked_part(results: Json) -> Html:
    """Return what the endpoint's arms asked; nothing where none did."""
    asked = [arm for arm in results.get("arms", ()) if arm.get("asked")]
    if not asked:
        return NOTHING
    endpoint = (results.get("models") or {}).get("endpoint") or {}
    headings = [
        Heading("Arm", figures=False),
        *(Heading(*titles) for titles in _COUNTED.values()),
        Heading("cost"),
    ]
    rows = [_row(arm) for arm in asked]
    told = words("p", ASKED.format(endpoint=endpoint.get("base", UNDEFINED)))
    return join([told, table("Asked of the endpoint", headings, [Rows(rows)])])


def shown_table(results: Json) -> Html:
    """Return how much models were shown before each question; nothing of none."""
    shown = [arm for arm in results.get("arms", ()) if arm.get("shown")]
    if not shown:
        return NOTHING
    sites = sorted({site for arm in shown for site in arm["shown"]})
    headings = [Heading("Arm", figures=False), *(Heading(site) for site in sites)]
    rows = [
        [
            Cell(text(arms.title(arm["name"]))),
            *(Cell(show(_shown(arm["shown"].get(site)))) for site in sites),
        ]
        for arm in shown
    ]
    sorts = dict.fromkeys(sort for arm in shown for told in arm["shown"].values() for sort in told)
    title = f"Shown before each question, of the site's training notes: {', '.join(sorts)}"
    return table(title, headings, [Rows(rows)])


def _shown(number: Json | None) -> str:
    return ", ".join(map(str, number.values())) if number else UNDEFINED


def _row(arm: Json) -> list[Cell]:
    asked, cost = arm["asked"], defined(arm["asked"].get("cost"))
    return [
        Cell(text(arms.title(arm["name"]))),
        *(Cell(show(count(asked.get(key)))) for key in _COUNTED),
        Cell(show(UNDEFINED if cost is None else f"{cost:.2f}")),
    ]
