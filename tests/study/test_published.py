from dataclasses import replace

from tests.study.kept import ALONE, BAD, GOOD, PLUS, SCORES, Rows, cell_of, kept_cell, one_study

from fedmedlora.study.published import published

OWN: dict[str, dict[str, Rows]] = {
    PLUS: SCORES[PLUS],
    ALONE: SCORES[ALONE],
    "zero_shot": {site: [(0, 1, 1)] * 3 for site in "abc"},
    "centralised": {"a": GOOD, "b": BAD},
}


def test_the_papers_figures_stand_beside_ours_in_the_same_unit() -> None:
    told = one_study("as_is")
    told = replace(told, settings=(replace(told.settings[0], asks=("gaps",)),))

    found = published(told, [(cell_of("as_is"), kept_cell(OWN))])

    # 48, 26, 0 and (48 + 26) / 2 = 37 of 57; outside both have 26.
    ours = {one.what.partition(",")[0]: one.ours for one in found}
    assert ours == {
        "entities over zero-shot": "+84.2",
        "entities over the average site alone": "+38.6",
        "external sites over the best site alone": "+0.0",
        "entities below all notes in one place": "+29.7 %",
        "lowest site over the average site alone": "+84.6 %",
        "harmonic mean over the average site alone": "+84.6 %",
        "external sites over the average site alone": "+0.0 %",
    }


def test_a_setting_that_does_not_ask_for_gaps_has_none() -> None:
    told = one_study("as_is")

    assert published(told, [(cell_of("as_is"), kept_cell(OWN))]) == []
