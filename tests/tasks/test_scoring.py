import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.errors import StoreError
from fedmedlora.tasks.counts import (
    MATCHINGS,
    Counts,
    NoteCounts,
    Part,
    from_json,
    site_scores,
    to_json,
)
from fedmedlora.tasks.findings import Findings, Link, Span, gold_findings
from fedmedlora.tasks.kinds.extract import KIND
from fedmedlora.tasks.scoring import PARTS, count_note

ALL: Any = {"parts": PARTS, "scored": PARTS}

PAIN = Span(0, 4, "problem")
FEVER = Span(10, 15, "problem")
ASPIRIN = Span(20, 27, "drug")
SEVERE = Span(5, 9, "severity")

spans = st.builds(
    lambda start, length, type_: Span(start, start + length, type_),
    st.integers(0, 12),
    st.integers(1, 6),
    st.sampled_from(["drug", "problem", "severity", "treats"]),
)
span_sets = st.lists(spans, max_size=5, unique=True).map(tuple)
link_sets = st.lists(st.builds(Link, spans, spans), max_size=5, unique=True).map(tuple)
lost = st.lists(st.sampled_from(["no_text", "repeated"]), max_size=3).map(tuple)
findings = st.builds(Findings, span_sets, link_sets, link_sets, lost)


class TestCounts:
    def test_precision_recall_and_f1(self) -> None:
        counts = Counts(tp=6, fp=2, fn=4)

        assert counts.precision == 0.75  # 6 / (6 + 2)
        assert counts.recall == 0.6  # 6 / (6 + 4)
        assert counts.f1 == 12 / 18  # 2 * 6 / (2 * 6 + 2 + 4)

    def test_f1_is_the_harmonic_mean_of_precision_and_recall(self) -> None:
        # 2 * 0.75 * 0.6 / (0.75 + 0.6) = 0.9 / 1.35 = 2 / 3
        assert Counts(tp=6, fp=2, fn=4).f1 == pytest.approx(2 / 3, abs=1e-15)

    def test_nothing_to_find_and_nothing_found_is_undefined(self) -> None:
        counts = Counts()

        assert (counts.precision, counts.recall, counts.f1) == (None, None, None)

    def test_finding_nothing_is_zero_not_undefined(self) -> None:
        counts = Counts(fn=3)

        assert (counts.precision, counts.recall, counts.f1) == (None, 0.0, 0.0)

    def test_finding_what_is_not_there_is_zero(self) -> None:
        counts = Counts(fp=3)

        assert (counts.precision, counts.recall, counts.f1) == (0.0, None, 0.0)


class TestCountNote:
    def test_entities_are_counted_strictly_by_type_and_leniently_over_all(self) -> None:
        gold = Findings((PAIN, FEVER, ASPIRIN))
        predicted = Findings((PAIN, Span(11, 15, "problem"), Span(30, 33, "test")))

        counts = count_note(gold, predicted).part("ner")

        assert counts.by_type == {
            "drug": Counts(fn=1),
            "problem": Counts(tp=1, fp=1, fn=1),
            "test": Counts(fp=1),
        }
        assert counts.matched("strict") == Counts(tp=1, fp=2, fn=2)
        assert counts.matched("lenient") == Counts(tp=2, fp=1, fn=1)

    def test_end_to_end_and_gold_head_relations_are_counted_apart(self) -> None:
        gold = Findings((PAIN,), (Link(PAIN, SEVERE),), (Link(PAIN, SEVERE),))
        wrong_head = Link(Span(0, 3, "problem"), SEVERE)
        predicted = Findings((wrong_head.head,), (wrong_head,), (Link(PAIN, SEVERE),))

        counts = count_note(gold, predicted)

        assert counts.part("re").matched("strict") == Counts(fp=1, fn=1)
        assert counts.part("re").matched("lenient") == Counts(tp=1)
        assert counts.part("re_gold").matched("strict") == Counts(tp=1)

    def test_a_wrong_tail_boundary_is_an_error_with_gold_heads(self) -> None:
        gold = Findings((PAIN,), (), (Link(PAIN, SEVERE),))
        predicted = Findings((), (), (Link(PAIN, Span(5, 8, "severity")),))

        counts = count_note(gold, predicted).part("re_gold")

        assert counts.matched("strict") == Counts(fp=1, fn=1)
        assert counts.matched("lenient") == Counts(tp=1)

    def test_the_guideline_judges_modifiers_by_their_head_and_no_cross_relation(self) -> None:
        links = (
            Link(PAIN, SEVERE),  # a problem has a severity
            Link(ASPIRIN, SEVERE),  # a drug has none
            Link(ASPIRIN, Span(0, 4, "treats")),  # cross relation
        )

        counts = count_note(Findings(()), Findings((PAIN, ASPIRIN), links, links[1:]))

        assert counts.part("re").shares == {"guideline_share": (1, 2)}
        assert counts.part("re_gold").shares == {"guideline_share": (0, 1)}

    def test_unaligned_is_kept(self) -> None:
        assert count_note(Findings(()), Findings(()), unaligned=3).unaligned == 3

    def test_what_was_lost_is_counted_by_reason_and_adds(self) -> None:
        one = count_note(Findings(()), Findings((), lost=("no_text", "repeated", "no_text")))
        other = count_note(Findings(()), Findings((), lost=("not_in_text", "no_text")))

        assert one.lost == {"no_text": 2, "repeated": 1}
        assert (one + other).lost == {"no_text": 3, "repeated": 1, "not_in_text": 1}

    def test_types_a_site_does_not_annotate_are_not_missed(self) -> None:
        note = Note(
            id="n1",
            site="a",
            text="pain fever aspirin",
            entities=(Entity("T1", "problem", 0, 4), Entity("T2", "drug", 11, 18)),
            relations=(Relation("treats", "T2", "T1"),),
        )

        counts = count_note(gold_findings(note, Labels(("problem",), ())), Findings(()))

        assert counts.part("ner").matched("strict") == Counts(fn=1)
        assert counts.part("re").matched("strict") == Counts()


class TestLaws:
    @given(findings, findings)
    def test_every_gold_and_every_predicted_finding_is_counted_once(
        self, gold: Findings, predicted: Findings
    ) -> None:
        counts = count_note(gold, predicted)

        sides: dict[Part, tuple[Sequence[Any], Sequence[Any]]] = {
            "ner": (gold.entities, predicted.entities),
            "re": (gold.links, predicted.links),
            "re_gold": (gold.gold_links, predicted.gold_links),
        }
        for part, (to_find, found) in sides.items():
            for matching in MATCHINGS:
                matched = counts.part(part).matched(matching)
                assert matched.tp + matched.fn == len(to_find)
                assert matched.tp + matched.fp == len(found)
                assert min(matched.tp, matched.fp, matched.fn) >= 0

    @given(findings)
    def test_a_perfect_prediction_scores_one(self, gold: Findings) -> None:
        scores = site_scores(count_note(gold, gold), num_notes=1, split="test", **ALL)

        for part, found in (("ner", gold.entities), ("re", gold.links)):
            for matching in MATCHINGS:
                assert scores[part][matching]["f1"] == (1.0 if found else None)

    @given(findings, findings, findings, findings)
    def test_adding_counts_is_counting_the_union(
        self, gold: Findings, predicted: Findings, other_gold: Findings, other: Findings
    ) -> None:
        together = count_note(
            joined(gold, far_away(other_gold)), joined(predicted, far_away(other))
        )

        assert count_note(gold, predicted) + count_note(other_gold, other) == together

    @given(findings, findings, st.integers(0, 3))
    def test_json_and_back_loses_nothing(
        self, gold: Findings, predicted: Findings, unaligned: int
    ) -> None:
        counts = count_note(gold, predicted, unaligned=unaligned)

        assert from_json(json.loads(json.dumps(to_json(counts)))) == counts


def far_away(found: Findings) -> Findings:
    """Return the same findings in another part of the text."""

    def moved(span: Span) -> Span:
        return Span(span.start + 100, span.end + 100, span.type)

    def moved_link(link: Link) -> Link:
        return Link(moved(link.head), moved(link.tail))

    return Findings(
        tuple(moved(span) for span in found.entities),
        tuple(moved_link(link) for link in found.links),
        tuple(moved_link(link) for link in found.gold_links),
        found.lost,
    )


def joined(a: Findings, b: Findings) -> Findings:
    return Findings(
        a.entities + b.entities, a.links + b.links, a.gold_links + b.gold_links, a.lost + b.lost
    )


class TestSiteScores:
    def two_notes(self) -> NoteCounts:
        treats, link = Link(ASPIRIN, Span(0, 4, "treats")), Link(PAIN, SEVERE)
        return count_note(
            Findings((PAIN, FEVER), (link,), (link,)),
            Findings((PAIN,), (link, treats), (link,), ("repeated", "no_text")),
            unaligned=1,
        ) + count_note(Findings((ASPIRIN,)), Findings((ASPIRIN, FEVER)), unaligned=1)

    def test_scores_have_the_shape_of_the_results_file(self) -> None:
        intervals: dict[tuple[Part, Any], tuple[float, float] | None] = {
            ("ner", "strict"): (0.5, 1.0)
        }

        scores = site_scores(self.two_notes(), num_notes=2, split="dev", intervals=intervals, **ALL)

        # tp: PAIN, ASPIRIN. fp: FEVER in the second note. fn: FEVER in the first.
        two_thirds = {"precision": 2 / 3, "recall": 2 / 3, "f1": 4 / 6}
        half = {"tp": 1, "fp": 1, "fn": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5}
        one = {"tp": 1, "fp": 0, "fn": 0, "precision": 1.0, "recall": 1.0, "f1": 1.0}
        wrong = {"tp": 0, "fp": 1, "fn": 0, "precision": 0.0, "recall": None, "f1": 0.0}
        # Beside the right severity one cross relation was found that is not there.
        relations = {"tp": 1, "fp": 1, "fn": 0, "precision": 0.5, "recall": 1.0, "f1": 2 / 3}
        assert scores == {
            "split": "dev",
            "notes": 2,
            "unaligned": 2,
            "lost": {"no_text": 1, "repeated": 1},
            "ner": {
                "strict": {"tp": 2, "fp": 1, "fn": 1, **two_thirds, "ci95": [0.5, 1.0]},
                "lenient": {"tp": 2, "fp": 1, "fn": 1, **two_thirds, "ci95": None},
                "by_type": {"drug": one, "problem": half},
            },
            "re": {
                "strict": {**relations, "ci95": None},
                "lenient": {**relations, "ci95": None},
                "by_type": {"severity": one, "treats": wrong},
                "guideline_share": 1.0,
            },
            "re_gold": {
                "strict": {**one, "ci95": None},
                "lenient": {**one, "ci95": None},
                "by_type": {"severity": one},
                "guideline_share": 1.0,
            },
        }

    def test_relations_are_null_where_the_site_annotates_none(self) -> None:
        known = KIND.scored(PARTS, Labels(("problem",), ()))
        scores = site_scores(self.two_notes(), num_notes=2, split="dev", parts=PARTS, scored=known)

        assert scores["ner"] is not None
        assert (scores["re"], scores["re_gold"]) == (None, None)

    def test_parts_that_were_not_evaluated_are_null(self) -> None:
        seen = ("ner", "re_gold")
        scores = site_scores(self.two_notes(), num_notes=2, split="dev", parts=PARTS, scored=seen)

        assert [part for part in PARTS if scores[part] is None] == ["re"]

    def test_guideline_share_is_undefined_where_no_modifier_was_found(self) -> None:
        treats = (Link(ASPIRIN, Span(0, 4, "treats")),)

        scores = site_scores(
            count_note(Findings(()), Findings((), treats)), num_notes=1, split="dev", **ALL
        )

        assert scores["re"]["guideline_share"] is None

    def test_no_note_is_undefined(self) -> None:
        scores = site_scores(NoteCounts(), num_notes=0, split="dev", **ALL)

        assert scores["notes"] == 0
        assert scores["ner"]["strict"]["f1"] is None


class TestJson:
    def test_counts_are_compact_lists(self) -> None:
        found = Findings((PAIN, ASPIRIN), lost=("repeated",))
        counts = count_note(Findings((PAIN,)), found, unaligned=1)

        assert to_json(counts) == [
            1,
            {
                "ner": [{"drug": [0, 1, 0], "problem": [1, 0, 0]}, [1, 1, 0], {}],
                "re": [{}, [0, 0, 0], {"guideline_share": [0, 0]}],
                "re_gold": [{}, [0, 0, 0], {"guideline_share": [0, 0]}],
            },
            {"repeated": 1},
        ]

    @pytest.mark.parametrize(
        "value",
        [
            [],
            [1, {}],
            [1, 2, 3],
            [1, {"ner": [{}]}, {}],
            [1, [], {}],
            # What a site sends stands in the results as it comes.
            ["1", {}, {}],
            [1, {}, {"cut": "a word"}],
            [1, {"ner": [{"drug": [0, 0, -1]}, None, {}]}, {}],
            [1, {"ner": [{"drug": [0, 0, 0.5]}, None, {}]}, {}],
            [1, {"ner": [{}, [1, 1, None], {}]}, {}],
            [1, {"ner": [{}, None, {"strict": [1, 2]}]}, {}],
            [1, {"ner": [{}, None, {"guideline_share": [1, "2"]}]}, {}],
        ],
    )
    def test_another_shape_is_refused(self, value: list[Any]) -> None:
        with pytest.raises(StoreError, match="counts of a note: found list of another shape"):
            from_json(value)
