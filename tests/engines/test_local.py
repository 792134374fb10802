from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from tests.training.tiny_models import TYPES

from fedmedlora.adapters.shelves import MemoryShelf
from fedmedlora.adapters.weights import AdapterWeights
from fedmedlora.clinical.notes import Entity, Labels, Note, Relation
from fedmedlora.engines.backbone import HuggingFaceBackbone
from fedmedlora.engines.local import LocalEngine
from fedmedlora.errors import TrainingError
from fedmedlora.evaluation.cohorts import Cohort
from fedmedlora.federation.backbone import STRAIGHT, LocalPlan, Steering, Trained
from fedmedlora.federation.engine import SERVER, Outcome, Participant, Scope
from fedmedlora.tasks.counts import Counts
from fedmedlora.tasks.extraction import Extraction
from fedmedlora.tasks.scoring import PARTS
from fedmedlora.tasks.tagging import Tagging, TaggingExample
from fedmedlora.tasks.task import Output
from fedmedlora.training.tokenizers import HuggingFaceTokenizer

LABELS = Labels(("problem", "drug"), ("causes",))
CHANNELS = (*TYPES, "causes")
START: AdapterWeights = {"w": np.zeros(1, dtype=np.float32)}
PLAN = LocalPlan(seed=1, round_index=1, num_rounds=1)

TEXT = "severe pain . no aspirin"
#       0      7    12 14 17


def note(name: str) -> Note:
    """A note of 5 tokens and one window; its head pain is tied to aspirin."""
    entities = (Entity("T1", "problem", 7, 11), Entity("T2", "drug", 17, 24))
    return Note(name, "a", TEXT, entities, (Relation("causes", "T2", "T1"),))


def cohort(name: str, *, train: int = 2, dev: int = 1) -> Cohort:
    return Cohort(
        name=name,
        role="train",
        labels=LABELS,
        public=True,
        train=tuple(note(f"train{i}") for i in range(train)),
        held_out=(),
        dev=tuple(note(f"dev{i}") for i in range(dev)),
        final=tuple(note(f"final{i}") for i in range(3)),
        final_split="test",
        sha256="a" * 64,
    )


class Counting:
    """A backbone that adds the number of its examples to the adapter and finds everything."""

    digest = "0" * 64
    num_bytes = 12
    dtype = "float32"
    num_asked = 0

    def initial(self) -> AdapterWeights:
        return START

    def train(
        self,
        start: AdapterWeights,
        examples: Sequence[TaggingExample],
        plan: LocalPlan,  # noqa: ARG002 -- the protocol's
        *,
        steering: Steering = STRAIGHT,  # noqa: ARG002
    ) -> Trained:
        if not examples:
            raise TrainingError("training: found no example")
        return Trained(
            adapter={"w": start["w"] + len(examples)},
            num_tokens=5 * len(examples),
            loss=0.5,
        )

    def loss(self, adapter: AdapterWeights, examples: Sequence[TaggingExample]) -> float:
        return float(adapter["w"][0]) + len(examples)

    def answer(
        self,
        adapter: AdapterWeights,  # noqa: ARG002 -- the protocol's
        examples: Sequence[TaggingExample],
    ) -> list[Output]:
        self.num_asked += len(examples)
        return [Output(np.maximum(example.targets, 0)) for example in examples]

    def spent(self) -> Mapping[str, int]:
        return {"asked": self.num_asked}


class Certain(Counting):
    """The same, without a doubt."""

    def answer(self, adapter: AdapterWeights, examples: Sequence[TaggingExample]) -> list[Output]:
        outputs = super().answer(adapter, examples)
        return [Output(one.values, np.zeros(one.values.shape)) for one in outputs]


def engine_over(
    tokenizer: HuggingFaceTokenizer, *cohorts: Cohort, vocabulary: Sequence[int] = ()
) -> LocalEngine[TaggingExample]:
    task = Extraction(Tagging(CHANNELS, tokenizer), tokenizer, 40)
    named = {one.name: one for one in cohorts}
    return LocalEngine(
        Counting(),
        task,
        named,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        shelf=MemoryShelf(),
    )


def alone(name: str) -> Participant:
    return Participant(name, (name,))


def outcomes(engine: LocalEngine[TaggingExample], *participants: Participant) -> list[Outcome]:
    plans = {participant.name: PLAN for participant in participants}
    return list(engine.train(participants, START, plans))


def learnt(outcome: Outcome) -> float | None:
    return None if outcome.sent is None else float(outcome.sent.delta["w"][0])


class TestTrain:
    def test_each_site_trains_from_the_start_on_its_own_notes(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        engine = engine_over(tokenizer, cohort("a", train=2), cohort("b", train=3))

        found = outcomes(engine, alone("a"), alone("b"))

        # A note is one window and two heads.
        assert [learnt(outcome) for outcome in found] == [6.0, 9.0]
        assert [outcome.participant.name for outcome in found] == ["a", "b"]
        assert all(outcome.seconds >= 0 for outcome in found)

    def test_a_stand_in_trains_on_the_notes_of_all_it_stands_for(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        engine = engine_over(tokenizer, cohort("a", train=2), cohort("b", train=3))

        (found,) = outcomes(engine, Participant("centralised", ("a", "b")))

        assert learnt(found) == 15.0

    def test_heads_may_be_limited(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, replace(cohort("a", train=2), max_heads=1))

        assert learnt(outcomes(engine, alone("a"))[0]) == 3.0  # two windows and a head

    def test_a_site_that_fails_gives_its_reason_and_the_others_go_on(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        engine = engine_over(tokenizer, cohort("a"), cohort("b", train=0), cohort("c"))

        found = outcomes(engine, alone("a"), alone("b"), alone("c"))

        assert [learnt(outcome) for outcome in found] == [6.0, None, 6.0]
        assert [outcome.reason for outcome in found] == ["", "training: found no example", ""]

    def test_a_site_whose_numbers_explode_gives_its_reason_and_the_others_go_on(
        self, backbone: HuggingFaceBackbone[TaggingExample], tokenizer: HuggingFaceTokenizer
    ) -> None:
        """The real model: what a NaN in the start does at one site stays there."""
        task = Extraction(Tagging(TYPES, tokenizer), tokenizer, 40)
        cohorts = {"a": cohort("a"), "b": cohort("b")}
        engine = LocalEngine(
            backbone, task, cohorts, tokenizer=tokenizer, vocabulary=(), shelf=MemoryShelf()
        )
        start = engine.initial()
        spoilt = {name: array + np.float32(np.nan) for name, array in start.items()}
        plans = {"a": PLAN, "b": PLAN}

        (failed,) = engine.train([alone("a")], spoilt, plans)
        (fine,) = engine.train([alone("b")], start, plans)

        assert failed.sent is None
        assert failed.reason.startswith("training: found a loss of nan, expected a finite number;")
        assert fine.sent is not None
        # Two notes of a window of 5 tokens; "causes" has no channel in this model.
        assert fine.sent.num_tokens == 10

    def test_outcomes_come_one_by_one(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, cohort("a"))

        # Only the first participant's plan is there: the second is not yet looked at.
        arriving = engine.train([alone("a"), alone("b")], START, {"a": PLAN})

        assert learnt(next(arriving)) == 6.0


class TestLoss:
    def test_of_a_site_is_on_its_dev_notes(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, cohort("a", dev=2), cohort("b", dev=4))

        assert engine.losses([({"w": np.array([100.0], dtype=np.float32)}, "a")]) == [106.0]

    def test_of_the_server_is_on_its_own_notes_and_those_set_aside_for_it(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        server = replace(cohort(SERVER, dev=4), role="server")
        aside = replace(cohort("a"), held_out=(note("h1"), note("h2")))
        external = replace(cohort("x", dev=9), role="external")

        engine = engine_over(tokenizer, server, aside, external)

        assert engine.losses([(START, SERVER)]) == [3 * (4 + 2)]

    def test_heads_of_each_folder_may_be_limited(self, tokenizer: HuggingFaceTokenizer) -> None:
        limited = replace(cohort("a", dev=4), validation_heads=3)

        assert engine_over(tokenizer, limited).losses([(START, "a")]) == [4 + 3]


class TestTokenCounts:
    def test_are_of_training_notes_over_the_vocabulary_and_the_rest(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        (pain,), (fever,) = tokenizer.tokenize("pain").ids, tokenizer.tokenize("fever").ids
        engine = engine_over(tokenizer, cohort("a", train=3, dev=7), vocabulary=(fever, pain))

        # Three notes of five tokens, one of them pain.
        assert engine.token_counts("a").tolist() == [0, 3, 12]


class TestEvaluate:
    def test_scores_the_first_notes_of_a_split(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, cohort("a", dev=4))

        scope = Scope("dev", PARTS, 3, replicates=2, seed=1)
        found = dict(engine.evaluate(START, ["a"], scope))["a"]

        # The fake answers with the target: two entities and a relation a note.
        assert found.num_notes == 3
        assert [found.total.part(part).matched("strict") for part in PARTS] == [
            Counts(6),
            Counts(3),
            Counts(3),
        ]
        # However the three notes are drawn, they are alike.
        assert found.rows("ner_strict").tolist() == [[6, 0, 0]] * 3

    def test_counts_finds_by_confidence_where_that_is_asked_for(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        sites = {"a": cohort("a", dev=3)}
        task = Extraction(Tagging(CHANNELS, tokenizer), tokenizer, 40)
        engine = LocalEngine(
            Certain(), task, sites, tokenizer=tokenizer, vocabulary=(), shelf=MemoryShelf()
        )

        ((_, found),) = engine.evaluate(START, ["a"], Scope("dev", PARTS, 2, confidence_bins=4))
        ((_, without),) = engine.evaluate(START, ["a"], Scope("dev", PARTS, 2))

        # Two notes, each with two entities and a relation, all right and beyond doubt.
        assert {part: rows.tolist() for part, rows in found.reliability.items()} == {
            "ner": [[0, 0], [0, 0], [0, 0], [4, 4]],
            "re": [[0, 0], [0, 0], [0, 0], [2, 2]],
        }
        assert without.reliability == {}

    def test_of_a_model_that_tells_nothing_no_find_is_counted(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        engine = engine_over(tokenizer, cohort("a"))

        ((_, found),) = engine.evaluate(START, ["a"], Scope("dev", PARTS, 1, confidence_bins=4))

        assert not any(rows.any() for rows in found.reliability.values())

    def test_leaves_out_parts_that_are_not_asked_for(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, cohort("a"))

        ((_, found),) = engine.evaluate(START, ["a"], Scope("dev", ("ner",), 1))

        assert found.total.part("ner").matched("strict") == Counts(2)
        assert found.total.part("re").matched("strict") == Counts(fn=1)

    def test_takes_what_each_site_takes_when_it_is_asked_for(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        engine = engine_over(tokenizer, cohort("a"), cohort("b"))

        scored = engine.evaluate(START, ["a", "b"], Scope("dev", PARTS, 1))

        # A window and its two heads.
        assert [(site, engine.spent()) for site, _ in scored] == [
            ("a", {"asked": 3}),
            ("b", {"asked": 6}),
        ]

    def test_ceiling_needs_no_adapter(self, tokenizer: HuggingFaceTokenizer) -> None:
        counts = engine_over(tokenizer, cohort("a")).ceiling("a", "final", limit=9)

        assert counts.part("re").matched("strict") == Counts(3)


class TestPredictions:
    def test_of_a_public_site_show_text_gold_and_findings(
        self, tokenizer: HuggingFaceTokenizer
    ) -> None:
        (drawn,) = engine_over(tokenizer, cohort("a")).predictions(START, "a", "final", limit=1)

        pain = {"start": 7, "end": 11, "type": "problem"}
        aspirin = {"start": 17, "end": 24, "type": "drug"}
        assert (drawn["site"], drawn["note_id"], drawn["text"]) == ("a", "final0", TEXT)
        assert drawn["gold"] == drawn["predicted"]
        assert drawn["gold"] == {
            "entities": [pain, aspirin],
            "links": [{"head": aspirin, "tail": {**pain, "type": "causes"}}],
        }

    def test_of_any_other_site_show_nothing(self, tokenizer: HuggingFaceTokenizer) -> None:
        engine = engine_over(tokenizer, replace(cohort("a"), public=False))

        assert engine.predictions(START, "a", "final", limit=3) == []


def test_an_engine_speaks_for_its_base(tokenizer: HuggingFaceTokenizer) -> None:
    engine = engine_over(tokenizer, cohort("a"))

    assert (engine.base, engine.num_base_bytes, engine.initial()) == ("0" * 64, 12, START)
