from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from tests.tasks.words import Words as Spelt

from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.tasks.answers import WrittenExample
from fedmedlora.tasks.counts import Counts
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.findings import Findings, Link, Span
from fedmedlora.tasks.marks import CLOSE, opening
from fedmedlora.tasks.markup import Markup
from fedmedlora.tasks.scoring import NER, PARTS, RE, RE_GOLD
from fedmedlora.tasks.tagging import BEGIN, IGNORED, Tagging, TaggingExample
from fedmedlora.tasks.task import Answer, Output, Tokenizer

TYPES = ("problem", "drug", "dosage", "severity", "treats")
PROBLEM, DRUG, DOSAGE, SEVERITY, TREATS = range(5)
ALL = Labels(("problem", "drug", "dosage", "severity"), ("dosage", "severity", "treats"))

#       0      7     13   18      26 29     35      43
TEXT = "severe chest pain .\nAspirin 50 mg for pain , no fever"
#       0      7     13   18 20     28 31 34  38    43 45 48
SEVERE = Span(0, 6, "severity")
PAIN = Span(7, 17, "problem")
ASPIRIN = Span(20, 27, "drug")
MG = Span(28, 33, "dosage")
LATER_PAIN = Span(38, 42, "problem")
FEVER = Span(48, 53, "problem")
TREATED = Span(38, 42, "treats")

NOTE = Note(
    "n1",
    "a",
    TEXT,
    (
        Entity("T1", "problem", 7, 17),
        Entity("T2", "severity", 0, 6),
        Entity("T3", "drug", 20, 27),
        Entity("T4", "dosage", 28, 33),
        Entity("T5", "problem", 38, 42),
        Entity("T6", "problem", 48, 53),
    ),
    (
        Relation("severity", "T1", "T2"),
        Relation("dosage", "T3", "T4"),
        Relation("treats", "T3", "T5"),
    ),
)
EMPTY = Note("n2", "a", "", (), ())
# ids of the tokenizer: words are 100 + length; frame 1 and 2; marks [ 3, ] 4, problem 5, drug 6
FIRST_LINE = (1, 106, 105, 104, 101, 101, 2)
SECOND_LINE = (1, 107, 102, 102, 103, 104, 101, 102, 105, 2)

Tagger = Extraction[TaggingExample]


@pytest.fixture(scope="session")
def extraction(words: Tokenizer) -> Tagger:
    return Extraction(Tagging(TYPES, words), words, 40)


def saying(
    tags: Callable[[tuple[int, ...]], dict[tuple[int, int], int]],
) -> tuple[Answer[TaggingExample], list[tuple[int, ...]]]:
    """A model that says what `tags` makes of an input, and the list of what it was asked."""
    asked: list[tuple[int, ...]] = []

    def answer(examples: Sequence[TaggingExample]) -> list[Output]:
        outputs = []
        for example in examples:
            asked.append(example.input_ids)
            output = np.zeros((len(example.input_ids), len(TYPES)), dtype=np.int64)
            for place, tag in tags(example.input_ids).items():
                output[place] = tag
            outputs.append(Output(output))
        return outputs

    return answer, asked


def is_asked_of_head(ids: tuple[int, ...]) -> bool:
    return 3 in ids


class TestExamples:
    def test_are_every_window_and_then_every_head(self, extraction: Tagger) -> None:
        examples = extraction.examples([NOTE], ALL)

        assert [example.input_ids for example in examples[:2]] == [FIRST_LINE, SECOND_LINE]
        assert [example.input_ids for example in examples[2:]] == [
            (1, 106, 3, 5, 105, 104, 4, 101, 101, 2),  # severe [ problem chest pain ] .
            (1, 3, 6, 107, 4, 102, 102, 103, 104, 101, 102, 105, 2),  # [ drug Aspirin ] 50 ...
            (1, 107, 102, 102, 103, 3, 5, 104, 4, 101, 102, 105, 2),  # ... [ problem pain ] ...
            (1, 107, 102, 102, 103, 104, 101, 102, 3, 5, 105, 4, 2),  # ... [ problem fever ]
        ]

    def test_a_window_is_asked_for_main_types_and_a_head_for_relation_types(
        self, extraction: Tagger
    ) -> None:
        examples = extraction.examples([NOTE], ALL)

        known = [(example.targets != IGNORED).any(axis=0).tolist() for example in examples]
        #         problem drug  dosage severity treats
        assert known[:2] == [[True, True, False, False, False]] * 2
        assert known[2:] == [[False, False, True, True, True]] * 4

    def test_a_second_main_entity_is_tagged_as_what_it_is_to_the_head(
        self, extraction: Tagger
    ) -> None:
        aspirin = extraction.examples([NOTE], ALL)[3]

        # prefix [ drug Aspirin ] 50 mg for pain , no fever suffix
        assert aspirin.targets[5:7, DOSAGE].tolist() == [1, 2]
        assert aspirin.targets[8, TREATS] == BEGIN
        assert (aspirin.targets[:, SEVERITY] <= 0).all()

    def test_a_site_that_gives_its_heads_trains_on_what_belongs_to_them_alone(
        self, extraction: Tagger
    ) -> None:
        given = Labels(("dosage", "severity"), ALL.relations, heads=("problem", "drug"))

        whole, own = extraction.examples([NOTE], ALL), extraction.examples([NOTE], given)

        assert [e.input_ids for e in own] == [e.input_ids for e in whole[2:]]
        assert [e.targets.tolist() for e in own] == [e.targets.tolist() for e in whole[2:]]
        assert extraction.ceiling([NOTE], given)[0].gold_links == (
            Link(PAIN, SEVERE),
            Link(ASPIRIN, MG),
            Link(ASPIRIN, TREATED),
        )

    def test_a_head_without_relations_is_an_example_of_none(self, extraction: Tagger) -> None:
        fever = extraction.examples([NOTE], ALL)[-1]

        assert set(fever.targets.ravel()) == {IGNORED, 0}

    def test_label_tokens_stand_only_where_something_is_known(self, extraction: Tagger) -> None:
        examples = extraction.examples([NOTE], ALL)

        # Tokens of the lines without frame and marks: 5 and 8; heads: one in line 1, three in 2.
        assert [example.num_label_tokens for example in examples] == [5, 8, 5, 8, 8, 8]

    def test_types_that_a_site_does_not_annotate_are_unknown(self, extraction: Tagger) -> None:
        examples = extraction.examples([NOTE], Labels(("problem",), ("severity",)))

        assert len(examples) == 2 + 3  # windows, and the problems among the heads
        assert (examples[0].targets[:, DRUG] == IGNORED).all()
        assert (examples[2].targets[:, [DOSAGE, TREATS]] == IGNORED).all()

    def test_a_site_without_relations_has_windows_alone(self, extraction: Tagger) -> None:
        assert len(extraction.examples([NOTE], Labels(("problem", "drug"), ()))) == 2

    def test_a_site_without_main_types_has_nothing(self, extraction: Tagger) -> None:
        assert extraction.examples([NOTE], Labels(("dosage",), ("dosage",))) == []

    def test_types_without_a_channel_are_not_asked_for(self, extraction: Tagger) -> None:
        labels = Labels(("problem", "test"), ("severity", "labvalue"))

        assert len(extraction.examples([NOTE], labels)) == 2 + 3

    def test_no_more_heads_than_allowed(self, extraction: Tagger) -> None:
        few = extraction.examples([NOTE, NOTE], ALL, max_heads=1)

        assert len(few) == 4 + 1
        assert few[4].input_ids == extraction.examples([NOTE], ALL)[2].input_ids

    def test_an_empty_note_has_none(self, extraction: Tagger) -> None:
        assert extraction.examples([EMPTY], ALL) == []

    def test_a_sentence_longer_than_the_window_is_read_in_parts(self, words: Tokenizer) -> None:
        narrow = Extraction(Tagging(TYPES, words), words, 4)

        examples = narrow.examples([NOTE], Labels(ALL.entities, ()))

        # 5 tokens with the line break are 3 and 2, 8 are 4 and 4, each with prefix and suffix.
        assert [len(example.input_ids) - 2 for example in examples] == [3, 2, 4, 4]


class TestPredict:
    def test_what_the_model_tags_is_found(self, extraction: Tagger) -> None:
        def tags(ids: tuple[int, ...]) -> dict[tuple[int, int], int]:
            if ids == FIRST_LINE:
                return {(2, PROBLEM): 1, (3, PROBLEM): 2}
            if ids[:4] == (1, 106, 3, 5):  # severe [ problem
                return {(1, SEVERITY): 1}
            return {}

        found = extraction.predict([NOTE], ALL, saying(tags)[0], parts=PARTS)

        link = Link(PAIN, SEVERE)
        assert found == [Findings((PAIN,), (link,), (link,))]

    def test_how_likely_a_find_was_is_the_product_over_what_made_it(
        self, extraction: Tagger
    ) -> None:
        """A model that finds "chest pain", and of it and of all else "severe"."""

        def answer(examples: Sequence[TaggingExample]) -> list[Output]:
            outputs = []
            for example in examples:
                values = np.zeros((len(example.input_ids), len(TYPES)), np.int64)
                log_probs = np.zeros(values.shape)
                if example.input_ids == FIRST_LINE:
                    values[[2, 3], PROBLEM] = 1, 2
                    log_probs[[1, 2, 3, 4, 5], PROBLEM] = np.log([0.3, 0.9, 0.8, 0.5, 0.2])
                if example.input_ids[1] == 106:
                    values[1, SEVERITY] = 1
                    log_probs[[1, 2, 4], SEVERITY] = np.log([0.5, 0.9, 0.4])
                outputs.append(Output(values, log_probs))
            return outputs

        [found] = extraction.predict([NOTE], ALL, answer, parts=PARTS)
        [without] = extraction.predict([NOTE], ALL, answer, parts=(NER, RE_GOLD))

        # chest, pain and the full stop: 0.9 x 0.8 x 0.5 = 0.36; severe, and chest behind the
        # marks of the head: 0.5 x 0.4 = 0.2, of a head that is there 0.36 x 0.2 = 0.072.
        assert {find: round(np.exp(p), 9) for find, p in found.log_probs.items()} == {
            PAIN: 0.36,
            Link(PAIN, SEVERE): 0.072,
        }
        # Of a gold head that is given, nothing is told.
        assert [*without.log_probs] == [PAIN]

    def test_what_cannot_be_placed_is_told_for_its_note(self) -> None:
        """A model that goes its own way: a drug that is not there, and a severity of its own."""
        words = Spelt()
        task = Extraction(Markup(TYPES, words, end_id=2), words, 40)
        said = f"{opening('drug')}ibuprofen{CLOSE} {opening('mood')}bad{CLOSE}"

        def answer(examples: Sequence[WrittenExample]) -> list[Output]:
            return [Output(np.array(words.tokenize(said).ids, np.int64)) for _ in examples]

        first, empty = task.predict([NOTE, EMPTY], ALL, answer, parts=(NER, RE_GOLD))

        # Two windows, and four heads that are asked for relations, of which a drug is none.
        assert Counter(first.lost) == {"not_in_text": 2, "unknown_type": 2 + 4 * 2}
        assert empty == Findings(())
        assert [counts.lost for counts in task.score([NOTE], [first], ALL)] == [Counter(first.lost)]

    def test_a_head_that_is_both_found_and_gold_is_asked_about_once(
        self, extraction: Tagger
    ) -> None:
        answer, asked = saying(
            lambda ids: {(2, PROBLEM): 1, (3, PROBLEM): 2} if 3 not in ids else {}
        )

        found = extraction.predict([NOTE], ALL, answer, parts=PARTS)

        # Found: chest pain, and in the second line "50 mg", which is no gold head.
        assert found[0].entities == (PAIN, Span(28, 33, "problem"))
        # Gold heads are 4, one of them found too; 50 mg makes 5.
        heads = [ids for ids in asked if is_asked_of_head(ids)]
        assert len(heads) == len(set(heads)) == 5

    def test_relations_end_to_end_come_from_found_heads_alone(self, extraction: Tagger) -> None:
        """A model that finds no entity, and calls the first word of every head's line severe."""
        answer, _ = saying(lambda ids: {(1, SEVERITY): 1} if ids[:4] == (1, 106, 3, 5) else {})

        found = extraction.predict([NOTE], ALL, answer, parts=PARTS)

        assert found == [Findings((), (), (Link(PAIN, SEVERE),))]

    def test_relations_of_given_heads_come_from_gold_heads_alone(self, extraction: Tagger) -> None:
        def tags(ids: tuple[int, ...]) -> dict[tuple[int, int], int]:
            if ids == FIRST_LINE:
                return {(3, PROBLEM): 1}  # pain, where gold is chest pain
            if ids[:5] == (1, 106, 105, 3, 5):  # severe chest [ problem
                return {(1, SEVERITY): 1}
            return {}

        found = extraction.predict([NOTE], ALL, saying(tags)[0], parts=PARTS)

        pain = Span(13, 17, "problem")
        assert found == [Findings((pain,), (Link(pain, SEVERE),), ())]

    @pytest.mark.parametrize(
        ("parts", "num_heads"), [((NER,), 0), ((NER, RE), 1), ((NER, RE_GOLD), 4), (PARTS, 5)]
    )
    def test_no_more_is_asked_than_the_parts_need(
        self, extraction: Tagger, parts: tuple[str, ...], num_heads: int
    ) -> None:
        answer, asked = saying(lambda ids: {(1, PROBLEM): 1} if ids == FIRST_LINE else {})

        extraction.predict([NOTE], ALL, answer, parts=parts)

        assert sum(not is_asked_of_head(ids) for ids in asked) == 2
        assert sum(is_asked_of_head(ids) for ids in asked) == num_heads

    def test_a_site_without_relations_is_asked_for_entities_alone(self, extraction: Tagger) -> None:
        answer, asked = saying(lambda _: {(1, PROBLEM): 1})

        found = extraction.predict([NOTE], Labels(("problem",), ()), answer, parts=PARTS)

        assert found == [Findings((Span(0, 6, "problem"), Span(20, 27, "problem")))]
        assert len(asked) == 2

    def test_findings_keep_to_their_note(self, extraction: Tagger) -> None:
        answer, _ = saying(
            lambda ids: {(2, PROBLEM): 1, (3, PROBLEM): 2} if ids == FIRST_LINE else {}
        )

        found = extraction.predict([EMPTY, NOTE, EMPTY], ALL, answer, parts=(NER,))

        assert found == [Findings(()), Findings((PAIN,)), Findings(())]

    def test_no_notes_give_nothing(self, extraction: Tagger) -> None:
        assert extraction.predict([], ALL, saying(lambda _: {})[0], parts=PARTS) == []

    def test_gold_does_not_change_what_the_model_is_shown_for_entities(
        self, extraction: Tagger
    ) -> None:
        answer, asked = saying(lambda _: {})
        bare = Note("n1", "a", TEXT, (), ())

        extraction.predict([bare], ALL, answer, parts=(NER,))
        extraction.predict([NOTE], ALL, answer, parts=(NER,))

        assert asked[:2] == asked[2:]


class TestCeiling:
    def score(self, extraction: Tagger, note: Note) -> tuple[Counts, Counts, Counts]:
        (counts,) = extraction.score([note], extraction.ceiling([note], ALL), ALL)
        ner, re, re_gold = counts.part("ner"), counts.part("re"), counts.part("re_gold")
        return ner.matched("strict"), re.matched("strict"), re_gold.matched("strict")

    def test_is_perfect_where_everything_can_be_said(self, extraction: Tagger) -> None:
        # 4 main entities, 3 relations
        assert self.score(extraction, NOTE) == (Counts(4), Counts(3), Counts(3))

    def test_a_tail_outside_the_window_of_its_head_is_missed(self, extraction: Tagger) -> None:
        far = Note(
            "n3", "a", TEXT, NOTE.entities, (*NOTE.relations, Relation("treats", "T3", "T1"))
        )

        # Aspirin in the second line treats the chest pain of the first.
        assert self.score(extraction, far) == (Counts(4), Counts(3, fn=1), Counts(3, fn=1))

    def test_a_nested_entity_of_the_same_type_is_missed(self, extraction: Tagger) -> None:
        nested = Note("n4", "a", TEXT, (*NOTE.entities, Entity("T7", "problem", 13, 17)), ())

        assert self.score(extraction, nested)[0] == Counts(4, fn=1)

    def test_an_entity_across_two_windows_is_missed_and_nothing_false_is_found(
        self, extraction: Tagger
    ) -> None:
        across = Note("n5", "a", TEXT, (Entity("T1", "problem", 13, 27),), ())

        assert self.score(extraction, across)[0] == Counts(fn=1)

    def test_a_boundary_inside_a_token_is_unaligned_and_missed(self, extraction: Tagger) -> None:
        inside = Note("n6", "a", TEXT, (Entity("T1", "problem", 7, 15),), ())

        (counts,) = extraction.score([inside], extraction.ceiling([inside], ALL), ALL)

        assert counts.unaligned == 1
        assert counts.part("ner").matched("strict") == Counts(fp=1, fn=1)
        assert counts.part("ner").matched("lenient") == Counts(tp=1)

    def test_unaligned_counts_the_boundaries_of_each_gold_span_once(
        self, extraction: Tagger
    ) -> None:
        # "hes" is a head, "evere" the tail of two relations, "pain" is aligned: 2 + 1 + 0.
        entities = (
            Entity("T1", "problem", 8, 11),
            Entity("T2", "severity", 1, 6),
            Entity("T3", "problem", 13, 17),
        )
        relations = (Relation("severity", "T1", "T2"), Relation("severity", "T3", "T2"))
        inside = Note("n7", "a", TEXT, entities, relations)

        (counts,) = extraction.score([inside], [Findings(())], ALL)

        assert counts.unaligned == 3

    def test_white_space_at_the_ends_of_gold_is_neither_learnt_nor_asked_for(
        self, extraction: Tagger
    ) -> None:
        # Each end is one character further out than in NOTE, where there is white space.
        wide = (
            Entity("T1", "problem", 6, 18),
            Entity("T2", "severity", 0, 7),
            Entity("T3", "drug", 19, 28),
            Entity("T4", "dosage", 27, 34),
        )
        note = Note("n9", "a", TEXT, (*wide, *NOTE.entities[4:]), NOTE.relations)

        (counts,) = extraction.score([note], extraction.ceiling([NOTE], ALL), ALL)

        assert self.score(extraction, note) == self.score(extraction, NOTE)
        assert counts.part("ner").matched("strict") == Counts(4)
        assert counts.unaligned == 0
        for one, other in zip(
            extraction.examples([note], ALL), extraction.examples([NOTE], ALL), strict=True
        ):
            assert one.input_ids == other.input_ids
            assert np.array_equal(one.targets, other.targets)

    def test_types_a_site_does_not_annotate_are_not_missed(self, extraction: Tagger) -> None:
        labels = Labels(("drug",), ())

        (counts,) = extraction.score([NOTE], extraction.ceiling([NOTE], labels), labels)

        assert counts.part("ner").matched("strict") == Counts(1)
        assert counts.part("re").matched("strict") == Counts()


def test_a_note_longer_than_any_window_is_read_to_its_end(
    extraction: Tagger,
) -> None:
    text = "\n".join(["mild pain"] * 500)
    last = len(text) - 4
    note = Note("n8", "a", text, (Entity("T1", "problem", last, last + 4),), ())

    (found,) = extraction.ceiling([note], ALL)

    assert found.entities == (Span(last, last + 4, "problem"),)


class TestShowing:
    def test_a_model_is_shown_windows_and_heads_before_it_is_asked(self) -> None:
        words = Spelt()
        task = Extraction(Markup(TYPES, words, end_id=2), words, 40)
        asked: list[WrittenExample] = []

        def answer(examples: Sequence[WrittenExample]) -> list[Output]:
            asked.extend(examples)
            return [Output(example.ideal) for example in examples]

        shown = task.shown([NOTE], ALL, number=1)
        found = task.predict([NOTE], ALL, answer, shown=shown)

        assert found == task.ceiling([NOTE], ALL)
        (window,), (head,) = shown.entities, shown.relations
        for example in asked:
            one = head if "head" in words.said(example.instruction[1:]) else window
            before = words.said((*one.question, *one.completion[:-1]))
            assert words.said(example.instruction[1:]).endswith(f"{before} \n Text : \n")
