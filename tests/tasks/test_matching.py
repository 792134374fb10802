from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from fedmedlora.tasks.findings import Link, Span
from fedmedlora.tasks.matching import lenient_matches, strict_matches

TYPES = ("drug", "problem")

spans = st.builds(
    lambda start, length, type_: Span(start, start + length, type_),
    st.integers(0, 12),
    st.integers(1, 6),
    st.sampled_from(TYPES),
)
span_sets = st.lists(spans, max_size=8, unique=True)
link_sets = st.lists(st.builds(Link, spans, spans), max_size=8, unique=True)


def problem(start: int, end: int) -> Span:
    return Span(start, end, "problem")


def link(head: tuple[int, int], tail: tuple[int, int], type_: str = "severity") -> Link:
    return Link(problem(*head), Span(*tail, type_))


def shared(a: Span, b: Span) -> int:
    return len(set(range(a.start, a.end)) & set(range(b.start, b.end))) if a.type == b.type else 0


def by_definition(gold: Sequence[Span], predicted: Sequence[Span]) -> int:
    """Take the best pair of all that are left, until none overlaps."""
    left, right, matches = list(gold), list(predicted), 0
    while pairs := [(g, p) for g in left for p in right if shared(g, p)]:
        g, p = min(pairs, key=lambda pair: (-shared(*pair), *pair))
        left.remove(g)
        right.remove(p)
        matches += 1
    return matches


def without_overlap(found: Sequence[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in found:
        if not any(shared(span, other) for other in kept):
            kept.append(span)
    return kept


class TestStrict:
    @pytest.mark.parametrize(
        "predicted", [Span(0, 5, "drug"), problem(1, 5), problem(0, 4), problem(0, 6)]
    )
    def test_another_type_start_or_end_is_no_match(self, predicted: Span) -> None:
        assert strict_matches([problem(0, 5)], [predicted]) == 0

    def test_type_start_and_end_alike_is_a_match(self) -> None:
        assert strict_matches([problem(0, 5), problem(6, 9)], [problem(6, 9), problem(0, 5)]) == 2

    def test_what_was_found_twice_is_right_once(self) -> None:
        assert strict_matches([problem(0, 5)], [problem(0, 5), problem(0, 5)]) == 1

    def test_a_link_needs_both_ends(self) -> None:
        gold = [link((0, 5), (6, 9))]

        assert strict_matches(gold, [link((0, 5), (6, 9))]) == 1
        assert strict_matches(gold, [link((0, 4), (6, 9))]) == 0
        assert strict_matches(gold, [link((0, 5), (6, 8))]) == 0
        assert strict_matches(gold, [link((0, 5), (6, 9), "course")]) == 0


class TestLenient:
    def test_one_shared_character_is_enough_and_touching_is_not(self) -> None:
        assert lenient_matches([problem(0, 5)], [problem(4, 9)]) == 1
        assert lenient_matches([problem(0, 5)], [problem(5, 9)]) == 0

    def test_another_type_is_no_match(self) -> None:
        assert lenient_matches([problem(0, 5)], [Span(0, 5, "drug")]) == 0

    def test_each_span_is_used_once(self) -> None:
        halves = [problem(0, 4), problem(4, 9)]

        assert lenient_matches([problem(0, 9)], halves) == 1
        assert lenient_matches(halves, [problem(0, 9)]) == 1

    def test_the_largest_overlap_goes_first_even_where_it_costs_a_match(self) -> None:
        gold = [problem(0, 6), problem(6, 8)]
        predicted = [problem(2, 8), problem(0, 3)]

        # Overlaps: (0-6, 2-8) 4, (0-6, 0-3) 3, (6-8, 2-8) 2. The first leaves 6-8 and 0-3 alone.
        assert lenient_matches(gold, predicted) == 1

    @pytest.mark.parametrize("order", [1, -1])
    def test_ties_go_to_the_earlier_start(self, order: int) -> None:
        gold = [problem(0, 4), problem(4, 8)][::order]

        # 2-6 shares two characters with either. 0-4 starts first and takes it, which leaves 4-8
        # for 7-8 but nothing for 0-1.
        assert lenient_matches(gold, [problem(2, 6), problem(7, 8)]) == 2
        assert lenient_matches(gold, [problem(2, 6), problem(0, 1)]) == 1

    @pytest.mark.parametrize("order", [1, -1])
    def test_ties_of_start_go_to_the_earlier_end(self, order: int) -> None:
        gold = [problem(0, 6), problem(0, 4)][::order]

        # 0-2 shares two characters with either. 0-4 ends first and takes it, which leaves 0-6 for
        # 5-8, with which 0-4 shares nothing.
        assert lenient_matches(gold, [problem(0, 2), problem(5, 8)]) == 2

    def test_a_link_needs_both_ends_to_overlap(self) -> None:
        gold = [link((0, 5), (6, 9))]

        assert lenient_matches(gold, [link((4, 6), (8, 12))]) == 1
        assert lenient_matches(gold, [link((5, 6), (6, 9))]) == 0
        assert lenient_matches(gold, [link((0, 5), (9, 12))]) == 0
        assert lenient_matches(gold, [link((0, 5), (6, 9), "course")]) == 0

    def test_links_from_heads_of_different_types_do_not_match(self) -> None:
        tail = Span(6, 9, "negation")

        gold = [Link(Span(0, 5, "problem"), tail)]

        assert lenient_matches(gold, [Link(Span(0, 5, "drug"), tail)]) == 0

    def test_the_overlap_of_links_is_summed_over_both_ends(self) -> None:
        gold = [link((0, 4), (10, 11)), link((0, 2), (10, 19))]

        # 0-4 + 10-19 shares 4 + 1 = 5 with the first and 2 + 9 = 11 with the second: the second
        # takes it, and the first keeps 3-4 + 10-11, whose head the second does not touch. By
        # heads alone the first would take it, and the second would go without.
        assert lenient_matches(gold, [link((0, 4), (10, 19)), link((3, 4), (10, 11))]) == 2


class TestLaws:
    @given(span_sets, span_sets)
    def test_the_sweep_finds_what_trying_all_pairs_finds(
        self, gold: list[Span], predicted: list[Span]
    ) -> None:
        assert lenient_matches(gold, predicted) == by_definition(gold, predicted)

    @given(span_sets, span_sets)
    def test_lenient_is_never_below_strict(self, gold: list[Span], predicted: list[Span]) -> None:
        assert lenient_matches(gold, predicted) >= strict_matches(gold, predicted)

    @given(link_sets, link_sets)
    def test_lenient_is_never_below_strict_for_links(
        self, gold: list[Link], predicted: list[Link]
    ) -> None:
        assert lenient_matches(gold, predicted) >= strict_matches(gold, predicted)

    @given(link_sets, st.data())
    def test_order_does_not_matter(self, gold: list[Link], data: st.DataObject) -> None:
        predicted = data.draw(link_sets)
        matches = lenient_matches(gold, predicted)

        shuffled = data.draw(st.permutations(gold)), data.draw(st.permutations(predicted))

        assert lenient_matches(*shuffled) == matches

    @given(link_sets, link_sets)
    def test_swapping_gold_and_predicted_changes_nothing(
        self, gold: list[Link], predicted: list[Link]
    ) -> None:
        assert lenient_matches(gold, predicted) == lenient_matches(predicted, gold)
        assert strict_matches(gold, predicted) == strict_matches(predicted, gold)

    @given(link_sets)
    def test_gold_matches_itself_in_full(self, gold: list[Link]) -> None:
        assert strict_matches(gold, gold) == lenient_matches(gold, gold) == len(gold)


# nervaluate walks through the predictions in order; one that is not exact uses up the first gold
# span it overlaps, and a later exact one then goes without. So both agree, type by type, where the
# predictions of one type do not overlap each other, whatever the gold does. Elsewhere theirs is the
# lower, by an amount that depends on the order. Its offsets include the end.
class TestAgainstNervaluate:
    @given(span_sets, span_sets)
    def test_strict_agrees_where_predictions_of_a_type_do_not_overlap(
        self, gold: list[Span], predicted: list[Span]
    ) -> None:
        predicted = without_overlap(predicted)

        theirs = nervaluate_strict(gold, predicted)

        for type_, (correct, actual, possible) in theirs.items():
            gold_of_it, predicted_of_it = of_type(gold, type_), of_type(predicted, type_)
            assert correct == strict_matches(gold_of_it, predicted_of_it)
            assert (actual, possible) == (len(predicted_of_it), len(gold_of_it))

    @given(span_sets, span_sets)
    def test_strict_is_at_least_theirs_where_predictions_overlap(
        self, gold: list[Span], predicted: list[Span]
    ) -> None:
        theirs = nervaluate_strict(gold, predicted)

        for type_, (correct, actual, possible) in theirs.items():
            gold_of_it, predicted_of_it = of_type(gold, type_), of_type(predicted, type_)
            assert correct <= strict_matches(gold_of_it, predicted_of_it)
            assert (actual, possible) == (len(predicted_of_it), len(gold_of_it))

    def test_theirs_depends_on_order_where_predictions_overlap(self) -> None:
        gold, wide, exact = [problem(2, 4)], problem(0, 6), problem(2, 4)

        assert nervaluate_strict(gold, [exact, wide]) == {"problem": (1, 2, 1)}
        assert nervaluate_strict(gold, [wide, exact]) == {"problem": (0, 2, 1)}
        assert strict_matches(gold, [wide, exact]) == strict_matches(gold, [exact, wide]) == 1


def of_type(found: Sequence[Span], type_: str) -> list[Span]:
    return [span for span in found if span.type == type_]


def nervaluate_strict(
    gold: Sequence[Span], predicted: Sequence[Span]
) -> dict[str, tuple[int, int, int]]:
    """Return (correct, actual, possible) by type."""
    documents = [
        [[{"label": s.type, "start": s.start, "end": s.end - 1} for s in side]]
        for side in (gold, predicted)
    ]
    by_type = Evaluator(*documents, tags=list(TYPES), loader="dict").evaluate()["entities"]
    strict = {type_: result["strict"] for type_, result in by_type.items()}
    return {type_: (s.correct, s.actual, s.possible) for type_, s in strict.items()}
