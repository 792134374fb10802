import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fedmedlora.study.cells import Cell
from fedmedlora.study.pages import write_pages
from fedmedlora.study.schema import Setting, Study, Variant

Json = dict[str, Any]
SITES = {"cardiology": "train", "oncology": "train", "gastro": "new_site"}
PLUS = "fed_medlora_plus"


def arm(
    name: str,
    kind: str,
    right: Mapping[str, int],
    dev: Sequence[Mapping[str, float]] = (),
    *,
    shares: Mapping[str, float] | None = None,
    num_bytes: int = 0,
) -> Json:
    """An arm as it is kept: of ten findings in each of four notes, `right` were found at a site."""
    travelled = {"cardiology": num_bytes} if num_bytes else {}
    rounds = [
        {
            "round": index,
            "shares": shares or {},
            "reports": {},
            "bytes_up": travelled,
            "bytes_down": travelled,
            "seconds": 1.0,
            "dev": dict(each),
        }
        for index, each in enumerate(dev or [{}], start=1)
    ]
    # F1 = 2 tp / (2 tp + fp + fn) = right / 10
    notes = {
        site: {"ner_strict": [[count, 10 - count, 10 - count]] * 4} for site, count in right.items()
    }
    return {
        "name": name,
        "kind": kind,
        "seconds": 2.0,
        "best_round": len(rounds),
        "rounds": rounds,
        "notes": notes,
    }


def cell(setting: str, variant: str, *arms: Json, seed: int = 0) -> tuple[Cell, Json]:
    names = tuple(one["name"] for one in arms)
    told = Cell(setting, variant, names, seed, Path("x.toml"), {}, ())
    sites = [{"name": name, "role": role} for name, role in SITES.items()]
    return told, {"schema": 1, "cell": {}, "sites": sites, "arms": list(arms)}


def singles(right: int = 4) -> list[Json]:
    return [
        arm(f"single_site:{site}", "single_site", {"cardiology": right + more, "oncology": right})
        for site, more in (("cardiology", 2), ("oncology", 0))
    ]


def federated(
    name: str,
    right: int,
    dev: Sequence[Mapping[str, float]] = (),
    *,
    shares: Mapping[str, float] | None = None,
    num_bytes: int = 0,
) -> Json:
    found = dict.fromkeys(SITES, right)
    return arm(name, "federated", found, dev, shares=shares, num_bytes=num_bytes)


def at_new_site(form: str, right: int, dev: Sequence[Mapping[str, float]] = ()) -> Json:
    return arm(f"{form}:gastro", "new_site", {"gastro": right}, dev)


def setting(*variants: Variant, curve: str = "") -> Setting:
    return Setting(
        name="main",
        title="The question",
        experiment=Path("x.toml"),
        arms=(PLUS,),
        variants=variants or (Variant(),),
        curve=curve,
    )


def html(asked: Setting, done: Sequence[tuple[Cell, Json]], out: Path) -> str:
    study = Study(name="small", replicates=20, settings=(asked,))
    return write_pages(study, done, out)["html"].read_text(encoding="utf-8")


def figure(page: str, caption: str) -> str:
    """The one figure whose caption begins so."""
    found = re.findall(rf"<figure><figcaption>{caption}.*?</figure>", page, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def said(page: str, panel: str) -> str:
    """What a panel says to who cannot see it."""
    found = re.findall(rf"<title>{panel}: [^<]*</title><desc>([^<]*)</desc>", page)
    assert len(found) == 1
    return str(found[0])


def numbered(*values: float) -> tuple[Variant, ...]:
    return tuple(Variant(name=f"v{value:g}", x=value) for value in values)


def over_three() -> list[tuple[Cell, Json]]:
    """A federation from 50 to 70 points, sites alone from 30 to 50, and a new site."""
    return [
        cell(
            "main",
            f"v{x}",
            *singles(right - 2),
            federated(PLUS, right),
            at_new_site("adapted", right + 1),
            at_new_site("local_only", right - 2),
        )
        for x, right in ((10, 5), (100, 6), (1000, 7))
    ]


def growing(*values: float) -> list[dict[str, float]]:
    return [{"cardiology": value + 0.1, "oncology": value - 0.1} for value in values]


def test_the_page_has_the_table_of_each_variant_and_says_what_was_run(tmp_path: Path) -> None:
    done = [cell("main", "as_is", *singles(), federated(PLUS, 7))]

    page = html(setting(), done, tmp_path)

    assert "<h2" in page
    assert ">The question</h2>" in page
    assert "3 arms, 1 seed, 1 variant, from x.toml." in page
    # Of 40 findings 28 are found at every site: F1 of 70 in every draw.
    assert "70.0 [70.0, 70.0]" in page
    assert "cardiology alone" in page


def test_the_heat_map_has_each_arm_at_each_site_and_frames_its_own_notes(tmp_path: Path) -> None:
    done = [cell("main", "as_is", *singles(), federated(PLUS, 7))]

    page = html(setting(), done, tmp_path)

    heat = page.split('<div class="heat">', 1)[1].split("</table>", 1)[0]
    assert heat.count('<td class="figures h6 own">0.60') == 1
    assert heat.count('<td class="figures h7">0.70') == 3
    assert heat.count('class="figures h-none"') == 2  # no site alone was scored at the new one


def test_a_curve_goes_over_x_and_the_average_site_stands_beside(tmp_path: Path) -> None:
    page = html(setting(*numbered(10, 100, 1000), curve="notes"), over_three(), tmp_path)

    told = said(page, "Mean over training sites")
    assert "Fed-MedLoRA+: 50.0 [50.0, 50.0] at 10, 60.0 [60.0, 60.0] at 100, 70.0" in told
    # Alone at 10: 50 and 30 of one, 30 and 30 of the other; their mean is 35.
    assert "Average site alone: 35.0 at 10, 45.0 at 100, 55.0 at 1,000" in told
    assert "cardiology alone" not in told


def test_a_new_site_has_curves_of_its_own_beside_the_reference(tmp_path: Path) -> None:
    page = html(setting(*numbered(10, 100, 1000), curve="notes"), over_three(), tmp_path)

    told = said(page, "New site: gastro")
    assert "Adapted at gastro: 60.0 [60.0, 60.0] at 10" in told
    assert "Local only at gastro: 30.0 [30.0, 30.0] at 10" in told
    assert "Fed-MedLoRA+: 50.0" in told


def test_x_is_drawn_by_logarithm_where_it_spans_more_than_a_factor_of_ten(tmp_path: Path) -> None:
    wide = html(setting(*numbered(10, 100, 1000), curve="notes"), over_three(), tmp_path)
    done = [cell("main", f"v{x}", federated(PLUS, 5)) for x in (1, 2)]
    narrow = html(setting(*numbered(1, 2), curve="notes"), done, tmp_path)

    assert "notes (logarithmic)" in wide
    assert "notes (logarithmic)" not in narrow


def test_variants_without_x_have_no_curve(tmp_path: Path) -> None:
    done = [cell("main", name, federated(PLUS, 5)) for name in ("a", "b")]

    page = html(setting(Variant(name="a"), Variant(name="b")), done, tmp_path)

    assert "where curves cross" not in page


def test_figures_of_one_variant_lie_open_and_those_of_several_open_on_demand(
    tmp_path: Path,
) -> None:
    done = [cell("main", name, federated(PLUS, 5)) for name in ("a", "b")]

    one = html(setting(Variant(name="a")), done[:1], tmp_path)
    several = html(setting(Variant(name="a"), Variant(name="b")), done, tmp_path)

    assert "Figures of a" not in one
    assert several.count("<summary>Figures of") == 2


def test_a_setting_says_what_chose_its_values_and_whether_it_may_be_quoted(tmp_path: Path) -> None:
    tuned = replace(setting(), tuned_by="trials", screening=True)
    trials = replace(setting(), name="trials", title="What suits each arm")
    study = Study(name="small", replicates=20, settings=(trials, tuned))

    pages = write_pages(study, [cell("main", "as_is", federated(PLUS, 7))], tmp_path)

    page = pages["html"].read_text(encoding="utf-8")
    assert "Each arm with what was best for it on dev notes in: What suits each arm." in page
    assert "A screening: one seed" in page


def test_what_is_undefined_is_read_as_that(tmp_path: Path) -> None:
    page = html(setting(), [cell("main", "as_is", at_new_site("adapted", 7))], tmp_path)

    assert '<td class="figures"><span class="undefined" title="undefined">–</span></td>' in page
    assert '<td class="figures">-</td>' not in page


def test_convergence_is_the_mean_of_sites_and_seeds_as_far_as_all_went(tmp_path: Path) -> None:
    one = federated(PLUS, 7, growing(0.4, 0.6, 0.7))
    other = federated(PLUS, 7, growing(0.5, 0.7))
    done = [cell("main", "as_is", one), cell("main", "as_is", other, seed=1)]

    page = html(setting(), done, tmp_path)

    # (40 + 50) / 2 and (60 + 70) / 2; a third round has one seed only.
    assert said(page, "Round by round") == "Fed-MedLoRA+: 45.0 at 1, 65.0 at 2"


def test_seconds_add_up_round_by_round(tmp_path: Path) -> None:
    plus = federated(PLUS, 7, growing(0.4, 0.6))

    page = html(setting(), [cell("main", "as_is", plus)], tmp_path)

    assert said(page, "Second by second") == "Fed-MedLoRA+: 40.0 at 1, 60.0 at 2"


def test_bytes_have_a_panel_only_where_arms_differ_in_them(tmp_path: Path) -> None:
    plus = federated(PLUS, 7, growing(0.4, 0.6), num_bytes=1_000_000)
    same = federated("fed_medlora", 6, growing(0.4, 0.5), num_bytes=1_000_000)
    half = federated("ffa_lora", 6, growing(0.4, 0.5), num_bytes=500_000)

    alike = html(setting(), [cell("main", "as_is", plus, same)], tmp_path)
    joined = arm("joined:gastro", "new_site", {"gastro": 7}, num_bytes=100_000)
    differing = html(setting(), [cell("main", "as_is", plus, half, joined)], tmp_path)

    assert "Byte by byte" not in alike
    told = said(differing, "Byte by byte")
    # A megabyte up and one down in each round.
    assert "Fed-MedLoRA+: 40.0 at 2 MB, 60.0 at 4 MB" in told
    assert "FFA-LoRA: 40.0 at 1 MB, 50.0 at 2 MB" in told
    assert "joins" not in told


def test_a_site_alone_has_no_line_among_means_of_all_sites(tmp_path: Path) -> None:
    alone = arm("single_site:oncology", "single_site", {"oncology": 5}, [{"oncology": 0.5}])
    done = [cell("main", "as_is", alone, federated(PLUS, 7, growing(0.4)))]

    assert said(html(setting(), done, tmp_path), "Round by round") == "Fed-MedLoRA+: 40.0 at 1"


def test_a_new_site_grows_over_its_own_rounds(tmp_path: Path) -> None:
    adapted = at_new_site("adapted", 7, [{"gastro": 0.5}, {"gastro": 0.6}])
    joined = at_new_site("joined", 7)

    page = html(setting(), [cell("main", "as_is", adapted, joined)], tmp_path)

    assert said(page, "New site: gastro") == "Adapted at gastro: 50.0 at 1, 60.0 at 2"


def test_bytes_are_held_against_f1_with_a_number_for_each_arm(tmp_path: Path) -> None:
    untrained = arm("zero_shot", "zero_shot", {"cardiology": 1, "oncology": 1})
    done = [cell("main", "as_is", untrained, *singles(), federated(PLUS, 7, num_bytes=1_000_000))]

    drawn = figure(html(setting(), done, tmp_path), "What F1 costs in bytes")

    assert "1 cardiology alone: 50.0 at 0 bytes" in drawn
    assert "3 Fed-MedLoRA+: 70.0 at 2 MB" in drawn
    assert "Zero-shot" not in drawn
    assert re.findall(r'point-label">(\d)<', drawn) == ["1", "2", "3"]


def test_where_nothing_travelled_there_is_no_scatter_of_bytes(tmp_path: Path) -> None:
    assert "What F1 costs" not in html(setting(), [cell("main", "as_is", *singles())], tmp_path)


def test_shares_of_the_last_round_are_held_against_how_good_sites_are_alone(
    tmp_path: Path,
) -> None:
    shares = {"cardiology": 0.75, "oncology": 0.25}
    plus = federated(PLUS, 7, growing(0.4, 0.5), shares=shares)
    plus["rounds"][0]["shares"] = {"cardiology": 0.5, "oncology": 0.5}
    done = [cell("main", "as_is", *singles(), plus)]

    drawn = figure(html(setting(), done, tmp_path), "Whether a method listens")

    # Alone cardiology has 60 and 40, oncology 40 and 40.
    assert "Fed-MedLoRA+: 75.0 % at 50.0, 25.0 % at 40.0" in drawn
    assert "1 cardiology, 2 oncology" in drawn


def test_methods_of_equal_shares_are_one_mark_and_those_without_are_none(tmp_path: Path) -> None:
    shares = {"cardiology": 0.75, "oncology": 0.25}
    alike = [federated(name, 7, shares=shares) for name in ("fed_medlora", "fed_adam")]
    done = [cell("main", "as_is", *singles(), *alike, federated("trimmed_mean", 6))]

    drawn = figure(html(setting(), done, tmp_path), "Whether a method listens")

    assert "Fed-MedLoRA; FedAdam: 75.0 %" in drawn
    assert "Trimmed mean" not in drawn


def test_of_many_methods_those_without_a_curve_are_named(tmp_path: Path) -> None:
    names = (PLUS, "fed_medlora", "fed_adam", "fed_prox", "ffa_lora")
    # The reference is the worst, and has its curve all the same.
    arms = [federated(name, 3 + i, growing(0.4)) for i, name in enumerate(names)]

    page = html(setting(), [cell("main", "as_is", *arms)], tmp_path)

    assert "Fed-MedLoRA+" in said(page, "Round by round")
    assert "Fed-MedLoRA:" not in said(page, "Round by round")
    assert "so that curves can be told apart: Fed-MedLoRA." in page


def test_the_reference_has_the_first_colour_in_every_setting(tmp_path: Path) -> None:
    arms = [federated(name, 5, growing(0.4)) for name in ("fed_medlora", PLUS)]

    page = html(setting(), [cell("main", "as_is", *arms)], tmp_path)

    assert re.search(r'swatch arm-fed1"[^>]*></span>Fed-MedLoRA\+<', page)
    assert re.search(r'swatch arm-fed2"[^>]*></span>Fed-MedLoRA<', page)


def test_a_setting_without_a_cell_has_no_part(tmp_path: Path) -> None:
    other = replace(setting(), name="other", title="Not yet asked")
    study = Study(name="small", replicates=20, settings=(setting(), other))

    pages = write_pages(study, [cell("main", "as_is", federated(PLUS, 7))], tmp_path)

    assert "Not yet asked" not in pages["html"].read_text(encoding="utf-8")


def test_the_files_of_a_study_lie_side_by_side(tmp_path: Path) -> None:
    study = Study(name="small", replicates=20, settings=(setting(),))

    pages = write_pages(study, [cell("main", "as_is", federated(PLUS, 7))], tmp_path)

    assert {kind: path.relative_to(tmp_path).name for kind, path in pages.items()} == {
        "markdown": "tables.md",
        "csv": "figures.csv",
        "html": "study.html",
    }


@pytest.fixture
def whole(tmp_path: Path) -> str:
    shares = {"cardiology": 0.75, "oncology": 0.25}
    arms = [
        *singles(),
        federated(PLUS, 7, growing(0.4, 0.5), shares=shares, num_bytes=1_000_000),
        federated("ffa_lora", 6, growing(0.4, 0.5), shares=shares, num_bytes=400_000),
        at_new_site("adapted", 7, [{"gastro": 0.5}, {"gastro": 0.6}]),
    ]
    done = [cell("main", f"v{x}", *arms) for x in (1, 20)]
    return html(setting(*numbered(1, 20), curve="<notes>"), done, tmp_path)


def test_the_page_asks_no_host_for_anything(whole: str) -> None:
    links = re.findall(r'(?:href|src|action|data)="([^"]*)"', whole)

    assert all(link.startswith("#") or link == "data:," for link in links)
    assert not re.search(r"https?:|url\(|@import", whole)
    assert "<notes>" not in whole
    assert "&lt;notes&gt;" in whole


def test_every_drawing_is_named_or_hidden_and_every_table_has_a_caption(whole: str) -> None:
    drawings = re.findall(r"<svg[^>]*>", whole)
    named = [one for one in drawings if 'role="img"' in one]

    assert all('aria-hidden="true"' in one for one in drawings if one not in named)
    assert whole.count("</desc>") == len(named) > 0
    assert whole.count("<figure>") == whole.count("<figure><figcaption>") > 0
    assert whole.count("<table>") == whole.count("<table><caption>") > 0


def test_every_element_is_closed_in_order(whole: str) -> None:
    structure = Structure()
    structure.feed(whole)
    structure.close()

    assert structure.open == []


def test_every_link_within_the_page_leads_somewhere(whole: str) -> None:
    links = set(re.findall(r'href="#([^"]+)"', whole))

    assert links == {"report", "main"}
    assert all(f'id="{link}"' in whole for link in links)


class Structure(HTMLParser):
    """Knows what is open, and fails on the first that is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag not in {"link", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise ValueError(tag)
