"""The whole report as one HTML file: the order of its parts and the sentences between them."""

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from fedmedlora.reporting import sections
from fedmedlora.reporting.arms import Json
from fedmedlora.reporting.confidence import confidence_part
from fedmedlora.reporting.headline import headline, introduction, key_figures
from fedmedlora.reporting.leakage import leakage_part
from fedmedlora.reporting.markup import NOTHING, Html, element, words
from fedmedlora.reporting.private import private_part

# Closed parts would be missing on paper; the page says the same without it.
_SCRIPT = (
    "addEventListener('beforeprint',()=>"
    "document.querySelectorAll('details').forEach(d=>d.open=true))"
)
Part = tuple[str, str, Html]
"""Anchor, title and content of a section."""


def render(results: dict[str, Any], drawn: list[dict[str, Any]]) -> str:
    """Return the report of one run.

    Args:
        results: What results.json holds.
        drawn: Notes with gold and predicted findings; one of a site that is not public is left
            out, and the page says so.

    Raises:
        ValueError: A drawn span lies outside its note.
    """
    return render_runs([(results, drawn)])


def render_runs(runs: Sequence[tuple[dict[str, Any], list[dict[str, Any]]]]) -> str:
    """Return one page with the reports of several runs, one after another.

    Raises:
        ValueError: A drawn span lies outside its note.
    """
    names = [str(results.get("experiment", "unnamed")) for results, _ in runs]
    articles = [_run(results, drawn, f"run{i}") for i, (results, drawn) in enumerate(runs, 1)]
    links = _run_links(names) if len(runs) > 1 else NOTHING
    return framed(", ".join(names), *articles, before=links)


def framed(title: str, *articles: Html, before: Html = NOTHING) -> str:
    """Return articles as one page that needs no other file, with links before them."""
    body = element(
        "body",
        words("a", "Skip to the report", href="#report", class_="skip"),
        before,
        element("main", *articles, id="report"),
        element("script", Html(_SCRIPT)),
    )
    page = element("html", _head(f"{title} · Fed-MedLoRA"), body, lang="en")
    return f"<!doctype html>\n{page}\n"


def _head(title: str) -> Html:
    style = files("fedmedlora.reporting").joinpath("style.css").read_text(encoding="utf-8")
    script = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("link", rel="icon", href="data:,"),
        words("title", title),
        element("style", Html(style)),
    )


def _run_links(names: Sequence[str]) -> Html:
    links = [words("li", "Runs:")]
    links += [
        element("li", words("a", name, href=f"#run{i}")) for i, name in enumerate(names, start=1)
    ]
    return element("nav", element("ul", *links), class_="runs", aria_label="Runs")


def _run(results: Json, drawn: Sequence[Json], anchor: str) -> Html:
    parts = [(f"{anchor}-{a}", title, content) for a, title, content in _parts(results, drawn)]
    return element(
        "article",
        element("header", introduction(results), headline(results), key_figures(results)),
        contents(parts),
        *(section(*part) for part in parts),
        id=anchor,
    )


def contents(parts: Sequence[Part]) -> Html:
    """Return links to all sections."""
    links = [element("li", words("a", title, href=f"#{anchor}")) for anchor, title, _ in parts]
    return element("nav", element("ol", *links), class_="contents", aria_label="Contents")


def section(anchor: str, title: str, content: Html) -> Html:
    """Return a section below its heading."""
    heading = words("h2", title, id=f"{anchor}-title")
    return element("section", heading, content, id=anchor, aria_labelledby=f"{anchor}-title")


def _parts(results: Json, drawn: Sequence[Json]) -> list[Part]:
    return [
        ("arms", "The ways of training, side by side", sections.arms_part(results)),
        ("rounds", "Round by round", sections.rounds_part(results)),
        ("matrix", "Who does well where", sections.matrix_part(results)),
        ("gains", "How sure the differences are", sections.gains_part(results)),
        ("confidence", "How sure the model is, and how often right", confidence_part(results)),
        ("shares", "How much each site counted, and why", sections.shares_part(results)),
        ("new", "A new site joins", sections.new_sites_part(results)),
        ("bytes", "What travelled", sections.bytes_part(results)),
        ("notes", "Notes, as read by the model", sections.notes_part(results, drawn)),
        ("sites", "Sites, and what cannot be expressed", sections.sites_part(results)),
        ("absences", "Absences and refusals", sections.absences_part(results)),
        *_differential_privacy(results),
        ("leakage", "What attacks get out of it", leakage_part(results)),
        ("privacy", "What is protected, and what is not", sections.privacy_part(results)),
        ("settings", "Seeds, versions, machine, time", sections.settings_part(results)),
        *_appendix(results),
    ]


def _differential_privacy(results: Json) -> list[Part]:
    if not results.get("privacy"):
        return []
    return [("hidden", "Differential privacy, in a sentence", private_part(results))]


def _appendix(results: Json) -> list[Part]:
    beside = results.get("beside")
    if not beside:
        return []
    return [("appendix", f"Appendix: {beside['title']}", sections.beside_part(beside))]
