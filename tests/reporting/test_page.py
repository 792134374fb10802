import re
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from fedmedlora.reporting.page import render, render_runs

Json = dict[str, Any]
VOID = {"link", "meta"}
HOSTILE = "<script>alert(1)</script>\"'&"


class Structure(HTMLParser):
    """Collects elements, and fails on the first that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: Counter[tuple[str, str]] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if self.open:
            self.inside[self.open[-1], tag] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise ValueError(tag)


def parsed(page: str) -> Structure:
    structure = Structure()
    structure.feed(page)
    structure.close()
    return structure


def test_every_element_is_closed_in_order(results: Json, drawn: list[Json]) -> None:
    assert parsed(render(results, drawn)).open == []


def test_the_page_asks_no_other_host_for_anything(results: Json, drawn: list[Json]) -> None:
    page = render(results, drawn)

    loading = [
        value
        for _, attributes in parsed(page).elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}
    ]
    assert all(value is not None and re.match(r"#|data:,$", value) for value in loading)
    assert not re.search(r"https?:|//[a-z]|url\(|@import", page)
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_every_drawing_is_named_or_hidden_and_every_table_has_a_caption(
    results: Json, drawn: list[Json]
) -> None:
    structure = parsed(render(results, drawn))
    count = Counter(tag for tag, _ in structure.elements)
    drawings = [attributes for tag, attributes in structure.elements if tag == "svg"]
    named = [a for a in drawings if a.get("role") == "img"]

    assert all(a.get("aria-hidden") == "true" for a in drawings if a not in named)
    assert structure.inside["svg", "title"] == structure.inside["svg", "desc"] == len(named) > 0
    assert structure.inside["figure", "figcaption"] == count["figure"] > 0
    assert structure.inside["table", "caption"] == count["table"] > 0
    assert all("scope" in attributes for tag, attributes in structure.elements if tag == "th")


def test_headings_do_not_skip_a_level(results: Json, drawn: list[Json]) -> None:
    tags = [tag for tag, _ in parsed(render(results, drawn)).elements]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_links_within_the_page_arrive_and_no_id_stands_twice(
    results: Json, drawn: list[Json]
) -> None:
    elements = parsed(render_runs([(results, drawn), (results, drawn)])).elements
    ids = Counter(a["id"] for _, a in elements if "id" in a)

    assert max(ids.values()) == 1
    wanted = {a["href"] for tag, a in elements if tag == "a"}
    assert {href.removeprefix("#") for href in wanted if href} <= set(ids)


def test_another_run_is_an_appendix(results: Json, drawn: list[Json]) -> None:
    beside = {"title": "in <mark-up>", "version": "1", "system": "", "settings": {}, "arms": []}

    assert "Appendix: in &lt;mark-up&gt;</h2>" in render({**results, "beside": beside}, drawn)
    assert "Appendix" not in render(results, drawn)


def rename(value: object, old: str, new: str) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {rename(k, old, new): rename(v, old, new) for k, v in value.items()}
    if isinstance(value, list):
        return [rename(v, old, new) for v in value]
    return value.replace(old, new) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "place",
    ["cardiology", "five-hospitals", "severity", "not finite", "3.11.2", "single_site", "fed_"],
)
def test_hostile_text_stays_text(results: Json, drawn: list[Json], place: str) -> None:
    page = render(rename(results, place, HOSTILE), rename(drawn, "cardiology-17", HOSTILE))

    assert page.count("<script") == 1  # our own
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#x27;&amp;" in page
    assert parsed(page).open == []


def test_hostile_note_text_stays_text(results: Json, drawn: list[Json]) -> None:
    drawn[0]["text"] += HOSTILE

    page = render(results, drawn)

    assert page.count("<script") == 1
    assert "alert(1)" in page


def test_figures_of_the_results_stand_on_the_page(results: Json, drawn: list[Json]) -> None:
    page = render(results, drawn)

    for figure in ("0.840", "0.542", "0.858", "97.5 %", "41,943,040", "99.48 %", "2.13.0"):
        assert figure in page


def test_a_run_of_which_nothing_is_known_has_dashes_and_no_zeros() -> None:
    page = render({"experiment": "bare", "seed": 0, "arms": []}, [])

    assert "–" in page
    assert not re.search(r">0\.0+<", page)
    assert parsed(page).open == []


def test_a_null_score_is_a_dash_where_the_score_would_stand(results: Json) -> None:
    plus = next(a for a in results["arms"] if a["name"] == "fed_medlora_plus")
    plus["summary"]["ner_strict_f1"] = dict.fromkeys(("mean", "min", "harmonic_mean", "std"))
    plus["final"]["oncology"]["ner"]["strict"]["f1"] = None

    page = render(results, [])

    assert "Fed-MedLoRA+: mean –" in page
    assert "oncology –" in page


def test_a_note_of_a_site_that_is_not_public_is_left_out_and_the_page_says_so(
    results: Json, drawn: list[Json]
) -> None:
    for site in results["sites"]:
        site["public"] = site["name"] != "cardiology"

    page = render(results, drawn)

    assert "Mr Doe" not in page
    assert "Nausea" in page
    assert "Left out because their site is not public: 1." in page


def test_privacy_is_said_in_so_many_words(results: Json) -> None:
    page = render(results, [])

    assert "Adapters and counts leave the site" in page
    assert "no differential privacy and no secure aggregation here" in page
    assert "Adapters can leak training data" in page
    assert "centralised arm is a yardstick and not federated" in page


def test_notes_set_aside_for_the_server_are_owned_up_to(results: Json) -> None:
    assert "100 notes of training sites" in render(results, [])  # 5 sites x 20

    for site in results["sites"]:
        site["notes"]["held_out"] = 0

    assert "The exception" not in render(results, [])


def test_gains_of_other_scores_open_on_demand(results: Json) -> None:
    page = render(results, [])

    assert "<summary>Relations, heads given</summary>" in page
    assert "<summary>Entities of type problem, strict</summary>" in page


def test_sites_scored_on_dev_are_marked(results: Json) -> None:
    assert "Scored on dev" not in render(results, [])

    results["arms"][0]["final"]["oncology"]["split"] = "dev"

    assert (
        "Scored on dev notes, for want of test notes or to leave these unread: oncology."
        in render(results, [])
    )


def test_a_full_round_of_answers_is_said_too(results: Json) -> None:
    for arm in results["arms"]:
        for round_ in arm["rounds"]:
            round_["absences"] = []

    assert "None: every site" in render(results, [])


def test_runs_stand_one_after_another(results: Json, drawn: list[Json]) -> None:
    other = rename(results, "five-hospitals", "second-run")

    page = render_runs([(results, drawn), (other, [])])

    assert page.index("<h1>five-hospitals</h1>") < page.index("<h1>second-run</h1>")
    assert page.count("<article") == 2
    assert page.count("<style") == 1


def test_one_run_is_the_one_run_case(results: Json, drawn: list[Json]) -> None:
    assert render(results, drawn) == render_runs([(results, drawn)])


def test_the_same_results_give_the_same_page(results: Json, drawn: list[Json]) -> None:
    assert render(results, drawn) == render(results, drawn)


def test_results_are_not_changed(results: Json, drawn: list[Json]) -> None:
    before = repr((results, drawn))

    render(results, drawn)

    assert repr((results, drawn)) == before
