"""Which protections a run had, one a row: on, off, or always on."""

from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.markup import Heading, Html, Rows, table
from fedmedlora.reporting.tables import named

_OFF = "off"
_PRIVATE = {"none": _OFF, "record": "hides each note or patient", "site": "hides each site"}
_SEES = {"updates": _OFF, "sum": "on: the sum of all, not one of them"}
_CLIPPED = {"updates": "always on", "sum": "off: nobody but the site can look at its update"}


def protections(results: Json) -> list[tuple[str, str]]:
    """Return each protection and what it was in a run, as its settings say."""
    told = (results.get("environment") or {}).get("settings") or {}
    ledger = told.get("audit.ledger", "none")
    sees = told.get("aggregation.sees", "updates")
    signed = _OFF if ledger == "none" else f"on: {ledger} ledger"
    return [
        ("Updates are signed, rounds are sealed", signed),
        ("Noise that is accounted for", _PRIVATE[told.get("privacy.mode", "none")]),
        ("The server sees sums alone", _SEES[sees]),
        ("Updates that go too far are scaled down", _CLIPPED[sees]),
        ("Broken or misfit updates are refused", "always on"),
    ]


def protections_table(results: Json) -> Html:
    """Return what a run was protected by."""
    headings = [Heading("Protection", figures=False), Heading("In this run", figures=False)]
    rows = [[named(what), named(how)] for what, how in protections(results)]
    return table("Protections", headings, [Rows(rows)])
