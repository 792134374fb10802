from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from fedmedlora.evaluation.comparisons import BEST_SINGLE, MEAN_SINGLE, compare
from fedmedlora.evaluation.intervals import draws, tally
from fedmedlora.tasks.counts import Counts, NoteCounts, PartCounts
from fedmedlora.tasks.kinds.extract import KIND
from fedmedlora.tasks.tally import Tally

Row = tuple[int, int, int]
Json = dict[str, Any]


def notes(*rows: Row, type_: str = "problem", part: str = "ner") -> list[NoteCounts]:
    counts = [PartCounts({type_: Counts(*row)}, Counts(*row)) for row in rows]
    return [NoteCounts({part: one}) for one in counts]


def compared(
    finals: Mapping[str, Mapping[str, Sequence[NoteCounts]]],
    *pairs: tuple[str, str],
    training: Sequence[str] = ("bones", "heart"),
    others: Sequence[str] = (),
    replicates: int = 200,
) -> list[Json]:
    tallies = {
        arm: {site: tallied(site, by_site[site], replicates) for site in by_site}
        for arm, by_site in finals.items()
    }
    known = {figure for sites in tallies.values() for one in sites.values() for figure in one.draws}
    metrics = {name: figure for name, figure in KIND.compared.items() if figure in known}
    return compare(
        tallies, metrics=metrics, pairs=pairs, training_sites=training, other_sites=others
    )


def tallied(site: str, notes: Sequence[NoteCounts], replicates: int) -> Tally:
    return tally(notes, draws({site: len(notes)}, replicates=replicates, seed=0)[site])


def found(comparisons: list[Json], metric: str, where: str = "training sites") -> Json:
    (one,) = [c for c in comparisons if (c["metric"], c["where"]) == (metric, where)]
    return one


# F1 = 2 tp / (2 tp + fp + fn): (8, 2, 2) is 0.8, (6, 4, 4) is 0.6, and so on.
def at(tenths: int) -> Row:
    return tenths, 10 - tenths, 10 - tenths


def arm(bones: int, heart: int) -> dict[str, list[NoteCounts]]:
    return {"bones": notes(at(bones)), "heart": notes(at(heart))}


FED = {"fed": arm(9, 7)}
SINGLES = {"single_site:bones": arm(8, 2), "single_site:heart": arm(4, 7)}


def test_a_difference_is_that_of_the_means_over_sites() -> None:
    one = found(
        compared({**FED, "centralised": arm(8, 6)}, ("fed", "centralised")), "ner_strict_f1"
    )

    # (0.9 + 0.7) / 2 - (0.8 + 0.6) / 2 = 0.8 - 0.7
    assert one["difference"] == pytest.approx(0.1)
    # One note a site is drawn every time: no spread.
    assert one["ci95"] == pytest.approx((0.1, 0.1))
    assert (one["arm"], one["against"], one["note"]) == ("fed", "centralised", "")


def test_a_site_counts_once_however_many_notes_it_has() -> None:
    finals = {
        "fed": {"bones": notes(*[at(9)] * 5), "heart": notes(at(1))},
        "zero_shot": {"bones": notes(*[at(5)] * 5), "heart": notes(at(1))},
    }

    # (0.4 + 0.0) / 2, not 5/6 of 0.4.
    one = found(compared(finals, ("fed", "zero_shot")), "ner_strict_f1")
    assert one["difference"] == pytest.approx(0.2)


def test_the_best_single_site_is_the_one_with_the_highest_mean_on_that_table() -> None:
    one = found(compared(FED | SINGLES, ("fed", BEST_SINGLE)), "ner_strict_f1")

    # bones (0.8 + 0.2) / 2 = 0.5, heart (0.4 + 0.7) / 2 = 0.55: 0.8 - 0.55.
    assert one["note"] == "single_site:heart"
    assert one["difference"] == pytest.approx(0.25)


def test_the_best_single_site_may_be_another_one_elsewhere() -> None:
    finals = {
        name: {**by_site, "nerves": notes(at(tenths))}
        for (name, by_site), tenths in zip((FED | SINGLES).items(), (6, 5, 3), strict=True)
    }

    one = found(
        compared(finals, ("fed", BEST_SINGLE), others=["nerves"]), "ner_strict_f1", "nerves"
    )

    assert one["note"] == "single_site:bones"
    assert one["difference"] == pytest.approx(0.1)


def test_the_mean_single_site_is_the_plain_mean_of_their_arms() -> None:
    one = found(compared(FED | SINGLES, ("fed", MEAN_SINGLE)), "ner_strict_f1")

    # 0.8 - (0.5 + 0.55) / 2 = 0.275
    assert one["difference"] == pytest.approx(0.275)
    assert one["note"] == ""


def test_arms_that_found_the_same_differ_by_exactly_nothing() -> None:
    same = {
        "bones": notes((1, 2, 3), (4, 0, 1), (0, 3, 0)),
        "heart": notes((2, 2, 2), (1, 0, 0), (0, 0, 5)),
    }

    comparisons = compared({"fed": same, "zero_shot": same}, ("fed", "zero_shot"))

    assert [(c["difference"], c["ci95"]) for c in comparisons] == [(0.0, (0.0, 0.0))] * 3
    metrics = ["ner_strict_f1", "ner_lenient_f1", "problem_strict_f1"]
    assert [c["metric"] for c in comparisons] == metrics


def test_the_interval_is_over_the_same_draws_for_both() -> None:
    # Note by note 0.1 better: apart, the notes from 0.2 to 0.9 would spread far more than 0.1.
    finals = {
        "fed": {"heart": notes(at(3), at(6), at(9), at(2))},
        "zero_shot": {"heart": notes(at(2), at(5), at(8), at(1))},
    }

    (one, *_) = compared(finals, ("fed", "zero_shot"), training=["heart"])

    assert one["difference"] == pytest.approx(0.1)
    assert one["ci95"] == pytest.approx((0.1, 0.1))


def test_the_notes_as_they_are_are_none_of_the_draws() -> None:
    finals = {
        "fed": {"skin": notes(at(9), at(8), at(1), at(5))},
        "zero_shot": {"skin": notes(at(1), at(7), at(8), at(5))},
    }

    (one, *_) = compared(finals, ("fed", "zero_shot"), training=["skin"], replicates=1)

    # As it is 2.3 / 4 - 2.1 / 4; the one draw, notes 1, 3, 3 and 4, has 1.6 / 4 - 2.2 / 4.
    assert one["difference"] == pytest.approx(0.05)
    assert one["ci95"] == pytest.approx((-0.15, -0.15))


def test_problem_alone_looks_at_no_other_type() -> None:
    def of(problem: Row, drug: Row) -> list[NoteCounts]:
        counts = {"problem": Counts(*problem), "drug": Counts(*drug)}
        return [NoteCounts({"ner": PartCounts(counts)})]

    finals = {
        "fed": {"heart": of((3, 1, 1), (0, 5, 5))},
        "zero_shot": {"heart": of((1, 1, 1), (5, 0, 0))},
    }

    comparisons = compared(finals, ("fed", "zero_shot"), training=["heart"])

    # 6 / 8 - 2 / 4 = 0.25; all types: 6 / 18 - 12 / 14 < 0
    assert found(comparisons, "problem_strict_f1")["difference"] == pytest.approx(0.25)
    assert found(comparisons, "ner_strict_f1")["difference"] < 0


def test_relations_from_gold_heads_are_compared_by_themselves() -> None:
    finals = {
        "fed": {"heart": notes(at(7), part="re_gold")},
        "zero_shot": {"heart": notes(at(4), part="re_gold")},
    }

    (one,) = compared(finals, ("fed", "zero_shot"), training=["heart"])

    assert one["metric"] == "re_gold_strict_f1"
    assert one["difference"] == pytest.approx(0.3)


def test_a_site_where_a_figure_is_undefined_is_skipped_in_the_mean() -> None:
    finals = {
        "fed": {"bones": notes((0, 0, 0)), "heart": notes(at(7))},
        "zero_shot": {"bones": notes((0, 0, 0)), "heart": notes(at(5))},
    }

    one = found(compared(finals, ("fed", "zero_shot")), "ner_strict_f1")

    assert one["difference"] == pytest.approx(0.2)


def test_what_is_undefined_for_one_of_two_is_left_out() -> None:
    finals = {"fed": arm(9, 7), "zero_shot": {"bones": notes(at(1))}}

    # zero_shot was not scored at heart; nobody was at lungs; there are no single sites.
    assert compared(finals, ("fed", "zero_shot"), ("fed", BEST_SINGLE), ("fed", MEAN_SINGLE)) == []
    assert compared(FED, ("fed", "unknown"), ("unknown", "fed"), others=["lungs"]) == []


def test_an_undefined_single_site_is_never_the_best() -> None:
    nothing = {"bones": notes((0, 0, 0)), "heart": notes((0, 0, 0))}
    finals = {**FED, "single_site:bones": nothing, "single_site:heart": arm(0, 0)}

    one = found(compared(finals, ("fed", BEST_SINGLE)), "ner_strict_f1")

    assert (one["note"], one["difference"]) == ("single_site:heart", pytest.approx(0.8))


def test_the_order_is_metric_then_place_then_pair() -> None:
    finals = {
        name: {**by_site, "nerves": notes(at(5))} for name, by_site in (FED | SINGLES).items()
    }
    pairs = [("fed", BEST_SINGLE), ("fed", MEAN_SINGLE)]

    comparisons = compared(finals, *pairs, others=["nerves"])

    assert [(c["metric"], c["where"], c["against"]) for c in comparisons] == [
        (metric, where, against)
        for metric in ("ner_strict_f1", "ner_lenient_f1", "problem_strict_f1")
        for where in ("training sites", "nerves")
        for _, against in pairs
    ]
