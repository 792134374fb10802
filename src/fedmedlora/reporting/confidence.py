"""How sure the model is of its finds, and how often it is right then."""

from collections.abc import Iterator

from fedmedlora.reporting import arms
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.axes import Quantity
from fedmedlora.reporting.charts import Curve, Mark, Panel, curves
from fedmedlora.reporting.markup import Cell, Heading, Html, Rows, details, join, table, text, words
from fedmedlora.reporting.prose import CONFIDENCE, CONFIDENCE_ERROR, NOT_HELD_OUT
from fedmedlora.reporting.quantities import count, decimal, percent, show
from fedmedlora.reporting.tables import nothing

_KINDS = {"ner": "Entities", "re": "Relations, end to end"}
_RAW, _CALIBRATED, _HONEST = "As the model says", "Calibrated", "Right as often as sure"
_FORMS = {"raw": _RAW, "calibrated": _CALIBRATED}
_FEWEST_DRAWN = 10
_SURE = Quantity("how sure", percent, lambda part: percent(part, digits=0))
_RIGHT = Quantity("how often right", percent, lambda part: percent(part, digits=0))


def confidence_part(results: Json) -> Html:
    """Return reliability plots, the error in words, and the figures, of each calibrated arm."""
    told = [arm for arm in results.get("arms", ()) if arm.get("calibration")]
    if not told:
        return nothing("No arm was calibrated, so no find has a confidence.")
    return join([words("p", CONFIDENCE), *(_of_arm(results, arm) for arm in told)])


def _of_arm(results: Json, arm: Json) -> Html:
    own = arm["calibration"]
    title, colour = arms.title(arm["name"]), arms.colour(results, arm)
    panels = [_panel(own[kind], _KINDS[kind], colour) for kind in _KINDS if kind in own]
    caption = (
        f"{title}: how often finds are right that the model is so sure of; points of fewer than "
        f"{_FEWEST_DRAWN} finds are in the figures alone"
    )
    said = [words("p", sentence) for sentence in _sentences(own)]
    figures = [_table(own[kind], _KINDS[kind]) for kind in _KINDS if kind in own]
    return join([curves(caption, panels), *said, details("The figures", *figures)])


def _sentences(own: Json) -> Iterator[str]:
    for kind, title in _KINDS.items():
        if kind in own:
            raw, put_right = (decimal(100 * own[kind][form]["ece"], digits=1) for form in _FORMS)
            yield CONFIDENCE_ERROR.format(
                kind=title,
                raw=raw,
                calibrated=put_right,
                found=count(own[kind]["found"]),
                num_bins=own["num_bins"],
                sites=", ".join(own["sites"]),
                splits=" and ".join(own["splits"]),
            )
    if "dev" in own["splits"]:
        yield NOT_HELD_OUT


def _panel(of_kind: Json, name: str, colour: str) -> Panel:
    drawn = {
        form: [one for one in of_kind[form]["bins"] if one["found"] >= _FEWEST_DRAWN]
        for form in _FORMS
    }
    honest = Curve(_HONEST, "arm-zero", (Mark(0.0, 0.0), Mark(1.0, 1.0)))
    colours = {"raw": "arm-single", "calibrated": colour}
    told = [
        Curve(
            _FORMS[form],
            colours[form],
            tuple(Mark(one["confidence"], one["right"]) for one in drawn[form]),
        )
        for form in _FORMS
    ]
    return Panel(name, _SURE, _RIGHT, [honest, *told])


def _table(of_kind: Json, name: str) -> Html:
    headings = [
        Heading("Confidence", figures=False),
        Heading("finds"),
        Heading("how sure", "On the mean"),
        Heading("how often right", "On the mean"),
    ]
    groups = [
        Rows([_row(one) for one in of_kind[form]["bins"]], f"{_FORMS[form]}: ECE {error}")
        for form in _FORMS
        for error in [decimal(of_kind[form]["ece"])]
    ]
    return table(name, headings, groups)


def _row(one: Json) -> list[Cell]:
    tenth = min(int(one["confidence"] * 10), 9)
    return [
        Cell(text(f"{10 * tenth} to {10 * tenth + 10} %")),
        Cell(show(count(one["found"]))),
        Cell(show(percent(one["confidence"]))),
        Cell(show(percent(one["right"]))),
    ]
