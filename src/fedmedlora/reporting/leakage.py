"""What attacks found out of a run, site by site, those on training with noise beside the others."""

from fedmedlora.reporting import arms, prose
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import (
    Cell,
    Heading,
    Html,
    Rows,
    element,
    join,
    table,
    text,
    words,
)
from fedmedlora.reporting.quantities import decimal, interval
from fedmedlora.reporting.tables import figure, named, nothing

_CAPTION = "What simple attacks got out of each site's notes; beneath, the interval of 95 %"
_HEADINGS = (
    Heading("Attacked", figures=False),
    Heading("Noise", figures=False),
    Heading("AUC", "Membership"),
    Heading("TPR at 1 % FPR", "Membership"),
    Heading("bits", "Exposure of numbers"),
    Heading("before", "Exposure of numbers"),
    Heading("at most", "Exposure of numbers"),
    Heading("recall", "Tokens in use"),
    Heading("noise", "Tokens in use"),
    Heading("public text", "Tokens in use"),
)
_BITS = ("attacked", "start", "most")
_RECALLS = ("recall", "noise", "public")


def leakage_part(results: Json) -> Html:
    """Return what `audit leakage` found and how to read it, or that it was not asked."""
    if not (leakage := results.get("leakage")):
        return nothing(prose.NOT_ATTACKED)
    groups = [Rows([_row(one) for one in attacks], site) for site, attacks in leakage.items()]
    return join([words("p", prose.ATTACKED), table(_CAPTION, _HEADINGS, groups)])


def _row(attack: Json) -> list[Cell]:
    exposed, tokens = attack["exposure"] or {}, attack["tokens"] or {}
    by_loss = (attack["membership"] or {}).get("loss") or {}
    return [
        _over(arms.title(attack["arm"]), attack["attacked"]),
        named("with" if attack["noise"] else "without"),
        *(_rate(by_loss.get(key) or {}) for key in ("auc", "tpr")),
        *(figure(decimal(exposed.get(key), digits=2)) for key in _BITS),
        *(figure(decimal(tokens.get(key))) for key in _RECALLS),
    ]


def _rate(told: Json) -> Cell:
    if not told:
        return figure(decimal(None))
    return _over(decimal(told["value"]), interval(told["ci95"]))


def _over(above: str, below: str) -> Cell:
    return Cell(join([text(above), element("br"), words("small", below)]))
