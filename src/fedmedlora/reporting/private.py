"""What the report says of differential privacy: one sentence a place, and what is outside it."""

from fedmedlora.reporting import arms, prose
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import Heading, Html, Rows, element, join, table, words
from fedmedlora.reporting.tables import figure, named

_MODES = {"record": prose.PRIVATE_RECORDS, "site": prose.PRIVATE_SITES}


def private_part(results: Json) -> Html:
    """Return what was hidden, at which epsilon, place by place, and which arms hid nothing."""
    privacy = results["privacy"]
    said = privacy["said"]
    sentences = [
        element("p", words("strong", f"{place}: "), words("span", said[place]["sentence"]))
        for place in sorted(said)
    ]
    without = [arms.title(name) for name in privacy["open"]]
    yardsticks = [words("p", prose.YARDSTICKS.format(arms=", ".join(without)))] if without else []
    return join([words("p", _MODES[privacy["mode"]]), _numbers(said), *yardsticks, *sentences])


def _numbers(said: Json) -> Html:
    headings = [
        Heading("Place", figures=False),
        Heading("Private", figures=False),
        Heading("Epsilon"),
        Heading("Delta"),
        Heading("One is hidden", figures=False),
        Heading("Steps"),
    ]
    rows = [
        [
            named(place),
            named("yes" if one["is_private"] else "no: a fixed generator"),
            figure(f"{one['epsilon']:.3g}"),
            figure(f"{one['delta']:g}"),
            named(one["unit"]),
            figure(str(sum(block["steps"] for block in one["steps"]))),
        ]
        for place, one in sorted(said.items())
    ]
    return table("What all private training came to", headings, [Rows(rows)])
